"""SDK v1's datastores: ARM's rows in other words, with the key that v1 reaches blob storage by."""

from sqlalchemy import Connection

from lazulite.errors import NotFound, NotImplementedHere
from lazulite.http import addresses, scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.identity import accounts
from lazulite.ids import WorkspaceId
from lazulite.store import resources
from lazulite.store.resources import Place, Resource

_STORAGE = ("AzureBlob", "AzureFile", "AzureDataLakeGen2")


def list_datastores(call: Call, parts: Parts) -> Reply:
    """Lists the workspace's datastores that are storage accounts: v1 has no words for some others."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        rows = resources.containers(connection, workspace.scope, "datastores")
        shown = [_show(connection, row, call, parts) for row in rows if _kind(row) in _STORAGE]
    return Reply({"value": shown, "continuationToken": None})


def get(call: Call, parts: Parts) -> Reply:
    """Answers a datastore. Raises NotFound (404)."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        return Reply(_show(connection, _find(connection, workspace, call.ids["name"]), call, parts))


def get_default(call: Call, parts: Parts) -> Reply:
    """Answers the datastore that is used where none is named."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        rows = resources.containers(connection, workspace.scope, "datastores")
        default = next((row for row in rows if row.body["properties"].get("isDefault")), None)
        if not default:
            raise NotFound(f'Workspace "{workspace.workspace}" has no default datastore.')
        return Reply(_show(connection, default, call, parts))


def set_default(call: Call, parts: Parts) -> Reply:
    """Makes a datastore the one that is used where none is named."""
    workspace = scopes.workspace(call, parts)
    with parts.db.write() as connection:
        chosen = _find(connection, workspace, call.ids["name"])
        for row in resources.containers(connection, workspace.scope, "datastores"):
            properties = {**row.body["properties"], "isDefault": row.place.name == chosen.place.name}
            if properties != row.body["properties"]:
                body = {**row.body, "properties": properties}
                resources.put(connection, row.place, body, now=call.now, who=call.who.name)
        return Reply(_show(connection, chosen, call, parts))


def _find(connection: Connection, workspace: WorkspaceId, name: str) -> Resource:
    row = resources.get(connection, Place(workspace.scope, "datastores", name))
    if row:
        if _kind(row) not in _STORAGE:
            raise NotImplementedHere(f'Datastore "{name}" is of type {_kind(row)}, which SDK v1 is not told of here.')
        return row
    known = ", ".join(one.place.name for one in resources.containers(connection, workspace.scope, "datastores"))
    raise NotFound(
        f'Datastore "{name}" was not found in workspace "{workspace.workspace}". It has {known}.', target="name"
    )


def _kind(row: Resource) -> str:
    return str(row.body["properties"]["datastoreType"])


def _show(connection: Connection, row: Resource, call: Call, parts: Parts) -> JsonObject:
    """Source of the fields: azureml-core 1.61 _restclient/models/azure_storage.py, data_store_dto.py."""
    properties, key = row.body["properties"], ""
    workspace = resources.get(connection, scopes.workspace_place(scopes.named(call)))
    has_keys = not workspace or workspace.body["properties"].get("systemDatastoresAuthMode") != "identity"
    if properties.get("isLocal") and has_keys:
        key = accounts.account_key(parts.signing_key, properties["accountName"])
    container = properties.get("containerName") or properties.get("filesystem") or properties.get("fileShareName")
    return {
        "name": row.place.name,
        "dataStoreType": properties["datastoreType"],
        "hasBeenValidated": True,
        "tags": properties.get("tags") or {},
        "azureStorageSection": {
            "accountName": addresses.storage_account(call, properties["accountName"]),
            "containerName": container,
            "endpoint": properties.get("endpoint") or "core.windows.net",
            "protocol": properties.get("protocol") or "https",
            "credentialType": "AccountKey" if key else "None",
            "credential": key or None,
            "accountKey": key or None,
            "isSas": False,
            "sasToken": None,
            "subscriptionId": call.ids["subscription"],
            "resourceGroup": call.ids["group"],
        },
    }


_ROOT = f"/datastore/v1.0{scopes.WORKSPACE}"

ROUTES = (
    Route("GET", f"{_ROOT}/datastores", list_datastores),
    Route("GET", f"{_ROOT}/datastores/{{name}}", get),
    Route("GET", f"{_ROOT}/default", get_default),
    Route("PUT", f"{_ROOT}/default/{{name}}", set_default),
)
