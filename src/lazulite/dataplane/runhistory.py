"""Run history: runs as azure-ai-ml watches and renames them, and as SDK v1 makes, tags and ends them."""

from typing import Any

from sqlalchemy import Connection

from lazulite import clock, fields
from lazulite.dataplane import run_files, run_filter, run_shapes, sent
from lazulite.engine import services, states
from lazulite.errors import BadRequest, LazuliteError, NotFound
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.identify import ML_AUDIENCES
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.identity import tokens
from lazulite.ids import check_name
from lazulite.store.tables import runs as run_table
from lazulite.tracking import entries, experiments, runs
from lazulite.tracking.runs import NewRun, Run

_PAGE = 500
_MOST = 100_000
# Source: azureml-core 1.61 _restclient/contracts/events.py. Heartbeats and the rest ask for nothing.
_EVENTS = {
    "Start": "Running",
    "Completed": "Completed",
    "Failed": "Failed",
    "Canceled": "Canceled",
    "CancelRequested": "CancelRequested",
}
_CANCEL = ("Canceled", "CancelRequested")
_EVENT_PREFIX = "Microsoft.MachineLearning.Run."
# How long after its end a job that was over at once is still shown as ending; see `_watched_status`.
_SHORT_S, _LINGER_S = 10, 3


def get(call: Call, parts: Parts) -> Reply:
    """Answers a run. Raises NotFound (404)."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        return Reply(run_shapes.show(connection, runs.find(connection, workspace.scope, call.ids["run"])))


def get_details(call: Call, parts: Parts) -> Reply:
    """Answers what clients poll while a run goes on: status, error, warnings, logs."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        run = runs.find(connection, workspace.scope, call.ids["run"])
        job = states.get(connection, run.number) if run.is_job else None
        shown = run_shapes.details(connection, run, job, run_files.logs(call, parts, workspace, run))
    return Reply({**shown, "status": _watched_status(run, call)})


def _watched_status(run: Run, call: Call) -> str:
    """Returns the status, or Finalizing for azure-ai-ml where a job was over before anyone could watch it.

    `jobs.stream` prints no log when its first look shows an end. A job takes minutes on Azure and may take a tenth of
    a second here, so that without this its user would never see a line of it. Source: azure-ai-ml 1.35.2
    operations/_job_ops_helper.py, stream_logs_until_completion.
    """
    if not run.ended_at or not run.is_job or "azure-ai-ml" not in call.headers.get("user-agent", ""):
        return run.status
    was_short = (run.ended_at - run.created_at).total_seconds() < _SHORT_S
    is_fresh = (call.now - run.ended_at).total_seconds() < _LINGER_S
    return "Finalizing" if was_short and is_fresh else run.status


def list_children(call: Call, parts: Parts) -> Reply:
    """Lists a run's children, all on one page: clients of 2026 read no second one."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        run = runs.find(connection, workspace.scope, call.ids["run"])
        found = runs.children(connection, run, limit=_MOST)
        return Reply(run_shapes.page(run_shapes.show_all(connection, found)))


def query(call: Call, parts: Parts) -> Reply:
    """Lists an experiment's runs by `{filter, orderby, top, continuationToken}`. Archived ones are left out."""
    workspace, given = scopes.workspace(call, parts), call.body
    token, top = fields.text(given, "continuationToken"), given.get("top") or _PAGE
    if not isinstance(top, int) or top < 1 or (token and not token.isdecimal()):
        raise BadRequest("top must be a whole number above 0, and continuationToken one that was given out here.")
    wanted = run_filter.condition(fields.text(given, "filter"))
    order = run_filter.order(given.get("orderby") or "StartTimeUtc desc")
    after, limit = int(token or 0), min(top, _PAGE)
    with parts.db.read() as connection:
        experiment = _experiment(connection, call, workspace.scope)
        within = (run_table.c.experiment == experiment.id, run_table.c.is_archived.is_(False), wanted)
        found = runs.matching(connection, workspace.scope, *within, order_by=order, after=after, limit=limit)
        shown = run_shapes.show_all(connection, found)
    return Reply(run_shapes.page(shown, str(after + limit) if len(found) == limit else None))


def patch(call: Call, parts: Parts) -> Reply:
    """Changes a run, or makes it where there is none yet: `{displayName, description, hidden, tags, properties, …}`.

    Tags and properties are merged with those there are. A job's status is the engine's alone, and is left as it is.
    """
    workspace, given = scopes.workspace(call, parts), call.body
    with parts.db.write() as connection:
        run = _put(connection, call, workspace.scope, call.ids["run"], given)
        return Reply(run_shapes.show(connection, run))


def patch_many(call: Call, parts: Parts) -> Reply:
    """Makes or changes runs: `{runs: [...]}` in, `{runs: {id: run}, errors: {id: error}}` out."""
    workspace = scopes.workspace(call, parts)
    made: dict[str, JsonObject] = {}
    failed: dict[str, JsonObject] = {}
    for given in sent.objects(call.body, "runs"):
        run_id = fields.text(given, "runId", required=True)
        try:
            with parts.db.write() as connection:
                made[run_id] = run_shapes.show(connection, _put(connection, call, workspace.scope, run_id, given))
        except LazuliteError as error:
            failed[run_id] = {"error": error.wire()}
    return Reply({"runs": made, "errors": failed})


def _put(connection: Connection, call: Call, scope: str, run_id: str, given: JsonObject) -> Run:
    run = runs.get(connection, scope, run_id)
    if run:
        return _change(connection, run, given, call)
    if "experiment" not in call.ids and "experiment_id" not in call.ids:
        return runs.find(connection, scope, run_id)
    experiment = _ensure_experiment(connection, call, scope)
    new = NewRun(
        id=check_name(run_id, "run"),
        experiment=experiment.id,
        name=_name(given),
        status=_status(given) or "NotStarted",
        kind=fields.text(given, "runType"),
        parent=fields.text(given, "parentRunId"),
        description=fields.text(given, "description"),
        target=fields.text(given, "target"),
        created_by=call.who.name,
        started_at=sent.moment(given, "startTimeUtc"),
        tags=sent.texts(given, "tags"),
        properties=sent.texts(given, "properties"),
    )
    return runs.create(connection, scope, new, call.now)


def _change(connection: Connection, run: Run, given: JsonObject, call: Call) -> Run:
    entries.put(connection, run.number, "tag", sent.texts(given, "tags"))
    entries.put(connection, run.number, "property", sent.texts(given, "properties"))
    values: dict[str, Any] = {"name": _name(given) or run.name}
    if "description" in given:
        values["description"] = fields.text(given, "description")
    if isinstance(given.get("hidden"), bool):
        values["is_archived"] = given["hidden"]
    if not run.is_job:
        moments = {"started_at": sent.moment(given, "startTimeUtc"), "ended_at": sent.moment(given, "endTimeUtc")}
        values |= {field: moment for field, moment in moments.items() if moment}
        if status := _status(given):
            runs.move(connection, run.scope, run.id, status, call.now, error=run.error)
    return runs.change(connection, run, call.now, **values)


def _name(given: JsonObject) -> str:
    """Returns the name that people see. SDK v1 puts the parents' names before a child's, parted by ">"."""
    return fields.text(given, "displayName") or fields.text(given, "name").rpartition(">")[2]


def _status(given: JsonObject) -> str:
    status = fields.text(given, "status")
    if status and status not in runs.STATUSES:
        raise BadRequest(f'status is "{status}", but must be one of {", ".join(runs.STATUSES)}.', target="status")
    return status


def delete_tags(call: Call, parts: Parts) -> Reply:
    """Removes tags from a run; the body lists their names."""
    workspace, names = scopes.workspace(call, parts), sent.names(call)
    with parts.db.write() as connection:
        run = runs.find(connection, workspace.scope, call.ids["run"])
        entries.remove(connection, run.number, "tag", names)
        return Reply(run_shapes.show(connection, runs.change(connection, run, call.now)))


def post_event(call: Call, parts: Parts) -> Reply:
    """Takes what happened to a run: `{name: "Microsoft.MachineLearning.Run.Start", data: {...}}`."""
    workspace = scopes.workspace(call, parts)
    with parts.db.write() as connection:
        _happened(connection, workspace.scope, call.ids["run"], call.body, call)
    parts.engine.wake()
    return Reply({})


def post_events(call: Call, parts: Parts) -> Reply:
    """Takes what happened to several runs: `{events: [...]}` in, `{errors: [{key: event, value: error}]}` out."""
    workspace = scopes.workspace(call, parts)
    failed = []
    for event in sent.objects(call.body, "events"):
        run_id = fields.text(fields.nested(event, "data"), "data.RunId", required=True)
        try:
            with parts.db.write() as connection:
                _happened(connection, workspace.scope, run_id, event, call)
        except LazuliteError as error:
            failed.append({"key": event, "value": {"error": error.wire()}})
    parts.engine.wake()
    return Reply({"errors": failed})


def _happened(connection: Connection, scope: str, run_id: str, event: JsonObject, call: Call) -> None:
    run = runs.find(connection, scope, run_id)
    name, data = fields.text(event, "name", required=True).removeprefix(_EVENT_PREFIX), event.get("data")
    if name == "Error":
        response = data.get("ErrorResponse") if isinstance(data, dict) else None
        error = response.get("error") if isinstance(response, dict) else None
        if not isinstance(error, dict):
            raise BadRequest("An Error event needs data.ErrorResponse.error.", target="data.ErrorResponse")
        runs.change(connection, run, call.now, error={name: value for name, value in error.items() if value})
    elif name in _EVENTS and not run.is_job:
        runs.move(connection, scope, run.id, _EVENTS[name], call.now, error=run.error)
    elif name in _CANCEL:
        _cancel(connection, run, call)


def _cancel(connection: Connection, run: Run, call: Call) -> None:
    """Cancels a job: one that waits is over at once, one that runs is ended by the engine."""
    job = states.get(connection, run.number)
    if job:
        states.cancel(connection, job, call.now)


def get_token(call: Call, parts: Parts) -> Reply:
    """Gives a run's script a new token, for scripts that run longer than the first one lasts."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        runs.find(connection, workspace.scope, call.ids["run"])
    who = call.who
    token = tokens.issue(parts.signing_key, ML_AUDIENCES[-1], tenant=who.tid, oid=who.oid, name=who.name, now=call.now)
    expires_at = tokens.verify(parts.signing_key, token, None, call.now).expires_at
    return Reply({"token": token, "expiryTimeUtc": clock.iso(expires_at)})


def get_services(call: Call, parts: Parts) -> Reply:
    """Answers where the interactive services of a job answer; all of its nodes are this machine."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        run = runs.find(connection, workspace.scope, call.ids["run"])
        job = states.find(connection, workspace.scope, run.id)
    shown = services.shown(parts.settings.home, job) if job else {}
    live = {name: {**one, "type": one["jobServiceType"]} for name, one in shown.items() if "status" in one}
    return Reply({"instances": live})


def metrics_are_in(call: Call, parts: Parts) -> Reply:
    """Answers that all metrics that were sent can be read: they are written before they are acknowledged."""
    return Reply({})


def get_experiment(call: Call, parts: Parts) -> Reply:
    """Answers an experiment by its name or its id. Raises NotFound (404)."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        return Reply(run_shapes.show_experiment(_experiment(connection, call, workspace.scope)))


def put_experiment(call: Call, parts: Parts) -> Reply:
    """Makes an experiment of that name where there is none."""
    workspace = scopes.workspace(call, parts)
    with parts.db.write() as connection:
        return Reply(run_shapes.show_experiment(_ensure_experiment(connection, call, workspace.scope)))


def patch_experiment(call: Call, parts: Parts) -> Reply:
    """Changes an experiment: `{name, tags, archive}`."""
    workspace, given = scopes.workspace(call, parts), call.body
    with parts.db.write() as connection:
        experiment = _experiment(connection, call, workspace.scope)
        changed = experiments.change(
            connection,
            experiment,
            call.now,
            name=fields.text(given, "name") or None,
            tags={**experiment.tags, **sent.texts(given, "tags")},
            is_archived=given["archive"] if isinstance(given.get("archive"), bool) else None,
        )
    return Reply(run_shapes.show_experiment(changed))


def query_experiments(call: Call, parts: Parts) -> Reply:
    """Lists the workspace's experiments, the newest first: `{filter: "(name eq x)", viewType}`."""
    workspace, given = scopes.workspace(call, parts), call.body
    wanted = run_filter.name_asked(fields.text(given, "filter"))
    archived = {"all": (True, False), "archivedonly": (True,)}.get(fields.text(given, "viewType").lower(), (False,))
    with parts.db.read() as connection:
        found = experiments.all_of(connection, workspace.scope)
    shown = [one for one in found if one.is_archived in archived and wanted in ("", one.name)]
    return Reply(run_shapes.page(map(run_shapes.show_experiment, shown)))


def _experiment(connection: Connection, call: Call, scope: str) -> experiments.Experiment:
    if "experiment_id" in call.ids:
        return experiments.get(connection, scope, call.ids["experiment_id"])
    found = experiments.named(connection, scope, call.ids["experiment"])
    if not found:
        raise NotFound(f'There is no experiment "{call.ids["experiment"]}" in this workspace.', target="experiment")
    return found


def _ensure_experiment(connection: Connection, call: Call, scope: str) -> experiments.Experiment:
    if "experiment_id" in call.ids:
        return _experiment(connection, call, scope)
    return experiments.ensure(connection, scope, call.ids["experiment"], call.now)


_ROOT = f"/history/v1.0{scopes.WORKSPACE}"
_BY_NAME, _BY_ID = f"{_ROOT}/experiments/{{experiment}}", f"{_ROOT}/experimentids/{{experiment_id}}"
_NO_WARNINGS = "warnings of runs that are no jobs are not kept"


def _of_run(place: str) -> tuple[Route, ...]:
    one = f"{place}/runs/{{run}}"
    return (
        Route("GET", one, get),
        Route("PATCH", one, patch),
        Route("GET", f"{one}/details", get_details),
        Route("GET", f"{one}/children", list_children),
        Route("DELETE", f"{one}/tags", delete_tags),
        Route("POST", f"{one}/events", post_event, partial=_NO_WARNINGS),
        Route("GET", f"{one}/token", get_token),
        Route("GET", f"{one}/serviceinstances/{{node}}", get_services, partial="of tensor_board and jupyter_lab"),
        Route("GET", f"{one}/metricsingest/wait", metrics_are_in),
    )


def _of_experiment(place: str) -> tuple[Route, ...]:
    return (
        Route("GET", place, get_experiment),
        Route("PATCH", place, patch_experiment),
        Route("POST", f"{place}/runs:query", query),
        Route("PATCH", f"{place}/batch/runs", patch_many),
        Route("POST", f"{place}/batch/events", post_events, partial=_NO_WARNINGS),
        *_of_run(place),
    )


ROUTES = (
    *_of_run(_ROOT),
    *_of_experiment(_BY_NAME),
    *_of_experiment(_BY_ID),
    Route("POST", _BY_NAME, put_experiment),
    Route("POST", f"{_ROOT}/experiments:query", query_experiments, partial="tags are not filtered by"),
)
