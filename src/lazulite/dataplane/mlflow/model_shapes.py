"""The workspace's models as MLflow prints them, and how MLflow's words are kept in ARM's rows.

A registered model is a container, its version a version: tags and descriptions are the same, `jobName` is the run,
`stage` the stage. What only MLflow knows is in the container's `aliases` and the version's own properties.
"""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection

from lazulite.dataplane.mlflow import wire
from lazulite.dataplane.mlflow.runs import TAG_LIMIT
from lazulite.errors import NotFound
from lazulite.http.call import JsonObject
from lazulite.ids import WorkspaceId
from lazulite.store import resources
from lazulite.store.resources import Place, Resource
from lazulite.tracking.filters import Kind

KIND = "models"
# What Azure itself writes into the properties of a model that MLflow has registered, and two of our own.
# Source of the first: properties of such models as public code shows them.
SOURCE, RUN_LINK, MODEL_ID = "mlflow.modelSourceUri", "mlflow.runLink", "mlflow.modelId"
NO_STAGE = "None"
IS_PROMPT = "mlflow.prompt.is_prompt"


def find_container(connection: Connection, workspace: WorkspaceId, name: str) -> Resource:
    """Returns a registered model's row. Raises NotFound (404)."""
    row = resources.get(connection, Place(workspace.scope, KIND, name))
    if not row:
        raise NotFound(f"Registered Model with name={name} not found.", target="name")
    return row


def find_version(connection: Connection, workspace: WorkspaceId, name: str, version: str) -> Resource:
    """Returns a version's row. Raises NotFound (404)."""
    row = resources.get(connection, Place(workspace.scope, KIND, name, version)) if version else None
    if not row:
        raise NotFound(f"Model Version (name={name}, version={version}) not found.", target="version")
    return row


def tagged(body: JsonObject) -> Callable[[JsonObject], JsonObject]:
    """Reads `{key, value}`; returns what sets that tag among properties."""
    tags = wire.pairs({"tags": [body]}, "tags", TAG_LIMIT)
    return lambda old: {**old, "tags": {**(old.get("tags") or {}), **tags}}


def untagged(body: JsonObject) -> Callable[[JsonObject], JsonObject]:
    """Reads `{key}`; returns what removes that tag from properties, if it is there."""
    key = wire.key_of(body)
    return lambda old: {**old, "tags": {k: v for k, v in (old.get("tags") or {}).items() if k != key}}


def show_container(connection: Connection, row: Resource) -> JsonObject:
    """Prints a registered model with the newest version of each stage."""
    properties, aliases = row.body["properties"], aliases_of(row)
    versions = resources.versions(connection, row.place.scope, KIND, row.place.name)
    return {
        "name": row.place.name,
        "creation_timestamp": wire.milliseconds(row.created_at),
        "last_updated_timestamp": wire.milliseconds(max([row.modified_at, *(one.modified_at for one in versions[:1])])),
        "user_id": row.created_by,
        "description": properties.get("description") or "",
        "tags": wire.listed(properties.get("tags") or {}),
        "aliases": [{"alias": alias, "version": version} for alias, version in aliases.items()],
        "latest_versions": [show_version(one, aliases) for one in newest_by_stage(versions)],
    }


def show_version(row: Resource, aliases: Mapping[str, str]) -> JsonObject:
    """Prints a version. aliases: those of its registered model."""
    properties = row.body["properties"]
    own = properties.get("properties") or {}
    return {
        "name": row.place.name,
        "version": row.place.version,
        "creation_timestamp": wire.milliseconds(row.created_at),
        "last_updated_timestamp": wire.milliseconds(row.modified_at),
        "user_id": row.created_by,
        "current_stage": stage_of(row),
        "description": properties.get("description") or "",
        "source": source_of(row),
        "run_id": properties.get("jobName") or "",
        "run_link": own.get(RUN_LINK) or "",
        "model_id": own.get(MODEL_ID) or "",
        "status": "READY",
        "tags": wire.listed(properties.get("tags") or {}),
        "aliases": [alias for alias, version in aliases.items() if version == row.place.version],
    }


def newest_by_stage(versions: Sequence[Resource]) -> list[Resource]:
    """Returns the first version of each stage, of versions that are sorted newest first."""
    found: dict[str, Resource] = {}
    for row in versions:
        found.setdefault(stage_of(row), row)
    return list(found.values())


def aliases_of(container: Resource) -> dict[str, str]:
    """Returns a registered model's aliases: the version by the alias."""
    return dict(container.body["properties"].get("aliases") or {})


def stage_of(version: Resource) -> str:
    """Returns a version's stage."""
    return str(version.body["properties"].get("stage") or NO_STAGE)


def source_of(version: Resource) -> str:
    """Returns what a version says it was made of: what MLflow was told, or else where its files are."""
    properties = version.body["properties"]
    return str((properties.get("properties") or {}).get(SOURCE) or properties["modelUri"])


def container_value(row: Resource, kind: Kind, key: str) -> str | float | None:
    """Returns what a registered model is searched and sorted by."""
    if kind == "tag":
        return _tag(row, key)
    values: Mapping[str, str | float | None] = {"name": row.place.name, **_moments(row)}
    return values[key]


def version_value(row: Resource, kind: Kind, key: str) -> str | float | None:
    """Returns what a version is searched and sorted by."""
    if kind == "tag":
        return _tag(row, key)
    values: Mapping[str, str | float | None] = {
        "name": row.place.name,
        "version_number": int(row.place.version) if row.place.version.isdecimal() else None,
        "run_id": row.body["properties"].get("jobName"),
        "source_path": source_of(row),
        **_moments(row),
    }
    return values[key]


def _tag(row: Resource, key: str) -> str | None:
    tags: Mapping[str, str] = row.body["properties"].get("tags") or {}
    # MLflow 3 leaves prompts out of lists of models; none of ours is one, and none says so.
    return tags.get(key, "false" if key == IS_PROMPT else None)


def _moments(row: Resource) -> dict[str, str | float | None]:
    return {
        "creation_timestamp": wire.milliseconds(row.created_at),
        "last_updated_timestamp": wire.milliseconds(row.modified_at),
    }
