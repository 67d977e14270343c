"""MLflow 3's logged models: a folder of files that a run made, with what is said and measured of it."""

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from lazulite.errors import NotFound
from lazulite.store.tables import logged_models, model_points
from lazulite.tracking import runs
from lazulite.tracking.metrics import Point
from lazulite.tracking.runs import Run

STATUSES = (
    "LOGGED_MODEL_PENDING",
    "LOGGED_MODEL_READY",
    "LOGGED_MODEL_UPLOAD_FAILED",
)


@dataclass(frozen=True)
class NewModel:
    """What a logged model begins as. run: the id of the run that makes it, "" for none."""

    experiment: str
    name: str
    run: str = ""
    kind: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LoggedModel:
    """A logged model as it is stored. folder: where its files lie in the container `azureml`."""

    number: int
    scope: str
    id: str
    experiment: str
    run: str
    name: str
    kind: str
    status: str
    folder: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    is_deleted: bool
    created_at: datetime
    modified_at: datetime


@dataclass(frozen=True)
class ModelPoint:
    """A point that was logged about a model, on a dataset if one is named."""

    run: str
    point: Point
    dataset_name: str = ""
    dataset_digest: str = ""


def create(connection: Connection, scope: str, new: NewModel, now: datetime) -> LoggedModel:
    """Makes a model, pending until its files are there.

    Those will lie in the folder of the run, under the model's name: where MLflow 2 put them, and where
    `azureml://jobs/{job}/outputs/artifacts/paths/{name}` looks. A second model of that name gets `{name}-{id}`, and
    a model without a run a folder as if it were one.
    """
    identifier = _new_id()
    folder = f"ExperimentRun/dcid.{new.run}/{new.name}" if new.run else f"ExperimentRun/dcid.{identifier}"
    same = (logged_models.c.scope == scope, logged_models.c.folder == folder)
    if connection.execute(select(logged_models.c.id).where(*same)).first():
        folder = f"{folder}-{identifier}"
    values = {**vars(new), "scope": scope, "id": identifier, "folder": folder, "status": STATUSES[0]}
    connection.execute(insert(logged_models).values(**values, is_deleted=False, created_at=now, modified_at=now))
    return find(connection, scope, identifier)


def adopt(connection: Connection, run: Run, path: str, now: datetime) -> None:
    """Makes a model of a folder that a run left among its artifacts, unless one has it already, deleted or not."""
    new = NewModel(run.experiment, path, run.id)
    values = {**vars(new), "scope": run.scope, "id": _new_id(), "folder": f"{run.folder}/{path}", "status": STATUSES[1]}
    row = {**values, "is_deleted": False, "created_at": now, "modified_at": now}
    connection.execute(upsert(logged_models).on_conflict_do_nothing(), row)


def _new_id() -> str:
    return f"m-{uuid.uuid4().hex}"


def get(connection: Connection, scope: str, identifier: str) -> LoggedModel | None:
    """Returns a model, deleted or not, or None."""
    query = select(logged_models).where(logged_models.c.scope == scope, logged_models.c.id == identifier)
    row = connection.execute(query).one_or_none()
    return _model(row) if row else None


def find(connection: Connection, scope: str, identifier: str) -> LoggedModel:
    """Returns a model that is not deleted. Raises NotFound (404)."""
    found = get(connection, scope, identifier)
    if not found or found.is_deleted:
        state = "was deleted" if found else "was not found in this workspace"
        raise NotFound(f'Logged model "{identifier}" {state}.', target="model_id")
    return found


def artifacts_of(connection: Connection, scope: str, owner: str) -> str:
    """Returns where the artifacts of a run lie, or, for the id of a logged model, that model's files.

    The azureml-mlflow plugin knows artifacts of runs alone, so models are runs to it. Raises NotFound (404).
    """
    if owner.startswith("m-"):
        return find(connection, scope, owner).folder
    return runs.find(connection, scope, owner).folder


def change(connection: Connection, model: LoggedModel, now: datetime, **values: Any) -> LoggedModel:
    """Changes fields of LoggedModel: status, tags and params as a whole, is_deleted."""
    mine = logged_models.c.number == model.number
    connection.execute(update(logged_models).where(mine).values(**values, modified_at=now))
    found = get(connection, model.scope, model.id)
    assert found is not None
    return found


def in_experiments(connection: Connection, scope: str, experiments: Sequence[str]) -> Sequence[LoggedModel]:
    """Lists the models of some experiments that are not deleted, the newest first."""
    within = (logged_models.c.scope == scope, logged_models.c.experiment.in_(experiments))
    query = select(logged_models).where(*within, ~logged_models.c.is_deleted).order_by(logged_models.c.number.desc())
    return [_model(row) for row in connection.execute(query)]


def log(connection: Connection, model: str, points: Sequence[ModelPoint]) -> None:
    """Adds points to a model; one that is there already stays one."""
    if points:
        rows = [{"model": model, **_values(each)} for each in points]
        connection.execute(upsert(model_points).on_conflict_do_nothing(), rows)


def latest(connection: Connection, models: Sequence[str]) -> dict[str, list[ModelPoint]]:
    """Returns, of each model, the latest point of every metric on every dataset."""
    found: dict[str, dict[tuple[str, str, str, str], ModelPoint]] = {model: {} for model in models}
    query = select(model_points).where(model_points.c.model.in_(models))
    for row in connection.execute(query.order_by(model_points.c.step, model_points.c.at_ms)):
        point = Point(row.key, math.nan if row.is_nan else row.value, row.at_ms, row.step)
        one = ModelPoint(row.run, point, row.dataset_name, row.dataset_digest)
        found[row.model][row.key, row.run, row.dataset_name, row.dataset_digest] = one
    return {model: list(points.values()) for model, points in found.items()}


def _values(each: ModelPoint) -> dict[str, Any]:
    is_nan = math.isnan(each.point.value)
    return {
        "run": each.run,
        "key": each.point.key,
        "step": each.point.step,
        "at_ms": each.point.at_ms,
        "value": 0.0 if is_nan else each.point.value,
        "is_nan": is_nan,
        "dataset_name": each.dataset_name,
        "dataset_digest": each.dataset_digest,
    }


def _model(row: Row[Any]) -> LoggedModel:
    return LoggedModel(**row._asdict())
