"""Versioned assets as rows: finds the version that a reference means, and registers what did not come by ARM."""

import difflib
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from lazulite.errors import NotFound
from lazulite.ids import AssetId, RegistryId, check_name
from lazulite.store import resources
from lazulite.store.resources import Place, Resource

# What clients write for the version that a component has by default.
# Source: azure-ai-ml 1.35.2 constants/_component.py and _common.py, DEFAULT_COMPONENT_VERSION.
DEFAULT_VERSION = "azureml_default"
# Clients ask for what is not there before they make it: what is like it may not cost them much.
_NAMES_LOOKED_AT = 100


def resolve(connection: Connection, asset: AssetId) -> Resource:
    """Returns the row that an asset id names; `latest`, `default` and nothing all mean the newest active version.

    So does the version `azureml_default`. Raises NotFound naming the versions that exist.
    """
    scope = asset.owner.scope
    if asset.version and asset.version.lower() != DEFAULT_VERSION:
        row = resources.get(connection, Place(scope, asset.kind, asset.name, asset.version))
        if row:
            return row
    elif (asset.label or "latest").lower() in ("latest", "default"):
        newest = resources.versions(connection, scope, asset.kind, asset.name, limit=1)
        if newest:
            return newest[0]
    raise unknown(connection, asset)


def register(
    connection: Connection, asset: AssetId, properties: dict[str, Any], *, now: datetime, who: str
) -> Resource:
    """Writes a version of an asset, the next whole number where the id names none, and its container if need be.

    properties: complete, as ARM's `accept` of that kind would leave them. An anonymous asset is in no list.
    """
    scope = asset.owner.scope
    container = Place(scope, asset.kind, check_name(asset.name, asset.kind))
    version = asset.version or resources.next_version(connection, scope, asset.kind, asset.name)
    if not resources.get(connection, container):
        is_hidden = bool(properties.get("isAnonymous"))
        resources.put(connection, container, {"properties": {}}, now=now, who=who, is_archived=is_hidden)
    place = Place(scope, asset.kind, asset.name, check_name(version, "version"))
    row, _ = resources.put(connection, place, {"properties": properties}, now=now, who=who)
    return row


def unknown(connection: Connection, asset: AssetId) -> NotFound:
    """Makes the error of an asset that is not there, naming the versions that are, or names that are like its own."""
    where = f"in {asset.owner.described}"
    rows = resources.versions(connection, asset.owner.scope, asset.kind, asset.name, archived=None, limit=10)
    if not rows:
        hint = None
        if isinstance(asset.owner, RegistryId):
            hint = "A registry holds here what was put into it: create it there, or share it from a workspace."
        elif close := _close(connection, asset):
            hint = f"Did you mean {' or '.join(close)}?"
        return NotFound(f'{asset.kind} "{asset.name}" was not found {where}.', target="name", hint=hint)
    wanted = f'version "{asset.version}"' if asset.version else f'label "{asset.label or "latest"}"'
    known = ", ".join(row.place.version for row in rows)
    return NotFound(f'{asset.kind} "{asset.name}" has no {wanted} {where}. It has {known}.', target="version")


def _close(connection: Connection, asset: AssetId) -> list[str]:
    newest = resources.latest(connection, asset.owner.scope, asset.kind, limit=_NAMES_LOOKED_AT)
    return difflib.get_close_matches(asset.name, [row.place.name for row in newest], n=3)
