"""The token endpoint of login.microsoftonline.com: a form in, a token or an AADSTS error out."""

import base64
import json
import uuid
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from lazulite.entra.principals import Principal, grant, issue, principal
from lazulite.errors import Unauthorized
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.identity import keys, tokens

Form = Mapping[str, str]
# Who asks, and for which resource it has leave, "" for any: what a grant proves.
Proof = tuple[Principal, str]

# The one user of this machine, as far as tokens know.
_USER = "user@lazulite.local"
_DEVICE_CODE = "urn:lazulite:device-code"
_REFRESH_TOKEN = "urn:lazulite:refresh-token"
_REFRESH_LIFETIME_S = 90 * 86_400
_DEVICE_CODE_LIFETIME_S = 900
# Scopes that are no resource's. Source: learn.microsoft.com/entra/identity-platform/scopes-oidc.
_OPENID_SCOPES = frozenset({"openid", "profile", "email", "offline_access"})
_GRAPH = "https://graph.microsoft.com"


class GrantRefused(Exception):
    """An OAuth error. error: its name in RFC 6749; number: Entra's, as in AADSTS7000215."""

    def __init__(self, error: str, number: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.error, self.number, self.status = error, number, status


def token(call: Call, parts: Parts) -> Reply:
    """Answers POST `/{tenant}/oauth2/v2.0/token` and the older `/{tenant}/oauth2/token`.

    Form: grant_type, client_id, scope (or resource), and what the grant needs. On loopback any client id and secret are
    good; on an exposed port the client secret must be the platform's. Errors are Entra's: `error`, `error_description`
    (`AADSTS…`), `error_codes`. Source: learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow.
    """
    try:
        form = _form(call)
        prove = _GRANTS.get(_field(form, "grant_type"))
        if not prove:
            raise GrantRefused(
                "unsupported_grant_type",
                70003,
                f"The app requested an unsupported grant type '{form['grant_type']}'. Lazulite takes "
                f"{', '.join(sorted(_GRANTS))}.",
            )
        who, granted = prove(form, call, parts)
        resource = _resource(form, granted)
        body = grant(call, parts, who, resource)
    except GrantRefused as refusal:
        return _error(refusal, call)
    body["expires_in"], body["ext_expires_in"] = int(body["expires_in"]), int(body["ext_expires_in"])
    if who.name == _USER:
        body |= _user_tokens(form, call, parts, who, resource)
    return Reply(body, headers=_UNCACHED)


def device_code(call: Call, parts: Parts) -> Reply:
    """Answers the start of the device flow with a code that is already granted: there is nobody to sign in."""
    who = principal(_USER, call.ids["tenant"])
    try:
        resource = _resource(_form(call))
    except GrantRefused as refusal:
        return _error(refusal, call)
    code = issue(call, parts, who, f"{_DEVICE_CODE} {resource}", _DEVICE_CODE_LIFETIME_S)
    return Reply(
        {
            "device_code": code,
            "user_code": "LAZULITE",
            "verification_uri": f"{call.base_url}/common/oauth2/deviceauth",
            "expires_in": _DEVICE_CODE_LIFETIME_S,
            "interval": 1,
            "message": "Lazulite asks for no sign-in; the program goes on by itself.",
        },
        headers=_UNCACHED,
    )


def _by_client(form: Form, call: Call, parts: Parts) -> Proof:
    client = _field(form, "client_id")
    secret, settings = form.get("client_secret"), parts.settings
    if not secret and not form.get("client_assertion"):
        raise GrantRefused(
            "invalid_client",
            7000218,
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
            401,
        )
    if settings.is_exposed and not keys.equal(secret or "", settings.secret):
        raise GrantRefused(
            "invalid_client",
            7000215,
            "Invalid client secret provided. This platform is open to other machines and takes its own secret only "
            "(LAZULITE_SECRET).",
            401,
        )
    return principal(client, call.ids["tenant"]), ""


def _by_device_code(form: Form, call: Call, parts: Parts) -> Proof:
    return _unsealed(_field(form, "device_code"), call, parts, _DEVICE_CODE)


def _by_refresh_token(form: Form, call: Call, parts: Parts) -> Proof:
    return _unsealed(_field(form, "refresh_token"), call, parts, _REFRESH_TOKEN)


# What each grant needs to prove who asks. Codes from a browser's sign-in are none: the browser is not led here.
_GRANTS: dict[str, Callable[[Form, Call, Parts], Proof]] = {
    "client_credentials": _by_client,
    "urn:ietf:params:oauth:grant-type:jwt-bearer": _by_client,
    "urn:ietf:params:oauth:grant-type:device_code": _by_device_code,
    "device_code": _by_device_code,
    "refresh_token": _by_refresh_token,
}

_UNCACHED = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}


def _form(call: Call) -> Form:
    try:
        return dict(parse_qsl(call.raw.decode(), keep_blank_values=True, max_num_fields=100))
    except ValueError as error:
        raise GrantRefused("invalid_request", 90014, f"The request body is no form: {error}.") from error


def _field(form: Form, name: str) -> str:
    value = form.get(name)
    if not value:
        raise GrantRefused(
            "invalid_request", 900144, f"The request body must contain the following parameter: '{name}'."
        )
    return value


def _resource(form: Form, granted: str = "") -> str:
    """Returns the resource of a v1 `resource`, or of the first v2 scope: `https://x/.default`, `https://x/user_read`."""
    if form.get("resource"):
        return tokens.resource_of(form["resource"])
    if granted and not form.get("scope"):
        return granted
    scopes = [scope for scope in _field(form, "scope").split() if scope not in _OPENID_SCOPES]
    scope = scopes[0] if scopes else _GRAPH
    scheme, _, rest = scope.partition("://")
    if scope.endswith("/.default") or not rest:
        return tokens.resource_of(scope) if "/" in scope else _GRAPH
    return tokens.resource_of(f"{scheme}://{rest.rpartition('/')[0] or rest}")


def _user_tokens(form: Form, call: Call, parts: Parts, who: Principal, resource: str) -> JsonObject:
    """What MSAL needs beside the access token to remember a user's account."""
    claims = {"preferred_username": who.name, "name": who.name}
    info = json.dumps({"uid": who.oid, "utid": who.tid}).encode()
    return {
        "scope": form.get("scope", ""),
        "id_token": issue(call, parts, who, form.get("client_id", ""), extra=claims),
        "refresh_token": issue(call, parts, who, f"{_REFRESH_TOKEN} {resource}", _REFRESH_LIFETIME_S),
        "client_info": base64.urlsafe_b64encode(info).decode().rstrip("="),
    }


def _unsealed(sealed: str, call: Call, parts: Parts, purpose: str) -> Proof:
    """Reads a code or refresh token: a token of ours whose audience is its purpose, a space and its resource."""
    try:
        claims = tokens.verify(parts.signing_key, sealed, None, call.now)
    except Unauthorized as error:
        raise GrantRefused(
            "invalid_grant", 70008, f"The code or refresh token is not valid. {error.message}"
        ) from error
    found, _, resource = claims.audience.partition(" ")
    if found != purpose:
        raise GrantRefused("invalid_grant", 9002313, "This is no code or refresh token.")
    return Principal(claims.name, claims.oid, claims.tid), resource


def _error(refusal: GrantRefused, call: Call) -> Reply:
    trace, at = str(uuid.uuid4()), call.now.strftime("%Y-%m-%d %H:%M:%SZ")
    correlation = call.headers.get("client-request-id", trace)
    body = {
        "error": refusal.error,
        "error_description": f"AADSTS{refusal.number}: {refusal} Trace ID: {trace} Correlation ID: {correlation} "
        f"Timestamp: {at}",
        "error_codes": [refusal.number],
        "timestamp": at,
        "trace_id": trace,
        "correlation_id": correlation,
    }
    return Reply(body, refusal.status, _UNCACHED)


ROUTES = (
    Route("POST", "/{tenant}/oauth2/v2.0/token", token, partial="no sign-in by browser or password"),
    Route("POST", "/{tenant}/oauth2/token", token, partial="no sign-in by browser or password"),
    Route("POST", "/{tenant}/oauth2/v2.0/devicecode", device_code),
)
