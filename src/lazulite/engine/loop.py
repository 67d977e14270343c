"""The engine: starts jobs in the order of their queues, sees each through its life, and finds them again.

A thread for each job that runs, which waits and does little else; a thread that hands out nodes. All sleep until
something happens: a job is submitted or cancelled, a process ends, a node has idled for long enough.
"""

import logging
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from lazulite import clock
from lazulite.artifacts import lines
from lazulite.engine import collect, computes, folders, kinds, launch, nodes, prepare, processes, queue, stage, states
from lazulite.engine.collect import Ending
from lazulite.engine.executors import process
from lazulite.engine.executors.process import Launcher
from lazulite.engine.parents import Parents
from lazulite.engine.states import Change, Job
from lazulite.errors import BadRequest, Conflict, LazuliteError
from lazulite.identity import doors
from lazulite.settings import Settings
from lazulite.store import workspaces
from lazulite.store.db import Database
from lazulite.tracking import entries

log = logging.getLogger(__name__)

_LONGEST_SLEEP_S = 60.0
_STUMBLED_S = 1.0
_SOON_S = 0.5
_MOST_STUMBLES = 3  # over one job, until that has failed
# Whoever ends a job starts what has waited for that; for all else the loop looks once for many ends.
_LULL_S = 0.1


class _Bell:
    """Wakes the loop, at once or within a time; rung twice before that, it wakes it once."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due_s = 0.0

    def ring(self, within_s: float = 0.0) -> None:
        with self._changed:
            due_s = clock.monotonic() + within_s
            if due_s < self._due_s:
                self._due_s = due_s
                self._changed.notify()

    def wait(self, pause_s: float) -> None:
        """Waits for so long, or until it rings. What rings from now on is for the next time."""
        with self._changed:
            self._due_s = min(self._due_s, clock.monotonic() + pause_s)
            while (left_s := self._due_s - clock.monotonic()) > 0:
                self._changed.wait(left_s)
            self._due_s = float("inf")


class _Stale(Exception):
    """The job is no longer this thread's: it was cancelled or deleted meanwhile."""


class Engine:
    """Owns every job of the platform. Its methods may be called from any thread."""

    def __init__(self, settings: Settings, db: Database, signing_key: bytes) -> None:
        self._settings = settings
        self._db = db
        self._signing_key = signing_key
        self._launcher = Launcher()
        self._parents = Parents(settings, db, self._start_at_once)
        self._attended: set[int] = set()  # the numbers of the jobs that a thread sees through
        self._stumbles = Counter[int]()
        self._bell = _Bell()
        self._is_stopping = False
        self._loop = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Begins to run what waits, and to see through what an earlier engine had begun."""
        self._loop.start()

    def stop(self) -> None:
        """Ends the loop. Jobs that run go on, and the next engine finds them."""
        self._is_stopping = True
        self._bell.ring()
        self._loop.join()
        self._parents.stop()
        self._launcher.close()

    def wake(self) -> None:
        """Makes the loop look now: a job was submitted or is to be cancelled, or a compute has changed."""
        self._bell.ring()

    def _run(self) -> None:
        pause_s = 0.0
        while not self._is_stopping:
            self._bell.wait(pause_s)
            try:
                pause_s = self._tick()
            except Exception:
                log.exception("the engine stumbled; it goes on")
                pause_s = _STUMBLED_S

    def _tick(self) -> float:
        """Does what there is to do, and returns for how many seconds there is nothing more."""
        with self._db.read() as connection:
            active = states.active(connection)
            queues = queue.waiting(connection)
            self._parents.hear(connection)  # before any is taken up, which then looks at all its children itself
        for number, kind, state in active:
            if number not in self._attended:
                self._adopt(number)
            if state == "CancelRequested":
                self._obey_cancel(number, kind)
        for scope, compute, count in queues:
            self._start_next(scope, compute, count)
        return self._scale_down(clock.now())

    def _adopt(self, number: int) -> None:
        """Goes on with a job that nobody attends: from its process, from how that ended, or anew."""
        with self._db.write() as connection:
            job = states.take_over(connection, number, secrets.token_hex(8))
            if job is None:
                return
            if kinds.is_parent(job.kind):
                self._attend(self._parents.live, job)
                return
            # Staging removes an earlier attempt's lock, so that one that is there is this attempt's.
            was_launched = processes.pid_of(self._folder(job)) is not None
            if not was_launched and job.state in ("Preparing", "Starting"):
                again = Change("Queued", note="The platform had stopped before the job was started.")
                states.apply(connection, job, again, now=clock.now())
                self._bell.ring()
                return
        self._attend(self._find_again, job)

    def _find_again(self, job: Job) -> None:
        """Goes on with a job whose process was started by an engine that is gone."""
        if self._settings.private_network and doors.are_possible() and launch.leads_out(self._folder(job)):
            raise Conflict(
                "The job began with a network, and the platform was started again with --private-network.",
                code="PrivateNetworkRefused",
                hint="Submit it again: it will run without one.",
            )
        ahead = {"Preparing": [Change("Starting"), Change("Running")], "Starting": [Change("Running")]}
        if job.state in ahead:
            self._move(job, *ahead[job.state])
        self._see_out(job)

    def _obey_cancel(self, number: int, kind: str) -> None:
        """Has a job's guest end it all, a parent its children; a job without either is over at once."""
        if kinds.is_parent(kind):
            self._parents.nudge(number)
            return
        with self._db.write() as connection:
            job = states.get(connection, number)
            if job and processes.is_held(self._folder(job)):
                process.stop(self._folder(job))
            elif job:
                states.apply(connection, job, Change("Canceled"), now=clock.now())

    def _start_next(self, scope: str, compute: str, count: int) -> None:
        """Starts the jobs at the head of a queue, as far as there are nodes. Who comes meanwhile wakes the loop."""
        for _ in range(count):
            with self._db.write() as connection:
                job = queue.claim(connection, scope, compute, secrets.token_hex(8), clock.now())
                if job:  # before the loop can see that it was claimed
                    self._attended.add(job.number)
            if job is None or self._is_stopping:
                return
            self._attend(self._live, job)

    def _start_at_once(self, queues: Mapping[tuple[str, str], int]) -> None:
        """Starts what was just submitted, without the loop's detour; the loop takes up parents, and cancels."""
        for (scope, compute), count in queues.items():
            if compute:
                self._start_next(scope, compute, count)
        if not queues or not all(compute for _, compute in queues):
            self._bell.ring()

    def _scale_down(self, now: datetime) -> float:
        """Takes idle nodes down; returns in how many seconds the next one is due."""
        with self._db.read() as connection:
            idling = nodes.idling(connection)
        due = []
        for scope, compute in idling:
            with self._db.write() as connection:
                try:
                    due.append(nodes.scale_down(connection, scope, computes.find(connection, scope, compute), now))
                except BadRequest:  # it was deleted
                    nodes.forget(connection, scope, compute)
        return min([_LONGEST_SLEEP_S, *((one - now).total_seconds() for one in due if one)])

    def _attend(self, life: Callable[[Job], None], job: Job) -> None:
        self._attended.add(job.number)
        threading.Thread(target=self._safely, args=(life, job), name=f"job {job.name}", daemon=True).start()

    def _safely(self, life: Callable[[Job], None], job: Job) -> None:
        """Lives a job's life; whatever goes wrong in it becomes the job's own failure."""
        try:
            try:
                life(job)
            except _Stale:
                self._abandon(job)
                self._bell.ring()
            except LazuliteError as error:
                self._fail(job, error)
            self._parents.has_ended(job)
            self._bell.ring(_LULL_S)
            self._stumbles.pop(job.number, None)
        except Exception as error:
            if not self._is_stopping:
                log.exception("job %s stumbled; the engine takes it up again later", job.name)
                self._stumbled(job, error)
        finally:
            self._attended.discard(job.number)
        if job.compute and not self._is_stopping:  # its nodes are free
            self._start_next(job.scope, job.compute, job.nodes)

    def _stumbled(self, job: Job, error: Exception) -> None:
        """Fails a job that does not get on, rather than to leave its user without a word."""
        self._stumbles[job.number] += 1
        if self._stumbles[job.number] < _MOST_STUMBLES:
            return
        told = f"The platform could not see the job through: {type(error).__name__}: {error}"
        try:
            self._fail(job, LazuliteError(told, code="InternalError", hint="`lazulite logs platform` says more."))
            self._bell.ring()
        except Exception:
            log.exception("job %s could not be failed either", job.name)

    def _live(self, job: Job) -> None:
        """Takes a job from its claim to its end."""
        began = clock.monotonic()
        with self._db.read() as connection:
            workspace = workspaces.of_scope(connection, job.scope)
        path = folders.system_log(self._settings.home, workspace.id, job.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        say = lines.writer(path)
        made = prepare.prepare(self._settings, self._db, job, say)
        ahead = [Change("Starting", warnings=made.warnings), Change("Running")]
        if clock.monotonic() - began > _SOON_S:  # else it is said once it runs, which will be at once
            self._move(job, ahead.pop(0))
        staged = stage.stage(self._settings, made, self._launcher.has_views, say)
        if self._settings.private_network and not doors.are_possible():
            say("network: the proxy refuses hosts outside; without namespaces, what ignores it can leave")
        launch.launch(self._settings, self._signing_key, self._launcher, made, staged)
        self._move(job, *ahead)
        self._see_out(job)

    def _see_out(self, job: Job) -> None:
        """Waits for a job's process to end, whoever started it, and draws the conclusions."""
        processes.await_end(self._folder(job))
        if not collect.read(self._folder(job)):
            process.end_leftovers(self._folder(job))
        with self._db.read() as connection:
            ending = collect.look_up(connection, job)
        change = collect.collect(self._settings.home, job, ending)
        with self._db.write() as connection:
            self._settle(connection, job, change, ending)
        self._parents.has_ended(job)
        stage.discard(self._folder(job))

    def _settle(self, connection: Connection, job: Job, change: Change, ending: Ending) -> None:
        now, changes = clock.now(), [Change("Finalizing"), change] if change.state in states.ENDED else [change]
        if not states.apply(connection, job, *changes, now=now):
            raise _Stale
        if change.state == "Completed":
            collect.register(connection, job, ending.workspace.id, now)
        told = collect.read(self._folder(job))
        if told:
            entries.put(connection, job.number, "property", collect.properties_of(told))

    def _move(self, job: Job, *changes: Change) -> None:
        """Passes the one door, or finds out that the job is somebody else's."""
        with self._db.write() as connection:
            if not states.apply(connection, job, *changes, now=clock.now()):
                raise _Stale

    def _abandon(self, job: Job) -> None:
        """Ends what was started for a job that is not wanted any more; the loop then says that it is over."""
        process.stop(self._folder(job))
        processes.await_end(self._folder(job))
        stage.discard(self._folder(job))

    def _fail(self, job: Job, error: LazuliteError) -> None:
        self._abandon(job)
        now = clock.now()
        with self._db.write() as connection:
            failed = Change("Failed", error=error.wire())
            if states.apply(connection, job, failed, now=now) or states.apply(
                connection, job, Change("Canceled"), now=now
            ):
                for child in states.living_children(connection, job):
                    states.cancel(connection, child, now)

    def _folder(self, job: Job) -> Path:
        return folders.of_job(self._settings.home, job.scope, job.name)
