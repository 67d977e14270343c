"""A job's states, which may follow which, and the one door by which they do."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, insert, select, update

from lazulite.engine import nodes
from lazulite.store.tables import job_events, jobs, run_entries, runs
from lazulite.tracking import runs as run_record
from lazulite.tracking.runs import Run

# From each state to those that may follow. An arrow back to Queued: the platform had died before the job was started,
# or a node was taken away from a low-priority cluster.
MOVES = {
    "NotStarted": ("Queued",),
    "Queued": ("Preparing", "Failed", "Canceled"),
    "Preparing": ("Starting", "Queued", "CancelRequested", "Failed"),
    "Starting": ("Running", "Queued", "CancelRequested", "Failed"),
    "Running": ("Finalizing", "Queued", "CancelRequested", "Failed"),
    "Finalizing": ("Completed", "Failed"),
    "CancelRequested": ("Canceled",),
    "Completed": (),
    "Failed": (),
    "Canceled": (),
}
ENDED = run_record.ENDED
# Somebody works on a job in one of these: a thread of this platform, or of one that has died.
ACTIVE = ("Preparing", "Starting", "Running", "Finalizing", "CancelRequested")


@dataclass(frozen=True)
class Job:
    """A job as it was when it was read: what the engine knows, and its run."""

    number: int
    scope: str
    kind: str
    body: dict[str, Any]
    state: str
    token: str
    compute: str
    nodes: int
    attempts: int
    warnings: list[str]
    run: Run

    @property
    def name(self) -> str:
        """Returns the job's name, which is its run's id."""
        return self.run.id


@dataclass(frozen=True)
class Change:
    """What a phase found out: the job's next state, and what is to be kept of how it got there.

    note: for the event. error: ARM's inner error, of a job that failed. warnings: texts to be shown with the job.
    """

    state: str
    note: str = ""
    error: dict[str, Any] | None = None
    warnings: Sequence[str] = field(default=())


def submit(connection: Connection, run: Run, kind: str, body: dict[str, Any], compute: str, nodes: int) -> Job:
    """Makes the job of a run that was just made, and puts it in its queue."""
    values = {"number": run.number, "scope": run.scope, "kind": kind, "body": body, "state": "NotStarted", "token": ""}
    connection.execute(insert(jobs).values(**values, compute=compute, nodes=nodes, attempts=0, warnings=[]))
    _note(connection, run.number, Change("NotStarted"), run.created_at)
    queued = find(connection, run.scope, run.id)
    assert queued is not None
    apply(connection, queued, Change("Queued"), run.created_at)
    return find(connection, run.scope, run.id) or queued


def apply(connection: Connection, job: Job, change: Change, now: datetime, token: str | None = None) -> bool:
    """Moves a job to its next state, its run with it, and records the event.

    token: of whoever moves it from now on; None leaves that as it is. Returns False, and does nothing, when the job
    is no longer the caller's (its token has changed), or is not in a state from which the next may follow: what the
    caller found out is stale then.
    """
    from_states = [state for state, following in MOVES.items() if change.state in following]
    values: dict[str, Any] = {"state": change.state, "token": job.token if token is None else token}
    if change.state in (*ENDED, "Queued"):
        values["token"] = ""
    if change.state == "Preparing":
        values["attempts"] = jobs.c.attempts + 1
    if change.warnings:
        values["warnings"] = [*dict.fromkeys([*job.warnings, *change.warnings])]
    guard = (jobs.c.number == job.number, jobs.c.token == job.token, jobs.c.state.in_(from_states))
    if connection.execute(update(jobs).where(*guard).values(**values)).rowcount == 0:
        return False
    run_record.move(connection, job.scope, job.name, change.state, now, error=change.error)
    if change.state in (*ENDED, "Queued"):
        nodes.give_back(connection, job.number, now)
    _note(connection, job.number, change, now)
    return True


def cancel(connection: Connection, job: Job, now: datetime) -> bool:
    """Cancels a job, and tells whether it is over: one that waits is at once, one that runs is ended by the engine.

    One that has ended stays as it is. The engine is to be woken afterwards.
    """
    if job.state in ENDED or (job.state == "Queued" and apply(connection, job, Change("Canceled"), now)):
        return True
    apply(connection, job, Change("CancelRequested"), now)
    return False


def take_over(connection: Connection, job: Job, token: str) -> Job:
    """Gives a job that somebody who is gone worked on to whoever holds the token; its state stays."""
    connection.execute(update(jobs).where(jobs.c.number == job.number).values(token=token))
    return replace(job, token=token)


def set_outputs(connection: Connection, job: Job, outputs: dict[str, Any]) -> None:
    """Writes what became of a job's outputs into its body."""
    connection.execute(update(jobs).where(jobs.c.number == job.number).values(body={**job.body, "outputs": outputs}))


def remove(connection: Connection, job: Job) -> None:
    """Forgets a job and what happened to it; its run is another matter."""
    connection.execute(delete(jobs).where(jobs.c.number == job.number))
    connection.execute(delete(job_events).where(job_events.c.job == job.number))


def find(connection: Connection, scope: str, name: str) -> Job | None:
    """Returns the job of that name, or None."""
    row = connection.execute(_SELECT.where(runs.c.scope == scope, runs.c.key == name.lower())).one_or_none()
    return _job(row) if row else None


def get(connection: Connection, number: int) -> Job | None:
    """Returns a job by its number, or None when it was deleted."""
    row = connection.execute(_SELECT.where(jobs.c.number == number)).one_or_none()
    return _job(row) if row else None


def in_states(connection: Connection, states: Sequence[str]) -> list[Job]:
    """Lists the jobs of all workspaces that are in one of the states, in the order in which they were submitted."""
    return [_job(row) for row in connection.execute(_SELECT.where(jobs.c.state.in_(states)).order_by(jobs.c.number))]


def listed(
    connection: Connection,
    scope: str,
    *,
    kind: str = "",
    said: Sequence[tuple[str, str]] = (),
    archived: bool | None = False,
    before: int = 0,
    limit: int,
) -> list[Job]:
    """Lists a workspace's topmost jobs, newest first. archived None means both; before: a number to go on from.

    kind: as ARM spells it, "" for all. said: (`tag` or `property`, `name` or `name=value`), each of which a job must
    have. Each way of asking has an index that gives the rows in their order, so that a page takes the same time
    however many jobs there are.
    """
    query: Select[Any] = _SELECT.where(jobs.c.scope == scope, runs.c.parent == "").limit(limit)
    orders: list[ColumnElement[Any]] = []
    for what, text in said:
        query, number = _having(query, what, text)
        orders.append(number)
    if kind:
        query = query.where(jobs.c.kind == kind)
        orders.append(jobs.c.number)
    if not orders:
        query = query.where(runs.c.scope == scope)
    order = [*orders, runs.c.number][0]
    if before:
        query = query.where(order < before)
    if archived is not None:
        query = query.where(runs.c.is_archived == archived)
    return [_job(row) for row in connection.execute(query.order_by(order.desc()))]


def _having(query: Select[Any], what: str, text: str) -> tuple[Select[Any], ColumnElement[Any]]:
    """Narrows a query to runs that say something; returns with it the column that the rows are then ordered by."""
    name, equals, value = text.partition("=")
    has = run_entries.alias()
    query = query.join(has, has.c.run == jobs.c.number).where(has.c.kind == what, has.c.key == name)
    return query.where(has.c.value == value) if equals else query, has.c.run


def events(connection: Connection, job: Job) -> Sequence[tuple[str, datetime, str]]:
    """Lists what happened to a job, oldest first: (state, when, note)."""
    query = select(job_events).where(job_events.c.job == job.number).order_by(job_events.c.sequence)
    return [(row.state, row.at, row.note) for row in connection.execute(query)]


def _note(connection: Connection, number: int, change: Change, now: datetime) -> None:
    connection.execute(insert(job_events).values(job=number, state=change.state, at=now, note=change.note))


_RUN = [column for column in runs.c if column.name != "key"]
_JOB = [column for column in jobs.c if column.name not in ("number", "scope")]
_SELECT = select(*_RUN, *(column.label(f"job_{column.name}") for column in _JOB)).join_from(
    jobs, runs, jobs.c.number == runs.c.number
)


def _job(row: Row[Any]) -> Job:
    values = row._asdict()
    own = {name.removeprefix("job_"): values.pop(name) for name in list(values) if name.startswith("job_")}
    return Job(number=row.number, scope=row.scope, **own, run=Run(**values))
