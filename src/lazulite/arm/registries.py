"""Registries as Azure Resource Manager has them: made, listed, shown, changed, deleted."""

from sqlalchemy import Connection

from lazulite.arm import shapes
from lazulite.errors import Conflict, NotFound
from lazulite.http import addresses, registries, scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.ids import PROVIDER, RegistryId
from lazulite.store import resources
from lazulite.store.resources import Resource

_OURS = ("subscription", "resourceGroup")  # ours, kept in the row to print the id as it was first written


def list_in_subscription(call: Call, parts: Parts) -> Reply:
    """Lists a subscription's registries, oldest first."""
    return _list(call, parts, call.ids["subscription"], None)


def list_in_group(call: Call, parts: Parts) -> Reply:
    """Lists a resource group's registries, oldest first."""
    return _list(call, parts, call.ids["subscription"], call.ids["group"])


def get(call: Call, parts: Parts) -> Reply:
    """Answers the registry."""
    with parts.db.read() as connection:
        return Reply(_show(_find(connection, call), call, parts))


def put(call: Call, parts: Parts) -> Reply:
    """Makes a registry, or replaces its tags and properties; done when it answers.

    Raises Conflict when another resource group has a registry of that name: it is the only one in all ids of assets.
    """
    with parts.db.write() as connection:
        before = resources.get(connection, registries.place(call.ids["registry"]))
        given = shapes.patched(before.body if before else {"properties": {}}, call.body)
        if not before:
            return Reply(_show(registries.ensure(connection, given, call, parts), call, parts), 201)
        _refuse_elsewhere(before, call)
        return Reply(_show(_change(connection, before, given, call), call, parts))


def patch(call: Call, parts: Parts) -> Reply:
    """Changes what the body names."""
    with parts.db.write() as connection:
        before = _find(connection, call)
        row = _change(connection, before, shapes.patched(before.body, call.body), call)
    return Reply(_show(row, call, parts))


def delete(call: Call, parts: Parts) -> Reply:
    """Deletes the registry with every asset in it; their bytes stay, which jobs may be reading."""
    with parts.db.write() as connection:
        place = registries.place(call.ids["registry"])
        row = resources.get(connection, place)
        if row:
            _refuse_elsewhere(row, call)
            resources.remove(connection, place)
            resources.remove_scope(connection, RegistryId(row.place.name).scope)
    return Reply(status=200 if row else 204)


def _list(call: Call, parts: Parts, subscription: str, group: str | None) -> Reply:
    with parts.db.read() as connection:
        place = registries.place("")
        rows = resources.containers(connection, place.scope, place.kind)
    mine = [
        row
        for row in rows
        if row.body["subscription"].lower() == subscription.lower()
        and (group is None or row.body["resourceGroup"].lower() == group.lower())
    ]
    return shapes.page([_show(row, call, parts) for row in mine])


def _find(connection: Connection, call: Call) -> Resource:
    row = resources.get(connection, registries.place(call.ids["registry"]))
    if not row or not _is_here(row, call):
        raise NotFound(
            f'Registry "{call.ids["registry"]}" was not found in resource group "{call.ids["group"]}".',
            target="registry",
        )
    return row


def _is_here(row: Resource, call: Call) -> bool:
    where = (row.body["subscription"].lower(), row.body["resourceGroup"].lower())
    return where == (call.ids["subscription"].lower(), call.ids["group"].lower())


def _refuse_elsewhere(row: Resource, call: Call) -> None:
    if not _is_here(row, call):
        raise Conflict(
            f'There is a registry "{row.place.name}" in resource group "{row.body["resourceGroup"]}" of subscription '
            f"{row.body['subscription']}: names of registries are unique.",
            target="registry",
        )


def _change(connection: Connection, row: Resource, given: JsonObject, call: Call) -> Resource:
    body = {
        **given,
        **{name: row.body[name] for name in _OURS},
        "location": given["location"] or row.body["location"],
    }
    changed, _ = resources.put(connection, row.place, body, now=call.now, who=call.who.name)
    return changed


def _show(row: Resource, call: Call, parts: Parts) -> JsonObject:
    name, region = row.place.name, row.body["location"]
    group = f"/subscriptions/{row.body['subscription']}/resourceGroups/{row.body['resourceGroup']}"
    base = addresses.data_plane(call, parts.settings, region)
    properties = {
        **row.body["properties"],
        "discoveryUrl": f"{base}/registrymanagement/v1.0/registries/{name}/discovery",
        "provisioningState": "Succeeded",
    }
    shown = shapes.envelope(row, f"{group}/providers/{PROVIDER}/registries/{name}", "", properties)
    return {key: value for key, value in shown.items() if key not in _OURS} | {"type": f"{PROVIDER}/registries"}


_LIST = f"providers/{PROVIDER}/registries"

ROUTES = (
    Route("GET", f"/subscriptions/{{subscription}}/{_LIST}", list_in_subscription),
    Route("GET", f"{scopes.GROUP}/{_LIST}", list_in_group),
    Route("GET", registries.ARM, get),
    Route("PUT", registries.ARM, put),
    Route("PATCH", registries.ARM, patch),
    Route("DELETE", registries.ARM, delete),
)
