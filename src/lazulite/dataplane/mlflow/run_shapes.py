"""A run as MLflow prints it: info, data, inputs and outputs; which of its tags are fields of the record."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from lazulite.dataplane.mlflow import addresses, wire
from lazulite.http.call import Call, JsonObject
from lazulite.ids import WorkspaceId
from lazulite.tracking import entries, inputs, metrics
from lazulite.tracking.inputs import Dataset, ModelUse
from lazulite.tracking.metrics import Point
from lazulite.tracking.runs import Run

# Tags that MLflow's clients write and read, and the attribute of search.RUNS that each is. Source: mlflow 3.17
# utils/mlflow_tags.py; mlflow.rootRunId is Azure's own.
FIELDS: Mapping[str, str] = {
    "mlflow.runName": "run_name",
    "mlflow.user": "user_id",
    "mlflow.parentRunId": "parent",
    "mlflow.rootRunId": "root",
}
DATASET_CONTEXT = "mlflow.data.context"


def show_all(call: Call, connection: Connection, workspace: WorkspaceId, found: Sequence[Run]) -> list[JsonObject]:
    """Prints runs whole, in as many queries for many as for one."""
    numbers = [run.number for run in found]
    said, latest = entries.of_runs(connection, numbers), metrics.latest(connection, numbers)
    datasets, models = inputs.datasets(connection, numbers), inputs.models(connection, numbers)
    return [
        {
            "info": info(call, workspace, run),
            "data": {
                "metrics": [show_point(point) for point in latest[run.number]],
                "params": wire.listed(said[run.number, "param"]),
                "tags": wire.listed({**said[run.number, "tag"], **field_tags(run)}),
            },
            "inputs": {
                "dataset_inputs": [_show_dataset(dataset) for dataset in datasets[run.number]],
                "model_inputs": [{"model_id": use.model} for use in _of(models[run.number], "input")],
            },
            "outputs": {
                "model_outputs": [
                    {"model_id": use.model, "step": use.step} for use in _of(models[run.number], "output")
                ],
            },
        }
        for run in found
    ]


def info(call: Call, workspace: WorkspaceId, run: Run) -> JsonObject:
    """Prints what is no data of a run. A job that has not begun yet shows when it was asked for."""
    shown: JsonObject = {
        "run_id": run.id,
        "run_uuid": run.id,
        "run_name": run.name,
        "experiment_id": run.experiment,
        "user_id": run.created_by,
        "status": wire.status_of(run.status),
        "start_time": wire.milliseconds(run.started_at or run.created_at),
        "artifact_uri": addresses.artifact_uri(call, workspace, run.experiment, addresses.of_run(run)),
        "lifecycle_stage": "deleted" if run.is_archived else "active",
    }
    if run.ended_at:
        shown["end_time"] = wire.milliseconds(run.ended_at)
    return shown


def field_tags(run: Run) -> dict[str, str]:
    """Returns the tags that are fields of the record."""
    tags = {"mlflow.runName": run.name, "mlflow.rootRunId": run.root}
    if run.created_by:
        tags["mlflow.user"] = run.created_by
    if run.parent:
        tags["mlflow.parentRunId"] = run.parent
    return tags


def show_point(point: Point) -> JsonObject:
    """Prints a point of a metric."""
    return {"key": point.key, "value": wire.shown(point.value), "timestamp": point.at_ms, "step": point.step}


def _of(uses: Sequence[ModelUse], direction: str) -> list[ModelUse]:
    return [use for use in uses if use.direction == direction]


def _show_dataset(dataset: Dataset) -> JsonObject:
    context = {DATASET_CONTEXT: dataset.context} if dataset.context else {}
    shown = {
        "name": dataset.name,
        "digest": dataset.digest,
        "source_type": dataset.source_type,
        "source": dataset.source,
        "schema": dataset.schema,
        "profile": dataset.profile,
    }
    return {
        "tags": wire.listed({**dataset.tags, **context}),
        "dataset": {name: value for name, value in shown.items() if value is not None},
    }
