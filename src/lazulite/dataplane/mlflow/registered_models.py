"""MLflow's registered models: create, get, search, rename, update, delete, tags, aliases."""

import re
from collections.abc import Callable
from typing import Any

from lazulite import fields
from lazulite.dataplane.mlflow import model_shapes, wire
from lazulite.dataplane.mlflow.model_shapes import KIND, aliases_of, find_container, find_version
from lazulite.dataplane.mlflow.runs import TAG_LIMIT
from lazulite.errors import BadRequest, Conflict, NotFound, NotImplementedHere
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.ids import check_name
from lazulite.store import resources
from lazulite.store.resources import Place
from lazulite.tracking import filters
from lazulite.tracking.filters import Searchable

_PAGE, _PAGE_LIMIT = 100, 1000
_SEARCHABLE = Searchable(
    texts=frozenset(("name",)),
    numbers=frozenset(("creation_timestamp", "last_updated_timestamp")),
    kinds=frozenset(("tag",)),
    aliases=(("timestamp", "last_updated_timestamp"),),
)
# Source: mlflow 3.17 utils/validation.py, _validate_model_alias_name.
_ALIAS = re.compile(r"(?!latest$)(?!v\d+$)[\w\-]{1,255}", re.IGNORECASE)

Properties = dict[str, Any]


def create(call: Call, parts: Parts) -> Reply:
    """Makes a model without versions. Raises Conflict (409) when the name is taken."""
    workspace, body = scopes.workspace(call, parts), call.body
    name, tags = fields.text(body, "name", required=True), wire.pairs(body, "tags", TAG_LIMIT)
    if model_shapes.IS_PROMPT in tags:
        raise NotImplementedHere("Lazulite keeps no prompts: its registry is the workspace's, of models.")
    place = Place(workspace.scope, KIND, check_name(name, "model"))
    with parts.db.write() as connection:
        before = resources.get(connection, place)
        if before and not before.is_archived:
            raise Conflict(f"Registered Model (name={name}) already exists.", target="name")
        properties = {"description": fields.text(body, "description"), "tags": tags}
        row, _ = resources.put(connection, place, {"properties": properties}, now=call.now, who=call.who.name)
        return Reply({"registered_model": model_shapes.show_container(connection, row)})


def get(call: Call, parts: Parts) -> Reply:
    """Answers one model with the newest version of each stage."""
    workspace, name = scopes.workspace(call, parts), fields.text(call.query, "name", required=True)
    with parts.db.read() as connection:
        row = find_container(connection, workspace, name)
        return Reply({"registered_model": model_shapes.show_container(connection, row)})


def search(call: Call, parts: Parts) -> Reply:
    """Answers a page of the models that a filter finds, by name where nothing else is asked for."""
    workspace, query = scopes.workspace(call, parts), wire.asked(call, "order_by")
    clauses = filters.parse(fields.text(query, "filter"), _SEARCHABLE)
    order = [filters.parse_order(text, _SEARCHABLE) for text in wire.strings(query, "order_by")]
    offset, limit = wire.offset_of(query), wire.limit_of(query, _PAGE, _PAGE_LIMIT)
    with parts.db.read() as connection:
        rows = sorted(resources.containers(connection, workspace.scope, KIND), key=lambda row: row.place.name)
        found = filters.find(rows, clauses, order, model_shapes.container_value)
        shown = [model_shapes.show_container(connection, row) for row in found[offset : offset + limit + 1]]
    return wire.page("registered_models", shown, offset, limit)


def rename(call: Call, parts: Parts) -> Reply:
    """Gives a model another name; deployments go on with what they have. Raises Conflict (409) when it is taken."""
    workspace, new_name = scopes.workspace(call, parts), fields.text(call.body, "new_name", required=True)
    with parts.db.write() as connection:
        row = find_container(connection, workspace, fields.text(call.body, "name", required=True))
        if resources.get(connection, Place(workspace.scope, KIND, new_name)):
            raise Conflict(f"Registered Model (name={new_name}) already exists.", target="new_name")
        renamed = resources.rename(connection, row.place, check_name(new_name, "model"))
        return Reply({"registered_model": model_shapes.show_container(connection, renamed)})


def update(call: Call, parts: Parts) -> Reply:
    """Changes the description."""
    description = fields.text(call.body, "description")
    return Reply({"registered_model": _change(call, parts, lambda old: {**old, "description": description})})


def delete(call: Call, parts: Parts) -> Reply:
    """Deletes a model with all its versions; their files stay, since runs and other models may have them."""
    workspace = scopes.workspace(call, parts)
    with parts.db.write() as connection:
        row = find_container(connection, workspace, fields.text(call.body, "name", required=True))
        resources.remove(connection, row.place)
    return Reply({})


def set_tag(call: Call, parts: Parts) -> Reply:
    """Sets a tag."""
    _change(call, parts, model_shapes.tagged(call.body))
    return Reply({})


def delete_tag(call: Call, parts: Parts) -> Reply:
    """Removes a tag; one that is not there is no error."""
    _change(call, parts, model_shapes.untagged(call.body))
    return Reply({})


def set_alias(call: Call, parts: Parts) -> Reply:
    """Lets an alias mean a version, whatever it meant before. Raises NotFound (404) for no version."""
    alias, version = _alias(call.body), fields.text(call.body, "version", required=True)
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        find_version(connection, workspace, fields.text(call.body, "name", required=True), version)
    _change(call, parts, lambda old: {**old, "aliases": {**(old.get("aliases") or {}), alias: version}})
    return Reply({})


def delete_alias(call: Call, parts: Parts) -> Reply:
    """Removes an alias; one that is not there is no error."""
    alias = _alias(call.body)
    _change(
        call, parts, lambda old: {**old, "aliases": {k: v for k, v in (old.get("aliases") or {}).items() if k != alias}}
    )
    return Reply({})


def get_by_alias(call: Call, parts: Parts) -> Reply:
    """Answers the version that an alias means."""
    workspace, alias = scopes.workspace(call, parts), _alias(call.query)
    with parts.db.read() as connection:
        row = find_container(connection, workspace, fields.text(call.query, "name", required=True))
        aliases = aliases_of(row)
        if alias not in aliases:
            raise NotFound(f"Registered model alias {alias} not found.", target="alias")
        version = find_version(connection, workspace, row.place.name, aliases[alias])
    return Reply({"model_version": model_shapes.show_version(version, aliases)})


def _alias(body: JsonObject | Any) -> str:
    alias = fields.text(body, "alias", required=True)
    if not _ALIAS.fullmatch(alias):
        raise BadRequest(
            f"{alias!r} is no alias: it must be letters, digits, - and _, and neither latest nor like v1.",
            target="alias",
        )
    return alias


def _change(call: Call, parts: Parts, changes: Callable[[Properties], Properties]) -> JsonObject:
    workspace = scopes.workspace(call, parts)
    with parts.db.write() as connection:
        row = find_container(connection, workspace, fields.text(call.body, "name", required=True))
        body = {**row.body, "properties": changes(row.body["properties"])}
        changed, _ = resources.put(
            connection, row.place, body, now=call.now, who=call.who.name, is_archived=row.is_archived
        )
        return model_shapes.show_container(connection, changed)


_ROOT = f"{wire.API}/registered-models"

ROUTES = (
    Route("POST", f"{_ROOT}/create", create, partial="prompts"),
    Route("GET", f"{_ROOT}/get", get),
    Route("GET", f"{_ROOT}/search", search),
    Route("POST", f"{_ROOT}/rename", rename),
    Route("PATCH", f"{_ROOT}/update", update),
    Route("DELETE", f"{_ROOT}/delete", delete),
    Route("POST", f"{_ROOT}/set-tag", set_tag),
    Route("DELETE", f"{_ROOT}/delete-tag", delete_tag),
    Route("POST", f"{_ROOT}/alias", set_alias),
    Route("DELETE", f"{_ROOT}/alias", delete_alias),
    Route("GET", f"{_ROOT}/alias", get_by_alias),
)
