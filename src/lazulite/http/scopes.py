"""What everything else lies in: resource groups and workspaces, and how they come into being when first named."""

import re
import uuid

from sqlalchemy import Connection

from lazulite.artifacts.refs import container_path
from lazulite.errors import Conflict, InvalidName, NotFound
from lazulite.http.call import Call, JsonObject
from lazulite.http.parts import Parts
from lazulite.identity import accounts
from lazulite.ids import PROVIDER, WorkspaceId, check_name
from lazulite.store import resources
from lazulite.store.resources import Place, Resource
from lazulite.tracking import experiments

GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
WORKSPACE = f"{GROUP}/providers/{PROVIDER}/workspaces/{{workspace}}"

# Source: learn.microsoft.com/azure/machine-learning/how-to-datastore: the four that every workspace is born with.
_DATASTORES = (
    ("workspaceblobstore", "AzureBlob", "azureml-blobstore-{id}"),
    ("workspaceartifactstore", "AzureBlob", "azureml"),
    ("workspacefilestore", "AzureFile", "azureml-filestore-{id}"),
    ("workspaceworkingdirectory", "AzureFile", "code-{id}"),
)


# Source: learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules, resourcegroups.
_GROUP_NAME = re.compile(r"^[\w().-]{0,89}[\w()-]$")


def workspace_place(workspace: WorkspaceId) -> Place:
    """Returns where a workspace's row lives: in the scope of its resource group."""
    return Place(f"{workspace.subscription}/{workspace.resource_group}".lower(), "workspaces", workspace.workspace)


def named(call: Call) -> WorkspaceId:
    """Returns the workspace that the path names, whether it exists or not."""
    return WorkspaceId(call.ids["subscription"], call.ids["group"], call.ids["workspace"])


def workspace(call: Call, parts: Parts) -> WorkspaceId:
    """Returns the workspace that the path names, in the casing it was made with; makes it unless strict.

    Raises NotFound (404 ResourceNotFound) in strict mode.
    """
    wanted = named(call)
    with parts.db.read() as connection:
        row = resources.get(connection, workspace_place(wanted))
    if row:
        return id_of(row)
    if parts.settings.strict:
        raise NotFound(
            f"The Resource '{PROVIDER}/workspaces/{wanted.workspace}' under resource group "
            f"'{wanted.resource_group}' was not found.",
            hint="Create the workspace first, or start the platform without --strict.",
        )
    with parts.db.write() as connection:
        return id_of(ensure(connection, wanted, {}, call, parts))


def id_of(row: Resource) -> WorkspaceId:
    """Returns the id of a workspace's row, cased as first written."""
    return WorkspaceId(row.body["subscription"], row.body["resourceGroup"], row.place.name)


def ensure(connection: Connection, wanted: WorkspaceId, body: JsonObject, call: Call, parts: Parts) -> Resource:
    """Returns the workspace's row; makes it, its resource group, datastores and experiment if it is not there.

    body: ARM's `{location, kind, identity, sku, tags, properties}`, whatever is given of it.
    """
    place = workspace_place(wanted)
    found = resources.get(connection, place)
    if found:
        return found
    check_name(wanted.workspace, "workspace")
    location = str(body.get("location") or parts.settings.region)
    ensure_group(connection, wanted.subscription, wanted.resource_group, location, call)
    identifier = str(uuid.uuid5(uuid.NAMESPACE_URL, wanted.scope))
    complete = {
        "kind": "Default",
        "identity": {"type": "SystemAssigned"},
        "sku": {"name": "Basic", "tier": "Basic"},
        "tags": {},
        **body,
        "location": location,
        "subscription": wanted.subscription,
        "resourceGroup": wanted.resource_group,
        "properties": {"friendlyName": wanted.workspace, **body.get("properties", {}), "workspaceId": identifier},
    }
    row, _ = resources.put(connection, place, complete, now=call.now, who=call.who.name)
    experiments.ensure(connection, wanted.scope, experiments.DEFAULT_NAME, call.now)
    for name, kind, container in _DATASTORES:
        properties = _datastore(wanted, kind, container.format(id=identifier), name)
        folder = container_path(parts.settings.home, properties["accountName"], container.format(id=identifier))
        folder.mkdir(parents=True, exist_ok=True)
        place = Place(wanted.scope, "datastores", name)
        resources.put(connection, place, {"properties": properties}, now=call.now, who=call.who.name)
    return row


def _datastore(wanted: WorkspaceId, kind: str, container: str, name: str) -> JsonObject:
    field = "containerName" if kind == "AzureBlob" else "fileShareName"
    return {
        "datastoreType": kind,
        "accountName": accounts.account_name(wanted),
        field: container,
        "endpoint": "core.windows.net",
        "protocol": "https",
        "isDefault": name == "workspaceblobstore",
        "isLocal": True,
        "credentials": {"credentialsType": "AccountKey"},
        "serviceDataAccessAuthIdentity": "None",
    }


def ensure_group(connection: Connection, subscription: str, group: str, location: str, call: Call) -> Resource:
    """Returns the resource group's row, making it if it is not there."""
    place = Place(subscription.lower(), "resourceGroups", group)
    found = resources.get(connection, place)
    if found:
        return found
    check_name(subscription, "subscription")
    if not _GROUP_NAME.match(group):
        raise InvalidName(
            f'"{group}" is not a valid resource group name: it must be 1 to 90 letters, digits, "_", "-", ".", "(" or '
            '")", and not end with ".".',
            target="resourceGroup",
        )
    body = {"location": location, "tags": {}, "properties": {"provisioningState": "Succeeded"}}
    row, _ = resources.put(connection, place, body, now=call.now, who=call.who.name)
    return row


def refuse_used_group(connection: Connection, subscription: str, group: str) -> None:
    """Raises Conflict when a resource group still holds workspaces."""
    held = resources.containers(connection, f"{subscription}/{group}".lower(), "workspaces")
    if held:
        names = ", ".join(row.place.name for row in held)
        raise Conflict(f'Resource group "{group}" still holds the workspaces {names}.', hint="Delete them first.")
