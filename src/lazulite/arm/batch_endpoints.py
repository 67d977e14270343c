"""Batch endpoints: the name that a program invokes, and which deployment answers. Jobs are made in dataplane/."""

from lazulite import fields
from lazulite.arm import endpoints, operations
from lazulite.arm.families import Child, Context, one_of
from lazulite.batch import deployments
from lazulite.errors import BadRequest
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.serving.wanted import check_endpoint_name
from lazulite.store import resources
from lazulite.store.resources import Place, Resource

KIND = deployments.ENDPOINTS

_AUTH_MODES = ("AADToken", "Key", "AMLToken")


def accept(given: JsonObject, context: Context) -> JsonObject:
    """Checks the name, the auth mode and, of an endpoint that is there, that the default deployment is too.

    `defaults` is always an object: programs write `endpoint.defaults.deployment_name = ...`.
    """
    check_endpoint_name(context.name, "endpoint")
    endpoints.refuse_taken(context, KIND, "A batch endpoint")
    _check_auth_mode(given)
    default = fields.text(fields.nested(given, "properties.defaults"), "properties.defaults.deploymentName")
    if default and resources.get(context.connection, Place(context.workspace.scope, KIND, context.name)):
        deployments.deployment(context.connection, context.workspace, context.name, default)
    kept = {name: value for name, value in given.items() if name != "keys"}
    return {
        **kept,
        "authMode": "AADToken",
        "defaults": {"deploymentName": default or None},
        "properties": endpoints.without_operation(fields.nested(given, "properties.properties")),
    }


def _check_auth_mode(given: JsonObject) -> None:
    """Source: learn.microsoft.com/azure/machine-learning/how-to-authenticate-batch-endpoint: Entra tokens only."""
    mode = one_of({"authMode": given.get("authMode") or "AADToken"}, "authMode", _AUTH_MODES)
    if mode != "AADToken":
        raise BadRequest(
            f"properties.authMode is {mode}, but batch endpoints support AADToken only.", target="properties.authMode"
        )


def show(row: Resource, call: Call, parts: Parts) -> JsonObject:
    """Prints the properties with the address that is invoked: this machine's own, which needs no proxy."""
    workspace = scopes.workspace(call, parts)
    base = f"{parts.settings.url}/mferp/managementfrontend{workspace}/{KIND}/{row.place.name}"
    return {
        **row.body["properties"],
        "scoringUri": f"{base}/jobs",
        "swaggerUri": None,
        "provisioningState": "Succeeded",
    }


def show_beside(row: Resource, call: Call) -> JsonObject:
    """Prints the identity."""
    return {"identity": endpoints.identity(row, call)}


def put(call: Call, parts: Parts) -> Reply:
    """Makes or changes an endpoint; done when it answers."""
    return _over(call, parts, ENDPOINT.put(call, parts))


def patch(call: Call, parts: Parts) -> Reply:
    """Changes tags, identity or the properties that the body names."""
    return _over(call, parts, ENDPOINT.patch(call, parts))


def _over(call: Call, parts: Parts, reply: Reply) -> Reply:
    workspace = scopes.workspace(call, parts)
    with parts.db.write() as connection:
        operation = endpoints.operation_of(connection, call, workspace, reply.body["id"])
    shown = endpoints.with_operation(reply.body, operation)
    return Reply(shown, reply.status, operations.POLL_SOON)


def list_keys(call: Call, parts: Parts) -> Reply:
    """Refuses: there are no keys. Raises NotFound where there is no such endpoint."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        row = ENDPOINT.find(connection, workspace, call.ids["name"])
    raise BadRequest(
        f'Batch endpoint "{row.place.name}" has auth mode AADToken, so it has no keys.',
        hint="Ask your credential for a token for https://ml.azure.com/.default.",
    )


ENDPOINT = Child(KIND, accept, show, show_beside)

_ONE = f"{scopes.WORKSPACE}/{KIND}/{{name}}"

ROUTES = (
    Route("GET", f"{scopes.WORKSPACE}/{KIND}", ENDPOINT.list),
    Route("GET", _ONE, ENDPOINT.get),
    Route("PUT", _ONE, put),
    Route("PATCH", _ONE, patch),
    Route("DELETE", _ONE, ENDPOINT.delete),
    Route("POST", f"{_ONE}/listKeys", list_keys),
)
