"""A parent's children: found with their steps, checked, written, or stood for by an earlier job that was the same."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from lazulite.artifacts.locate import path_of
from lazulite.engine import collect, references, reuse, states, submit
from lazulite.engine.courses import STEP, WHY, Child, NewJob
from lazulite.engine.reuse import Print, Prints
from lazulite.engine.states import Change, Job
from lazulite.engine.submit import Accepted
from lazulite.errors import LazuliteError, UserCodeError
from lazulite.ids import WorkspaceId
from lazulite.store import datastores
from lazulite.store.db import Database
from lazulite.tracking import entries, metrics

# Where components note numbers and truths that others decide by. Source: guess.
_CONTROL = "azureml.pipeline.control"
_MOST_CHARACTERS = 1 << 20  # of a number, a truth or a text
# How a child says which job stands for it. Source: azure-ai-ml 1.35.2 constants/_job/pipeline.py, and for the last a
# guess.
_IS_REUSED, _REUSED_RUN, _REUSED_PIPELINE = "azureml.isreused", "azureml.reusedrunid", "azureml.reusedpipelinerunid"


@dataclass(frozen=True)
class Draft:
    """A child that is about to be written. change: its first state, None when it is to wait and run.

    earlier: the job that stands for it. made: what it is found by later. why: the reason for its running.
    """

    new: NewJob
    accepted: Accepted
    change: Change | None = None
    earlier: Job | None = None
    made: Print | None = None
    why: str = ""


class Children:
    """The children of one parent. metric: which of their metrics its course is told of, "" for none."""

    def __init__(self, home: Path, db: Database, prints: Prints, parent: Job, workspace: WorkspaceId) -> None:
        self._home = home
        self._db = db
        self._prints = prints
        self._parent = parent
        self._workspace = workspace
        self._steps: dict[int, str] = {}
        self.metric = ""

    def all(self, connection: Connection) -> list[Child]:
        """Returns all that there are, oldest first."""
        return self._with_steps(connection, states.children(connection, self._parent))

    def some(self, connection: Connection, numbers: Sequence[int]) -> list[Child]:
        """Returns those of some numbers."""
        return self._with_steps(connection, states.children(connection, self._parent, numbers)) if numbers else []

    def alive(self, connection: Connection) -> list[Child]:
        """Returns those that have not ended."""
        return self._with_steps(connection, states.living_children(connection, self._parent))

    def draft(self, connection: Connection, new: NewJob) -> Draft:
        """Checks a child that is to be started, and finds the earlier job that can stand for it."""
        new = replace(new, experiment=self._parent.run.experiment)
        try:
            accepted = submit.accept(connection, self._home, self._workspace, new)
        except LazuliteError as error:
            return Draft(new, submit.refused(self._workspace, new), Change("Failed", error=error.wire()))
        own = reuse.own_place(accepted.spec) if accepted.spec else ""
        if not new.alike or not accepted.spec or not accepted.found or own:
            why = f"output {own} is written to a place of its own" if own and new.alike else new.why_not
            return Draft(new, accepted, why=why)
        made = self._prints.of(accepted.spec, accepted.found, accepted.body)
        earlier = reuse.earlier(connection, accepted.workspace.scope, made.digest)
        if earlier and self._is_whole(connection, earlier):
            return Draft(new, accepted, Change("Completed", note=f"reused from {earlier.name}"), earlier)
        why = reuse.reasons(connection, accepted.workspace.scope, new.alike, made)
        return Draft(new, accepted, made=made, why=why)

    def _is_whole(self, connection: Connection, job: Job) -> bool:
        reader = datastores.reader(connection, self._workspace)
        return all(path_of(self._home, uri, reader).exists() for uri in references.outputs_of(job).values())

    def write(self, connection: Connection, draft: Draft, now: datetime, say: Callable[[str], None]) -> Child:
        """Writes a child: in its queue, or over already. say: gets a line about it."""
        if draft.earlier:
            job = self._write_reused(connection, draft, draft.earlier, now)
            say(f"{draft.new.step}: reused from {draft.earlier.name}")
        elif draft.change:
            job = submit.write_as(connection, draft.accepted, draft.change, now)
            say(f"{draft.new.step}: {draft.change.state}: {(draft.change.error or {}).get('message')}")
        else:
            said = {**draft.new.properties, **({WHY: draft.why} if draft.why else {})}
            job = submit.write(
                connection, replace(draft.accepted, new=replace(draft.accepted.new, properties=said)), now
            )
            if draft.made:
                reuse.remember(connection, job, draft.new.alike, draft.made)
            say(f"{draft.new.step}: submitted as {job.name}{f': {draft.why}' if draft.why else ''}")
            for warning in draft.new.warnings:
                say(f"{draft.new.step}: {warning}")
        self._steps[job.number] = draft.new.step
        return self._child(connection, job)

    def _write_reused(self, connection: Connection, draft: Draft, earlier: Job, now: datetime) -> Job:
        """Writes a child that has completed already: its outputs are those of the job that stands for it."""
        assert draft.change
        body, before = draft.accepted.body, earlier.body.get("outputs") or {}
        outputs = {name: {**one, "uri": before[name]["uri"]} for name, one in body["outputs"].items()}
        same = [name for name, one in outputs.items() if one.get("assetName") == before[name].get("assetName")]
        outputs |= {name: before[name] for name in same}
        accepted = replace(draft.accepted, body={**body, "outputs": outputs})
        job = submit.write_as(connection, accepted, draft.change, now)
        said = {_IS_REUSED: "true", _REUSED_RUN: earlier.name, WHY: draft.change.note}
        if earlier.run.parent:
            said[_REUSED_PIPELINE] = earlier.run.parent
        entries.put(connection, job.number, "property", said)
        if len(same) == len(outputs):
            return job
        collect.register(connection, job, self._workspace, now, but=same)
        return states.get(connection, job.number) or job

    def _with_steps(self, connection: Connection, jobs: Sequence[Job]) -> list[Child]:
        """Returns those that the parent has made: anybody can submit a job and name it as that job's parent."""
        unknown = [job.number for job in jobs if job.number not in self._steps]
        said = entries.of_runs(connection, unknown)
        self._steps |= {number: said[number, "property"].get(STEP, "") for number in unknown}
        return [self._child(connection, job) for job in jobs if self._steps[job.number]]

    def _child(self, connection: Connection, job: Job) -> Child:
        points = metrics.history(connection, job.number, self.metric) if self.metric else ()
        return Child(
            self._steps[job.number], job, lambda output: self._read(job, output), [point.value for point in points]
        )

    def _read(self, job: Job, output: str) -> str:
        """Returns a number or a truth that a job has made: noted as a control output, or else a file's content."""
        with self._db.read() as connection:
            noted = entries.of_run(connection, job.number, "property").get(_CONTROL)
            reader = datastores.reader(connection, self._workspace)
            path = path_of(self._home, str(job.body["outputs"][output]["uri"]), reader)
        control = _control(job, noted) if noted else {}
        if output in control:
            return str(control[output])
        try:
            with path.open(encoding="utf-8") as file:
                text = file.read(_MOST_CHARACTERS + 1)
        except (OSError, UnicodeDecodeError) as error:
            raise UserCodeError(f'Job {job.name} made no text for its output "{output}", {path}.') from error
        if len(text) > _MOST_CHARACTERS:
            raise UserCodeError(
                f'Job {job.name} made over {_MOST_CHARACTERS} characters for its output "{output}", which is a number, '
                "a truth or a text.",
                hint="Write large data to an output of type uri_file.",
            )
        return text.strip()


def _control(job: Job, noted: str) -> dict[str, Any]:
    try:
        control = json.loads(noted)
    except ValueError:
        control = None
    if not isinstance(control, dict):
        raise UserCodeError(f"Job {job.name} has noted {noted!r:.80} as its {_CONTROL}, which is no JSON object.")
    return control
