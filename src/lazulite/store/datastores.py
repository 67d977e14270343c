"""Finds the datastore that a URI names: whose folder or account holds its bytes."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from lazulite.errors import NotFound
from lazulite.ids import Owner, WorkspaceId
from lazulite.store import resources
from lazulite.store.resources import Place


def reader(connection: Connection, here: Owner) -> Callable[[WorkspaceId | None, str], dict[str, Any]]:
    """Makes the function that `artifacts.locate` asks: a datastore's properties by workspace (None: here) and name.

    That function raises NotFound naming the workspace's datastores; a registry has none.
    """

    def properties(workspace: WorkspaceId | None, name: str) -> dict[str, Any]:
        owner = workspace or here
        row = resources.get(connection, Place(owner.scope, "datastores", name))
        if row:
            return dict(row.body["properties"])
        known = ", ".join(row.place.name for row in resources.containers(connection, owner.scope, "datastores"))
        has = f"It has {known}." if known else "It has none."
        raise NotFound(f'Datastore "{name}" was not found in {owner.described}. {has}', target="datastore")

    return properties
