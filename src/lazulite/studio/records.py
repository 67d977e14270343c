"""What Studio shows of runs and no API of Azure's can be asked for: lists over all experiments, events, usage."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, or_, select

from lazulite import clock
from lazulite.engine import folders, kinds, queue, schedules, states
from lazulite.http.call import JsonObject
from lazulite.serving import stage
from lazulite.serving.wanted import DEPLOYMENTS
from lazulite.store import resources
from lazulite.store.tables import IS_ACTIVE
from lazulite.store.tables import deployments as deployments_table
from lazulite.store.tables import jobs as jobs_table
from lazulite.store.tables import runs as table
from lazulite.studio.visit import Visit
from lazulite.tracking import experiments, metrics, runs
from lazulite.tracking.runs import Run

PAGE = 50
_MOST_ROWS = 500
_LOOKED_AT = 5000
# What a filter by state means.
ACTIVE = "active"
STATES = {
    ACTIVE: tuple(status for status in runs.STATUSES if status not in runs.ENDED),
    "completed": ("Completed",),
    "failed": ("Failed",),
    "canceled": ("Canceled",),
}

# A run's type, as run history has it, and the word for it.
KINDS = {kind.run_type: name for name, kind in reversed(list(kinds.KINDS.items()))}


@dataclass(frozen=True)
class Wanted:
    """Which runs are meant. parent: whose children, "" for topmost runs; names: None for all; words: of their names.

    kind: one of KINDS' words.
    """

    state: str = ""
    kind: str = ""
    words: str = ""
    experiment: str = ""
    parent: str = ""
    names: Collection[str] | None = None
    archived: bool = False


def listed(visit: Visit, wanted: Wanted = Wanted(), *, before: int = 0, limit: int = PAGE) -> list[JsonObject]:
    """Lists runs, the last ones first: `{number, name, shown, experiment, status, kind, target, created, …}`.

    before: a number to go on from.
    """
    if not visit.workspace:
        return []
    where: list[ColumnElement[bool]] = [table.c.parent == wanted.parent, table.c.is_archived.is_(wanted.archived)]
    if before:
        where.append(table.c.number < before)
    if wanted.names is not None:
        where.append(table.c.id.in_(wanted.names))
    if wanted.state == ACTIVE:
        where.append(literal_column(IS_ACTIVE))
    elif wanted.state in STATES:
        where.append(table.c.status.in_(STATES[wanted.state]))
    if wanted.kind:
        where.append(table.c.kind.in_([one for one, word in KINDS.items() if word == wanted.kind]))
    for word in wanted.words.split():
        told = (column.icontains(word, autoescape=True) for column in (table.c.name, table.c.id))
        where.append(or_(*told))
    scope = visit.workspace.scope
    with visit.parts.db.read() as connection:
        names = {one.id: one.name for one in experiments.all_of(connection, scope)}
        if wanted.experiment:
            where.append(table.c.experiment.in_([key for key, name in names.items() if name == wanted.experiment]))
        found = runs.matching(connection, scope, *where, order_by=(table.c.number.desc(),), limit=limit)
    return [shown(run, names.get(run.experiment, "")) for run in found]


def shown(run: Run, experiment: str) -> JsonObject:
    """Prints a run for lists."""
    return {
        "number": run.number,
        "name": run.id,
        "shown": run.name,
        "experiment": experiment,
        "status": run.status,
        "kind": KINDS.get(run.kind, "Run"),
        "is_job": run.is_job,
        "target": run.target,
        "by": run.created_by,
        "created": clock.iso(run.created_at),
        "started": clock.iso(run.started_at) if run.started_at else None,
        "ended": clock.iso(run.ended_at) if run.ended_at else None,
    }


def experiment_names(visit: Visit) -> list[str]:
    """Lists the experiments that are not archived, the newest first."""
    if not visit.workspace:
        return []
    with visit.parts.db.read() as connection:
        found = experiments.all_of(connection, visit.workspace.scope)
    return [one.name for one in found if not one.is_archived]


def events(visit: Visit, name: str) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Returns what happened to a job, (state, when, why), and what it was warned of; nothing of a run that is none."""
    assert visit.workspace
    with visit.parts.db.read() as connection:
        job = states.find(connection, visit.workspace.scope, name)
        found = states.events(connection, job) if job else []
    return [(state, clock.iso(at), note) for state, at, note in found], job.warnings if job else []


def usage(visit: Visit, name: str) -> list[dict[str, Any]]:
    """Lists a job's samples: `{at, processes, cpu_s, memory_bytes}`, as its guest wrote them."""
    assert visit.workspace
    path = folders.of_job(visit.parts.settings.home, visit.workspace.scope, name) / "usage.jsonl"
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
    return [sample for line in lines if (sample := _sample(line))]


def _sample(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:  # the line that is being written
        return None
    return found if isinstance(found, dict) else None


def plan(visit: Visit, name: str) -> JsonObject:
    """Returns what a job's guest was told, {} before it starts: `{command, variables, ranks, …}`."""
    assert visit.workspace
    path = folders.of_job(visit.parts.settings.home, visit.workspace.scope, name) / "job.json"
    try:
        found: JsonObject = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found


def find_everywhere(visit: Visit, name: str) -> str | None:
    """Returns the id of the workspace that has a run of this name, None when none has."""
    with visit.parts.db.read() as connection:
        found = (one for one in visit.workspaces if runs.get(connection, one.scope, name))
        return next(map(str, found), None)


def children(visit: Visit, name: str) -> Sequence[JsonObject]:
    """Lists a run's children, oldest first."""
    return listed(visit, Wanted(parent=name), limit=1000)[::-1]


def models_of(visit: Visit, name: str) -> list[tuple[str, str]]:
    """Lists the models that were registered from a run: (name, version), the newest first."""
    assert visit.workspace
    with visit.parts.db.read() as connection:
        rows = resources.models_of_job(connection, visit.workspace.scope, name, PAGE)
    return [(row.place.name, row.place.version) for row in rows if row.place.version]


def took(run: JsonObject) -> float | None:
    """Returns for how many seconds a listed run ran, None of one that runs still or never did."""
    if not run["started"] or not run["ended"]:
        return None
    return (datetime.fromisoformat(run["ended"]) - datetime.fromisoformat(run["started"])).total_seconds()


def assets(visit: Visit, kind: str, *, words: str = "", before: int = 0, limit: int) -> list[JsonObject]:
    """Lists versioned assets, those made last first: `{sequence, name, latest, description, created}`.

    words: what their names contain. before: a sequence to go on from.
    """
    if not visit.workspace:
        return []
    scope = visit.workspace.scope
    with visit.parts.db.read() as connection:
        rows = resources.latest(connection, scope, kind, words=words, before=before, limit=limit)
        numbering = resources.numbering(connection, scope, kind, [row.place.name for row in rows])
    return [
        {
            "sequence": row.sequence,
            "name": row.place.name,
            "latest": numbering[row.place.name.lower()].latest,
            "description": row.body["properties"].get("description") or "",
            "created": clock.iso(row.created_at),
        }
        for row in rows
    ]


def count(visit: Visit, kind: str) -> int:
    """Counts the assets or children of a kind that are not archived."""
    assert visit.workspace
    with visit.parts.db.read() as connection:
        return resources.count_in(connection, visit.workspace.scope, kind)


def cells(visit: Visit, name: str) -> list[tuple[str, str, list[dict[str, Any]]]]:
    """Lists what a run logged besides numbers, as SDK v1 does: (name, its kind, rows as {column: value})."""
    assert visit.workspace
    with visit.parts.db.read() as connection:
        run = runs.find(connection, visit.workspace.scope, name)
        logged = metrics.cells(connection, run.number)
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for cell in logged:
        found.setdefault((cell.key, cell.kind), []).extend(_rows(cell.data["data"]))
    return [(key, kind, rows) for (key, kind), rows in found.items()]


def _rows(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns a cell's rows: one, or as many as its columns are long."""
    longest = max((len(value) for value in data.values() if isinstance(value, list)), default=0)
    if not longest:
        return [data]
    return [
        {
            column: (value[place] if place < len(value) else None) if isinstance(value, list) else value
            for column, value in data.items()
        }
        for place in range(min(longest, _MOST_ROWS))
    ]


def workers_told(visit: Visit, label: str) -> JsonObject:
    """Returns what the first worker of a deployment's newest generation was started with, {} before that.

    label: `endpoint/deployment`. `{variables, python, …}`, as its worker.json has it.
    """
    folder = stage.folder_of(visit.parts.settings.home, label)
    generations = sorted((one for one in folder.glob("*") if one.name.isdecimal()), key=lambda one: int(one.name))
    try:
        found: JsonObject = json.loads((generations[-1] / "workers" / "0" / "worker.json").read_bytes())
    except (IndexError, OSError, ValueError):
        return {}
    return found


def children_of(visit: Visit, kind: str) -> list[tuple[str, JsonObject]]:
    """Lists everything of a kind that has a parent, as it was asked for: (`endpoint/deployment`, its properties)."""
    assert visit.workspace
    with visit.parts.db.read() as connection:
        rows = resources.containers(connection, visit.workspace.scope, kind)
    return [(row.place.name, row.body["properties"]) for row in rows]


def uses_of_component(visit: Visit, component: str) -> list[JsonObject]:
    """Lists the latest steps that ran a component, by its id; jobs of long ago are not looked at."""
    assert visit.workspace
    scope = visit.workspace.scope
    with visit.parts.db.read() as connection:
        newest = connection.execute(select(func.max(jobs_table.c.number)).where(jobs_table.c.scope == scope)).scalar()
        query = select(jobs_table.c.number).where(
            jobs_table.c.scope == scope,
            jobs_table.c.number > (newest or 0) - _LOOKED_AT,
            jobs_table.c.body["componentId"].as_string() == component,
        )
        numbers = list(connection.execute(query.order_by(jobs_table.c.number.desc()).limit(PAGE)).scalars())
        names = {one.id: one.name for one in experiments.all_of(connection, scope)}
        found = runs.matching(
            connection, scope, table.c.number.in_(numbers), order_by=(table.c.number.desc(),), limit=PAGE
        )
    return [shown(run, names.get(run.experiment, "")) for run in found]


def ticks(visit: Visit, schedule: str) -> list[schedules.Event]:
    """Lists what came of a schedule's times, the latest first."""
    assert visit.workspace
    with visit.parts.db.read() as connection:
        place = resources.Place(visit.workspace.scope, schedules.KIND, schedule)
        return schedules.events(connection, place, PAGE)


def waiting(visit: Visit) -> dict[str, int]:
    """Counts the jobs that wait for each compute, by its name in lower case."""
    if not visit.workspace:
        return {}
    with visit.parts.db.read() as connection:
        found = queue.waiting(connection)
    return {compute.lower(): count for scope, compute, count in found if scope == visit.workspace.scope}


def deployments(visit: Visit) -> dict[str, list[tuple[str, str]]]:
    """Returns the deployments of all online endpoints by endpoint, in lower case: (name, state)."""
    assert visit.workspace
    scope, c = visit.workspace.scope, deployments_table.c
    with visit.parts.db.read() as connection:
        query = select(c.endpoint, c.name, c.state).where(c.scope == scope)
        known = {f"{endpoint}/{name}".lower(): state for endpoint, name, state in connection.execute(query)}
        rows = resources.containers(connection, scope, DEPLOYMENTS)
    found: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        endpoint, _, name = row.place.name.partition("/")
        found.setdefault(endpoint.lower(), []).append((name, known.get(row.place.name.lower(), "Creating")))
    return found
