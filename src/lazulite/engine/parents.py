"""Sees parent jobs through: starts the children that their course asks for, hears how each ends, and ends with them.

A parent has a thread, which sleeps until a child has ended or the parent is cancelled. Nothing but its course is kept
in memory: children are rows, so that a platform that starts again tells a new course of them and goes on.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from lazulite import clock
from lazulite.artifacts import lines
from lazulite.artifacts.locate import path_of
from lazulite.engine import collect, folders, kinds, references, reuse, states, submit
from lazulite.engine.courses import STEP, WHY, Child, Course, NewJob, Next
from lazulite.engine.kinds import Parent
from lazulite.engine.reuse import Print, Prints
from lazulite.engine.states import Change, Job
from lazulite.engine.submit import Accepted
from lazulite.errors import LazuliteError, UserCodeError
from lazulite.settings import Settings
from lazulite.store import datastores, workspaces
from lazulite.store.db import Database
from lazulite.tracking import entries, metrics

# Where components note numbers and truths that others decide by. Source: mldesigner, which writes it.
_CONTROL = "azureml.pipeline.control"
# How a child says which job stands for it. Source: azure-ai-ml 1.35.2 constants/_job/pipeline.py, and for the last a
# guess.
_IS_REUSED, _REUSED_RUN, _REUSED_PIPELINE = "azureml.isreused", "azureml.reusedrunid", "azureml.reusedpipelinerunid"


class _Inbox:
    """What a parent's thread has yet to hear: the numbers of children that ended, or just that it is to look."""

    def __init__(self) -> None:
        self._numbers: set[int] = set()
        self._has_news = threading.Event()

    def put(self, *numbers: int) -> None:
        self._numbers.update(numbers)
        self._has_news.set()

    def wait(self, at_most_s: float | None) -> set[int]:
        self._has_news.wait(at_most_s)
        self._has_news.clear()
        heard = set()
        while self._numbers:
            heard.add(self._numbers.pop())
        return heard


@dataclass(frozen=True)
class _Draft:
    """A child that is about to be written. change: its first state, None when it is to wait and run.

    earlier: the job that stands for it. made: what it is found by later. why: the reason for its running.
    """

    new: NewJob
    accepted: Accepted
    change: Change | None = None
    earlier: Job | None = None
    made: Print | None = None
    why: str = ""


class Parents:
    """Owns the threads' inboxes. wake: makes the engine's loop look for jobs to start."""

    def __init__(self, settings: Settings, db: Database, wake: Callable[[], None]) -> None:
        self._home = settings.home
        self._db = db
        self._wake = wake
        self._inboxes: dict[tuple[str, str], _Inbox] = {}
        self._last_event = -1
        self._prints = Prints()
        self._is_stopping = False

    def stop(self) -> None:
        """Lets every thread end; the parents go on with the next platform."""
        self._is_stopping = True
        for inbox in list(self._inboxes.values()):
            inbox.put()

    def hear(self, connection: Connection) -> None:
        """Tells parents of their children that have ended since the last call."""
        if self._last_event < 0:  # parents that begin later look at all their children themselves
            self._last_event = states.last_event(connection)
        for event, scope, parent, number in states.ended_children(connection, self._last_event):
            self._last_event = max(self._last_event, event)
            inbox = self._inboxes.get((scope, parent))
            if inbox:
                inbox.put(number)

    def nudge(self, number: int, connection: Connection) -> None:
        """Has a parent look at itself: it is to be cancelled."""
        job = states.get(connection, number)
        inbox = self._inboxes.get((job.scope, job.name)) if job else None
        if inbox:
            inbox.put()

    def live(self, job: Job) -> None:
        """Takes a parent from where it is to its end, or until the platform stops."""
        key = (job.scope, job.name)
        self._inboxes[key] = inbox = _Inbox()
        try:
            _Life(self._home, self._db, self._prints, job, inbox, self._wake).run(lambda: self._is_stopping)
        finally:
            del self._inboxes[key]


class _Broken:
    """The course of a parent whose parts are not there any more."""

    def __init__(self, error: LazuliteError) -> None:
        self._end = Change("Failed", error=error.wire())

    def take(self, children: Sequence[Child]) -> Next:
        return Next(end=self._end)


class _Life:
    """One parent's thread."""

    def __init__(
        self, home: Path, db: Database, prints: Prints, job: Job, inbox: _Inbox, wake: Callable[[], None]
    ) -> None:
        self._home = home
        self._prints = prints
        self._db = db
        self._job = job
        self._inbox = inbox
        self._wake = wake
        kind = kinds.find(job.kind)
        assert isinstance(kind, Parent)
        self._kind = kind
        self._metric = kind.metric_of(job.body) if kind.metric_of else ""
        self._noted: Mapping[str, str] = {}
        with db.read() as connection:
            self._workspace = workspaces.of_scope(connection, job.scope).id
        log = folders.artifacts(home, self._workspace, job.name) / kind.log
        log.parent.mkdir(parents=True, exist_ok=True)
        self._say = lines.writer(log)

    def run(self, is_stopping: Callable[[], bool]) -> None:
        """Goes on until the parent has ended, or is another's, or the platform stops."""
        with self._db.read() as connection:
            course = self._course(connection)
            children = self._with_steps(connection, states.children(connection, self._job))
        if self._job.state == "Preparing":
            with self._db.write() as connection:
                states.apply(connection, self._job, Change("Starting"), Change("Running"), now=clock.now())
        while not is_stopping() and self._refresh():
            then = self._next(course, children)
            children = self._do(then)
            if children and not then.end:
                continue
            if then.end and self._has_ended(then):
                return
            children = self._await_news(then)

    def _course(self, connection: Connection) -> Course:
        try:
            return self._kind.course(connection, self._workspace, self._job)
        except LazuliteError as error:  # what it names was deleted meanwhile
            return _Broken(error)

    def _refresh(self) -> bool:
        """Reads the parent again; tells whether it is still there and this thread's."""
        with self._db.read() as connection:
            now = states.get(connection, self._job.number)
        if now is None or now.token != self._job.token:
            return False
        self._job = now
        return True

    def _next(self, course: Course, children: Sequence[Child]) -> Next:
        if self._job.state == "CancelRequested":
            return Next(end=Change("Canceled"))
        try:
            return course.take(children)
        except LazuliteError as error:
            return Next(end=Change("Failed", error=error.wire()))

    def _await_news(self, then: Next) -> list[Child]:
        numbers = self._inbox.wait(then.look_again_s)
        with self._db.read() as connection:
            ended = states.children(connection, self._job, numbers) if numbers else []
            alive = states.living_children(connection, self._job) if self._metric else []
            children = self._with_steps(connection, ended)
            self._tell(children)
            return [*children, *self._with_steps(connection, alive)]

    def _is_mine(self, connection: Connection) -> bool:
        now = states.get(connection, self._job.number)
        return now is not None and now.token == self._job.token and now.state == "Running"

    def _do(self, then: Next) -> list[Child]:
        """Starts and cancels children, all in one transaction; returns those that are new."""
        if not (then.start or then.cancel or then.files or then.properties != self._noted):
            return []
        with self._db.read() as connection:
            for uri, text in then.files.items():
                path = path_of(self._home, uri, datastores.reader(connection, self._workspace))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            drafts = [self._draft(connection, new) for new in then.start]
        now = clock.now()
        with self._db.write() as connection:
            if not self._is_mine(connection):
                return []
            self._note(connection, then)
            made = [self._child(one.new.step, self._write(connection, one, now)) for one in drafts]
            for job in states.children(connection, self._job) if then.cancel else ():
                if entries.of_run(connection, job.number, "property").get(STEP) in then.cancel:
                    states.cancel(connection, job, now)
        self._wake()
        self._tell([child for child in made if child.job.state == "Failed"])
        return made

    def _note(self, connection: Connection, then: Next) -> None:
        if then.properties != self._noted:
            entries.put(connection, self._job.number, "property", then.properties)
            self._noted = then.properties

    def _draft(self, connection: Connection, new: NewJob) -> "_Draft":
        """Checks a child that is to be started, and finds the earlier job that can stand for it."""
        try:
            accepted = submit.accept(connection, self._home, self._workspace, new)
        except LazuliteError as error:
            return _Draft(new, submit.refused(self._workspace, new), Change("Failed", error=error.wire()))
        own = reuse.own_place(accepted.spec) if accepted.spec else ""
        if not new.alike or not accepted.spec or not accepted.found or own:
            why = new.why_not or (f"output {own} is written to a place of its own" if own else "")
            return _Draft(new, accepted, why=why)
        made = self._prints.of(accepted.spec, accepted.found, accepted.body)
        earlier = reuse.earlier(connection, accepted.workspace.scope, made.digest)
        if earlier and self._is_whole(connection, earlier):
            return _Draft(new, accepted, Change("Completed", note=f"reused from {earlier.name}"), earlier)
        why = reuse.reasons(connection, accepted.workspace.scope, new.alike, made)
        return _Draft(new, accepted, made=made, why=why)

    def _is_whole(self, connection: Connection, job: Job) -> bool:
        reader = datastores.reader(connection, self._workspace)
        return all(path_of(self._home, uri, reader).exists() for uri in references.outputs_of(job).values())

    def _write(self, connection: Connection, draft: "_Draft", now: datetime) -> Job:
        if draft.earlier:
            return self._write_reused(connection, draft, draft.earlier, now)
        if draft.change:
            return submit.write_as(connection, draft.accepted, draft.change, now)
        job = submit.write(connection, draft.accepted, now)
        if draft.made:
            reuse.remember(connection, job, draft.new.alike, draft.made)
        if draft.why:
            entries.put(connection, job.number, "property", {WHY: draft.why})
        self._say(f"{draft.new.step}: submitted as {job.name}{f': {draft.why}' if draft.why else ''}")
        return job

    def _write_reused(self, connection: Connection, draft: "_Draft", earlier: Job, now: datetime) -> Job:
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
        collect.register(connection, job, self._workspace, now, but=same)
        self._say(f"{draft.new.step}: {draft.change.note}")
        return states.get(connection, job.number) or job

    def _has_ended(self, then: Next) -> bool:
        """Ends the parent, once no child runs any more; those that do are cancelled."""
        assert then.end
        now = clock.now()
        with self._db.write() as connection:
            alive = states.living_children(connection, self._job)
            asked = [states.cancel(connection, child, now) for child in alive if child.state != "CancelRequested"]
            if not alive:
                self._end(connection, then, then.end, now)
        if asked:
            self._wake()
        return not alive

    def _end(self, connection: Connection, then: Next, end: Change, now: datetime) -> None:
        job = states.get(connection, self._job.number)
        if job is None:
            return
        self._note(connection, then)
        if then.outputs is not None:
            states.set_outputs(connection, job, dict(then.outputs))
        if end.state == "Completed" and job.state != "CancelRequested":
            job = states.get(connection, job.number) or job
            try:
                collect.register(connection, job, self._workspace, now)
            except LazuliteError as error:
                end = Change("Failed", error=error.wire())
        changes = [Change("Finalizing"), end]
        if job.state == "CancelRequested":
            changes = [Change("Canceled")]
        elif end.state == "Canceled":
            changes = [Change("CancelRequested"), end]
        if states.apply(connection, job, *changes, now=now):
            self._say(f"{changes[-1].state}")

    def _with_steps(self, connection: Connection, jobs: Sequence[Job]) -> list[Child]:
        said = entries.of_runs(connection, [job.number for job in jobs])
        return [
            self._child(said[job.number, "property"].get(STEP, ""), job, self._points(connection, job)) for job in jobs
        ]

    def _points(self, connection: Connection, job: Job) -> Sequence[float]:
        return [point.value for point in metrics.history(connection, job.number, self._metric)] if self._metric else ()

    def _child(self, step: str, job: Job, points: Sequence[float] = ()) -> Child:
        return Child(step, job, lambda output: self._read(job, output), points)

    def _read(self, job: Job, output: str) -> str:
        """Returns a number or a truth that a job has made: noted as a control output, or else a file's content."""
        with self._db.read() as connection:
            noted = entries.of_run(connection, job.number, "property").get(_CONTROL)
            reader = datastores.reader(connection, self._workspace)
            path = path_of(self._home, str(job.body["outputs"][output]["uri"]), reader)
        control = json.loads(noted) if noted else {}
        if output in control:
            return str(control[output])
        try:
            return path.read_text(encoding="utf-8").strip()
        except (FileNotFoundError, UnicodeDecodeError) as error:
            raise UserCodeError(f'Job {job.name} made no text for its output "{output}", {path}.') from error

    def _tell(self, children: Sequence[Child]) -> None:
        for child in children:
            error = f": {child.job.run.error['message']}" if child.job.run.error else ""
            self._say(f"{child.step}: {child.job.state}{error}")
