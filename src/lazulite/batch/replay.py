"""One mini-batch of a job again, in a copy of the job that leaves the job alone."""

import json
from collections.abc import Callable

from lazulite.batch import alone, order
from lazulite.batch.alone import Alone
from lazulite.batch.plan import Plan
from lazulite.engine import debug, folders, kinds, states
from lazulite.engine.debug import Copy
from lazulite.errors import BadRequest, NotFound
from lazulite.ids import WorkspaceId
from lazulite.settings import Settings
from lazulite.store import tables
from lazulite.store.db import Database

_PARALLEL = "Parallel"


def replay(
    settings: Settings, workspace: WorkspaceId, name: str, number: int, has_pdb: bool, log: Callable[[str], None]
) -> tuple[Copy, Alone]:
    """Lays out a copy of a job for one of its mini-batches, the same files or rows as the job had in it.

    name: of a parallel job, or of a pipeline with one such step. log: gets a line for each thing that is made ready.
    Raises NotFound when there is no such job or mini-batch, BadRequest for a job that has none.
    """
    found = _leaf(settings, workspace, name)
    earlier = folders.of_job(settings.home, workspace.scope, found) / "batch"
    if not (earlier / "plan.json").exists():
        raise NotFound(f'Job "{found}" has not got so far that it has mini-batches.')
    told = json.loads((earlier / "plan.json").read_bytes())
    mini_batch = Plan(earlier / "plan.jsonl", told["mini_batches"], told["items"]).get(number)
    if mini_batch is None:
        raise NotFound(f'Job "{found}" has no mini-batch {number}: they are 0 to {told["mini_batches"] - 1}.')
    copy = debug.lay_out(settings, workspace, found, log)
    asked = order.read(copy.folder / "parallel.json")
    asked.place.mkdir(exist_ok=True)
    variables = json.loads((copy.folder / "job.json").read_bytes())["variables"]
    return copy, Alone(alone.lay_out(asked, [mini_batch], has_pdb).command, variables)


def _leaf(settings: Settings, workspace: WorkspaceId, name: str) -> str:
    """Returns the name of the parallel job that is meant."""
    db = Database(f"sqlite:///{settings.home / 'lazulite.db'}", tables.metadata, tables.MIGRATIONS)
    try:
        with db.read() as connection:
            job = states.find(connection, workspace.scope, name)
            if job is None:
                raise NotFound(f'There is no job "{name}" in workspace "{workspace.workspace}".')
            found = [job] if job.kind == _PARALLEL else []
            if kinds.is_parent(job.kind):
                found = [child for child in states.children(connection, job) if child.kind == _PARALLEL]
    finally:
        db.close()
    if len(found) != 1:
        steps = ", ".join(child.name for child in found) or "none"
        raise BadRequest(
            f'Job "{name}" is no parallel job; its parallel steps are: {steps}.', hint="Name one of these instead."
        )
    return found[0].name
