"""Metrics as SDK v1 logs and reads them: numbers join those of MLflow, rows and tables and images are kept as cells."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import Connection

from lazulite import clock, fields
from lazulite.dataplane import sent
from lazulite.errors import BadRequest, NotFound
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.tracking import metrics, runs
from lazulite.tracking.metrics import Cell, Point
from lazulite.tracking.runs import Run

_PAGE = 10_000
_SCALAR, _LIST = "azureml.v1.scalar", "azureml.v1.list"


def log(call: Call, parts: Parts) -> Reply:
    """Takes metrics: `{values: [{name, columns, value: [{createdUtc, step, data: {column: value}}], properties}]}`.

    Numbers become points of the metric; a point without a step stands one after the last. Source: azureml-core 1.61
    core/_metrics.py, create_v2_dto of each kind.
    """
    workspace, given = scopes.workspace(call, parts), sent.objects(_body(call), "values")
    with parts.db.write() as connection:
        run = runs.find(connection, workspace.scope, call.ids["run"])
        points, cells = _sort(given, call.now)
        metrics.log(connection, run.number, _in_turn(connection, run, points))
        metrics.log_cells(connection, run.number, cells)
    return Reply({"errors": []})


def _body(call: Call) -> JsonObject:
    """Reads the body as Python writes it, with NaN and Infinity, which JSON has no words for and metrics have."""
    try:
        parsed = json.loads(call.raw)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The body is not JSON: {error}.", code="InvalidRequestContent") from error
    if not isinstance(parsed, dict):
        raise BadRequest("The body must be a JSON object.", code="InvalidRequestContent")
    return parsed


def _sort(given: Sequence[JsonObject], now: datetime) -> tuple[list[tuple[Point, bool]], list[Cell]]:
    """Tells numbers from all else. Each point comes with whether it has a step of its own."""
    points: list[tuple[Point, bool]] = []
    cells: list[Cell] = []
    for metric in given:
        name, columns = fields.text(metric, "name", required=True), sent.texts(metric, "columns")
        kind = fields.text(metric.get("properties") or {}, "uxMetricType") or _SCALAR
        for value in sent.objects(metric, "value"):
            data, step = value.get("data"), value.get("step")
            if not isinstance(data, dict) or not isinstance(step, int | None):
                raise BadRequest(f'Metric "{name}" has a value without data, or with a step that is no number.')
            at_ms = int((sent.moment(value, "createdUtc") or now).timestamp() * 1000)
            if kind in (_SCALAR, _LIST) and _is_number(data.get(name)):
                points.append((Point(name, float(data[name]), at_ms, step or 0), step is not None))
            else:
                cells.append(Cell(name, kind, {"columns": columns, "data": data, "step": step}, at_ms))
    return points, cells


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _in_turn(connection: Connection, run: Run, points: Sequence[tuple[Point, bool]]) -> list[Point]:
    if all(has_step for _, has_step in points):
        return [point for point, _ in points]
    last = {point.key: point.step for point in metrics.latest(connection, [run.number])[run.number]}
    numbered = []
    for point, has_step in points:
        step = point.step if has_step else last.get(point.key, -1) + 1
        last[point.key] = max(step, last.get(point.key, -1))
        numbered.append(replace(point, step=step))
    return numbered


def list_names(call: Call, parts: Parts) -> Reply:
    """Lists what a run has logged: `{value: [{metricKey: {name}, columns, properties}]}`."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        run = runs.find(connection, workspace.scope, call.ids["run"])
        latest = metrics.latest(connection, [run.number])[run.number]
        cells = metrics.cells(connection, run.number)
    kinds = {cell.key: (cell.data["columns"], cell.kind) for cell in cells}
    kinds |= {point.key: ({point.key: "double"}, _SCALAR) for point in latest}
    values = [
        {
            "metricKey": {"name": name, "namespace": None, "labels": []},
            "columns": columns,
            "properties": {"uxMetricType": kind},
        }
        for name, (columns, kind) in kinds.items()
    ]
    return Reply({"value": values, "continuationToken": None})


def get_all(call: Call, parts: Parts) -> Reply:
    """Answers every value of a metric, in pages: `{metricName, startTime, endTime, continuationToken}`.

    Raises NotFound (404) where the run has logged nothing of that name.
    """
    workspace, given = scopes.workspace(call, parts), call.body
    name, after = fields.text(given, "metricName", required=True), _read_token(fields.text(given, "continuationToken"))
    with parts.db.read() as connection:
        run = runs.find(connection, workspace.scope, call.ids["run"])
        points = metrics.history(connection, run.number, name, after=after, limit=_PAGE)
        cells = [] if points or after else [one for one in metrics.cells(connection, run.number) if one.key == name]
    if not points and not cells and not after:
        raise NotFound(f'Run "{run.id}" has no metric "{name}".', target="metricName")
    values = [_value(point.at_ms, point.step, {name: point.value}) for point in points]
    values += [_value(cell.at_ms, cell.data["step"], cell.data["data"]) for cell in cells]
    columns = {column: kind for cell in cells for column, kind in cell.data["columns"].items()}
    shown = {
        "dataContainerId": f"dcid.{run.id}",
        "name": name,
        "columns": columns or {name: "double"},
        "value": [value for value in values if _is_within(value, given)],
        "properties": {"uxMetricType": cells[0].kind if cells else _SCALAR},
        "continuationToken": _token(points[-1]) if len(points) == _PAGE else None,
    }
    return Reply(shown)


def _value(at_ms: int, step: int | None, data: JsonObject) -> JsonObject:
    at = datetime.fromtimestamp(at_ms / 1000, timezone.utc)
    return {"metricId": None, "createdUtc": clock.iso(at), "step": step, "data": data}


def _is_within(value: JsonObject, given: JsonObject) -> bool:
    at, start, end = sent.moment(value, "createdUtc"), sent.moment(given, "startTime"), sent.moment(given, "endTime")
    return at is not None and not (start and at < start) and not (end and at > end)


def _token(point: Point) -> str:
    return json.dumps(vars(point))


def _read_token(token: str) -> Point | None:
    if not token:
        return None
    try:
        return Point(**json.loads(token))
    except (ValueError, TypeError) as error:
        raise BadRequest("continuationToken is none that was given out here.", target="continuationToken") from error


_RUN = f"/metric/v2.0{scopes.WORKSPACE}/runs/{{run}}"

ROUTES = (
    Route("POST", f"{_RUN}/batch", log, partial="a repeated request adds its points again"),
    Route("POST", f"{_RUN}/list", list_names),
    Route("POST", f"{_RUN}/full", get_all),
)
