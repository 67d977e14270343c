"""A job's states, which may follow which, and the one door by which they do."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, delete, func, insert, select, update

from lazulite.engine import nodes
from lazulite.store.tables import job_events, jobs, run_entries, runs, step_prints
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


_QUEUED = Change("Queued")


def submit(
    connection: Connection, run: Run, kind: str, body: dict[str, Any], compute: str, nodes: int, first: Change = _QUEUED
) -> Job:
    """Makes the job of a run that was just made, in its first state: in its queue, begun, or over already.

    The run's status is that state already.
    """
    job = Job(run.number, run.scope, kind, body, first.state, "", compute, nodes, 0, [*first.warnings], run)
    values = {field.name: getattr(job, field.name) for field in fields(Job) if field.name != "run"}
    connection.execute(_INSERT, values)
    if first.state in ENDED:
        run_record.move(connection, run.scope, run.id, first.state, run.created_at, error=first.error)
    _note(connection, job, [Change("NotStarted"), first], run.created_at)
    return job


def apply(connection: Connection, job: Job, *changes: Change, now: datetime, token: str | None = None) -> bool:
    """Moves a job to its next state, its run with it, and records the event. Several changes follow one another.

    token: of whoever moves it from now on; None leaves that as it is. Returns False, and does nothing, when the job
    is no longer the caller's (its token has changed), or is not in a state from which the next may follow: what the
    caller found out is stale then.
    """
    first, last = changes[0], changes[-1]
    if any(after.state not in MOVES[before.state] for before, after in pairwise(changes)):
        raise ValueError(f"no job moves through {[change.state for change in changes]}")
    from_states = [state for state, following in MOVES.items() if first.state in following]
    is_given_back = last.state in (*ENDED, "Queued")
    values: dict[str, Any] = {"state": last.state}
    if token is not None or is_given_back:
        values["token"] = token or ""
    warnings = [warning for change in changes for warning in change.warnings]
    if warnings:
        values["warnings"] = [*dict.fromkeys([*job.warnings, *warnings])]
    guard = {"of_number": job.number, "of_token": job.token, "of_states": from_states}
    statement = _BEGIN if last.state == "Preparing" else _APPLY
    if connection.execute(statement, {**values, **guard}).rowcount == 0:
        return False
    run_record.move(connection, job.scope, job.name, last.state, now, error=last.error)
    if is_given_back:
        nodes.give_back(connection, job.number, now)
    _note(connection, job, changes, now)
    return True


def cancel(connection: Connection, job: Job, now: datetime) -> bool:
    """Cancels a job, and tells whether it is over: one that waits is at once, one that runs is ended by the engine.

    One that has ended stays as it is. The engine is to be woken afterwards.
    """
    if job.state in ENDED or (job.state == "Queued" and apply(connection, job, Change("Canceled"), now=now)):
        return True
    apply(connection, job, Change("CancelRequested"), now=now)
    return False


def take_over(connection: Connection, number: int, token: str) -> Job | None:
    """Gives a job that somebody who is gone worked on to whoever holds the token; its state stays.

    Returns None when it is over, or deleted.
    """
    where = (jobs.c.number == number, jobs.c.state.in_(ACTIVE))
    connection.execute(update(jobs).where(*where).values(token=token))
    job = get(connection, number)
    return job if job and job.state in ACTIVE else None


def set_outputs(connection: Connection, job: Job, outputs: dict[str, Any]) -> None:
    """Writes what became of a job's outputs into its body."""
    connection.execute(update(jobs).where(jobs.c.number == job.number).values(body={**job.body, "outputs": outputs}))


def remove(connection: Connection, job: Job) -> None:
    """Forgets a job and what happened to it; its run is another matter."""
    connection.execute(delete(jobs).where(jobs.c.number == job.number))
    connection.execute(delete(job_events).where(job_events.c.job == job.number))
    connection.execute(delete(step_prints).where(step_prints.c.number == job.number))


def find(connection: Connection, scope: str, name: str) -> Job | None:
    """Returns the job of that name, or None."""
    row = connection.execute(_FIND, {"scope": scope, "key": name.lower()}).one_or_none()
    return _job(row) if row else None


def get(connection: Connection, number: int) -> Job | None:
    """Returns a job by its number, or None when it was deleted."""
    row = connection.execute(_GET, {"number": number}).one_or_none()
    return _job(row) if row else None


def children(connection: Connection, parent: Job, numbers: Collection[int] = ()) -> list[Job]:
    """Lists a job's children that are jobs, oldest first: those of some numbers only, where any are given."""
    at = {"scope": parent.scope, "parent": parent.name}
    statement = _SOME_CHILDREN if numbers else _CHILDREN
    return [_job(row) for row in connection.execute(statement, {**at, "numbers": numbers} if numbers else at)]


def living_children(connection: Connection, parent: Job) -> list[Job]:
    """Lists a job's children that are jobs and have not ended."""
    query = _SELECT.where(runs.c.scope == parent.scope, runs.c.parent == parent.name, jobs.c.state.not_in(ENDED))
    return [_job(row) for row in connection.execute(query)]


def held(connection: Connection, number: int) -> tuple[str, str] | None:
    """Returns a job's token and state, None when it was deleted. Reads nothing large."""
    row = connection.execute(_HELD, {"number": number}).one_or_none()
    return (row.token, row.state) if row else None


def first_in_queue(connection: Connection, scope: str, compute: str) -> Job | None:
    """Returns the job that has waited longest for a compute, or None."""
    row = connection.execute(_FIRST, {"scope": scope, "compute": compute}).one_or_none()
    return _job(row) if row else None


def active(connection: Connection) -> Sequence[tuple[int, str, str]]:
    """Lists the jobs of all workspaces that somebody works on, or should: (number, kind, state)."""
    return [(row.number, row.kind, row.state) for row in connection.execute(_ACTIVE)]


def last_event(connection: Connection) -> int:
    """Returns the number of the newest event of all jobs."""
    return int(connection.execute(select(func.coalesce(func.max(job_events.c.sequence), 0))).scalar_one())


def ended_children(connection: Connection, after: int) -> Sequence[tuple[int, str, str, int]]:
    """Lists the children that have ended since an event: (event, scope, the parent's name, their own number)."""
    rows = connection.execute(_ENDED_CHILDREN, {"after": after})
    return [(row.sequence, row.scope, row.parent, row.number) for row in rows]


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


def _note(connection: Connection, job: Job, changes: Sequence[Change], now: datetime) -> None:
    rows = [{"job": job.number, "state": change.state, "at": now, "note": change.note} for change in changes]
    connection.execute(_NOTE, rows)


_RUN = [column for column in runs.c if column.name != "key"]
_JOB = [column for column in jobs.c if column.name not in ("number", "scope")]
_SELECT = select(*_RUN, *(column.label(f"job_{column.name}") for column in _JOB)).join_from(
    jobs, runs, jobs.c.number == runs.c.number
)
# Built once: building a statement costs more than executing it, and a job's life is made of these.
_GET = _SELECT.where(jobs.c.number == bindparam("number"))
_FIND = _SELECT.where(runs.c.scope == bindparam("scope"), runs.c.key == bindparam("key"))
_HELD = select(jobs.c.token, jobs.c.state).where(jobs.c.number == bindparam("number"))
_FIRST = (
    _SELECT.where(jobs.c.state == "Queued", jobs.c.scope == bindparam("scope"), jobs.c.compute == bindparam("compute"))
    .order_by(jobs.c.number)
    .limit(1)
)
_ACTIVE = select(jobs.c.number, jobs.c.kind, jobs.c.state).where(jobs.c.state.in_(ACTIVE)).order_by(jobs.c.number)
_ENDED_CHILDREN = (
    select(job_events.c.sequence, runs.c.scope, runs.c.parent, runs.c.number)
    .join_from(job_events, runs, runs.c.number == job_events.c.job)
    .where(job_events.c.sequence > bindparam("after"), job_events.c.state.in_(ENDED), runs.c.parent != "")
)
_CHILDREN = _SELECT.where(runs.c.scope == bindparam("scope"), runs.c.parent == bindparam("parent")).order_by(
    runs.c.number
)
_SOME_CHILDREN = _CHILDREN.where(runs.c.number.in_(bindparam("numbers", expanding=True)))
_INSERT, _NOTE = insert(jobs), insert(job_events)
_APPLY = update(jobs).where(
    jobs.c.number == bindparam("of_number"),
    jobs.c.token == bindparam("of_token"),
    jobs.c.state.in_(bindparam("of_states", expanding=True)),
)
_BEGIN = _APPLY.values(attempts=jobs.c.attempts + 1)


def _job(row: Row[Any]) -> Job:
    values = row._asdict()
    own = {name.removeprefix("job_"): values.pop(name) for name in list(values) if name.startswith("job_")}
    return Job(number=row.number, scope=row.scope, **own, run=Run(**values))
