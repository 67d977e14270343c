"""The worker processes of one generation of a deployment: started together, watched, replaced, stopped."""

import contextlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from lazulite.artifacts import lines
from lazulite.errors import LazuliteError
from lazulite.serving import routing, workers
from lazulite.serving.workers import Worker, WorkerSpec, WorkerState

_BACKOFF_FIRST_S = 0.5
_BACKOFF_LAST_S = 60.0
_STEADY = timedelta(minutes=5)  # a worker that lived this long starts again without waiting


@dataclass
class Member:
    """One place in a crew, and the process that fills it now."""

    spec: WorkerSpec
    worker: Worker
    started_at: datetime
    state: WorkerState
    failures: int = 0
    restart_at: datetime | None = None


@dataclass
class Crew:
    """All workers of one generation, in the order of their numbers."""

    generation: int
    members: list[Member] = field(default_factory=list)

    @property
    def is_ready(self) -> bool:
        """Tells whether every worker has run its init()."""
        return all(member.state.kind == "ready" for member in self.members)

    @property
    def protocol(self) -> routing.Protocol:
        """Returns what its workers speak, all of them the same."""
        return "http" if any(member.spec.guest == "triton" for member in self.members) else "frames"

    @property
    def broken(self) -> WorkerState | None:
        """Returns the state of the first worker that failed or died, if one did."""
        return next((member.state for member in self.members if member.state.kind in ("failed", "dead")), None)

    def routes(self) -> tuple[routing.Worker, ...]:
        """Returns the workers that can be given requests now."""
        return tuple(
            routing.Worker(member.spec.id, f"unix:{member.spec.socket}", member.worker.pid, member.spec.slots)
            for member in self.members
            if member.state.kind == "ready"
        )


def start(generation: int, specs: Sequence[WorkerSpec], now: datetime) -> Crew:
    """Launches every worker, none of which is ready yet; or none, when one of them cannot be launched."""
    crew = Crew(generation)
    try:
        for spec in specs:
            crew.members.append(_member(spec, workers.launch(spec), now))
    except (LazuliteError, OSError):
        stop(crew, grace_s=0)
        raise
    return crew


def adopt(generation: int, folder: Path, now: datetime) -> Crew | None:
    """Finds the workers of a folder again after a restart of the platform, dead or alive; None if there were none."""
    members = []
    for path in sorted(folder.iterdir(), key=lambda path: int(path.name)) if folder.is_dir() else ():
        found = workers.adopt(path)
        if found:
            members.append(_member(found.spec, found, now))
    return Crew(generation, members) if members else None


def _member(spec: WorkerSpec, worker: Worker, now: datetime) -> Member:
    return Member(spec, worker, now, workers.probe(worker, now))


def watch(crew: Crew, now: datetime) -> bool:
    """Looks at every worker, starts again those that died and whose wait is over; returns whether routes changed."""
    before = crew.routes()
    for member in crew.members:
        if member.restart_at is None:
            _look(member, now)
        elif now >= member.restart_at:
            _restart(member, now)
    return crew.routes() != before


def _look(member: Member, now: datetime) -> None:
    member.state = workers.probe(member.worker, now)
    if member.state.kind in ("failed", "dead"):
        _note(member, member.state.reason.partition("\n")[0])
        workers.stop(member.worker, grace_s=0)
        _wait(member, now)


def _restart(member: Member, now: datetime) -> None:
    """Launches a worker in a dead one's place. What stands in the way, a full disk say, may be gone at the next try."""
    try:
        member.worker = workers.launch(member.spec)
    except (LazuliteError, OSError) as error:
        _note(member, f"{member.spec.id} cannot be started again: {error}")
        _wait(member, now)
        return
    member.started_at, member.restart_at = now, None
    member.state = workers.probe(member.worker, now)


def _wait(member: Member, now: datetime) -> None:
    """Says when the worker is launched again: at once, then after longer and longer waits."""
    if now - member.started_at > _STEADY:
        member.failures = 0
    delay = min(_BACKOFF_FIRST_S * 2 ** min(member.failures, 10), _BACKOFF_LAST_S) if member.failures else 0.0
    member.failures += 1
    member.started_at = now
    member.restart_at = now + timedelta(seconds=delay)


def _note(member: Member, text: str) -> None:
    with contextlib.suppress(OSError):  # a worker is watched though nothing can be written down
        lines.writer(member.spec.console)(text)


def end(crew: Crew, ids: Collection[str]) -> None:
    """Ends those of a crew's workers that answer nobody any more; `watch` starts others in their place."""
    for member in crew.members:
        if member.spec.id in ids and member.restart_at is None:
            _note(member, f"Worker {member.worker.pid} does not come back from a request: ended.")
            workers.stop(member.worker, grace_s=0)


def stop(crew: Crew, grace_s: float) -> None:
    """Ends every worker, giving each the grace to answer what it works on."""
    for member in crew.members:
        workers.stop(member.worker, grace_s=grace_s)
