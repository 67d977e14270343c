"""The worker processes of one generation of a deployment: started together, watched, replaced, stopped."""

import contextlib
import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from lazulite.artifacts import lines
from lazulite.errors import LazuliteError
from lazulite.serving import containers, routing, workers
from lazulite.serving.containers import SCORING_PATH
from lazulite.serving.workers import Worker, WorkerSpec, WorkerState

_SCORE = "/score"
_ASLEEP = "asleep"
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
    """All workers of one generation, in the order of their numbers. sleeping: those that a request wakes."""

    generation: int
    members: list[Member] = field(default_factory=list)
    sleeping: list[WorkerSpec] = field(default_factory=list)

    @property
    def is_asleep(self) -> bool:
        """Tells whether there are no workers until somebody asks for one, or those asked for are not ready yet."""
        return bool(self.sleeping)

    @property
    def specs(self) -> list[WorkerSpec]:
        """Returns what its workers are launched with, or were before it fell asleep."""
        return [member.spec for member in self.members] or self.sleeping

    @property
    def instances(self) -> int:
        """Returns how many instances it has: WORKER_COUNT workers are one."""
        return len(self.members) // _workers_of_one(self)

    @property
    def is_ready(self) -> bool:
        """Tells whether every worker has run its init()."""
        return all(member.state.kind == "ready" for member in self.members)

    @property
    def protocol(self) -> routing.Protocol:
        """Returns what its workers speak, all of them the same."""
        return "http" if any(spec.guest != "score" for spec in self.specs) else "frames"

    @property
    def scoring_path(self) -> str:
        """Returns where its workers take scores."""
        return self.specs[0].variables.get(SCORING_PATH, _SCORE) if self.specs else _SCORE

    @property
    def broken(self) -> WorkerState | None:
        """Returns the state of the first worker that failed or died, if one did."""
        return next((member.state for member in self.members if member.state.kind in ("failed", "dead")), None)

    def pids(self) -> list[list[int]]:
        """Returns the processes of each instance's workers; none of containers, whose processes an engine has."""
        size, seen = _workers_of_one(self), not any(containers.is_in_engine(spec.variables) for spec in self.specs)
        found = [member.worker.pid for member in self.members if seen and member.worker.pid]
        return [found[n : n + size] for n in range(0, len(found), size)]

    def routes(self) -> tuple[routing.Worker, ...]:
        """Returns the workers that can be given requests now."""
        return tuple(
            routing.Worker(member.spec.id, member.state.address, member.worker.pid, member.spec.slots)
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
    paths = [path for path in folder.iterdir() if path.name.isdecimal()] if folder.is_dir() else []
    adopted = (workers.adopt(path) for path in sorted(paths, key=lambda path: int(path.name)))
    found = [worker for worker in adopted if worker]
    if found and (folder / _ASLEEP).exists():
        for worker in found:
            workers.stop(worker, grace_s=0)
        return Crew(generation, [], [worker.spec for worker in found])
    return Crew(generation, [_member(worker.spec, worker, now) for worker in found]) if found else None


def resize(crew: Crew, instances: int, now: datetime) -> Crew:
    """Launches workers, or takes away the newest, until there are so many instances.

    Returns those taken away, which still answer what they have. Raises what `workers.launch` does.
    """
    wanted = instances * _workers_of_one(crew)
    template = crew.specs[0]
    taken = {member.spec.folder.name for member in crew.members}
    free = (n for n in itertools.count() if str(n) not in taken and not template.folder.with_name(str(n)).exists())
    for number in itertools.islice(free, max(wanted - len(crew.members), 0)):
        spec = replace(
            template,
            id=f"{template.id.rpartition('-')[0]}-{number}",
            folder=template.folder.with_name(str(number)),
            socket=template.socket.with_name(f"{template.socket.stem.rpartition('-')[0]}-{number}.sock"),
        )
        crew.members.append(_member(spec, workers.launch(spec), now))
    gone, crew.members = crew.members[wanted:], crew.members[:wanted]
    return Crew(crew.generation, gone)


def sleep(crew: Crew) -> Crew:
    """Takes all workers away until `wake_up`, and notes that it was meant. Returns those taken away."""
    crew.sleeping = crew.specs[: _workers_of_one(crew)]
    _mark(crew).touch()
    gone, crew.members = crew.members, []
    return Crew(crew.generation, gone)


def wake_up(crew: Crew, now: datetime) -> None:
    """Launches the workers of a crew that sleeps; it counts as asleep until `sleeping` is emptied.

    Raises what `workers.launch` does.
    """
    _mark(crew).unlink(missing_ok=True)
    for spec in crew.sleeping:
        crew.members.append(_member(spec, workers.launch(spec), now))


def _mark(crew: Crew) -> Path:
    return crew.specs[0].folder.parent / _ASLEEP


def _workers_of_one(crew: Crew) -> int:
    return int(crew.specs[0].variables.get("WORKER_COUNT", "1")) if crew.specs else 1


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
