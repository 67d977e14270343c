"""The thread that looks at the clock: makes the jobs of schedules on time, once each, and says what it missed."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from lazulite import clock
from lazulite.engine import schedules, submit, triggers
from lazulite.engine.schedules import Due, Event
from lazulite.engine.states import Change
from lazulite.engine.submit import Accepted
from lazulite.engine.triggers import Trigger
from lazulite.errors import LazuliteError
from lazulite.store import resources, workspaces
from lazulite.store.db import Database
from lazulite.store.resources import Place, Resource

log = logging.getLogger(__name__)

# A tick that could not be kept for so long is missed: a job at the wrong time is not what was asked for.
LATE = timedelta(seconds=60)
_LONGEST_SLEEP_S = 60.0
_STUMBLED_S = 1.0
_MOST_COUNTED = 10_000


class Scheduler:
    """Owns the ticking of all schedules. Its methods may be called from any thread."""

    def __init__(self, home: Path, db: Database, wake_engine: Callable[[], None]) -> None:
        self._home = home
        self._db = db
        self._wake_engine = wake_engine
        self._awake = threading.Event()
        self._is_stopping = False
        self._loop = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        """Begins to keep time."""
        self._loop.start()

    def stop(self) -> None:
        """Ends the loop; what comes due meanwhile is looked at by the next one."""
        self._is_stopping = True
        self._awake.set()
        self._loop.join()

    def wake(self) -> None:
        """Makes the loop look now: a schedule was made or changed."""
        self._awake.set()

    def _run(self) -> None:
        pause_s = 0.0
        while not self._is_stopping:
            self._awake.wait(pause_s)
            self._awake.clear()
            try:
                pause_s = self.tick(clock.now())
            except Exception:
                log.exception("the scheduler stumbled; it goes on")
                pause_s = _STUMBLED_S

    def tick(self, now: datetime) -> float:
        """Makes the jobs that are due, and returns for how many seconds there is nothing more."""
        with self._db.read() as connection:
            waiting = schedules.due(connection, now)
        least_s = 0.0
        for one in waiting:
            try:
                self._keep(one, now)
            except Exception:
                log.exception("schedule %s of %s stumbled; the others go on", one.key, one.scope)
                least_s = _STUMBLED_S
        with self._db.read() as connection:
            next_at = schedules.earliest(connection)
        if next_at is None:
            return _LONGEST_SLEEP_S
        return min(max((next_at - now).total_seconds(), least_s), _LONGEST_SLEEP_S)

    def trigger(self, row: Resource, tick: datetime, now: datetime) -> str:
        """Makes the job of a schedule now, whatever its trigger says; returns the job's name.

        Raises what submitting such a job raises.
        """
        with self._db.read() as connection:
            workspace = workspaces.of_scope(connection, row.place.scope).id
            new = schedules.job_of(connection, workspace, row, tick)
            accepted = submit.accept(connection, self._home, workspace, new)
        with self._db.write() as connection:
            submit.write(connection, accepted, now)
            schedules.note(connection, row.place, Event(now, "triggered", accepted.name, "by hand"))
        self._wake_engine()
        return accepted.name

    def _keep(self, due: Due, now: datetime) -> None:
        """Makes the job of a due schedule, or says that its time was missed; either way it goes on to the next."""
        with self._db.read() as connection:
            row = resources.get(connection, Place(due.scope, schedules.KIND, due.key))
        if not row:  # its workspace was deleted
            with self._db.write() as connection:
                schedules.forget(connection, Place(due.scope, schedules.KIND, due.key))
            return
        missed, tick = _late(schedules.trigger_of(row), due.next_at, now)
        on_time = tick if tick and tick <= now else None
        next_at = triggers.next_tick(schedules.trigger_of(row), on_time) if on_time else tick
        draft = self._draft(row, on_time) if on_time else None
        with self._db.write() as connection:
            if not schedules.advance(connection, due, next_at):
                return
            if missed:
                schedules.note(connection, row.place, _missed(missed, due.next_at, now))
            if draft:
                schedules.note(connection, row.place, draft.write(connection, now))
        self._wake_engine()

    def _draft(self, row: Resource, tick: datetime) -> "_Draft":
        """Prepares a tick's job; one that cannot be right is written as failed, for all to see."""
        with self._db.read() as connection:
            workspace = workspaces.of_scope(connection, row.place.scope).id
            try:
                new = schedules.job_of(connection, workspace, row, tick)
            except LazuliteError as error:
                log.warning("schedule %s: %s", row.place.name, error)
                return _Draft(None, error)
            try:
                return _Draft(submit.accept(connection, self._home, workspace, new), None)
            except LazuliteError as error:
                log.warning("schedule %s: %s", row.place.name, error)
                return _Draft(submit.refused(workspace, new), error)


@dataclass(frozen=True)
class _Draft:
    """What a tick comes to. accepted: None where not even a job can be written; error: why it fails."""

    accepted: Accepted | None
    error: LazuliteError | None

    def write(self, connection: Connection, now: datetime) -> Event:
        if self.accepted is None:
            return Event(now, "failed", "", str(self.error))
        if self.error is None:
            return Event(now, "triggered", submit.write(connection, self.accepted, now).name, "")
        submit.write_as(connection, self.accepted, Change("Failed", error=self.error.wire()), now)
        return Event(now, "failed", self.accepted.name, str(self.error))


def _late(trigger: Trigger, tick: datetime, now: datetime) -> tuple[int, datetime | None]:
    """Counts the ticks that are too late to be kept, and returns the first that is not."""
    missed, following = 0, tick
    while following <= now - LATE:
        missed += 1
        after = following if missed < _MOST_COUNTED else now - LATE
        later = triggers.next_tick(trigger, after)
        if later is None:
            return missed, None
        following = later
    return missed, following


def _missed(count: int, first: datetime, now: datetime) -> Event:
    many = f"{count} or more" if count >= _MOST_COUNTED else str(count)
    times = "time" if count == 1 else "times"
    return Event(
        now, "missed", "", f"{many} {times} since {first:%Y-%m-%d %H:%M:%S} UTC: the platform was not running."
    )
