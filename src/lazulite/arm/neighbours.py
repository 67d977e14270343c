"""What lies beside workspaces in a resource group: storage accounts, identities, container registries, key vaults.

They are named and shown, so that programs which set a workspace up go through. A storage account is more: its blobs
are here under any name; and so are the images of a container registry, and a vault's secrets.
"""

import dataclasses
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from lazulite import fields
from lazulite.arm import shapes
from lazulite.errors import NotFound
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Handler, Route
from lazulite.identity import accounts
from lazulite.identity.environment import TENANT
from lazulite.ids import WorkspaceId, check_name
from lazulite.store import resources
from lazulite.store.resources import Place, Resource

_STORAGE = "Microsoft.Storage/storageAccounts"
_IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
_ACR = "Microsoft.ContainerRegistry/registries"
_VAULT = "Microsoft.KeyVault/vaults"
_INSIGHTS = "Microsoft.Insights/components"
_LOGS = "Microsoft.OperationalInsights/workspaces"
# What of Azure's own is missing, by type.
_KINDS: Mapping[str, str] = {
    _STORAGE: "tiers, networks and encryption are kept and change nothing",
    _IDENTITY: "nobody is denied anything, whatever identity it has",
    _ACR: "tiers and networks are kept and change nothing",
    _VAULT: "it holds secrets, but no keys or certificates; access policies deny nobody anything",
    _INSIGHTS: "nothing is reported to it",
    _LOGS: "nothing is reported to it",
}


def _place(call: Call, kind: str, name: str) -> Place:
    return Place(f"{call.ids['subscription']}/{call.ids['group']}".lower(), kind, name)


def _putting(kind: str) -> Handler:
    def put(call: Call, parts: Parts) -> Reply:
        """Makes one, or replaces what is known of it."""
        name = check_name(call.ids["name"], kind)
        body = {
            "location": fields.text(call.body, "location") or parts.settings.region,
            "tags": fields.texts(call.body, "tags"),
            "properties": fields.nested(call.body, "properties"),
            **{field: call.body[field] for field in ("sku", "kind", "identity") if call.body.get(field)},
        }
        with parts.db.write() as connection:
            scopes.ensure_group(connection, call.ids["subscription"], call.ids["group"], body["location"], call)
            row, is_new = resources.put(connection, _place(call, kind, name), body, now=call.now, who=call.who.name)
        # azure-mgmt-storage takes no 201.
        return Reply(_show(row, kind, call), 201 if is_new and kind != _STORAGE else 200)

    return put


def _getting(kind: str) -> Handler:
    def get(call: Call, parts: Parts) -> Reply:
        """Answers one that was made."""
        return Reply(_show(_find(call, parts, kind), kind, call))

    return get


def _listing(kind: str) -> Handler:
    def list_all(call: Call, parts: Parts) -> Reply:
        """Lists those of a resource group, or of a subscription."""
        with parts.db.read() as connection:
            rows = [*_rows(connection, call, kind), *_born(connection, call, kind)]
        return shapes.page([_show(row, kind, call) for row in rows])

    return list_all


def _deleting(kind: str) -> Handler:
    def delete(call: Call, parts: Parts) -> Reply:
        """Forgets one. A workspace's own, which nobody made by itself, goes with its workspace.

        `workspaces.begin_delete(delete_dependent_resources=True)` asks this of each before it deletes the workspace.
        """
        with parts.db.write() as connection:
            was_there = resources.remove(connection, _place(call, kind, call.ids["name"]))
        return Reply(status=200 if was_there else 204)

    return delete


def list_keys(call: Call, parts: Parts) -> Reply:
    """Answers a storage account's keys, which open its blobs here."""
    account = _find(call, parts, _STORAGE).place.name
    return Reply(
        {
            "keys": [
                {
                    "creationTime": None,
                    "keyName": "key1",
                    "permissions": "FULL",
                    "value": accounts.account_key(parts.signing_key, account),
                }
            ]
        }
    )


def _rows(connection: Connection, call: Call, kind: str) -> Sequence[Resource]:
    if "group" in call.ids:
        return resources.containers(connection, _place(call, kind, "").scope, kind)
    return resources.in_scopes_under(connection, call.ids["subscription"].lower(), kind)


# What comes with a workspace, and its name.
_BORN: Mapping[str, Callable[[WorkspaceId], str]] = {
    _STORAGE: accounts.account_name,
    _ACR: accounts.registry_name,
}


def _born(connection: Connection, call: Call, kind: str) -> list[Resource]:
    """Returns the storage accounts or container registries that came with workspaces."""
    return [_sibling(row, kind) for row in _rows(connection, call, "workspaces")] if kind in _BORN else []


def _sibling(workspace: Resource, kind: str) -> Resource:
    name = _BORN[kind](scopes.id_of(workspace))
    body = {"location": workspace.body["location"], "tags": {}, "properties": {}}
    return dataclasses.replace(workspace, place=Place(workspace.place.scope, kind, name), body=body)


def _find(call: Call, parts: Parts, kind: str) -> Resource:
    with parts.db.read() as connection:
        row = resources.get(connection, _place(call, kind, call.ids["name"]))
        born = [] if row else _born(connection, call, kind)
    row = row or next((one for one in born if one.place.name == call.ids["name"].lower()), None)
    if not row:
        raise NotFound(
            f"The Resource '{kind}/{call.ids['name']}' under resource group '{call.ids['group']}' was not found."
        )
    return row


def _show(row: Resource, kind: str, call: Call) -> JsonObject:
    group = call.ids.get("group") or row.place.scope.partition("/")[2]
    name = row.place.name
    arm_id = f"/subscriptions/{call.ids['subscription']}/resourceGroups/{group}/providers/{kind}/{name}"
    return {
        "id": arm_id,
        "name": name,
        "type": kind,
        **row.body,
        "properties": {**row.body["properties"], **_own(kind, name, arm_id), "provisioningState": "Succeeded"},
    }


def _own(kind: str, name: str, arm_id: str) -> dict[str, Any]:
    """Returns what Azure tells of one beyond what it was given."""
    if kind == _STORAGE:
        return {
            "primaryEndpoints": {
                "blob": f"https://{name}.blob.core.windows.net/",
                "dfs": f"https://{name}.dfs.core.windows.net/",
                "file": f"https://{name}.file.core.windows.net/",
            },
            "statusOfPrimary": "available",
        }
    if kind == _IDENTITY:
        ids = [str(uuid.uuid5(uuid.NAMESPACE_URL, f"{part}:{arm_id.lower()}")) for part in ("principal", "client")]
        return {"principalId": ids[0], "clientId": ids[1], "tenantId": TENANT}
    if kind == _ACR:
        return {"loginServer": f"{name.lower()}.azurecr.io"}
    return {"vaultUri": f"https://{name.lower()}.vault.azure.net/"} if kind == _VAULT else {}


def _routes(kind: str, partial: str) -> tuple[Route, ...]:
    one = f"{scopes.GROUP}/providers/{kind}/{{name}}"
    everywhere = (f"/subscriptions/{{subscription}}/providers/{kind}", f"{scopes.GROUP}/providers/{kind}")
    return (
        *(Route("GET", template, _listing(kind), partial) for template in everywhere),
        Route("GET", one, _getting(kind), partial),
        Route("PUT", one, _putting(kind), partial),
        Route("DELETE", one, _deleting(kind), "blobs stay, as files" if kind == _STORAGE else partial),
    )


ROUTES = (
    *(route for kind, partial in _KINDS.items() for route in _routes(kind, partial)),
    Route("POST", f"{scopes.GROUP}/providers/{_STORAGE}/{{name}}/listKeys", list_keys),
)
