"""Finds a workspace by the scope that its rows are stored under."""

from dataclasses import dataclass

from sqlalchemy import Connection

from lazulite.ids import WorkspaceId
from lazulite.store import resources
from lazulite.store.resources import Place


@dataclass(frozen=True)
class Workspace:
    """A workspace's names: its id as first written, its region, and the GUID that data planes know it by."""

    id: WorkspaceId
    region: str
    guid: str


def of_scope(connection: Connection, scope: str) -> Workspace:
    """Returns the workspace of a scope; of one that has been deleted, what the scope tells."""
    subscription, group, name = scope.split("/")
    row = resources.get(connection, Place(f"{subscription}/{group}", "workspaces", name))
    if not row:
        return Workspace(WorkspaceId(subscription, group, name), "", "")
    found = WorkspaceId(row.body["subscription"], row.body["resourceGroup"], row.place.name)
    return Workspace(found, row.body["location"], row.body["properties"]["workspaceId"])
