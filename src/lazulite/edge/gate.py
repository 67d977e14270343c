"""Who may speak to the port directly: only this machine's own names, and beyond loopback only with the secret."""

import json
import re
from collections.abc import Mapping
from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send

from lazulite import clock
from lazulite.edge import hosts
from lazulite.errors import Forbidden, LazuliteError, Unauthorized
from lazulite.identity import keys, sessions
from lazulite.settings import Settings

# Set in the ASGI scope's state of connections that came through the proxy with its password.
AUTHORIZED = "lazulite.authorized"

# Whose requests carry a token, key or signature that only this platform gives out, and that they check themselves.
_CHECK_THEIR_CALLERS: frozenset[hosts.Mount] = frozenset(
    {"arm", "dataplane", "mlflow", "blob", "file", "scoring", "vault"}
)
# How clients of managed identity present what IDENTITY_HEADER and MSI_SECRET say.
_IDENTITY_HEADERS = ("x-identity-header", "secret")
# Where a client learns where to ask for tokens, and asks, presenting the secret as its client secret.
_OPEN_PATHS = re.compile(
    r"/metadata/endpoints|/[^/]+/(?:oauth2(?:/v2\.0)?/token|(?:v2\.0/)?\.well-known/openid-configuration|discovery/.*)",
    re.IGNORECASE,
)


# Studio's sign-in, and what its page is drawn with.
_SIGN_IN, _ASSETS = "/_studio/signin", "/_studio/assets/"


class _SignInFirst(LazuliteError):
    """A person's browser without a session: to be led to the sign-in."""

    status = 303


class Misdirected(LazuliteError):
    """A request for a host that is not served here."""

    status = 421
    code = "MisdirectedRequest"


def guard(app: ASGIApp, settings: Settings) -> ASGIApp:
    """Wraps the platform's app in the rules for direct requests.

    On loopback: the Host must be Azure's or this machine's own, and a browser's page from elsewhere may only link here;
    so no web page can speak to the platform. Exposed: the request must present the secret, as the password of Basic
    authentication or as IDENTITY_HEADER, unless it came through the proxy or its mount checks its callers itself.
    """
    check = _check_exposed if settings.is_exposed else _check_local

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and not scope.get("state", {}).get(AUTHORIZED):
            try:
                check(scope, _headers(scope), settings)
            except LazuliteError as error:
                await _refuse(scope, send, error)
                return
        await app(scope, receive, send)

    return guarded


def _check_local(scope: Scope, headers: Mapping[str, str], settings: Settings) -> None:
    host = headers.get("host", "")
    if hosts.azure_mount(host):
        return
    if not hosts.is_local_name(host):
        raise Misdirected(
            f'"{hosts.bare_name(host)}" is not served here.',
            hint=f"Use {settings.url}, or an Azure host name through the proxy.",
        )
    # Source: web.dev/articles/fetch-metadata, a resource isolation policy.
    is_link = headers.get("sec-fetch-mode") == "navigate" and scope.get("method") == "GET"
    if headers.get("sec-fetch-site") == "cross-site" and not is_link:
        raise Forbidden("A web page from another site may not speak to Lazulite.")


def _check_exposed(scope: Scope, headers: Mapping[str, str], settings: Settings) -> None:
    path = scope["path"]
    mount = hosts.mount_for(headers.get("host", ""), path)
    if mount in _CHECK_THEIR_CALLERS or (mount == "login" and _OPEN_PATHS.fullmatch(path)):
        return
    if keys.presents(headers.get("authorization", ""), settings.secret):
        return
    if any(keys.equal(headers.get(name, ""), settings.secret) for name in _IDENTITY_HEADERS):
        return
    if mount == "studio" and _may_see_studio(scope, headers, settings):
        return
    raise Unauthorized(
        "This platform is open to other machines, so requests must present its secret.",
        hint="Send it as the password of Basic authentication, with any user name.",
    )


def _may_see_studio(scope: Scope, headers: Mapping[str, str], settings: Settings) -> bool:
    """Tells whether a browser has signed in, or is about to. Raises _SignInFirst for a page that a person asks for."""
    path = scope["path"]
    if path == _SIGN_IN or path.startswith(_ASSETS):
        return True
    found = re.search(rf"(?:^|;\s*){sessions.COOKIE}=([^;]*)", headers.get("cookie", ""))
    if found and sessions.is_valid(found[1], settings.secret, clock.now()):
        return True
    if scope.get("method") == "GET" and "text/html" in headers.get("accept", ""):
        query = scope.get("query_string", b"").decode("latin-1")
        raise _SignInFirst(f"{_SIGN_IN}?to={quote(path + ('?' + query if query else ''), safe='/')}")
    return False


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def _refuse(scope: Scope, send: Send, error: LazuliteError) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    if isinstance(error, _SignInFirst):
        location = [(b"location", error.message.encode("latin-1")), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": error.status, "headers": location})
        await send({"type": "http.response.body", "body": b""})
        return
    body = json.dumps({"error": error.wire()}).encode()
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"x-ms-error-code", error.code.encode()),
    ]
    if isinstance(error, Unauthorized):
        headers.append((b"www-authenticate", b'Basic realm="Lazulite"'))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
