"""Jobs: submitted, shown, listed, cancelled, archived. The engine runs them after the reply."""

import shutil
from typing import Any

from sqlalchemy import Connection

from lazulite import clock, fields
from lazulite.arm import shapes
from lazulite.arm.families import one_of
from lazulite.arm.operations import POLL_SOON
from lazulite.engine import folders, references, services, states, submit
from lazulite.engine.courses import NewJob
from lazulite.engine.schedules import SCHEDULE
from lazulite.engine.states import Job
from lazulite.errors import Conflict, NotFound
from lazulite.http import addresses, scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.ids import PROVIDER, WorkspaceId, check_name, child_name
from lazulite.store import workspaces
from lazulite.tracking import entries, experiments, runs

# Source: azure-ai-ml 1.35.2 _restclient/arm_ml_service/models/_enums.py, JobType.
TYPES = ("AutoML", "Command", "Distillation", "FineTuning", "Labeling", "Pipeline", "Spark", "Sweep")
_PAGE = 100
# What a job is: none of it changes once it is submitted. That Azure refuses another compute or experiment: azure-ai-ml
# 1.35.2 operations/_job_operations.py, create_or_update.
_FIXED = ("command", "codeId", "computeId", "environmentVariables", "experimentName")


# There are parallel jobs within pipelines only. azure-ai-ml knows no such job by itself, and reads what Azure sends
# without properties from run history. Source: azure-ai-ml 1.35.2 entities/_job/job.py, _is_pipeline_child_job.
_STEP_ONLY = "Parallel"


def put(call: Call, parts: Parts) -> Reply:
    """Submits a job, or changes the name, description, tags, properties and archiving of one that is there.

    Answers at once. Everything that can be checked now is: compute, environment, code, inputs, bindings.
    """
    workspace, name = scopes.workspace(call, parts), check_name(call.ids["name"], "job")
    given = shapes.properties_of(call.body)
    with parts.db.read() as connection:
        before = states.find(connection, workspace.scope, name)
    if before:
        return _change(call, parts, workspace, before, given)
    new = NewJob({**given, "jobType": one_of(given, "jobType", TYPES)}, name, created_by=call.who.name)
    with parts.db.read() as connection:
        accepted = submit.accept(connection, parts.settings.home, workspace, new)
    with parts.db.write() as connection:
        job = submit.write(connection, accepted, call.now)
        shown = _show_all(connection, call, parts, workspace, [job])[0]
    parts.engine.wake()
    return Reply(shown, 201)


def _change(call: Call, parts: Parts, workspace: WorkspaceId, job: Job, given: JsonObject) -> Reply:
    with parts.db.read() as connection:
        experiment = experiments.get(connection, workspace.scope, job.run.experiment).name
    for field in _FIXED:
        old, new = {**job.body, "experimentName": experiment}.get(field), given.get(field)
        if new and new != old:
            raise Conflict(
                f'Job "{job.name}" exists with another {field}: it has {old!r}, the request has {new!r}.',
                target=f"properties.{field}",
                hint="Give the new job another name, or none to get one.",
            )
    values: dict[str, Any] = {
        "name": fields.text(given, "properties.displayName") or job.run.name,
        "description": fields.text(given, "properties.description") or job.run.description,
        "is_archived": fields.flag(given, "properties.isArchived"),
    }
    with parts.db.write() as connection:
        entries.put(connection, job.number, "tag", fields.texts(given, "properties.tags"))
        entries.put(connection, job.number, "property", fields.texts(given, "properties.properties"))
        runs.change(connection, job.run, call.now, **values)
        return Reply(_show_all(connection, call, parts, workspace, [_find(connection, workspace, job.name)])[0])


def get(call: Call, parts: Parts) -> Reply:
    """Answers one job with its status as it is now."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        job = _find(connection, workspace, call.ids["name"])
        shown = _show_all(connection, call, parts, workspace, [job])[0]
    if job.kind == _STEP_ONLY and "azure-ai-ml" in call.headers.get("user-agent", ""):
        return Reply({**shown, "properties": None})
    return Reply(shown)


def list_jobs(call: Call, parts: Parts) -> Reply:
    """Lists the topmost jobs, newest first; honours jobType, tag, properties, listViewType and `$skip`.

    `scheduled=true` asks for those that schedules made, `scheduleId` for those of one, by its name or id.
    """
    workspace, before = scopes.workspace(call, parts), shapes.whole_number(call, "$skip")
    kind = one_of({"jobType": call.query["jobtype"]}, "jobType", TYPES) if call.query.get("jobtype") else ""
    said = [("tag", call.query["tag"])] if call.query.get("tag") else []
    said += [("property", one) for one in call.query.get("properties", "").split(",") if one]
    if call.query.get("scheduleid"):
        said.append(("property", f"{SCHEDULE}={child_name(call.query['scheduleid'], 'schedules')}"))
    elif call.query.get("scheduled", "").lower() == "true":
        said.append(("property", SCHEDULE))
    with parts.db.read() as connection:
        found = states.listed(
            connection,
            workspace.scope,
            kind=kind,
            said=said,
            archived=shapes.wants_archived(call),
            before=before,
            limit=_PAGE,
        )
        shown = _show_all(connection, call, parts, workspace, found)
    more = addresses.next_link(call, **{"$skip": found[-1].number}) if len(found) == _PAGE else None
    return shapes.page(shown, more)


def cancel(call: Call, parts: Parts) -> Reply:
    """Cancels a job: one that waits is over at once, one that runs gets SIGTERM and later SIGKILL, all of it.

    A job that has ended stays as it is. Answers 200 when there is nothing to wait for, else 202 and where to ask.
    """
    workspace = scopes.workspace(call, parts)
    with parts.db.write() as connection:
        is_over = states.cancel(connection, _find(connection, workspace, call.ids["name"]), call.now)
    parts.engine.wake()
    return Reply(status=200) if is_over else Reply(None, 202, {"Location": f"{call.base_url}{call.path}", **POLL_SOON})


def poll_cancel(call: Call, parts: Parts) -> Reply:
    """Answers 202 until a job that is being cancelled is over."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        job = _find(connection, workspace, call.ids["name"])
    if job.state in states.ENDED:
        return Reply(status=204)
    return Reply(None, 202, {"Location": f"{call.base_url}{call.path}", **POLL_SOON})


def delete(call: Call, parts: Parts) -> Reply:
    """Deletes a job that has ended, with its record. What it wrote stays: models and other jobs may point there."""
    workspace = scopes.workspace(call, parts)
    with parts.db.write() as connection:
        job = states.find(connection, workspace.scope, call.ids["name"])
        if not job:
            return Reply(status=204)
        if job.state not in states.ENDED:
            raise Conflict(f'Job "{job.name}" is {job.state}.', hint="Cancel it first.")
        states.remove(connection, job)
        runs.remove(connection, job.run)
    shutil.rmtree(folders.of_job(parts.settings.home, job.scope, job.name), ignore_errors=True)
    return Reply(status=200)


def _find(connection: Connection, workspace: WorkspaceId, name: str) -> Job:
    job = states.find(connection, workspace.scope, name)
    if not job:
        raise NotFound(f'Job "{name}" was not found in workspace "{workspace.workspace}".', target="name")
    return job


def _show_all(
    connection: Connection, call: Call, parts: Parts, workspace: WorkspaceId, jobs: list[Job]
) -> list[JsonObject]:
    said = entries.of_runs(connection, [job.number for job in jobs])
    named = {job.run.experiment for job in jobs}
    names = {one: experiments.get(connection, workspace.scope, one).name for one in named}
    region = workspaces.of_scope(connection, workspace.scope).region
    tracking, home = addresses.mlflow_tracking_uri(call, parts.settings, region, workspace), parts.settings.home
    return [
        {
            "id": f"{workspace}/jobs/{job.name}",
            "name": job.name,
            "type": f"{PROVIDER}/workspaces/jobs",
            "properties": {
                **job.body,
                "jobType": job.kind,
                "status": job.state,
                "displayName": job.run.name,
                "description": job.run.description or None,
                "experimentName": names[job.run.experiment],
                "isArchived": job.run.is_archived,
                "parentJobName": job.run.parent or None,
                "tags": said[job.number, "tag"],
                "properties": said[job.number, "property"],
                "services": {**services.shown(home, job), **_services(parts, workspace, job, tracking)},
                "outputs": {**(job.body.get("outputs") or {}), "default": _default_output(job)},
            },
            "systemData": _system_data(job),
        }
        for job in jobs
    ]


def _services(parts: Parts, workspace: WorkspaceId, job: Job, tracking: str) -> JsonObject:
    """Prints where a job is tracked and looked at. `properties` is an object, which the SDK reads."""
    studio = f"{parts.settings.url}/runs/{job.name}?wsid={workspace}"
    shared: JsonObject = {"port": None, "status": None, "errorMessage": None, "properties": {}}
    return {
        "Tracking": {"jobServiceType": "Tracking", "endpoint": tracking, **shared},
        "Studio": {"jobServiceType": "Studio", "endpoint": studio, **shared},
    }


def _default_output(job: Job) -> JsonObject:
    return {"jobOutputType": "uri_folder", "uri": references.folder_uri(job.name), "mode": "ReadWriteMount"}


def _system_data(job: Job) -> JsonObject:
    run = job.run
    return {
        "createdAt": clock.iso(run.created_at),
        "createdBy": run.created_by,
        "createdByType": "Application",
        "lastModifiedAt": clock.iso(run.modified_at),
        "lastModifiedBy": run.created_by,
        "lastModifiedByType": "Application",
    }


_ALL = f"{scopes.WORKSPACE}/jobs"
_ONE = f"{_ALL}/{{name}}"

ROUTES = (
    Route("GET", _ALL, list_jobs),
    Route("GET", _ONE, get),
    Route("PUT", _ONE, put, partial="jobType Command, Pipeline, Sweep, AutoML of tables; others are refused with 501"),
    Route("DELETE", _ONE, delete),
    Route("POST", f"{_ONE}/cancel", cancel),
    Route("GET", f"{_ONE}/cancel", poll_cancel),
)
