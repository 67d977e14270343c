"""Finds the version of an asset that a reference means: a version, a label, or neither."""

from sqlalchemy import Connection

from lazulite.errors import NotFound
from lazulite.ids import AssetId, WorkspaceId
from lazulite.store import resources
from lazulite.store.resources import Place, Resource


def resolve(connection: Connection, asset: AssetId) -> Resource:
    """Returns the row that an asset id names; `latest`, `default` and nothing all mean the newest active version.

    Raises NotFound naming the versions that exist.
    """
    scope = asset.owner.scope if isinstance(asset.owner, WorkspaceId) else asset.owner.lower()
    if asset.version:
        row = resources.get(connection, Place(scope, asset.kind, asset.name, asset.version))
        if row:
            return row
    elif (asset.label or "latest").lower() in ("latest", "default"):
        newest = resources.versions(connection, scope, asset.kind, asset.name, limit=1)
        if newest:
            return newest[0]
    raise _unknown(connection, scope, asset)


def _unknown(connection: Connection, scope: str, asset: AssetId) -> NotFound:
    rows = resources.versions(connection, scope, asset.kind, asset.name, archived=None, limit=10)
    wanted = f":{asset.version}" if asset.version else f"@{asset.label}" if asset.label else ""
    known = f"It has versions {', '.join(row.place.version for row in rows)}." if rows else "Nothing has that name."
    return NotFound(f'{asset.kind} "{asset.name}{wanted}" was not found in {scope}. {known}', target=asset.kind)
