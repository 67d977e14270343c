"""Schedules: jobs made at times that a trigger says. The engine's scheduler keeps the time."""

from datetime import datetime
from typing import Any

from lazulite import clock, fields
from lazulite.arm import shapes
from lazulite.arm.families import PAGE, Child, Context, next_page, one_of
from lazulite.arm.jobs import TYPES
from lazulite.engine import kinds, schedules, submit, triggers
from lazulite.engine.courses import NewJob
from lazulite.engine.schedules import Standing
from lazulite.errors import BadRequest, Conflict, NotImplementedHere
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.ids import check_name
from lazulite.store import resources
from lazulite.store.resources import Place, Resource

_ACTIONS = ("CreateJob", "CreateMonitor", "ImportData")
_REFUSED = {
    "CreateMonitor": "does not monitor models",
    "ImportData": "does not import data from databases and file systems of others",
}
# What is told of a schedule among its properties; what comes back of it is left out.
_TOLD = "lazulite."
_VIEWS = {"enabledonly": True, "disabledonly": False, "all": None}


def accept(given: JsonObject, context: Context) -> JsonObject:
    """Checks the trigger, and the job as far as it can be checked now: its inputs may be made before its time comes."""
    trigger = fields.nested(given, "properties.trigger")
    action = fields.nested(given, "properties.action")
    kind = one_of(action, "actionType", _ACTIONS)
    if kind in _REFUSED:
        raise NotImplementedHere(f"Lazulite {_REFUSED[kind]}, on a schedule or otherwise.", target="properties.action")
    fields.text(given, "properties.displayName")
    triggers.read(trigger, context.call.now)
    definition = fields.nested(action, "properties.action.jobDefinition")
    definition = {**definition, "jobType": one_of(definition, "action.jobDefinition.jobType", TYPES)}
    _check_job(definition, context)
    told = given.get("properties") or {}
    return {
        "isEnabled": True,
        **{name: value for name, value in given.items() if name != "isEnabled" or value is not None},
        "action": {**action, "actionType": kind, "jobDefinition": definition},
        "tags": given.get("tags") or {},
        "properties": {name: value for name, value in told.items() if not name.startswith(_TOLD)},
    }


def _check_job(definition: JsonObject, context: Context) -> None:
    name = "checked-beforehand"
    body = schedules.definition_of(context.connection, context.workspace, definition, context.call.now, name)
    kinds.find(body["jobType"])
    try:
        home = context.parts.settings.home
        submit.accept(context.connection, home, context.workspace, NewJob(body, name))
    except BadRequest as error:
        if not (error.target or "").startswith("properties.inputs"):
            raise


def put(call: Call, parts: Parts) -> Reply:
    """Makes or changes a schedule; from then on it ticks, unless it is disabled. Done when it answers.

    One that says no startTime makes its first job at once, whatever its trigger.
    Source: learn.microsoft.com/azure/machine-learning/reference-yaml-schedule, start_time.
    """
    workspace, name = scopes.workspace(call, parts), check_name(call.ids["name"], "schedule")
    place = Place(workspace.scope, schedules.KIND, name)
    given = shapes.properties_of(call.body)
    with parts.db.read() as connection:
        accepted = accept(given, Context(workspace, name, "", call, parts, connection))
    with parts.db.write() as connection:
        row, is_new = resources.put(connection, place, {"properties": accepted}, now=call.now, who=call.who.name)
        if is_new:
            schedules.forget(connection, place)  # what a workspace of that name had, which is gone
        schedules.plan(connection, place, _next_at(row, call.now, is_new=is_new))
    parts.scheduler.wake()
    return Reply(SCHEDULE.show(workspace, row, call, parts), 201 if is_new else 200)


def _next_at(row: Resource, now: datetime, *, is_new: bool) -> datetime | None:
    properties = row.body["properties"]
    if not properties["isEnabled"]:
        return None
    if is_new and not properties["trigger"].get("startTime"):
        return row.created_at
    return triggers.next_tick(schedules.trigger_of(row), now)


def list_schedules(call: Call, parts: Parts) -> Reply:
    """Lists schedules, oldest first; `listViewType` is EnabledOnly, DisabledOnly or All."""
    workspace, after = scopes.workspace(call, parts), shapes.whole_number(call, "$skip")
    wanted = _VIEWS.get(call.query.get("listviewtype", "").rpartition(".")[2].replace("_", "").lower(), True)
    with parts.db.read() as connection:
        rows = resources.containers(connection, workspace.scope, schedules.KIND, after=after, limit=PAGE)
        shown = [row for row in rows if wanted is None or row.body["properties"]["isEnabled"] == wanted]
        standings = schedules.standings(connection, workspace.scope, [row.place.name for row in shown])
    values = [SCHEDULE.wrap(workspace, row, call, _properties(row, standings[row.place.name])) for row in shown]
    return shapes.page(values, next_page(call, rows))


def delete(call: Call, parts: Parts) -> Reply:
    """Deletes a schedule; the jobs that it made stay. In strict mode one that is enabled is refused, as on Azure.

    Source: learn.microsoft.com/azure/machine-learning/how-to-schedule-pipeline-job, delete a schedule.
    """
    workspace = scopes.workspace(call, parts)
    place = Place(workspace.scope, schedules.KIND, call.ids["name"])
    with parts.db.write() as connection:
        row = resources.get(connection, place)
        if parts.settings.strict and row and row.body["properties"]["isEnabled"]:
            raise Conflict(f'Schedule "{row.place.name}" is enabled.', hint="Disable it first.")
        is_found = resources.remove(connection, place)
        schedules.forget(connection, place)
    return Reply(status=200 if is_found else 204)


def trigger(call: Call, parts: Parts) -> Reply:
    """Makes a schedule's job now; answers `{submissionId, jobName, scheduleActionType}`.

    `scheduleTime` is the time that the job is told. A disabled schedule can be triggered too. Source: guess.
    """
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        row = SCHEDULE.find(connection, workspace, call.ids["name"])
    name = parts.scheduler.trigger(row, _schedule_time(call.body, call.now), call.now)
    return Reply({"submissionId": name, "jobName": name, "scheduleActionType": "CreateJob"})


def _schedule_time(body: JsonObject, now: datetime) -> datetime:
    text = fields.text(body, "scheduleTime")
    if not text:
        return now
    told: dict[str, Any] = {"triggerType": "Recurrence", "frequency": "Day", "startTime": text}
    try:
        return triggers.read(told, now).starts_at
    except BadRequest as error:
        raise BadRequest(f'scheduleTime is "{text[:40]}", which is no time.', target="scheduleTime") from error


def show(row: Resource, call: Call, parts: Parts) -> JsonObject:
    """Prints a schedule's properties, and among its own what came of it: the next time, the last job, missed times."""
    with parts.db.read() as connection:
        standing = schedules.standings(connection, row.place.scope, [row.place.name])[row.place.name]
    return _properties(row, standing)


def _properties(row: Resource, standing: Standing) -> JsonObject:
    properties = row.body["properties"]
    told = {f"{_TOLD}nextAt": clock.iso(standing.next_at)} if standing.next_at else {}
    for kind, event in standing.last.items():
        said = f"{event.job} {event.note}".strip()
        told[f"{_TOLD}{kind}"] = f"{clock.iso(event.at)} {said}"
    return {
        **properties,
        "provisioningState": "Succeeded",
        "properties": {**properties["properties"], **told},
    }


SCHEDULE = Child(schedules.KIND, accept, show)

_ALL = f"{scopes.WORKSPACE}/schedules"
_ONE = f"{_ALL}/{{name}}"

ROUTES = (
    Route("GET", _ALL, list_schedules),
    Route("GET", _ONE, SCHEDULE.get),
    Route("PUT", _ONE, put, partial="CreateMonitor and ImportData are refused with 501"),
    Route("DELETE", _ONE, delete),
    Route("POST", f"{_ONE}/trigger", trigger),
)
