"""What a run is told while it runs: metrics, parameters, tags, inputs and outputs; and a metric's history."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from lazulite import fields
from lazulite.dataplane.mlflow import run_shapes, wire
from lazulite.dataplane.mlflow.runs import TAG_LIMIT, changing
from lazulite.errors import BadRequest, NotFound
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.tracking import entries, inputs, logged_models, metrics, runs
from lazulite.tracking.inputs import Dataset, Direction, ModelUse
from lazulite.tracking.logged_models import ModelPoint
from lazulite.tracking.metrics import Point
from lazulite.tracking.runs import Run

# Source: mlflow 3.17 utils/validation.py, MAX_ENTITIES_PER_BATCH and MAX_PARAM_VAL_LENGTH.
_BATCH_LIMIT = 1000
PARAM_LIMIT = 6000
_SAMPLE, _HISTORY_LIMIT = 1000, 50_000
_LOGGED_MODELS = "mlflow.log-model.history"


def log_metric(call: Call, parts: Parts) -> Reply:
    """Adds one point."""
    points = [_point(call.body)]
    with changing(call, parts) as (connection, run):
        _log_points(connection, run, [call.body], points)
    return Reply({})


def log_parameter(call: Call, parts: Parts) -> Reply:
    """Sets a parameter, once. Raises BadRequest (400) when it has another value already."""
    params = wire.pairs({"params": [call.body]}, "params", PARAM_LIMIT)
    with changing(call, parts) as (connection, run):
        entries.put_params(connection, run.number, params)
    return Reply({})


def set_tag(call: Call, parts: Parts) -> Reply:
    """Sets a tag, also one that is a field of the run."""
    tags = wire.pairs({"tags": [call.body]}, "tags", TAG_LIMIT)
    with changing(call, parts) as (connection, run):
        _set_tags(call, connection, run, tags)
    return Reply({})


def delete_tag(call: Call, parts: Parts) -> Reply:
    """Removes a tag. Raises NotFound (404) when there is none."""
    key = wire.key_of(call.body)
    with changing(call, parts) as (connection, run):
        if key not in entries.of_run(connection, run.number, "tag"):
            raise NotFound(f"No tag with name {key!r} in run {run.id}.", target="key")
        entries.remove(connection, run.number, "tag", [key])
    return Reply({})


def log_batch(call: Call, parts: Parts) -> Reply:
    """Adds up to 1000 points, parameters and tags: all of them, or none."""
    _log_batch(call, parts)
    return Reply({})


def log_batch_async(call: Call, parts: Parts) -> Reply:
    """Does the same for the azureml-mlflow plugin, which then asks for nothing more: an empty id means done."""
    _log_batch(call, parts)
    return Reply({"batch_tracking_id": ""})


def log_inputs(call: Call, parts: Parts) -> Reply:
    """Adds datasets and models that go into a run."""
    datasets = [_dataset(item) for item in wire.objects(call.body, "datasets")]
    uses = _uses(call.body, "input")
    with changing(call, parts) as (connection, run):
        inputs.log_datasets(connection, run.number, datasets)
        inputs.log_models(connection, run.number, uses)
    return Reply({})


def log_outputs(call: Call, parts: Parts) -> Reply:
    """Adds models that a run has made."""
    uses = _uses(call.body, "output")
    with changing(call, parts) as (connection, run):
        inputs.log_models(connection, run.number, uses)
    return Reply({})


def log_model(call: Call, parts: Parts) -> Reply:
    """Notes that a folder of artifacts is a model, as MLflow 2 does: in a tag of the run."""
    try:
        told = json.loads(fields.text(call.body, "model_json", required=True))
    except ValueError as error:
        raise BadRequest(f"model_json is not JSON: {error}.", target="model_json") from error
    missing = {"artifact_path", "flavors", "utc_time_created", "run_id"} - set(told if isinstance(told, dict) else ())
    if missing:
        raise BadRequest(f"model_json lacks {', '.join(sorted(missing))}.", target="model_json")
    with changing(call, parts) as (connection, run):
        before = json.loads(entries.of_run(connection, run.number, "tag").get(_LOGGED_MODELS, "[]"))
        entries.put(connection, run.number, "tag", {_LOGGED_MODELS: json.dumps([*before, told])})
    return Reply({})


def get_history(call: Call, parts: Parts) -> Reply:
    """Answers a metric's points by step, then time; all of them unless `max_results` says fewer."""
    workspace, key = scopes.workspace(call, parts), fields.text(call.query, "metric_key", required=True)
    limit = wire.limit_of(call.query, 0, _HISTORY_LIMIT) if call.query.get("max_results") else 0
    after = _read_token(fields.text(call.query, "page_token"), key)
    with parts.db.read() as connection:
        run = runs.find(connection, workspace.scope, wire.run_id_of(call.query))
        points = metrics.history(connection, run.number, key, after=after, limit=limit + 1 if limit else 0)
    shown = points[:limit] if limit else points
    body: JsonObject = {"metrics": [run_shapes.show_point(point) for point in shown]}
    if len(shown) < len(points):
        body["next_page_token"] = wire.sealed(run_shapes.show_point(shown[-1]))
    return Reply(body)


def get_histories(call: Call, parts: Parts) -> Reply:
    """Answers a metric's points in several runs, between two steps; long histories as an even sample with both ends."""
    workspace, key = scopes.workspace(call, parts), fields.text(call.query, "metric_key", required=True)
    query = wire.asked(call, "run_ids")
    first, last = wire.whole(query, "start_step", -(1 << 63)), wire.whole(query, "end_step", (1 << 63) - 1)
    if first > last:
        raise BadRequest(f"end_step must not be below start_step, but {last} is below {first}.", target="end_step")
    limit = wire.limit_of(query, _SAMPLE, _HISTORY_LIMIT)
    found = []
    with parts.db.read() as connection:
        for run_id in wire.strings(query, "run_ids"):
            run = runs.find(connection, workspace.scope, run_id)
            points = metrics.sample(connection, run.number, key, first=first, last=last, limit=limit)
            found += [{**run_shapes.show_point(point), "run_id": run.id} for point in points]
    return Reply({"metrics": found})


def _log_batch(call: Call, parts: Parts) -> None:
    body = call.body
    told = wire.objects(body, "metrics")
    points = [_point(item) for item in told]
    params, tags = wire.pairs(body, "params", PARAM_LIMIT), wire.pairs(body, "tags", TAG_LIMIT)
    total = len(points) + len(params) + len(tags)
    if total > _BATCH_LIMIT:
        raise BadRequest(f"A batch holds at most {_BATCH_LIMIT} metrics, parameters and tags, but this one {total}.")
    with changing(call, parts) as (connection, run):
        entries.put_params(connection, run.number, params)
        _log_points(connection, run, told, points)
        _set_tags(call, connection, run, tags)


def _point(item: JsonObject) -> Point:
    return Point(wire.key_of(item), wire.number(item, "value"), wire.whole(item, "timestamp"), wire.whole(item, "step"))


def _log_points(connection: Connection, run: Run, told: Sequence[JsonObject], points: Sequence[Point]) -> None:
    """Adds points to a run, and to the logged models that they are said to be about."""
    metrics.log(connection, run.number, points)
    by_model: dict[str, list[ModelPoint]] = {}
    for item, point in zip(told, points, strict=True):
        model = item.get("model_id")
        if model:
            on = fields.text(item, "dataset_name"), fields.text(item, "dataset_digest")
            by_model.setdefault(fields.text(item, "model_id"), []).append(ModelPoint(run.id, point, *on))
    for model, about in by_model.items():
        logged_models.log(connection, logged_models.find(connection, run.scope, model).id, about)


def _set_tags(call: Call, connection: Connection, run: Run, tags: Mapping[str, str]) -> None:
    entries.put(connection, run.number, "tag", {k: v for k, v in tags.items() if k not in run_shapes.FIELDS})
    values: dict[str, Any] = {}
    if "mlflow.runName" in tags:
        values["name"] = tags["mlflow.runName"]
    if "mlflow.user" in tags:
        values["created_by"] = tags["mlflow.user"]
    if "mlflow.parentRunId" in tags:
        parent = runs.find(connection, run.scope, tags["mlflow.parentRunId"])
        values |= {"parent": parent.id, "root": parent.root}
    if values:
        runs.change(connection, run, call.now, **values)


def _dataset(item: JsonObject) -> Dataset:
    told, tags = fields.nested(item, "dataset"), wire.pairs(item, "tags", TAG_LIMIT)
    return Dataset(
        name=fields.text(told, "dataset.name", required=True),
        digest=fields.text(told, "dataset.digest", required=True),
        context=tags.pop(run_shapes.DATASET_CONTEXT, ""),
        source_type=fields.text(told, "dataset.source_type"),
        source=fields.text(told, "dataset.source"),
        schema=fields.text(told, "dataset.schema") or None,
        profile=fields.text(told, "dataset.profile") or None,
        tags=tags,
    )


def _uses(body: JsonObject, direction: Direction) -> list[ModelUse]:
    return [
        ModelUse(direction, fields.text(item, "model_id", required=True), wire.whole(item, "step"))
        for item in wire.objects(body, "models")
    ]


def _read_token(token: str, key: str) -> Point | None:
    if not token:
        return None
    told = wire.unsealed(token)
    if not isinstance(told, dict):
        raise BadRequest("page_token was not given out here.", target="page_token")
    return _point({**told, "key": key})


ROUTES = (
    Route("POST", f"{wire.API}/runs/log-metric", log_metric),
    Route("POST", f"{wire.API}/runs/log-parameter", log_parameter),
    Route("POST", f"{wire.API}/runs/set-tag", set_tag),
    Route("POST", f"{wire.API}/runs/delete-tag", delete_tag),
    Route("POST", f"{wire.API}/runs/log-batch", log_batch),
    Route("POST", f"{wire.ROOT}/api/2.0/preview/mlflow/runs/log-batch-async", log_batch_async),
    Route("POST", f"{wire.API}/runs/log-inputs", log_inputs),
    Route("POST", f"{wire.API}/runs/outputs", log_outputs),
    Route("POST", f"{wire.API}/runs/log-model", log_model),
    Route("GET", f"{wire.API}/metrics/get-history", get_history),
    Route("GET", f"{wire.API}/metrics/get-history-bulk-interval", get_histories),
)
