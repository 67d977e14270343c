"""MLflow's model versions: create, get, search, update, stages, tags, delete, where their files are."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Connection

from lazulite import fields
from lazulite.dataplane.mlflow import addresses, artifacts, model_shapes, wire
from lazulite.dataplane.mlflow.addresses import Stored
from lazulite.dataplane.mlflow.model_shapes import KIND, NO_STAGE, aliases_of, find_container, find_version, stage_of
from lazulite.dataplane.mlflow.runs import TAG_LIMIT
from lazulite.errors import BadRequest, NotFound
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.ids import AssetId, WorkspaceId
from lazulite.store import assets, resources
from lazulite.store.resources import Resource
from lazulite.tracking import experiments, filters, logged_models, runs
from lazulite.tracking.filters import Searchable

_PAGE, _PAGE_LIMIT = 10_000, 200_000
_SEARCHABLE = Searchable(
    texts=frozenset(("name", "run_id", "source_path")),
    numbers=frozenset(("version_number", "creation_timestamp", "last_updated_timestamp")),
    kinds=frozenset(("tag",)),
)
_STAGES = {stage.lower(): stage for stage in (NO_STAGE, "Staging", "Production", "Archived")}
_MODEL = re.compile(r"models:/+(?!m-[0-9a-f]{32})(?P<name>[^/@]+)(?:/(?P<version>[^/]+)|@(?P<alias>[^/]+))")
_MLMODEL_LIMIT_BYTES = 256 << 10
_REGISTERED_AS = "mlflow.modelVersions"

Properties = dict[str, Any]


def create(call: Call, parts: Parts) -> Reply:
    """Registers the next version of a model, made of artifacts that are already stored here."""
    workspace, body = scopes.workspace(call, parts), call.body
    name, source = fields.text(body, "name", required=True), fields.text(body, "source", required=True)
    with parts.db.write() as connection:
        container = find_container(connection, workspace, name)
        stored = _stored(connection, workspace, source)
        path = artifacts.place(parts, connection, workspace, stored)
        if not path.exists():
            raise NotFound(f'There is nothing at "{source}".', target="source", hint="Log the model first.")
        flavors = _flavors(path)
        own = {
            model_shapes.SOURCE: source,
            model_shapes.RUN_LINK: fields.text(body, "run_link"),
            model_shapes.MODEL_ID: fields.text(body, "model_id") or addresses.model_of(source),
        }
        properties = {
            "modelUri": stored.uri(workspace),
            "modelType": "mlflow_model" if flavors else "custom_model",
            "flavors": flavors,
            "description": fields.text(body, "description"),
            "tags": wire.pairs(body, "tags", TAG_LIMIT),
            "properties": {key: value for key, value in own.items() if value},
            "isAnonymous": False,
            "jobName": fields.text(body, "run_id") or _run_of(connection, workspace, stored),
        }
        asset = AssetId(workspace, KIND, container.place.name)
        row = assets.register(connection, asset, properties, now=call.now, who=call.who.name)
        _tell_logged_model(connection, call, workspace, row)
    return Reply({"model_version": model_shapes.show_version(row, aliases_of(container))})


def get(call: Call, parts: Parts) -> Reply:
    """Answers one version."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        container, row = _named(connection, workspace, call.query)
    return Reply({"model_version": model_shapes.show_version(row, aliases_of(container))})


def get_download_uri(call: Call, parts: Parts) -> Reply:
    """Answers where a version's files are, as the asking client can read it."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        _, row = _named(connection, workspace, call.query)
        stored = addresses.read(connection, workspace, str(row.body["properties"]["modelUri"]))
    uri = addresses.artifact_uri(call, workspace, experiments.DEFAULT_ID, stored)
    return Reply({"artifact_uri": uri})


def get_latest(call: Call, parts: Parts) -> Reply:
    """Answers the newest version of each stage, or of those that are asked for."""
    workspace, asked = scopes.workspace(call, parts), wire.asked(call, "stages")
    stages = [_stage(stage) for stage in wire.strings(asked, "stages")]
    with parts.db.read() as connection:
        container = find_container(connection, workspace, fields.text(asked, "name", required=True))
        rows = resources.versions(connection, workspace.scope, KIND, container.place.name)
    newest = [row for row in model_shapes.newest_by_stage(rows) if not stages or stage_of(row) in stages]
    return Reply({"model_versions": [model_shapes.show_version(row, aliases_of(container)) for row in newest]})


def search(call: Call, parts: Parts) -> Reply:
    """Answers a page of the versions that a filter finds, the newest first where nothing else is asked for."""
    workspace, query = scopes.workspace(call, parts), wire.asked(call, "order_by")
    clauses = filters.parse(fields.text(query, "filter"), _SEARCHABLE)
    order = [filters.parse_order(text, _SEARCHABLE) for text in wire.strings(query, "order_by")]
    offset, limit = wire.offset_of(query), wire.limit_of(query, _PAGE, _PAGE_LIMIT)
    with parts.db.read() as connection:
        rows = resources.all_versions(connection, workspace.scope, KIND)
        found = filters.find(rows, clauses, order, model_shapes.version_value)[offset : offset + limit + 1]
        aliases = {
            row.place.name.lower(): aliases_of(row)
            for row in resources.containers(connection, workspace.scope, KIND, archived=None)
        }
    shown = [model_shapes.show_version(row, aliases.get(row.place.name.lower(), {})) for row in found]
    return wire.page("model_versions", shown, offset, limit)


def update(call: Call, parts: Parts) -> Reply:
    """Changes the description."""
    description = fields.text(call.body, "description")
    return _change(call, parts, lambda old: {**old, "description": description})


def transition(call: Call, parts: Parts) -> Reply:
    """Moves a version to a stage, and out of it to Archived, if asked, those that are there."""
    stage, archives = _stage(fields.text(call.body, "stage", required=True)), call.body.get("archive_existing_versions")
    workspace = scopes.workspace(call, parts)
    reply = _change(call, parts, lambda old: {**old, "stage": stage})
    if archives and stage in ("Staging", "Production"):
        with parts.db.write() as connection:
            _, moved = _named(connection, workspace, call.body)
            for row in resources.versions(connection, workspace.scope, KIND, moved.place.name):
                if row.place != moved.place and stage_of(row) == stage:
                    _put(connection, call, row, {**row.body["properties"], "stage": "Archived"})
    return reply


def delete(call: Call, parts: Parts) -> Reply:
    """Deletes a version and the aliases that mean it; its files stay."""
    workspace = scopes.workspace(call, parts)
    with parts.db.write() as connection:
        container, row = _named(connection, workspace, call.body)
        resources.remove(connection, row.place)
        left = {alias: version for alias, version in aliases_of(container).items() if version != row.place.version}
        _put(connection, call, container, {**container.body["properties"], "aliases": left})
    return Reply({})


def set_tag(call: Call, parts: Parts) -> Reply:
    """Sets a tag."""
    _change(call, parts, model_shapes.tagged(call.body))
    return Reply({})


def delete_tag(call: Call, parts: Parts) -> Reply:
    """Removes a tag; one that is not there is no error."""
    _change(call, parts, model_shapes.untagged(call.body))
    return Reply({})


def _named(connection: Connection, workspace: WorkspaceId, asked: Mapping[str, Any]) -> tuple[Resource, Resource]:
    container = find_container(connection, workspace, fields.text(asked, "name", required=True))
    version = asked.get("version")
    return container, find_version(connection, workspace, container.place.name, "" if version is None else str(version))


def _change(call: Call, parts: Parts, changes: Callable[[Properties], Properties]) -> Reply:
    workspace = scopes.workspace(call, parts)
    with parts.db.write() as connection:
        container, row = _named(connection, workspace, call.body)
        changed = _put(connection, call, row, changes(row.body["properties"]))
    return Reply({"model_version": model_shapes.show_version(changed, aliases_of(container))})


def _put(connection: Connection, call: Call, row: Resource, properties: Properties) -> Resource:
    body = {**row.body, "properties": properties}
    changed, _ = resources.put(
        connection, row.place, body, now=call.now, who=call.who.name, is_archived=row.is_archived
    )
    return changed


def _stage(given: str) -> str:
    stage = _STAGES.get(given.lower())
    if not stage:
        raise BadRequest(f"Invalid stage {given!r}: it must be one of {', '.join(_STAGES.values())}.", target="stage")
    return stage


def _stored(connection: Connection, workspace: WorkspaceId, source: str) -> Stored:
    """Finds what a version is made of; `models:/name/version` and `models:/name@alias` are other versions' files."""
    other = _MODEL.fullmatch(source)
    if not other:
        return addresses.read(connection, workspace, source)
    container = find_container(connection, workspace, other["name"])
    version = other["version"] or aliases_of(container).get(other["alias"], "")
    row = find_version(connection, workspace, container.place.name, version)
    return addresses.read(connection, workspace, str(row.body["properties"]["modelUri"]))


def _run_of(connection: Connection, workspace: WorkspaceId, stored: Stored) -> str | None:
    run_id = addresses.run_of(stored)
    run = runs.get(connection, workspace.scope, run_id) if run_id else None
    return run.id if run else None


def _flavors(path: Path) -> JsonObject:
    """Reads which flavors a folder's MLmodel file tells of, as ARM has them; {} where there is no such file."""
    file = path / "MLmodel"
    if not file.is_file() or file.stat().st_size > _MLMODEL_LIMIT_BYTES:
        return {}
    try:
        told = yaml.safe_load(file.read_bytes())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadRequest(f"The model's MLmodel file is not YAML: {error}.", target="source") from error
    flavors = told.get("flavors") if isinstance(told, dict) else None
    if not isinstance(flavors, dict):
        return {}
    return {
        str(name): {
            "data": {str(key): str(value) for key, value in data.items() if isinstance(value, str | int | float)}
        }
        for name, data in flavors.items()
        if isinstance(data, dict)
    }


def _tell_logged_model(connection: Connection, call: Call, workspace: WorkspaceId, row: Resource) -> None:
    """Notes with a logged model as what it was registered. Source: mlflow 3.17, set_model_versions_tags."""
    identifier = row.body["properties"]["properties"].get(model_shapes.MODEL_ID)
    model = logged_models.get(connection, workspace.scope, identifier) if identifier else None
    if model:
        before = json.loads(model.tags.get(_REGISTERED_AS, "[]"))
        told = json.dumps([*before, {"name": row.place.name, "version": row.place.version}])
        logged_models.change(connection, model, call.now, tags={**model.tags, _REGISTERED_AS: told})


_ROOT = f"{wire.API}/model-versions"

ROUTES = (
    Route("POST", f"{_ROOT}/create", create),
    Route("GET", f"{_ROOT}/get", get),
    Route("GET", f"{_ROOT}/get-download-uri", get_download_uri),
    Route("GET", f"{_ROOT}/search", search),
    Route("PATCH", f"{_ROOT}/update", update),
    Route("POST", f"{_ROOT}/transition-stage", transition),
    Route("DELETE", f"{_ROOT}/delete", delete),
    Route("POST", f"{_ROOT}/set-tag", set_tag),
    Route("DELETE", f"{_ROOT}/delete-tag", delete_tag),
    Route("POST", f"{wire.API}/registered-models/get-latest-versions", get_latest),
    Route("GET", f"{wire.API}/registered-models/get-latest-versions", get_latest),
)
