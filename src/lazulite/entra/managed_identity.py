"""Managed identity: tokens for programs that hold no secret, in the three ways Azure's machines offer it."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from lazulite.entra.principals import grant, principal
from lazulite.errors import BadRequest, Unauthorized
from lazulite.http.call import Call, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.identity import tokens
from lazulite.identity.environment import CLIENT

# How a program names one of several identities; Azure ML's own spelling is the second.
_IDENTITY_PARAMETERS = ("client_id", "clientid", "object_id", "principal_id", "mi_res_id")


def by_endpoint(call: Call, parts: Parts) -> Reply:
    """Answers `$IDENTITY_ENDPOINT?resource=R` (App Service) and `$MSI_ENDPOINT?resource=R` (Azure ML's compute).

    The header that only a program on the machine knows must be there; on loopback any value will do, on an exposed port
    the gate has compared it. Raises Unauthorized (401) without it.
    Source: learn.microsoft.com/azure/app-service/overview-managed-identity; azure-identity 1.27.0 app_service.py,
    azure_ml.py.
    """
    if not (call.headers.get("x-identity-header") or call.headers.get("secret")):
        raise Unauthorized(
            "The header X-IDENTITY-HEADER is missing.", hint="Its value is in the variable IDENTITY_HEADER."
        )
    return _token(call, parts, call.query)


def by_extension(call: Call, parts: Parts) -> Reply:
    """Answers a form that is posted to `$MSI_ENDPOINT`, as the oldest clients do, SDK v1's among them.

    Raises BadRequest (400) without the header `Metadata: true`, which keeps web pages out.
    Source: msrestazure 0.6.4 azure_active_directory.py, get_msi_token.
    """
    _check_metadata(call)
    return _token(call, parts, dict(parse_qsl(call.raw.decode("latin-1"))))


def by_metadata(call: Call, parts: Parts) -> Reply:
    """Answers the instance metadata service, `http://169.254.169.254/metadata/identity/oauth2/token?resource=R`.

    Raises BadRequest (400) without the header `Metadata: true`, which keeps forwarded requests out.
    Source: learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token.
    """
    _check_metadata(call)
    return _token(call, parts, call.query)


def _check_metadata(call: Call) -> None:
    if call.headers.get("metadata", "").lower() != "true":
        raise BadRequest("Required metadata header not specified: Metadata: true.", code="invalid_request")


def on_behalf(call: Call, parts: Parts) -> Reply:
    """Answers `$OBO_ENDPOINT?resource=R`, which the user's identity inside a job asks without any header.

    Source: azure-ai-ml 1.35.2 identity/_credentials/aml_on_behalf_of.py.
    """
    return _token(call, parts, call.query)


def _token(call: Call, parts: Parts, asked: Mapping[str, str]) -> Reply:
    resource = asked.get("resource")
    if not resource:
        raise BadRequest('The parameter "resource" is missing.', code="invalid_request", target="resource")
    given = (asked.get(name) for name in _IDENTITY_PARAMETERS)
    client = next((name for name in given if name), CLIENT)
    body = grant(call, parts, principal(client), tokens.resource_of(resource))
    return Reply({**body, "client_id": client}, headers={"Cache-Control": "no-store"})


ROUTES = (
    Route("GET", "/_identity/token", by_endpoint),
    Route("POST", "/_identity/token", by_extension),
    Route("GET", "/_identity/obo", on_behalf),
    Route("GET", "/metadata/identity/oauth2/token", by_metadata),
)
