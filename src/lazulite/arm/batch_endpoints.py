"""Batch endpoints: the name that a program invokes, and which deployment answers. Jobs are made in dataplane/."""

from sqlalchemy import Connection

from lazulite import fields
from lazulite.arm import endpoints, operations
from lazulite.arm.families import Child, Context, one_of
from lazulite.batch import deployments
from lazulite.errors import BadRequest
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.ids import WorkspaceId
from lazulite.serving.wanted import check_endpoint_name
from lazulite.store import operations as stored_operations
from lazulite.store import resources
from lazulite.store.resources import Place, Resource

KIND = deployments.ENDPOINTS

# Where Azure's REST examples look for the operation to poll. Source: Azure/azureml-examples cli/batch-score-rest.sh.
_OPERATION = "AzureAsyncOperationUri"
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
        "properties": without_operation(fields.nested(given, "properties.properties")),
    }


def _check_auth_mode(given: JsonObject) -> None:
    """Source: learn.microsoft.com/azure/machine-learning/how-to-authenticate-batch-endpoint: Entra tokens only."""
    mode = one_of({"authMode": given.get("authMode") or "AADToken"}, "authMode", _AUTH_MODES)
    if mode != "AADToken":
        raise BadRequest(
            f"properties.authMode is {mode}, but batch endpoints support AADToken only.", target="properties.authMode"
        )


def without_operation(properties: JsonObject) -> JsonObject:
    """Returns a resource's own `properties` without the address that an earlier answer had put among them."""
    return {name: value for name, value in properties.items() if name != _OPERATION}


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
        operation = operation_of(connection, call, workspace, reply.body["id"])
    return with_operation(reply.body, operation, reply.status)


def operation_of(connection: Connection, call: Call, workspace: WorkspaceId, arm_id: str) -> str:
    """Records an operation that is over already, for clients that must have one to poll; returns its address."""
    operation = stored_operations.begin(connection, arm_id, call.now)
    stored_operations.end(connection, operation, None, call.now)
    return operations.address(call, workspace.subscription, operation)


def with_operation(shown: JsonObject, address: str, status: int) -> Reply:
    """Answers what was made, with its operation's address where Azure has it: among its own properties."""
    properties = {**shown["properties"], "properties": {**shown["properties"]["properties"], _OPERATION: address}}
    return Reply({**shown, "properties": properties}, status, operations.POLL_SOON)


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
