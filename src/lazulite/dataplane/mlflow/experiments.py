"""MLflow's experiments: create, get, search, update, delete, restore, tags."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Connection

from lazulite import fields
from lazulite.dataplane.mlflow import addresses, wire
from lazulite.errors import BadRequest, NotFound
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.ids import WorkspaceId
from lazulite.tracking import experiments, filters
from lazulite.tracking.experiments import Experiment
from lazulite.tracking.filters import Searchable

_TAG_LIMIT = 5000  # characters. Source: mlflow 3.17 utils/validation.py, MAX_EXPERIMENT_TAG_VAL_LENGTH
_PAGE, _PAGE_LIMIT = 1000, 50_000
_SEARCHABLE = Searchable(
    texts=frozenset(("name", "experiment_id")),
    numbers=frozenset(("creation_time", "last_update_time")),
    kinds=frozenset(("tag",)),
)


def create(call: Call, parts: Parts) -> Reply:
    """Makes an experiment; `artifact_location` is the platform's to choose, whatever the body says."""
    workspace, body = scopes.workspace(call, parts), call.body
    tags = wire.pairs(body, "tags", _TAG_LIMIT)
    with parts.db.write() as connection:
        made = experiments.create(connection, workspace.scope, fields.text(body, "name", required=True), tags, call.now)
    return Reply({"experiment_id": made.id})


def get(call: Call, parts: Parts) -> Reply:
    """Answers one experiment, by `experiment_id`."""
    workspace, identifier = scopes.workspace(call, parts), fields.text(call.query, "experiment_id", required=True)
    with parts.db.read() as connection:
        return Reply({"experiment": _show(call, workspace, experiments.get(connection, workspace.scope, identifier))})


def get_by_name(call: Call, parts: Parts) -> Reply:
    """Answers one experiment, by `experiment_name`."""
    workspace, name = scopes.workspace(call, parts), fields.text(call.query, "experiment_name", required=True)
    with parts.db.read() as connection:
        found = experiments.named(connection, workspace.scope, name)
    if not found:
        raise NotFound(f"Could not find experiment with name '{name}'.", target="experiment_name")
    return Reply({"experiment": _show(call, workspace, found)})


def search(call: Call, parts: Parts) -> Reply:
    """Answers a page of the experiments that a filter finds, the newest first."""
    workspace, body = scopes.workspace(call, parts), wire.asked(call, "order_by")
    clauses = filters.parse(fields.text(body, "filter"), _SEARCHABLE)
    order = [filters.parse_order(text, _SEARCHABLE) for text in wire.strings(body, "order_by")]
    offset, limit = wire.offset_of(body), wire.limit_of(body, _PAGE, _PAGE_LIMIT)
    is_archived = wire.view_of(body, "view_type")
    with parts.db.read() as connection:
        known = experiments.all_of(connection, workspace.scope)
    viewed = [one for one in known if is_archived in (None, one.is_archived)]
    found = filters.find(viewed, clauses, order, _value)
    shown = [_show(call, workspace, one) for one in found[offset : offset + limit + 1]]
    return wire.page("experiments", shown, offset, limit)


def update(call: Call, parts: Parts) -> Reply:
    """Renames an experiment that is not deleted."""
    name = fields.text(call.body, "new_name", required=True)
    with _changing(call, parts) as (connection, before):
        experiments.change(connection, before, call.now, name=name)
    return Reply({})


def delete(call: Call, parts: Parts) -> Reply:
    """Archives an experiment; its runs stay, and come back with it."""
    with _changing(call, parts) as (connection, before):
        experiments.change(connection, before, call.now, is_archived=True)
    return Reply({})


def restore(call: Call, parts: Parts) -> Reply:
    """Brings an archived experiment back."""
    with _changing(call, parts, is_archived=True) as (connection, before):
        experiments.change(connection, before, call.now, is_archived=False)
    return Reply({})


def set_tag(call: Call, parts: Parts) -> Reply:
    """Sets one tag."""
    tags = wire.pairs({"tags": [call.body]}, "tags", _TAG_LIMIT)
    with _changing(call, parts) as (connection, before):
        experiments.change(connection, before, call.now, tags={**before.tags, **tags})
    return Reply({})


def delete_tag(call: Call, parts: Parts) -> Reply:
    """Removes one tag. Raises NotFound (404) when there is none."""
    key = wire.key_of(call.body)
    with _changing(call, parts) as (connection, before):
        if key not in before.tags:
            raise NotFound(f"Experiment {before.id} has no tag {key!r}.", target="key")
        kept = {name: value for name, value in before.tags.items() if name != key}
        experiments.change(connection, before, call.now, tags=kept)
    return Reply({})


@contextmanager
def _changing(call: Call, parts: Parts, *, is_archived: bool = False) -> Iterator[tuple[Connection, Experiment]]:
    """Opens a transaction on the experiment that the body names. Raises BadRequest (400) in the other stage."""
    workspace, identifier = scopes.workspace(call, parts), fields.text(call.body, "experiment_id", required=True)
    with parts.db.write() as connection:
        found = experiments.get(connection, workspace.scope, identifier)
        if found.is_archived != is_archived:
            stage, other = ("deleted", "active") if is_archived else ("active", "deleted")
            raise BadRequest(f"The experiment {identifier} must be in the '{stage}' state, but is {other}.")
        yield connection, found


def _value(one: Experiment, kind: str, key: str) -> str | float | None:
    if kind == "tag":
        return one.tags.get(key)
    values: Mapping[str, str | float] = {
        "name": one.name,
        "experiment_id": one.id,
        "creation_time": wire.milliseconds(one.created_at),
        "last_update_time": wire.milliseconds(one.modified_at),
    }
    return values[key]


def _show(call: Call, workspace: WorkspaceId, one: Experiment) -> JsonObject:
    return {
        "experiment_id": one.id,
        "name": one.name,
        "artifact_location": addresses.artifact_uri(call, workspace, one.id, addresses.RUNS),
        "lifecycle_stage": "deleted" if one.is_archived else "active",
        "creation_time": wire.milliseconds(one.created_at),
        "last_update_time": wire.milliseconds(one.modified_at),
        "tags": wire.listed(one.tags),
    }


ROUTES = (
    Route("POST", f"{wire.API}/experiments/create", create, partial="artifact_location is the platform's to choose"),
    Route("GET", f"{wire.API}/experiments/get", get),
    Route("GET", f"{wire.API}/experiments/get-by-name", get_by_name),
    Route("GET", f"{wire.API}/experiments/search", search),
    Route("POST", f"{wire.API}/experiments/search", search),
    Route("POST", f"{wire.API}/experiments/update", update),
    Route("POST", f"{wire.API}/experiments/delete", delete),
    Route("POST", f"{wire.API}/experiments/restore", restore),
    Route("POST", f"{wire.API}/experiments/set-experiment-tag", set_tag),
    Route("POST", f"{wire.API}/experiments/delete-experiment-tag", delete_tag),
)
