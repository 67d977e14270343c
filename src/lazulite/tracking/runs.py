"""Runs: the one record that ARM's jobs, run history, MLflow and SDK v1 all show. A job's run has the job's name as id.

Statuses are spelled as Azure does. Tags, parameters and properties are in entries.py, numbers in metrics.py; both know
a run by its `number`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, delete, func, insert, select, update

from lazulite.errors import Conflict, NotFound
from lazulite.store.tables import (
    experiments,
    logged_models,
    model_points,
    run_cells,
    run_datasets,
    run_entries,
    run_latest,
    run_models,
    run_points,
    runs,
)
from lazulite.tracking import entries

# Source: azure-ai-ml 1.35.2 constants/_jobs.py JobStatus, RunHistoryConstants.
STATUSES = (
    "NotStarted",
    "Queued",
    "Preparing",
    "Provisioning",
    "Starting",
    "Running",
    "Finalizing",
    "CancelRequested",
    "Completed",
    "Failed",
    "Canceled",
    "NotResponding",
    "Paused",
)
ENDED = ("Completed", "Failed", "Canceled")


@dataclass(frozen=True)
class NewRun:
    """What a run begins as.

    experiment: its id. name: what people see, the id if empty. kind: run history's `runType`. is_job: a job of the
    engine, which alone moves its status. parent: the parent's id. started_at: None until it runs.
    """

    id: str
    experiment: str
    name: str = ""
    status: str = "NotStarted"
    kind: str = "azureml.mlflow"
    is_job: bool = False
    parent: str = ""
    description: str = ""
    target: str = ""
    created_by: str = ""
    started_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """A run as it is stored. parent: "" for none; root: its own id for a topmost run. error: ARM's inner object."""

    number: int
    scope: str
    id: str
    experiment: str
    name: str
    status: str
    kind: str
    is_job: bool
    parent: str
    root: str
    description: str
    target: str
    error: dict[str, Any] | None
    is_archived: bool
    created_by: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    modified_at: datetime

    @property
    def folder(self) -> str:
        """Returns where its artifacts lie in the container `azureml` of the workspace's account."""
        return f"ExperimentRun/dcid.{self.id}"


def create(connection: Connection, scope: str, new: NewRun, now: datetime) -> Run:
    """Makes a run with its tags and properties. scope: WorkspaceId.scope.

    Raises Conflict (409) when the id is taken, NotFound (404) when there is no such parent.
    """
    if get(connection, scope, new.id):
        raise Conflict(f'A run "{new.id}" exists already.', target="run_id")
    parent = find(connection, scope, new.parent) if new.parent else None
    values = {name: value for name, value in vars(new).items() if name not in ("tags", "properties")}
    values |= {"scope": scope, "key": new.id.lower(), "name": new.name or new.id, "created_at": now}
    values |= {"parent": parent.id if parent else "", "root": parent.root if parent else new.id}
    values |= {"error": None, "is_archived": False, "ended_at": None}
    values |= {"modified_at": now}
    number = connection.execute(_INSERT, values).inserted_primary_key
    del values["key"]
    made = Run(number=number[0] if number else 0, **values)
    entries.put(connection, made.number, "tag", new.tags)
    entries.put(connection, made.number, "property", new.properties)
    return made


def get(connection: Connection, scope: str, run_id: str) -> Run | None:
    """Returns the run, archived or not, or None."""
    row = connection.execute(_GET, {"scope": scope, "key": run_id.lower()}).one_or_none()
    return run_of(row) if row else None


def find(connection: Connection, scope: str, run_id: str) -> Run:
    """Returns the run, archived or not. Raises NotFound (404)."""
    found = get(connection, scope, run_id)
    if not found:
        raise NotFound(f'Run "{run_id}" was not found in this workspace.', target="run_id")
    return found


def children(connection: Connection, run: Run, *, after: int = 0, limit: int = 1000) -> Sequence[Run]:
    """Lists the runs whose parent this is, oldest first. after: a number to go on from."""
    within = (runs.c.scope == run.scope, runs.c.parent == run.id, runs.c.number > after)
    return [run_of(row) for row in connection.execute(run_rows().where(*within).order_by(runs.c.number).limit(limit))]


def matching(
    connection: Connection,
    scope: str,
    *conditions: ColumnElement[bool],
    order_by: Sequence[ColumnElement[Any]] = (),
    after: int = 0,
    limit: int = 1000,
) -> Sequence[Run]:
    """Lists a workspace's runs that fulfil conditions on the columns of `runs`. after: how many to pass over."""
    query = run_rows().where(runs.c.scope == scope, *conditions).order_by(*(order_by or (runs.c.number,)))
    return [run_of(row) for row in connection.execute(query.offset(after).limit(limit))]


def move(
    connection: Connection,
    scope: str,
    run_id: str,
    status: str,
    now: datetime,
    *,
    error: dict[str, Any] | None = None,
) -> None:
    """Gives a run its next status, and with it the moments: Running starts it once, an end ends it.

    Knows no rule about which status may follow which; the engine does.
    """
    values: dict[str, Any] = {"status": status, "modified_at": now}
    if status in ENDED:
        values |= {"ended_at": now, "error": error}
    values |= {"of_scope": scope, "of_key": run_id.lower()}
    if status == "Running":
        values["start"] = now
    connection.execute(_START if status == "Running" else _UPDATE, values)


def change(connection: Connection, run: Run, now: datetime, **values: Any) -> Run:
    """Changes fields of Run: name, description, target, status, started_at, ended_at, error, is_archived."""
    connection.execute(update(runs).where(runs.c.number == run.number).values(**values, modified_at=now))
    return find(connection, run.scope, run.id)


def run_rows() -> Select[Any]:
    """Returns the query of all runs, to be narrowed, whose rows run_of reads."""
    return select(*(column for column in runs.c if column.name != "key"))


def run_of(row: Row[Any]) -> Run:
    """Reads a row of run_rows."""
    return Run(**row._asdict())


def remove(connection: Connection, run: Run) -> None:
    """Deletes a run, with what it logged. Artifacts are files and stay."""
    for table in (run_entries, run_points, run_latest, run_cells):
        connection.execute(delete(table).where(table.c.run == run.number))
    connection.execute(delete(runs).where(runs.c.number == run.number))


def forget(connection: Connection, scope: str) -> None:
    """Deletes all runs and experiments of a workspace, with what was logged. Artifacts are files and stay."""
    gone = select(runs.c.number).where(runs.c.scope == scope).scalar_subquery()
    for table in (run_entries, run_points, run_latest, run_cells, run_datasets, run_models):
        connection.execute(delete(table).where(table.c.run.in_(gone)))
    models = select(logged_models.c.id).where(logged_models.c.scope == scope).scalar_subquery()
    connection.execute(delete(model_points).where(model_points.c.model.in_(models)))
    for table in (logged_models, runs, experiments):
        connection.execute(delete(table).where(table.c.scope == scope))


# Built once: building a statement costs more than executing it.
_GET = run_rows().where(runs.c.scope == bindparam("scope"), runs.c.key == bindparam("key"))
_INSERT = insert(runs)
_UPDATE = update(runs).where(runs.c.scope == bindparam("of_scope"), runs.c.key == bindparam("of_key"))
_START = _UPDATE.values(started_at=func.coalesce(runs.c.started_at, bindparam("start", type_=runs.c.started_at.type)))
