"""Who may do what with blob storage: by account key, shared access signature or bearer token."""

from dataclasses import replace
from datetime import datetime

from lazulite.blob import refusals, sas, sharedkey
from lazulite.blob.call import BlobCall
from lazulite.errors import Forbidden, Unauthorized
from lazulite.identity import accounts, tokens

AUDIENCE = "https://storage.azure.com"


def authorize(call: BlobCall, *, level: str, needs: str, signing_key: bytes, now: datetime) -> BlobCall:
    """Returns the call with what its caller may do.

    level: `s`, `c`, `o`, or `l` for a list of blobs. needs: the permissions of which a signature must grant one.
    Raises AuthenticationFailed and its like (403), InvalidAuthenticationInfo and NoAuthenticationInformation (401).
    """
    scheme = call.headers.get("authorization", "").partition(" ")[0]
    if "sig" in call.query:
        key = accounts.account_key(signing_key, call.ref.account)
        granted, overrides = sas.verify(call, key, level, now)
        if not set(granted) & set(needs):
            raise refusals.not_permitted()
        return replace(call, may_overwrite="w" in granted, overrides=overrides)
    if scheme in ("SharedKey", "SharedKeyLite"):
        sharedkey.verify(call, accounts.account_key(signing_key, call.ref.account), now)
        return call
    if scheme == "Bearer":
        return replace(call, who=_claims(call, signing_key, now))
    raise Unauthorized(
        "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
        code="NoAuthenticationInformation",
    )


def _claims(call: BlobCall, signing_key: bytes, now: datetime) -> tokens.Claims:
    token = call.headers["authorization"].partition(" ")[2].strip()
    audiences = [AUDIENCE, *(f"https://{call.ref.account}.{kind}.core.windows.net" for kind in ("blob", "dfs"))]
    try:
        return tokens.verify(signing_key, token, audiences, now)
    except Unauthorized as error:
        raise Unauthorized(
            f"Server failed to authenticate the request. {error.message}",
            code="InvalidAuthenticationInfo",
            hint=error.hint,
        ) from error


def check_overwrite(call: BlobCall) -> None:
    """Raises UnauthorizedBlobOverwrite (403) when the caller may create blobs but not replace them."""
    if not call.may_overwrite:
        raise Forbidden("This request is not authorized to perform blob overwrites.", code="UnauthorizedBlobOverwrite")
