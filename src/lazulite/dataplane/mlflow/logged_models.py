"""MLflow 3's logged models: create, finalize, get, delete, search, tags and parameters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lazulite import fields
from lazulite.dataplane.mlflow import addresses, run_shapes, wire
from lazulite.dataplane.mlflow.logged import PARAM_LIMIT
from lazulite.dataplane.mlflow.runs import TAG_LIMIT, random_name
from lazulite.engine import folders
from lazulite.errors import BadRequest, NotFound
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.ids import WorkspaceId
from lazulite.tracking import experiments, filters, logged_models, runs
from lazulite.tracking import search as search_runs
from lazulite.tracking.filters import Comparison, Searchable
from lazulite.tracking.logged_models import LoggedModel, ModelPoint, NewModel
from lazulite.tracking.search import Search

_PAGE, _PAGE_LIMIT = 100, 5000
_RUNS_LOOKED_AT = 1000
_SEARCHABLE = Searchable(
    texts=frozenset(("name", "model_id", "model_type", "status", "source_run_id", "experiment_id")),
    numbers=frozenset(("creation_timestamp", "last_updated_timestamp")),
    kinds=frozenset(("metric", "param", "tag")),
    aliases=(
        ("creation_time", "creation_timestamp"),
        ("creation_timestamp_ms", "creation_timestamp"),
        ("last_updated_time", "last_updated_timestamp"),
        ("last_updated_timestamp_ms", "last_updated_timestamp"),
    ),
)
_NOT_IN_NAMES = frozenset("/:.%\"'")  # Source: mlflow 3.17 utils/validation.py, _validate_logged_model_name

Dataset = tuple[str, str]  # name and digest; an empty digest is any
Value = Callable[[LoggedModel, Sequence[ModelPoint]], str | float | None]


def create(call: Call, parts: Parts) -> Reply:
    """Makes a model, pending until it is finalized. Its files go into its run's folder, under the model's name."""
    workspace, body = scopes.workspace(call, parts), call.body
    name = fields.text(body, "name") or random_name()
    if _NOT_IN_NAMES & set(name) or not name.isprintable() or len(name) > 250:
        raise BadRequest(f"{name!r} is no model's name: it must not hold any of {' '.join(sorted(_NOT_IN_NAMES))}.")
    with parts.db.write() as connection:
        experiment = experiments.get(connection, workspace.scope, fields.text(body, "experiment_id") or "0")
        run_id = fields.text(body, "source_run_id")
        run = runs.find(connection, workspace.scope, run_id) if run_id else None
        new = NewModel(
            experiment=experiment.id,
            name=name,
            run=run.id if run else "",
            kind=fields.text(body, "model_type"),
            tags=wire.pairs(body, "tags", TAG_LIMIT),
            params=wire.pairs(body, "params", PARAM_LIMIT),
        )
        made = logged_models.create(connection, workspace.scope, new, call.now)
    return Reply({"model": _show(call, workspace, made, [])})


def get(call: Call, parts: Parts) -> Reply:
    """Answers one model, a deleted one too where `allow_deleted` says so."""
    workspace, identifier = scopes.workspace(call, parts), call.ids["model"]
    with parts.db.read() as connection:
        found = logged_models.get(connection, workspace.scope, identifier)
        if not found or call.query.get("allow_deleted", "").lower() != "true":
            found = logged_models.find(connection, workspace.scope, identifier)
        points = logged_models.latest(connection, [found.id])[found.id]
    return Reply({"model": _show(call, workspace, found, points)})


def finalize(call: Call, parts: Parts) -> Reply:
    """Says how a model's making ended: LOGGED_MODEL_READY or LOGGED_MODEL_UPLOAD_FAILED."""
    given = call.body.get("status")
    numbered = dict(enumerate(logged_models.STATUSES, 1))
    status = numbered.get(given, "") if isinstance(given, int) else str(given)
    if status not in logged_models.STATUSES:
        raise BadRequest(f"status is {given!r}, but must be one of {', '.join(logged_models.STATUSES)}.")
    return _change(call, parts, lambda model: {"status": status})


def delete(call: Call, parts: Parts) -> Reply:
    """Deletes a model; its files stay with its run."""
    _change(call, parts, lambda model: {"is_deleted": True})
    return Reply({})


def set_tags(call: Call, parts: Parts) -> Reply:
    """Sets tags."""
    tags = wire.pairs(call.body, "tags", TAG_LIMIT)
    return _change(call, parts, lambda model: {"tags": {**model.tags, **tags}})


def delete_tag(call: Call, parts: Parts) -> Reply:
    """Removes a tag. Raises NotFound (404) when there is none."""
    key = call.ids["key"]

    def without(model: LoggedModel) -> dict[str, Any]:
        if key not in model.tags:
            raise NotFound(f"No tag with key {key!r} in logged model {model.id}.", target="tag_key")
        return {"tags": {name: value for name, value in model.tags.items() if name != key}}

    return _change(call, parts, without)


def log_params(call: Call, parts: Parts) -> Reply:
    """Adds parameters."""
    params = wire.pairs(call.body, "params", PARAM_LIMIT)
    _change(call, parts, lambda model: {"params": {**model.params, **params}})
    return Reply({})


def search(call: Call, parts: Parts) -> Reply:
    """Answers a page of the models of some experiments that a filter finds, the newest first.

    `datasets` narrows which metrics count; without a clause on metrics a model must have one on such a dataset.
    """
    workspace, body = scopes.workspace(call, parts), call.body
    clauses = filters.parse(fields.text(body, "filter"), _SEARCHABLE)
    datasets = [_dataset(item) for item in wire.objects(body, "datasets")]
    order = [_order(item) for item in wire.objects(body, "order_by")]
    offset, limit = wire.offset_of(body), wire.limit_of(body, _PAGE, _PAGE_LIMIT)
    within = wire.strings(body, "experiment_ids")
    if [(one.key, one.operator) for one in clauses] == [("name", "=")] and addresses.is_plugin(call):
        path = str(clauses[0].value).strip("/")
        clauses = [replace(clauses[0], value=path)]
        if addresses.is_clean(path):
            _adopt(call, parts, within, path)
    with parts.db.read() as connection:
        known = logged_models.in_experiments(connection, workspace.scope, within)
        points = logged_models.latest(connection, [model.id for model in known])
    found = [model for model in known if _matches(model, points[model.id], clauses, datasets)]
    for value_of, is_ascending in reversed(order):
        found = _sorted([(value_of(model, points[model.id]), model) for model in found], is_ascending)
    shown = [_show(call, workspace, model, points[model.id]) for model in found[offset : offset + limit + 1]]
    return wire.page("models", shown, offset, limit)


def _adopt(call: Call, parts: Parts, within: Sequence[str], path: str) -> None:
    """Makes logged models of folders of that path which runs left among their artifacts with an MLmodel in them.

    `register_model("runs:/{run}/{path}")` of MLflow 3 asks for such models where it sees no MLmodel, which
    azureml-mlflow, that lists whole runs only, never shows it.
    Source: mlflow 3.15 tracking/_model_registry/fluent.py, _register_model; azureml-mlflow 1.62
    _store/artifact/artifact_repo.py, list_artifacts. What Azure answers: guess.
    """
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        newest = search_runs.find(connection, workspace.scope, Search(within, limit=_RUNS_LOOKED_AT))
    home = parts.settings.home
    found = [run for run in newest if (folders.artifacts(home, workspace, run.id) / path / "MLmodel").is_file()]
    if found:
        with parts.db.write() as connection:
            for run in found:
                logged_models.adopt(connection, run, path, call.now)


def _change(call: Call, parts: Parts, changes: Callable[[LoggedModel], Mapping[str, Any]]) -> Reply:
    workspace = scopes.workspace(call, parts)
    with parts.db.write() as connection:
        before = logged_models.find(connection, workspace.scope, call.ids["model"])
        after = logged_models.change(connection, before, call.now, **changes(before))
        points = logged_models.latest(connection, [after.id])[after.id]
    return Reply({"model": _show(call, workspace, after, points)})


def _dataset(item: JsonObject) -> Dataset:
    return fields.text(item, "dataset_name", required=True), fields.text(item, "dataset_digest")


def _is_on(point: ModelPoint, datasets: Sequence[Dataset]) -> bool:
    return not datasets or any(
        point.dataset_name == name and digest in ("", point.dataset_digest) for name, digest in datasets
    )


def _matches(
    model: LoggedModel, points: Sequence[ModelPoint], clauses: Sequence[Comparison], datasets: Sequence[Dataset]
) -> bool:
    counted = [each.point for each in points if _is_on(each, datasets)]
    if datasets and not counted:
        return False
    return all(
        any(filters.matches(clause, point.value) for point in counted if point.key == clause.key)
        if clause.kind == "metric"
        else filters.matches(clause, _value(model, clause.kind, clause.key))
        for clause in clauses
    )


def _order(item: JsonObject) -> tuple[Value, bool]:
    """Reads `{field_name, ascending, dataset_name, dataset_digest}`: how to get what is sorted by, and which way."""
    order = filters.parse_order(fields.text(item, "field_name", required=True), _SEARCHABLE)
    on = [_dataset(item)] if item.get("dataset_name") else []

    def value_of(model: LoggedModel, points: Sequence[ModelPoint]) -> str | float | None:
        if order.kind != "metric":
            return _value(model, order.kind, order.key)
        found = [each.point for each in points if each.point.key == order.key and _is_on(each, on)]
        return max(found, key=lambda point: (point.at_ms, point.step)).value if found else None

    return value_of, bool(item.get("ascending", True))


def _sorted(found: Sequence[tuple[str | float | None, LoggedModel]], is_ascending: bool) -> list[LoggedModel]:
    """Sorts by the values; models that have none come last, whichever way."""
    having = [(value, model) for value, model in found if value is not None]
    having.sort(key=lambda pair: pair[0], reverse=not is_ascending)
    return [model for _, model in having] + [model for value, model in found if value is None]


def _value(model: LoggedModel, kind: str, key: str) -> str | float | None:
    if kind == "tag":
        return model.tags.get(key)
    if kind == "param":
        return model.params.get(key)
    values: Mapping[str, str | float | None] = {
        "name": model.name,
        "model_id": model.id,
        "model_type": model.kind or None,
        "status": model.status.removeprefix("LOGGED_MODEL_"),
        "source_run_id": model.run or None,
        "experiment_id": model.experiment,
        "creation_timestamp": wire.milliseconds(model.created_at),
        "last_updated_timestamp": wire.milliseconds(model.modified_at),
    }
    return values[key]


def _show(call: Call, workspace: WorkspaceId, model: LoggedModel, points: Sequence[ModelPoint]) -> JsonObject:
    info: JsonObject = {
        "model_id": model.id,
        "experiment_id": model.experiment,
        "name": model.name,
        "creation_timestamp_ms": wire.milliseconds(model.created_at),
        "last_updated_timestamp_ms": wire.milliseconds(model.modified_at),
        "artifact_uri": addresses.model_uri(call, workspace, model),
        "status": model.status,
        "model_type": model.kind,
        "source_run_id": model.run,
        "tags": wire.listed(model.tags),
    }
    metrics = [
        {
            **run_shapes.show_point(each.point),
            "model_id": model.id,
            "run_id": each.run,
            "dataset_name": each.dataset_name,
            "dataset_digest": each.dataset_digest,
        }
        for each in points
    ]
    return {
        "info": {name: value for name, value in info.items() if value != ""},
        "data": {
            "params": wire.listed(model.params),
            "metrics": [{name: value for name, value in metric.items() if value != ""} for metric in metrics],
        },
    }


_ALL, _ONE = f"{wire.API}/logged-models", f"{wire.API}/logged-models/{{model}}"

ROUTES = (
    Route("POST", _ALL, create),
    Route("POST", f"{_ALL}/search", search),
    Route("GET", _ONE, get),
    Route("PATCH", _ONE, finalize),
    Route("DELETE", _ONE, delete),
    Route("PATCH", f"{_ONE}/tags", set_tags),
    Route("DELETE", f"{_ONE}/tags/{{key}}", delete_tag),
    Route("POST", f"{_ONE}/params", log_params),
)
