"""What online and batch endpoints have in common: a name of their own in the region, an identity, ARM ids."""

import uuid

from sqlalchemy import Connection

from lazulite.arm import operations
from lazulite.arm.families import Context
from lazulite.errors import Conflict
from lazulite.http.call import Call, JsonObject
from lazulite.ids import WorkspaceId
from lazulite.store import operations as stored_operations
from lazulite.store import resources
from lazulite.store.resources import Place, Resource

# Where Azure's REST examples look for the operation to poll. Source: Azure/azureml-examples cli/batch-score-rest.sh.
_OPERATION = "AzureAsyncOperationUri"


def refuse_taken(context: Context, kind: str, noun: str) -> None:
    """Raises Conflict where another workspace has an endpoint of that name: names are part of a host name."""
    for row in resources.everywhere(context.connection, kind, context.name):
        if row.place.scope != context.workspace.scope:
            raise Conflict(
                f'{noun} "{context.name}" exists in another workspace of this region: {row.place.scope}.',
                target="name",
                hint="Endpoint names are unique in a region: choose another, or delete that one.",
            )


def identity(row: Resource, call: Call) -> JsonObject:
    """Prints an endpoint's `identity`. Every endpoint is a principal of its own, which users grant roles to."""
    principal = uuid.uuid5(uuid.NAMESPACE_URL, f"{row.place.scope}/{row.place.kind}/{row.place.name}".lower())
    sent = row.body.get("identity") or {}
    return {"type": "SystemAssigned", **sent, "principalId": str(principal), "tenantId": call.who.tid}


def deployment_id(workspace: WorkspaceId, place: Place) -> str:
    """Returns the ARM id of a deployment. place: kind `onlineEndpoints/deployments`, name `endpoint/deployment`."""
    (of, kind), (endpoint, name) = place.kind.split("/"), place.name.split("/")
    return f"{workspace}/{of}/{endpoint}/{kind}/{name}"


def without_operation(properties: JsonObject) -> JsonObject:
    """Returns a resource's own `properties` without the address that an earlier answer had put among them."""
    return {name: value for name, value in properties.items() if name != _OPERATION}


def operation_of(connection: Connection, call: Call, workspace: WorkspaceId, arm_id: str) -> str:
    """Records an operation that is over already, for clients that must have one to poll; returns its address."""
    operation = stored_operations.begin(connection, arm_id, call.now)
    stored_operations.end(connection, operation, None, call.now)
    return operations.address(call, workspace.subscription, operation)


def with_operation(shown: JsonObject, address: str) -> JsonObject:
    """Returns what was made, with its operation's address where Azure has it: among its own properties."""
    properties = {**shown["properties"], "properties": {**shown["properties"]["properties"], _OPERATION: address}}
    return {**shown, "properties": properties}
