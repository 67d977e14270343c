"""The platform's bearer tokens: JWTs as Entra ID shapes them, signed with a key of this home."""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jwt

from lazulite.errors import Unauthorized
from lazulite.identity.once import make_once

LIFETIME_S = 86_399
_ALGORITHM = "HS256"
# Clocks of one machine do not differ, those of two may. Source: guess, as MSAL's own allowance.
_LEEWAY = timedelta(minutes=5)
_TOKEN_LIMIT_BYTES = 16 << 10
_HINT = "Ask for a new token; inside `lazulite run` the official clients do so by themselves."


@dataclass(frozen=True)
class Claims:
    """What a valid token says. oid: the caller's object id; tid: the tenant; name: the client or user id given."""

    oid: str
    tid: str
    name: str
    audience: str
    expires_at: datetime


def signing_key(home: Path) -> bytes:
    """Returns the key that signs every token of this home, made the first time. Writes `secrets/signing.key`, 0600."""
    return make_once(home / "secrets" / "signing.key", lambda: secrets.token_bytes(64))


def issue(
    signing_key: bytes,
    audience: str,
    *,
    tenant: str,
    oid: str,
    name: str,
    now: datetime,
    lifetime_s: int = LIFETIME_S,
    extra: Mapping[str, str] | None = None,
) -> str:
    """Makes a token for one audience: a resource or a scope, `https://ml.azure.com/.default` or `https://ml.azure.com/`.

    extra: claims besides. The claim `aud` is the bare resource, which is what pipeline submission compares.
    Source: learn.microsoft.com/entra/identity-platform/access-token-claims-reference; azure-ai-ml 1.35.2
    operations/_job_operations.py, _set_headers_with_user_aml_token.
    """
    issued = int(now.timestamp())
    claims = {
        "aud": resource_of(audience),
        "iss": f"https://sts.windows.net/{tenant}/",
        "iat": issued,
        "nbf": issued,
        "exp": issued + lifetime_s,
        "appid": name,
        "oid": oid,
        "sub": oid,
        "tid": tenant,
        "ver": "1.0",
        **(extra or {}),
    }
    return jwt.encode(claims, signing_key, algorithm=_ALGORITHM)


def resource_of(scope: str) -> str:
    """Turns a scope into the resource it belongs to: `https://ml.azure.com//.default` -> `https://ml.azure.com`."""
    return scope.removesuffix("/.default").rstrip("/")


def verify(signing_key: bytes, token: str, audiences: Collection[str] | None, now: datetime) -> Claims:
    """Reads a token that this home has issued; audiences None takes any.

    Raises Unauthorized (401) with ARM's codes: InvalidAuthenticationToken, ExpiredAuthenticationToken,
    InvalidAuthenticationTokenAudience.
    """
    claims = _decode(signing_key, token)
    expires_at = datetime.fromtimestamp(claims["exp"], timezone.utc)
    if now > expires_at + _LEEWAY:
        raise Unauthorized(
            f"The access token expired at {expires_at.isoformat()}.", code="ExpiredAuthenticationToken", hint=_HINT
        )
    audience = claims["aud"]
    if audiences is not None and audience not in {resource_of(one) for one in audiences}:
        raise Unauthorized(
            f'The access token is for "{audience}", but this address takes tokens for '
            f"{' or '.join(sorted(audiences))} only.",
            code="InvalidAuthenticationTokenAudience",
            hint="Ask the credential for that scope.",
        )
    return Claims(claims["oid"], claims["tid"], claims["appid"], audience, expires_at)


def _decode(signing_key: bytes, token: str) -> dict[str, Any]:
    try:
        if len(token) > _TOKEN_LIMIT_BYTES:
            raise jwt.InvalidTokenError("it is too long")
        return jwt.decode(
            token,
            signing_key,
            algorithms=[_ALGORITHM],
            options={
                "require": ["aud", "exp", "oid", "tid", "appid"],
                # Times and audience are compared by verify(), against the caller's clock and spelling.
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "verify_aud": False,
            },
        )
    except (jwt.InvalidTokenError, UnicodeError) as error:
        raise Unauthorized(
            f"The access token was not issued here: {str(error).rstrip('.')}.",
            code="InvalidAuthenticationToken",
            hint=_HINT,
        ) from error
