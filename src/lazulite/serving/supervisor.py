"""Makes what is wanted true: one loop that starts, replaces and ends crews, and tells the gateway who answers."""

import contextlib
import logging
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lazulite import clock
from lazulite.artifacts import lines
from lazulite.artifacts.files import full_disk_is_an_error
from lazulite.errors import LazuliteError, OutOfSpace, UserCodeError
from lazulite.identity import doors
from lazulite.serving import autoscaler, crew, logs, measures, routing, sources, stage, wanted, workers
from lazulite.serving.autoscaler import Kept
from lazulite.serving.crew import Crew
from lazulite.serving.gateway import wake
from lazulite.serving.gateway_process import GatewayProcess
from lazulite.serving.measures import Looked, Measures
from lazulite.serving.scaling import Scaler
from lazulite.serving.table import table
from lazulite.serving.wanted import Wanted
from lazulite.settings import Settings
from lazulite.store.db import Database
from lazulite.store.operations import end

log = logging.getLogger(__name__)

_TICK_S = 0.5
_KEEP_HOUSE_EVERY = timedelta(seconds=1)
_AWAKE_POLL_S = 0.01
_READY_POLL_S = 0.02
_RECORD_AGAIN_S = 1.0
_LAST_ANSWER_S = 180  # the longest request timeout that Azure allows


class Supervisor:
    """Owns every worker process of the platform. Its methods may be called from any thread."""

    def __init__(self, settings: Settings, db: Database) -> None:
        self._settings = settings
        self._db = db
        self._gateway = GatewayProcess(settings)
        self._crews: dict[str, Crew] = {}  # those that answer, by `endpoint/deployment`
        self._making: dict[str, threading.Thread] = {}
        self._lock = threading.RLock()  # of _crews, _making, _retiring and the routing file
        self._retiring: list[Crew] = []  # those that still answer what they have
        self._scaler = Scaler()
        self.measures = Measures()
        self._waking: set[str] = set()  # those whose workers are being launched again, by label
        self._going: dict[str, threading.Thread] = {}  # who ends the workers that were last taken away, by label
        self._began_at, self._began_monotonic = clock.now(), clock.monotonic()
        self._kept_house_at = self._now()
        self._is_published = True
        self._awake = threading.Event()
        self._is_stopping = False
        self._loop = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Finds again what ran before, starts the gateway if none runs, and begins to watch."""
        self._settings.make_sockets()
        self._adopt(self._now())
        self._calls = wake.Listener(self._settings.sockets)
        threading.Thread(target=self._hear, name="wake", daemon=True).start()
        self.publish()
        self._gateway.adopt()
        self._gateway.ensure(self._now())
        self._loop.start()

    def stop(self) -> None:
        """Ends the loop. Crews and gateway go on; `end_everything` ends those."""
        self._is_stopping = True
        self._calls.close()
        self._awake.set()
        self._loop.join()

    def end_everything(self) -> None:
        """Ends every worker and the gateway; all come back with the next start."""
        self._gateway.stop()
        with self._lock:
            for one in (*self._crews.values(), *self._retiring):
                crew.stop(one, grace_s=1)
            self._crews.clear()

    def wake(self) -> None:
        """Makes the loop look now rather than at its next tick."""
        self._awake.set()

    def publish(self) -> bool:
        """Writes who may call what and who answers, and waits until the gateway has read it.

        Returns False when it could not be written, since the disk is full: the loop tries again until it can.
        """
        with self._lock:
            with self._db.read() as connection:
                endpoints, deployments = wanted.all_endpoints(connection), wanted.all_deployments(connection)
            generation = int(clock.now().timestamp() * 1000)
            routes = routing.Routes(generation, table(endpoints, deployments, self._crews))
            try:
                routing.write(self._settings.home / "routing.json", routes)
            except OSError as error:
                log.error("routing.json cannot be written: %s; the gateway keeps the routes that it has", error)
                self._is_published = False
                return False
            self._is_published = True
        self._gateway.reload()
        return True

    def _now(self) -> datetime:
        """Returns the time by a clock that nobody sets: waits and deadlines hold though the machine's clock jumps."""
        return self._began_at + timedelta(seconds=clock.monotonic() - self._began_monotonic)

    def _run(self) -> None:
        while not self._is_stopping:
            self._awake.wait(_TICK_S)
            self._awake.clear()
            try:
                self._tick(self._now())
            except Exception:
                log.exception("the supervisor stumbled; it goes on")

    def _tick(self, now: datetime) -> None:
        self._gateway.ensure(now)
        with self._lock:
            # Read behind the lock: who makes a deployment records it first and says so behind the lock, so that nobody
            # takes what was made just now for what is still to be made.
            with self._db.read() as connection:
                deployments = {one.label: one for one in wanted.all_deployments(connection)}
            self._end_unwanted(deployments)
            for deployment in deployments.values():
                if self._needs_making(deployment):
                    self._begin_making(deployment)
            gone = self._keep_house(deployments, now)
            changed = [label for label, one in self._crews.items() if crew.watch(one, now)]
        if changed or gone or not self._is_published:
            self.publish()
        for label, taken in gone.items():
            self._let_go(taken, label)

    def _keep_house(self, deployments: dict[str, Wanted], now: datetime) -> dict[str, Crew]:
        """Does what need not be done at every tick: keeps logs short, ends workers that come back no more, and has as
        many as are needed. Returns the workers that were taken away.
        """
        if now - self._kept_house_at < _KEEP_HOUSE_EVERY:
            return {}
        self._kept_house_at = now
        for label in self._crews:
            logs.limit(stage.folder_of(self._settings.home, label))
        counts = self._gateway.counts()
        workers_of = (found["workers"] for found in counts.values())
        stuck = {name for found in workers_of for name, worker in found.items() if worker["state"] == "stuck"}
        for one in self._crews.values() if stuck else ():
            crew.end(one, stuck)
        steady = [label for label in self._crews if label in deployments and label in counts]
        settings = self._measure([deployments[label] for label in steady], counts)
        told = ((deployments[label], counts[label], settings.get(label)) for label in steady)
        return {one.label: gone for one, seen, kept in told if (gone := self._scale(one, seen, kept, now))}

    def _measure(self, steady: Sequence[Wanted], counts: Mapping[str, Any]) -> Mapping[str, Kept]:
        """Measures what there is, every few seconds; returns the autoscale settings that are to look at it then."""
        if not counts:
            return {}  # the gateway is away for a moment
        looked = {}
        for one in steady:
            cores, memory_bytes = measures.share(one.spec.instance_type)
            folder, made = stage.folder_of(self._settings.home, one.label), self._crews[one.label]
            looked[one.label] = Looked(folder, counts[one.label], made.instances, made.pids(), cores, memory_bytes)
        try:
            if not self.measures.note(looked, clock.now()):
                return {}
        except OSError as error:
            log.error("what was measured cannot be written: %s", error)
        with self._db.read() as connection:
            return autoscaler.enabled(connection)

    def _scale(self, deployment: Wanted, counts: Mapping[str, Any], kept: Kept | None, now: datetime) -> Crew | None:
        """Has as many instances as a deployment needs; returns the workers that were taken away, if any were."""
        label, spec = deployment.label, deployment.spec
        one = self._crews[label]
        if label in self._making or one.is_asleep:
            return None
        wish = self._scaler.wish(label, spec.scale, spec.concurrency, counts, clock.monotonic())
        before, why = one.instances, ""
        kept = kept if spec.scale.is_fixed and wish is None else None
        if kept and (decision := autoscaler.decide(kept, self.measures, list(self._crews), before, clock.now())):
            wish, why = decision.instances, f": {decision.reason}"
        is_new = wish is not None and wish != before
        gone = Crew(one.generation)
        try:
            if is_new:
                gone = crew.resize(one, wish, now) if wish else crew.sleep(one)
                told = f"scaled from {before} to {wish} instances{why}"
                self._tell(label, told if wish else "nobody asked for long: it sleeps")
            if kept and (is_new or spec.instances != before):
                autoscaler.note(self._db, deployment, kept, one.instances, clock.now() if is_new else None)
        except (LazuliteError, OSError) as error:
            log.error("%s cannot be scaled to %s instances: %s", label, wish, error)
        return gone if gone.members else None

    def _tell(self, label: str, text: str) -> None:
        with contextlib.suppress(OSError):
            lines.writer(logs.storage(stage.folder_of(self._settings.home, label)))(text)

    def _hear(self) -> None:
        """Wakes up whom the gateway asks for, in a thread of its own."""
        while (label := self._calls.next()) is not None:
            with self._lock:
                one = self._crews.get(label)
                if one is None or not one.is_asleep or label in self._waking:
                    continue
                self._waking.add(label)
            threading.Thread(target=self._rouse, args=(label, one), name=f"rouse {label}", daemon=True).start()

    def _rouse(self, label: str, one: Crew) -> None:
        """Launches the workers of a crew that sleeps, and tells the gateway as soon as they are ready, or cannot be."""
        before = self._going.get(label)
        if before:
            before.join()  # a worker's folder takes one worker at a time
        try:
            with self._lock:
                crew.wake_up(one, self._now())
            while not (one.is_ready or one.broken or self._is_stopping):
                clock.sleep(_AWAKE_POLL_S)
                for member in one.members:
                    member.state = workers.probe(member.worker, self._now())
        except (LazuliteError, OSError) as error:
            log.error("%s cannot be woken up: %s", label, error)
        with self._lock:
            one.sleeping = []
            self._waking.discard(label)
            self._scaler.forget(label)
        self._tell(label, "woken up by a request")
        self.publish()

    def _let_go(self, gone: Crew, label: str) -> None:
        """Ends workers that the gateway no longer sends to, once they have answered what they have."""

        def finish() -> None:
            while not self._is_published and not self._is_stopping:
                clock.sleep(_RECORD_AGAIN_S)
            crew.stop(gone, grace_s=_LAST_ANSWER_S)
            with self._lock:
                self._retiring.remove(gone)
                one = self._crews.get(label)
                kept = {spec.folder for spec in one.specs} if one else set()
            for member in gone.members:
                if member.spec.folder not in kept:
                    shutil.rmtree(member.spec.folder, ignore_errors=True)

        with self._lock:
            self._retiring.append(gone)
        self._going[label] = threading.Thread(target=finish, name=f"let go of {label}", daemon=True)
        self._going[label].start()

    def _adopt(self, now: datetime) -> None:
        with self._db.read() as connection:
            deployments = wanted.all_deployments(connection)
        for one in deployments:
            folder = stage.folder_of(self._settings.home, one.label)
            found = crew.adopt(one.live_generation, folder / str(one.live_generation) / "workers", now)
            if found and self._leads_out(found):
                self._tell(one.label, "it had a network, and is made again without")
                crew.stop(found, grace_s=0)
            elif found:
                self._crews[one.label] = found
        self._end_leftovers({one.label: one.live_generation for one in deployments}, now)

    def _leads_out(self, found: Crew) -> bool:
        """Tells of workers that began before the network was private."""
        is_open = any(spec.doors is None for spec in found.specs)
        return is_open and self._settings.private_network and doors.are_possible()

    def _end_leftovers(self, live: dict[str, int], now: datetime) -> None:
        """Ends workers that nobody wants: of generations that were being made, of deployments deleted meanwhile."""
        root = self._settings.home / "endpoints"
        for folder in root.glob("*/*/*/workers"):
            label = f"{folder.parent.parent.parent.name}/{folder.parent.parent.name}"
            if live.get(label) != int(folder.parent.name):
                left = crew.adopt(0, folder, now)
                if left:
                    crew.stop(left, grace_s=0)
        stage.discard_all_but(self._settings, live)

    def _end_unwanted(self, deployments: dict[str, Wanted]) -> None:
        for label in [label for label in self._crews if label not in deployments]:
            self._retiring.append(self._crews.pop(label))
            self._retire(self._retiring[-1], label)

    def _needs_making(self, deployment: Wanted) -> bool:
        """Tells what nobody makes: what was asked for, and what was live once but has lost its folder."""
        if deployment.label in self._making:
            return False
        is_lost = deployment.state == "Succeeded" and deployment.label not in self._crews
        return deployment.state in ("Creating", "Updating") or is_lost

    def _begin_making(self, deployment: Wanted) -> None:
        thread = threading.Thread(target=self._make, args=(deployment,), name=f"make {deployment.label}", daemon=True)
        self._making[deployment.label] = thread
        thread.start()

    def _make(self, deployment: Wanted) -> None:
        """Makes a generation, puts it in the place of the one before, records how that went; in a thread of its own.

        Only when it is recorded, and the gateway has heard of it, the crew before ends: no request fails, and a
        platform that dies on the way finds what answered.
        """
        made, error = self._try(deployment)
        before = self._place(deployment, made) if made else None
        if made and self._crews.get(deployment.label) is not made:
            crew.stop(made, grace_s=0)
            made, error = None, _superseded()
        self._record(deployment, error)
        if before:
            self._retire(before, deployment.label)
        if not made:
            shutil.rmtree(self._folder(deployment.label, deployment.generation), ignore_errors=True)
        with self._lock:
            self._making.pop(deployment.label, None)
        self.wake()

    def _try(self, deployment: Wanted) -> tuple[Crew | None, LazuliteError | None]:
        folder = stage.folder_of(self._settings.home, deployment.label)
        write = lines.writer(logs.storage(folder))
        try:
            with full_disk_is_an_error():
                folder.mkdir(parents=True, exist_ok=True)
                if deployment.generation == deployment.first_generation:
                    logs.forget(folder)
                    measures.forget(folder)
                return self._bring_up(deployment, write), None
        except LazuliteError as problem:
            error = problem
        except Exception as problem:
            log.exception("making %s failed", deployment.label)
            error = LazuliteError(f"Lazulite failed to make {deployment.label}: {problem!r}.")
        with contextlib.suppress(OSError):
            write(f"failed: {error.message}")
        return None, error

    def _bring_up(self, deployment: Wanted, write: Callable[[str], None]) -> Crew:
        """Stages and starts a generation, and waits until all of its workers are ready."""
        write(f"generation {deployment.generation} of {deployment.label}")
        with self._db.read() as connection:
            path = f"{deployment.endpoint}/{deployment.name}"
            found = sources.find(connection, self._settings.home, deployment.workspace, path, deployment.spec)
        staged = stage.stage(self._settings, deployment, found, write)
        made = crew.start(deployment.generation, stage.worker_specs(self._settings, deployment, staged), clock.now())
        try:
            self._await_ready(deployment, made)
        except (LazuliteError, OSError):
            crew.stop(made, grace_s=0)
            raise
        write(f"ready: {len(made.members)} workers")
        return made

    def _await_ready(self, deployment: Wanted, made: Crew) -> None:
        deadline = self._now() + timedelta(seconds=deployment.spec.startup_s)
        while not made.is_ready:
            for member in made.members:
                member.state = workers.probe(member.worker, clock.now())
            broken = made.broken
            if broken:
                raise UserCodeError(
                    f"User container has crashed or terminated: {broken.reason}",
                    code="ResourceNotReady",
                    hint="online_deployments.get_logs() shows all that it printed.",
                )
            if self._is_stale(deployment):
                raise _superseded()
            if self._now() > deadline:
                is_own = made.specs[0].guest == "contained"
                waited_for = "The readiness probe is not answered after" if is_own else "init() has not returned after"
                raise UserCodeError(
                    f"{waited_for} {deployment.spec.startup_s:g} s.",
                    code="ResourceNotReady",
                    hint="Give the deployment a readiness_probe or startup_probe that waits longer.",
                )
            clock.sleep(_READY_POLL_S)

    def _is_stale(self, deployment: Wanted) -> bool:
        if self._is_stopping:
            return True
        with self._db.read() as connection:
            return wanted.generation(connection, deployment) != deployment.generation

    def _place(self, deployment: Wanted, made: Crew) -> Crew | None:
        """Makes a crew the one that answers, if it is wanted still; returns the one before, which is to be retired."""
        with self._lock:
            if self._is_stale(deployment):
                return None
            before = self._crews.get(deployment.label)
            self._crews[deployment.label] = made
            self._scaler.forget(deployment.label)
            if before:
                self._retiring.append(before)
            return before

    def _record(self, deployment: Wanted, error: LazuliteError | None) -> None:
        """Tells the gateway, then whoever polls. On a full disk it tries again until it can."""
        told = error.wire() if error else None
        while not self._is_stopping:  # the next platform begins this generation anew
            try:
                if error or self.publish():
                    with self._db.write() as connection:
                        wanted.settle(connection, deployment, told)
                        end(connection, deployment.operation, told, clock.now())
                    return
            except OutOfSpace as problem:
                log.error("how %s went cannot be recorded: %s", deployment.label, problem)
            clock.sleep(_RECORD_AGAIN_S)

    def _retire(self, old: Crew, label: str) -> None:
        """Ends a crew that the gateway no longer sends to, once it has answered what it has; removes its folder."""

        def finish() -> None:
            crew.stop(old, grace_s=_LAST_ANSWER_S)
            shutil.rmtree(self._folder(label, old.generation), ignore_errors=True)
            with self._lock:
                self._retiring.remove(old)

        threading.Thread(target=finish, name=f"retire {label}", daemon=True).start()

    def _folder(self, label: str, generation: int) -> Path:
        return stage.folder_of(self._settings.home, label) / str(generation)


def _superseded() -> UserCodeError:
    return UserCodeError("It was deleted or asked for anew while it was made.", code="OperationCanceled")
