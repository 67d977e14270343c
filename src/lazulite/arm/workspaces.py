"""Workspaces: get, list, create, update, delete, keys. They are also born when first named: see scopes.py."""

from sqlalchemy import Connection

from lazulite.arm import shapes
from lazulite.errors import NotFound
from lazulite.http import addresses, scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.identity import accounts
from lazulite.ids import PROVIDER, WorkspaceId
from lazulite.serving import wanted
from lazulite.store import resources
from lazulite.store.resources import Resource
from lazulite.tracking import runs

_DIAGNOSED = (
    "userDefinedRoute",
    "networkSecurityRule",
    "resourceLock",
    "dnsResolution",
    "storageAccount",
    "keyVault",
    "containerRegistry",
    "applicationInsights",
    "other",
)
_OURS = ("subscription", "resourceGroup")  # ours, kept in the row to print the id as it was first written


def get(call: Call, parts: Parts) -> Reply:
    """Answers the workspace."""
    scopes.workspace(call, parts)
    with parts.db.read() as connection:
        return Reply(_show(_find(connection, call), call, parts))


def list_in_group(call: Call, parts: Parts) -> Reply:
    """Lists a resource group's workspaces."""
    return _list(call, parts, f"{call.ids['subscription']}/{call.ids['group']}")


def list_in_subscription(call: Call, parts: Parts) -> Reply:
    """Lists a subscription's workspaces."""
    return _list(call, parts, call.ids["subscription"])


def put(call: Call, parts: Parts) -> Reply:
    """Makes a workspace, or replaces its tags and properties; done when it answers."""
    workspace = scopes.named(call)
    with parts.db.write() as connection:
        before = resources.get(connection, scopes.workspace_place(workspace))
        given = shapes.patched(before.body if before else {"properties": {}}, call.body)
        row = (
            _change(connection, before, given, call)
            if before
            else scopes.ensure(connection, workspace, given, call, parts)
        )
    is_new = before is None
    return Reply(_show(row, call, parts), 201 if is_new else 200)


def patch(call: Call, parts: Parts) -> Reply:
    """Changes what the body names. Always 200: the SDK refuses 201 here. Source: wire observations, 1.35.2."""
    scopes.workspace(call, parts)
    with parts.db.write() as connection:
        before = _find(connection, call)
        row = _change(connection, before, shapes.patched(before.body, call.body), call)
    return Reply(_show(row, call, parts))


def delete_workspace(call: Call, parts: Parts) -> Reply:
    """Deletes the workspace with everything in it but its blobs, which are files that may be wanted still."""
    workspace = scopes.named(call)
    with parts.db.write() as connection:
        found = resources.remove(connection, scopes.workspace_place(workspace))
        resources.remove_scope(connection, workspace.scope)
        runs.forget(connection, workspace.scope)
        wanted.forget_workspace(connection, workspace.scope)
    parts.supervisor.publish()
    parts.supervisor.wake()
    return Reply(status=200 if found else 204)


def list_keys(call: Call, parts: Parts) -> Reply:
    """Answers the keys of what belongs to the workspace."""
    workspace = scopes.workspace(call, parts)
    account = accounts.account_name(workspace)
    return Reply(
        {
            "userStorageKey": accounts.account_key(parts.signing_key, account),
            "userStorageArmId": _storage_id(workspace, account),
            "userStorageResourceId": _storage_id(workspace, account),
            "appInsightsInstrumentationKey": None,
            "containerRegistryCredentials": None,
            "notebookAccessKeys": None,
        }
    )


def nothing_to_do(call: Call, parts: Parts) -> Reply:
    """Answers an action whose result is true here already: keys in step, network provisioned."""
    scopes.workspace(call, parts)
    return Reply({"status": {"status": "Active", "sparkReady": False}})


def diagnose(call: Call, parts: Parts) -> Reply:
    """Answers that no problem was found with what a workspace depends on: all of it is in this process."""
    scopes.workspace(call, parts)
    return Reply({"value": {f"{kind}Results": [] for kind in _DIAGNOSED}})


def _list(call: Call, parts: Parts, scope: str) -> Reply:
    kinds = {kind.lower() for kind in call.query.get("kind", "").split(",") if kind}
    with parts.db.read() as connection:
        rows = resources.in_scopes_under(connection, scope.lower(), "workspaces")
    return shapes.page([_show(row, call, parts) for row in rows if not kinds or row.body["kind"].lower() in kinds])


def _find(connection: Connection, call: Call) -> Resource:
    row = resources.get(connection, scopes.workspace_place(scopes.named(call)))
    if not row:
        raise NotFound(f'Workspace "{call.ids["workspace"]}" was deleted just now.')
    return row


def _change(connection: Connection, row: Resource, given: JsonObject, call: Call) -> Resource:
    """Writes a workspace's body as a PUT or PATCH gives it; what names it stays."""
    body = {
        **given,
        **{name: row.body[name] for name in _OURS},
        "location": given["location"] or row.body["location"],
    }
    body["properties"] = {**given["properties"], "workspaceId": row.body["properties"]["workspaceId"]}
    changed, _ = resources.put(connection, row.place, body, now=call.now, who=call.who.name)
    return changed


def _show(row: Resource, call: Call, parts: Parts) -> JsonObject:
    workspace, settings = scopes.id_of(row), parts.settings
    region = row.body["location"]
    account = accounts.account_name(workspace)
    base = addresses.data_plane(call, settings, region)
    properties = {
        "publicNetworkAccess": "Enabled",
        "hbiWorkspace": False,
        "allowRoleAssignmentOnRG": True,
        **row.body["properties"],
        "containerRegistry": row.body["properties"].get("containerRegistry") or _registry_id(workspace),
        "provisioningState": "Succeeded",
        "discoveryUrl": f"{base}/discovery",
        "mlFlowTrackingUri": addresses.mlflow_tracking_uri(call, settings, region, workspace),
        "storageAccount": _storage_id(workspace, account),
        "keyVault": _sibling(workspace, f"Microsoft.KeyVault/vaults/{account}"),
    }
    shown = shapes.envelope(row, str(workspace), "", properties) | {"type": f"{PROVIDER}/workspaces"}
    return {name: value for name, value in shown.items() if name not in _OURS}


def _sibling(workspace: WorkspaceId, tail: str) -> str:
    return f"/subscriptions/{workspace.subscription}/resourceGroups/{workspace.resource_group}/providers/{tail}"


def _storage_id(workspace: WorkspaceId, account: str) -> str:
    return _sibling(workspace, f"Microsoft.Storage/storageAccounts/{account}")


def _registry_id(workspace: WorkspaceId) -> str:
    name = accounts.registry_name(workspace)
    return _sibling(workspace, f"Microsoft.ContainerRegistry/registries/{name}")


_LIST = f"providers/{PROVIDER}/workspaces"

ROUTES = (
    Route("GET", f"/subscriptions/{{subscription}}/{_LIST}", list_in_subscription),
    Route("GET", f"{scopes.GROUP}/{_LIST}", list_in_group),
    Route("GET", scopes.WORKSPACE, get),
    Route("PUT", scopes.WORKSPACE, put),
    Route("PATCH", scopes.WORKSPACE, patch),
    Route("DELETE", scopes.WORKSPACE, delete_workspace),
    Route("POST", f"{scopes.WORKSPACE}/listKeys", list_keys),
    Route("POST", f"{scopes.WORKSPACE}/resyncKeys", nothing_to_do),
    Route("POST", f"{scopes.WORKSPACE}/provisionManagedNetwork", nothing_to_do, partial="no network is made"),
    Route("POST", f"{scopes.WORKSPACE}/diagnose", diagnose, partial="nothing is looked at"),
)
