"""Schedules as rows: when each ticks next, what became of its ticks, and the job that a tick asks for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, select, update

from lazulite import fields
from lazulite.engine import references, states, triggers
from lazulite.engine.courses import NewJob
from lazulite.engine.states import Job
from lazulite.engine.triggers import Trigger
from lazulite.errors import NotFound
from lazulite.ids import WorkspaceId, child_name
from lazulite.store.resources import Place, Resource
from lazulite.store.tables import resources, schedule_events, schedules
from lazulite.tracking import entries

KIND = "schedules"
KINDS = ("triggered", "failed", "missed")  # of events
# The property of a job that says which schedule it is of.
SCHEDULE = "lazulite.schedule"
# Source: learn.microsoft.com/azure/machine-learning/how-to-schedule-pipeline-job, change runtime settings.
_TRIGGER_TIME = re.compile(r"\$\{\{\s*creation_context\.trigger_time\s*\}\}")
_NAME = re.compile(r"\$\{\{\s*name\s*\}\}")


@dataclass(frozen=True)
class Due:
    """A schedule whose time has come."""

    scope: str
    key: str
    next_at: datetime


@dataclass(frozen=True)
class Event:
    """What became of a tick. kind: one of KINDS; job: its name, "" for none."""

    at: datetime
    kind: str
    job: str
    note: str


@dataclass(frozen=True)
class Standing:
    """Where a schedule stands. next_at: None for never again; last: its latest event of each kind that it has."""

    next_at: datetime | None = None
    last: dict[str, Event] = field(default_factory=dict)


def plan(connection: Connection, place: Place, next_at: datetime | None) -> None:
    """Writes when a schedule ticks next; None for never again."""
    mine = (schedules.c.scope == place.scope) & (schedules.c.key == place.name.lower())
    connection.execute(delete(schedules).where(mine))
    if next_at:
        connection.execute(insert(schedules).values(scope=place.scope, key=place.name.lower(), next_at=next_at))


def due(connection: Connection, now: datetime) -> Sequence[Due]:
    """Lists the schedules whose time has come, the longest due first."""
    query = select(schedules).where(schedules.c.next_at <= now).order_by(schedules.c.next_at)
    return [Due(row.scope, row.key, row.next_at) for row in connection.execute(query)]


def earliest(connection: Connection) -> datetime | None:
    """Returns when the next schedule is due, None when there is none."""
    row = connection.execute(select(schedules.c.next_at).order_by(schedules.c.next_at).limit(1)).one_or_none()
    return row.next_at if row else None


def advance(connection: Connection, due: Due, next_at: datetime | None) -> bool:
    """Moves a due schedule to its next tick; False when somebody has changed it meanwhile."""
    mine = (schedules.c.scope == due.scope) & (schedules.c.key == due.key) & (schedules.c.next_at == due.next_at)
    if next_at:
        return connection.execute(update(schedules).where(mine).values(next_at=next_at)).rowcount == 1
    return connection.execute(delete(schedules).where(mine)).rowcount == 1


def note(connection: Connection, place: Place, event: Event) -> None:
    """Writes what became of a tick."""
    where = {"scope": place.scope, "key": place.name.lower()}
    connection.execute(insert(schedule_events).values(**where, **vars(event)))


def standings(connection: Connection, scope: str, names: Sequence[str]) -> Mapping[str, Standing]:
    """Returns where some schedules stand, by name; as many queries for many as for one."""
    keys = {name.lower(): name for name in names}
    here = (schedules.c.scope == scope) & schedules.c.key.in_(keys)
    found = {name: Standing() for name in names}
    for row in connection.execute(select(schedules.c.key, schedules.c.next_at).where(here)):
        found[keys[row.key]] = Standing(row.next_at)
    for kind in KINDS:
        for row in connection.execute(_latest(scope, kind, list(keys))):
            found[keys[row.key]].last[kind] = Event(row.at, row.kind, row.job, row.note)
    return found


def _latest(scope: str, kind: str, keys: Sequence[str]) -> Select[Any]:
    """Selects the latest event of each schedule; its index leads to each at once, however many there were."""
    e, r = schedule_events.c, resources.c
    newest = select(func.max(e.sequence)).where(e.scope == scope, e.key == r.key, e.kind == kind).scalar_subquery()
    each = select(newest).where(r.scope == scope, r.kind == KIND, r.key.in_(keys))
    return select(schedule_events).where(e.sequence.in_(each))


def events(connection: Connection, place: Place, limit: int) -> list[Event]:
    """Lists what became of a schedule's ticks, newest first."""
    e = schedule_events.c
    mine = select(schedule_events).where(e.scope == place.scope, e.key == place.name.lower())
    rows = connection.execute(mine.order_by(e.sequence.desc()).limit(limit))
    return [Event(row.at, row.kind, row.job, row.note) for row in rows]


def forget(connection: Connection, place: Place) -> None:
    """Removes a schedule's next tick and its events; the jobs that it made stay."""
    plan(connection, place, None)
    e = schedule_events.c
    connection.execute(delete(schedule_events).where(e.scope == place.scope, e.key == place.name.lower()))


def trigger_of(row: Resource) -> Trigger:
    """Reads the trigger of a schedule's row."""
    return triggers.read(row.body["properties"]["trigger"], row.created_at)


def job_of(connection: Connection, workspace: WorkspaceId, row: Resource, tick: datetime) -> NewJob:
    """Returns the job that a tick of a schedule asks for.

    Its name and display name are the schedule's with the tick's time: `nightly-20260131T120000Z`.
    Raises NotFound when the schedule is of a job that is no more.
    Source of the display name: learn.microsoft.com/azure/machine-learning/how-to-schedule-pipeline-job.
    """
    definition = row.body["properties"]["action"]["jobDefinition"]
    stamp = f"{row.place.name}-{tick.astimezone(timezone.utc):%Y%m%dT%H%M%SZ}"
    name, number = stamp, 1
    while states.find(connection, workspace.scope, name):  # triggered twice within a second
        number += 1
        name = f"{stamp}-{number}"
    body = definition_of(connection, workspace, definition, tick, name)
    return NewJob(
        {**body, "displayName": stamp},
        name,
        created_by=row.created_by,
        properties={SCHEDULE: row.place.name},
    )


def definition_of(
    connection: Connection, workspace: WorkspaceId, definition: Mapping[str, Any], tick: datetime, name: str
) -> dict[str, Any]:
    """Returns the body of a schedule's job: the definition, over that of the job that it is made after, if any.

    Expressions for the tick's time are resolved, and in inputs those for the job's name; outputs' places are the
    engine's to name.
    """
    source = fields.text(definition, "properties.action.jobDefinition.sourceJobId")
    given = {name: value for name, value in definition.items() if name != "sourceJobId" and value not in (None, "", {})}
    if source:
        given = {**_of_source(connection, workspace, child_name(source, "jobs"), definition), **given}
        given["jobType"] = _source(connection, workspace, child_name(source, "jobs")).kind
    known = {_TRIGGER_TIME: tick.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")}
    told = {field: _resolved(value, known) for field, value in given.items()}
    return {**told, "inputs": _resolved(told["inputs"], {_NAME: name})} if told.get("inputs") else told


def _of_source(
    connection: Connection, workspace: WorkspaceId, name: str, definition: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the body of an earlier job, as it was before its places were found; inputs given anew count."""
    job = _source(connection, workspace, name)
    body = {**job.body, "tags": entries.of_run(connection, job.number, "tag")}
    body["inputs"] = {**(body.get("inputs") or {}), **(definition.get("inputs") or {})}
    outputs = {}
    for output, one in (body.get("outputs") or {}).items():
        uri = str(one.get("uri") or "")
        is_own = uri == references.output_uri(job.name, output)
        kept = {field: value for field, value in one.items() if field != "uri"}
        outputs[output] = kept if is_own or not uri else {**one, "uri": _of_any_job(uri, job.name)}
    return {**body, "outputs": {**outputs, **(definition.get("outputs") or {})}}


def _of_any_job(uri: str, name: str) -> str:
    """Puts an expression for the job's name where a URI has it for the name of a folder."""
    return re.sub(rf"(?<=/){re.escape(name)}(?=/|$)", "${{name}}", uri)


def _source(connection: Connection, workspace: WorkspaceId, name: str) -> Job:
    job = states.find(connection, workspace.scope, name)
    if not job:
        raise NotFound(
            f'Job "{name}", which the schedule is of, was not found in {workspace.described}.',
            target="properties.action.jobDefinition.sourceJobId",
        )
    return job


def _resolved(value: Any, known: Mapping["re.Pattern[str]", str]) -> Any:
    """Puts what is known where a body's texts ask for it."""
    if isinstance(value, dict):
        return {name: _resolved(one, known) for name, one in value.items()}
    if isinstance(value, list):
        return [_resolved(one, known) for one in value]
    if isinstance(value, str):
        for expression, text in known.items():
            value = expression.sub(text, value)
    return value
