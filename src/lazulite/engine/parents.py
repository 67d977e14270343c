"""Sees parent jobs through: starts the children that their course asks for, hears how each ends, and ends with them.

Whoever brings news of a child, the thread that saw it to its end, sees the parent through to its next rest. A thread of
the parent's own does so for all else: a cancellation, a time to look again, children that ended while nobody looked.
Nothing but the course is kept in memory: children are rows, so that a platform that starts again tells a new course of
them and goes on.
"""

import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from lazulite import clock
from lazulite.artifacts import lines
from lazulite.artifacts.locate import path_of
from lazulite.engine import collect, folders, kinds, states
from lazulite.engine.children import Children, Draft
from lazulite.engine.courses import Child, Course, Next
from lazulite.engine.kinds import Parent
from lazulite.engine.reuse import Prints
from lazulite.engine.states import ENDED, Change, Job
from lazulite.errors import LazuliteError
from lazulite.settings import Settings
from lazulite.store import datastores, workspaces
from lazulite.store.db import Database
from lazulite.tracking import entries

# Starts what waits in queues, so many of each (scope, compute); and makes the loop look for all else.
Start = Callable[[Mapping[tuple[str, str], int]], None]

# Others want to write as well: this many children are made at a time.
_A_TRANSACTION = 50


@dataclass(frozen=True)
class _Tools:
    """What all parents share."""

    home: Path
    db: Database
    prints: Prints
    start: Start


class Parents:
    """Owns the parents that this platform sees through."""

    def __init__(self, settings: Settings, db: Database, start: Start) -> None:
        self._tools = _Tools(settings.home, db, Prints(), start)
        self._lives: dict[tuple[str, str], _Life] = {}
        self._last_event = -1
        self._is_stopping = False

    def stop(self) -> None:
        """Lets every thread end; the parents go on with the next platform."""
        self._is_stopping = True
        for life in list(self._lives.values()):
            life.nudge()

    def hear(self, connection: Connection) -> None:
        """Tells parents of their children that have ended since the last call and that nobody told them of."""
        if self._last_event < 0:  # parents that begin later look at all their children themselves
            self._last_event = states.last_event(connection)
        for event, scope, parent, number in states.ended_children(connection, self._last_event):
            self._last_event = max(self._last_event, event)
            life = self._lives.get((scope, parent))
            if life:
                life.nudge(number)

    def nudge(self, number: int) -> None:
        """Has a parent look at itself: it is to be cancelled."""
        for life in list(self._lives.values()):
            if life.job.number == number:
                life.nudge()

    def has_ended(self, job: Job) -> None:
        """Tells a job's parent, if it has one, that the job has ended; and where that ends the parent, its own."""
        life = self._lives.get((job.scope, job.run.parent))
        while life and not self._is_stopping and life.hear(job.number):
            job = life.job
            life = self._lives.get((job.scope, job.run.parent))

    def live(self, job: Job) -> None:
        """Takes a parent from where it is to its end, or until the platform stops."""
        key = (job.scope, job.name)
        self._lives[key] = life = _Life(self._tools, job)
        try:
            life.begin()
            while not life.is_over and not self._is_stopping:
                life.rest()
        finally:
            del self._lives[key]


class _Broken:
    """The course of a parent whose parts are not there any more."""

    def __init__(self, error: LazuliteError) -> None:
        self._end = Change("Failed", error=error.wire())

    def take(self, children: Sequence[Child]) -> Next:
        return Next(end=self._end)


class _Life:
    """One parent. One thread at a time sees it through; the others wait for their turn."""

    def __init__(self, tools: _Tools, job: Job) -> None:
        self.job = job
        self.is_over = False
        self._tools = tools
        self._turn = threading.Lock()
        self._news = threading.Event()
        self._unheard: set[int] = set()
        self._heard: set[int] = set()
        self._look_again_s: float | None = None
        self._noted: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})
        kind = kinds.find(job.kind)
        assert isinstance(kind, Parent)
        with tools.db.read() as connection:
            self._workspace = workspaces.of_scope(connection, job.scope).id
            self._course = self._begin_course(connection, kind)
        self._children = Children(tools.home, tools.db, tools.prints, job, self._workspace)
        self._children.metric = kind.metric_of(job.body) if kind.metric_of else ""
        path = folders.artifacts(tools.home, self._workspace, job.name) / kind.log
        path.parent.mkdir(parents=True, exist_ok=True)
        self._say = lines.writer(path)

    def _begin_course(self, connection: Connection, kind: Parent) -> Course:
        try:
            return kind.course(connection, self._workspace, self.job)
        except LazuliteError as error:  # what it names was deleted meanwhile
            return _Broken(error)

    def begin(self) -> None:
        """Takes up the parent, whose children may be under way."""
        with self._turn:
            if self.job.state == "Preparing":
                with self._tools.db.write() as connection:
                    states.apply(connection, self.job, Change("Starting"), Change("Running"), now=clock.now())
            with self._tools.db.read() as connection:
                children = self._children.all(connection)
            self._heard.update(child.job.number for child in children if child.job.state in ENDED)
            self._go_on(children)

    def nudge(self, *numbers: int) -> None:
        """Has the parent's own thread look at children, or just look."""
        fresh = [number for number in numbers if number not in self._heard]
        self._unheard.update(fresh)
        if fresh or not numbers:
            self._news.set()

    def rest(self) -> None:
        """Waits for news or for the time to look again, and goes on."""
        self._news.wait(self._look_again_s)
        self._news.clear()
        unheard = set()
        while self._unheard:
            unheard.add(self._unheard.pop())
        self._take(unheard)

    def hear(self, number: int) -> bool:
        """Hears that a child has ended; tells whether that has ended the parent."""
        if number in self._heard:
            return False
        is_over = self._take({number})
        if is_over:
            self._news.set()
        return is_over

    def _take(self, numbers: Collection[int]) -> bool:
        """Goes on with children that have ended; tells whether the parent is over now and was not before."""
        with self._turn:
            if self.is_over:
                return False
            with self._tools.db.read() as connection:
                ended = self._children.some(connection, [one for one in numbers if one not in self._heard])
                alive = self._children.alive(connection) if self._children.metric else []
            self._heard.update(child.job.number for child in ended if child.job.state in ENDED)
            for child in ended:
                error = f": {child.job.run.error['message']}" if child.job.run.error else ""
                self._say(f"{child.step}: {child.job.state}{error}")
            self._go_on([*ended, *alive])
            return self.is_over

    def _go_on(self, children: Sequence[Child]) -> None:
        """Does what the course says until there is nothing more to be done for now."""
        try:
            if not self._is_mine():
                self.is_over = True
                return
            then = self._done(children)
            self._look_again_s = then.look_again_s
            self.is_over = bool(then.end) and self._has_ended(then)
        except BaseException:
            self.is_over = True  # for this life: what it has heard is lost with it, and the next asks for all again
            self._news.set()
            raise

    def _is_mine(self) -> bool:
        """Reads the parent's state; tells whether it is still there and this platform's."""
        with self._tools.db.read() as connection:
            held = states.held(connection, self.job.number)
        if held is None or held[0] != self.job.token:
            return False
        self.job = replace(self.job, state=held[1])
        return True

    def _done(self, children: Sequence[Child]) -> Next:
        """Does what the course says, and what it says of that; returns what it said last, which is to wait or to end.

        What cannot be done ends the parent, and with it the children that run.
        """
        try:
            then = self._next(children)
            while (made := self._do(then)) and not then.end:
                then = self._next(made)
        except LazuliteError as error:
            return Next(end=Change("Failed", error=error.wire()))
        return then

    def _next(self, children: Sequence[Child]) -> Next:
        return Next(end=Change("Canceled")) if self.job.state == "CancelRequested" else self._course.take(children)

    def _do(self, then: Next) -> list[Child]:
        """Starts and cancels children; returns those that are new."""
        if not (then.start or then.cancel or then.files or then.said != self._noted):
            return []
        made: list[Child] = []
        for start in range(0, max(1, len(then.start)), _A_TRANSACTION):
            made += self._do_some(replace(then, start=then.start[start : start + _A_TRANSACTION]))
        return made

    def _do_some(self, then: Next) -> list[Child]:
        """Does all of it in one transaction, or nothing where the parent is to be cancelled."""
        with self._tools.db.read() as connection:
            for uri, text in then.files.items():
                path = path_of(self._tools.home, uri, datastores.reader(connection, self._workspace))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            drafts = [self._children.draft(connection, new) for new in then.start]
        with self._tools.db.write() as connection:
            if states.held(connection, self.job.number) != (self.job.token, "Running"):
                return []
            made = self._write(connection, then, drafts, clock.now())
        waiting = Counter((child.job.scope, child.job.compute) for child in made if child.job.state not in ENDED)
        if waiting or then.cancel:
            self._tools.start(waiting)
        self._heard.update(child.job.number for child in made if child.job.state in ENDED)
        return made

    def _write(self, connection: Connection, then: Next, drafts: Sequence[Draft], now: datetime) -> list[Child]:
        self._note(connection, then)
        for child in self._children.alive(connection) if then.cancel else ():
            if child.step in then.cancel:
                states.cancel(connection, child.job, now)
        return [self._children.write(connection, draft, now, self._say) for draft in drafts]

    def _note(self, connection: Connection, then: Next) -> None:
        if then.said != self._noted:
            entries.put(connection, self.job.number, "property", then.properties)
            entries.put(connection, self.job.number, "tag", then.tags)
            self._noted = then.said

    def _has_ended(self, then: Next) -> bool:
        """Ends the parent, once no child runs any more; those that do are cancelled."""
        assert then.end
        now = clock.now()
        with self._tools.db.write() as connection:
            alive = states.living_children(connection, self.job)
            asked = [states.cancel(connection, child, now) for child in alive if child.state != "CancelRequested"]
            if not alive:
                self._end(connection, then, then.end, now)
        if asked:
            self._tools.start({})
        return not alive

    def _end(self, connection: Connection, then: Next, end: Change, now: datetime) -> None:
        job = states.get(connection, self.job.number)
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
