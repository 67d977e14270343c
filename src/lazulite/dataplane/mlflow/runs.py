"""MLflow's runs: create, get, update, delete, restore, search."""

import dataclasses
import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from lazulite import fields
from lazulite.catalog.run_names import ADJECTIVES, NOUNS
from lazulite.dataplane.mlflow import run_shapes, wire
from lazulite.errors import BadRequest
from lazulite.http import scopes
from lazulite.http.call import Call, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.tracking import experiments, filters, runs, search
from lazulite.tracking.filters import Comparison, Order
from lazulite.tracking.runs import ENDED, NewRun, Run
from lazulite.tracking.search import Search

TAG_LIMIT = 8000  # characters. Source: mlflow 3.17 utils/validation.py, MAX_TAG_VAL_LENGTH
_PAGE, _PAGE_LIMIT = 1000, 50_000


def create(call: Call, parts: Parts) -> Reply:
    """Makes a run that is running, in an experiment that is not deleted; a tag may name its parent."""
    workspace, body = scopes.workspace(call, parts), call.body
    tags = wire.pairs(body, "tags", TAG_LIMIT)
    name = fields.text(body, "run_name") or tags.get("mlflow.runName", "") or random_name()
    with parts.db.write() as connection:
        experiment = experiments.get(connection, workspace.scope, fields.text(body, "experiment_id") or "0")
        if experiment.is_archived:
            raise BadRequest(f"The experiment {experiment.id} must be in the 'active' state, but is deleted.")
        new = NewRun(
            id=uuid.uuid4().hex,
            experiment=experiment.id,
            name=name,
            status="Running",
            parent=tags.get("mlflow.parentRunId", ""),
            created_by=fields.text(body, "user_id") or tags.get("mlflow.user", "") or call.who.name,
            started_at=wire.moment(body, "start_time") or call.now,
            tags={key: value for key, value in tags.items() if key not in run_shapes.FIELDS},
        )
        made = runs.create(connection, workspace.scope, new, call.now)
        return Reply({"run": run_shapes.show_all(call, connection, workspace, [made])[0]})


def get(call: Call, parts: Parts) -> Reply:
    """Answers one run with the latest of every metric."""
    workspace, run_id = scopes.workspace(call, parts), wire.run_id_of(call.query)
    with parts.db.read() as connection:
        found = runs.find(connection, workspace.scope, run_id)
        return Reply({"run": run_shapes.show_all(call, connection, workspace, [found])[0]})


def update(call: Call, parts: Parts) -> Reply:
    """Changes status, end and name. The status of a job is the job's, whatever a script inside it says of its run."""
    body = call.body
    status, ended_at = wire.status_from(body), wire.moment(body, "end_time")
    values: dict[str, Any] = {"name": name} if (name := fields.text(body, "run_name")) else {}
    with changing(call, parts) as (connection, run):
        if status and not run.is_job:
            is_end = status in ENDED
            values |= {"status": status, "ended_at": (ended_at or call.now) if is_end else None}
        run = runs.change(connection, run, call.now, **values)
        return Reply({"run_info": run_shapes.info(call, scopes.workspace(call, parts), run)})


def delete(call: Call, parts: Parts) -> Reply:
    """Archives a run: it leaves the lists until it is restored, and its artifacts stay."""
    with changing(call, parts, takes_archived=True) as (connection, run):
        runs.change(connection, run, call.now, is_archived=True)
    return Reply({})


def restore(call: Call, parts: Parts) -> Reply:
    """Brings an archived run back."""
    with changing(call, parts, takes_archived=True) as (connection, run):
        runs.change(connection, run, call.now, is_archived=False)
    return Reply({})


def find(call: Call, parts: Parts) -> Reply:
    """Answers a page of the runs of some experiments that a filter finds."""
    workspace, body = scopes.workspace(call, parts), call.body
    offset, limit = wire.offset_of(body), wire.limit_of(body, _PAGE, _PAGE_LIMIT)
    wanted = Search(
        experiments=wire.strings(body, "experiment_ids"),
        where=[_at_home(clause) for clause in filters.parse(fields.text(body, "filter"), search.RUNS)],
        order=[_order_at_home(text) for text in wire.strings(body, "order_by")],
        is_archived=wire.view_of(body, "run_view_type"),
        offset=offset,
        limit=limit + 1,
    )
    with parts.db.read() as connection:
        found = search.find(connection, workspace.scope, wanted)
        shown = run_shapes.show_all(call, connection, workspace, found)
    return wire.page("runs", shown, offset, limit)


@contextmanager
def changing(call: Call, parts: Parts, *, takes_archived: bool = False) -> Iterator[tuple[Connection, Run]]:
    """Opens a transaction on the run that the body names.

    Raises BadRequest (400) for a deleted run, unless it is a job, which may still be logging after it was archived.
    """
    workspace, run_id = scopes.workspace(call, parts), wire.run_id_of(call.body)
    with parts.db.write() as connection:
        run = runs.find(connection, workspace.scope, run_id)
        if run.is_archived and not run.is_job and not takes_archived:
            raise BadRequest(f"The run {run.id} must be in the 'active' state, but is deleted.", target="run_id")
        yield connection, run


def random_name() -> str:
    """Makes a name for what was given none."""
    return f"{secrets.choice(ADJECTIVES.split())}_{secrets.choice(NOUNS.split())}_{secrets.token_hex(4)}"


def _at_home(clause: Comparison) -> Comparison:
    """Turns a clause on what MLflow calls a tag or a status into one on the record's own fields and spellings."""
    if clause.kind == "tag" and clause.key in run_shapes.FIELDS and clause.value is not None:
        return dataclasses.replace(clause, kind="attribute", key=run_shapes.FIELDS[clause.key])
    if clause.kind == "attribute" and clause.key == "status":
        spelled = tuple(status for status in runs.STATUSES if filters.matches(clause, wire.status_of(status)))
        return dataclasses.replace(clause, operator="IN", value=spelled)
    return clause


def _order_at_home(text: str) -> Order:
    order = filters.parse_order(text, search.RUNS)
    if order.kind == "tag" and order.key in run_shapes.FIELDS:
        return dataclasses.replace(order, kind="attribute", key=run_shapes.FIELDS[order.key])
    return order


ROUTES = (
    Route("POST", f"{wire.API}/runs/create", create),
    Route("GET", f"{wire.API}/runs/get", get),
    Route("POST", f"{wire.API}/runs/update", update),
    Route("POST", f"{wire.API}/runs/delete", delete),
    Route("POST", f"{wire.API}/runs/restore", restore),
    Route("POST", f"{wire.API}/runs/search", find),
)
