"""What online and batch endpoints have in common: a name of their own in the region, an identity, ARM ids."""

import uuid

from lazulite.arm.families import Context
from lazulite.errors import Conflict
from lazulite.http.call import Call, JsonObject
from lazulite.ids import WorkspaceId
from lazulite.store import resources
from lazulite.store.resources import Place, Resource


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
