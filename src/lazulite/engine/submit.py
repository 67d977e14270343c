"""From a body to a job: checked as far as it can be, completed, written. Every job of the platform comes by here."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from lazulite import fields
from lazulite.engine import computes, kinds, services, sources, states
from lazulite.engine.courses import STEP, NewJob, Scene
from lazulite.engine.kinds import Leaf
from lazulite.engine.sources import Sources
from lazulite.engine.spec import LITERAL, JobSpec
from lazulite.engine.states import Change, Job
from lazulite.errors import InvalidName
from lazulite.ids import WorkspaceId
from lazulite.tracking import experiments, runs
from lazulite.tracking.runs import NewRun

# What a run holds and a job's body does not, and what is made anew for each answer.
OF_THE_RUN = ("displayName", "description", "tags", "properties", "experimentName", "isArchived")
READ_ONLY = ("status", "parentJobName", "jobType")
# `dcid.{name}` is a folder, which can have 255 characters; and `{name}_{number}` the name of a trial.
_MOST_CHARACTERS, _MOST_CHARACTERS_OF_PARENTS = 250, 245


@dataclass(frozen=True)
class Accepted:
    """A job that can be written: everything that it names is there.

    body: what is kept. queue: "" for a parent, which waits for no nodes. found: a leaf's parts. places: folders of its
    outputs, so that another job can name them as its inputs at once.
    """

    new: NewJob
    workspace: WorkspaceId
    kind: str
    run_type: str
    body: dict[str, Any]
    queue: str = ""
    target: str = ""
    nodes: int = 0
    spec: JobSpec | None = None
    found: Sources | None = None
    places: Sequence[Path] = ()

    @property
    def name(self) -> str:
        """Returns the name that the job will have."""
        return self.new.name


def submit(connection: Connection, home: Path, workspace: WorkspaceId, new: NewJob, now: datetime) -> Job:
    """Makes a job in a transaction of the caller's, who wakes the engine afterwards; `accept` and `write` in one."""
    return write(connection, accept(connection, home, workspace, new), now)


def accept(connection: Connection, home: Path, workspace: WorkspaceId, new: NewJob) -> Accepted:
    """Checks all of a job that can be checked beforehand: kind, compute, environment, code, inputs, bindings.

    Writes nothing. Raises BadRequest naming the field that cannot be right, NotImplementedHere (501).
    """
    new = new if new.name else replace(new, name=str(uuid.uuid4()))  # as Azure names the steps of pipelines
    kind_name = fields.text(new.body, "properties.jobType", required=True)
    kind = kinds.find(kind_name)
    _check_length(new.name, _MOST_CHARACTERS if isinstance(kind, Leaf) else _MOST_CHARACTERS_OF_PARENTS)
    kept = {name: value for name, value in new.body.items() if name not in (*OF_THE_RUN, *READ_ONLY)}
    services.read(kept)  # nobody starts those of a pipeline, but everybody who lists jobs reads them
    if not isinstance(kind, Leaf):
        body = kind.accept(_scene(connection, home, workspace), new.name, kept, ())
        return Accepted(new, workspace, kind_name, kind.run_type, body)
    spec = kind.spec_of(kept)
    found = sources.find(connection, home, workspace, new.name, spec)
    computes.check(found.target, spec.nodes)
    return Accepted(
        new,
        workspace,
        kind_name,
        kind.run_type,
        _complete(kept, found),
        queue=found.target.queue,
        target=found.target.name,
        nodes=spec.nodes,
        spec=spec,
        found=found,
        places=[goal.path for goal in found.outputs if goal.output.kind != "uri_file"],
    )


def _check_length(name: str, most: int) -> None:
    if len(name) > most:
        raise InvalidName(
            f'"{name[:20]}..." is not a valid job name here: it has {len(name)} characters, and {most} is the most.',
            target="name",
            hint="Part of it names folders. Choose a shorter one, or none to get one.",
        )


def _scene(connection: Connection, home: Path, workspace: WorkspaceId) -> Scene:
    """Returns what a parent's body is checked with. Children that name the same things look them up once."""
    seen: set[str] = set()

    def check(body: Mapping[str, Any], pending: Collection[str]) -> None:
        kind = kinds.find(str(body["jobType"]))
        if not isinstance(kind, Leaf):
            kind.accept(scene, "pending", body, pending)
            return
        spec = kind.spec_of(body)
        spec = replace(
            spec, inputs=tuple(one for one in spec.inputs if one.name not in pending and one.kind != LITERAL)
        )
        named = (spec.code, spec.environment, spec.compute, spec.instance_type, spec.nodes, spec.inputs, spec.outputs)
        if str(named) not in seen:
            found = sources.find(connection, home, workspace, "pending", spec)
            computes.check(found.target, spec.nodes)
            seen.add(str(named))

    scene = Scene(connection, home, workspace, check)
    return scene


def write(connection: Connection, accepted: Accepted, now: datetime) -> Job:
    """Writes an accepted job, which waits in its queue then; a parent begins at once. The engine is to be woken.

    Raises Conflict when there is a run of that name, NotFound when there is no such parent.
    """
    for place in accepted.places:
        place.mkdir(parents=True, exist_ok=True)
    change = Change("Queued" if accepted.queue else "Preparing", warnings=accepted.new.warnings)
    return write_as(connection, accepted, change, now)


def write_as(connection: Connection, accepted: Accepted, change: Change, now: datetime) -> Job:
    """Writes a job that begins its life in some state: one that another stands for has Completed already."""
    run = runs.create(connection, accepted.workspace.scope, _new_run(connection, accepted, change, now), now)
    return states.submit(connection, run, accepted.kind, accepted.body, accepted.queue, accepted.nodes, change)


def refused(workspace: WorkspaceId, new: NewJob) -> Accepted:
    """Returns what a job is written by that was not accepted, so that it can be seen to have failed."""
    name = str(new.body.get("jobType") or "Command")
    kept = {key: value for key, value in new.body.items() if key not in (*OF_THE_RUN, *READ_ONLY)}
    new = new if new.name else replace(new, name=str(uuid.uuid4()))
    return Accepted(new, workspace, name, kinds.find(name).run_type, kept)


def _new_run(connection: Connection, accepted: Accepted, change: Change, now: datetime) -> NewRun:
    new, given, scope = accepted.new, accepted.new.body, accepted.workspace.scope
    parent = new.parent or fields.text(given, "properties.parentJobName")
    experiment = new.experiment
    if not experiment and parent:
        experiment = runs.find(connection, scope, parent).experiment
    elif not experiment:
        experiment = experiments.ensure(connection, scope, fields.text(given, "properties.experimentName"), now).id
    said = fields.texts(given, "properties.properties")
    said.pop(STEP, None)  # of the job that the body was taken from
    steps = {STEP: new.step} if new.step else {}
    return NewRun(
        id=new.name,
        experiment=experiment,
        name=fields.text(given, "properties.displayName"),
        status=change.state,
        kind=accepted.run_type,
        is_job=True,
        parent=parent,
        description=fields.text(given, "properties.description"),
        target=accepted.target,
        created_by=new.created_by,
        tags=fields.texts(given, "properties.tags"),
        properties={**said, **new.properties, **steps},
    )


def _complete(kept: dict[str, Any], found: Sources) -> dict[str, Any]:
    """Returns what is kept of a body: labels resolved, so that it means the same tomorrow, and outputs with places."""
    outputs = {name: one for name, one in (kept.get("outputs") or {}).items() if name != "default" and one is not None}
    for goal in found.outputs:
        named = {"jobOutputType": goal.output.kind, "mode": goal.output.mode, "uri": goal.uri}
        outputs[goal.output.name] = {**outputs[goal.output.name], **named}
    return {**kept, "environmentId": found.environment.id, "outputs": outputs}
