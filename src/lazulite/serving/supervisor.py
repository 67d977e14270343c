"""Makes what is wanted true: one loop that starts, replaces and ends crews, and tells the gateway who answers."""

import logging
import shutil
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from lazulite import clock
from lazulite.artifacts import lines
from lazulite.errors import LazuliteError, UserCodeError
from lazulite.serving import crew, logs, routing, sources, stage, wanted, workers
from lazulite.serving.crew import Crew
from lazulite.serving.gateway_process import GatewayProcess
from lazulite.serving.table import table
from lazulite.serving.wanted import Wanted
from lazulite.settings import Settings
from lazulite.store.db import Database
from lazulite.store.operations import end

log = logging.getLogger(__name__)

_TICK_S = 0.5
_KEEP_HOUSE_EVERY = timedelta(seconds=2)
_READY_POLL_S = 0.02
_LAST_ANSWER_S = 180  # the longest request timeout that Azure allows


class Supervisor:
    """Owns every worker process of the platform. Its methods may be called from any thread."""

    def __init__(self, settings: Settings, db: Database) -> None:
        self._settings = settings
        self._db = db
        self._gateway = GatewayProcess(settings)
        self._crews: dict[str, Crew] = {}
        self._making: dict[str, threading.Thread] = {}
        self._lock = threading.RLock()  # of _crews, _making and the routing file
        self._kept_house_at = clock.now()
        self._awake = threading.Event()
        self._is_stopping = False
        self._loop = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Finds again what ran before, starts the gateway if none runs, and begins to watch."""
        self._settings.sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._adopt(clock.now())
        self.publish()
        self._gateway.adopt()
        self._gateway.ensure()
        self._loop.start()

    def stop(self) -> None:
        """Ends the loop. Crews and gateway go on; `end_everything` ends those."""
        self._is_stopping = True
        self._awake.set()
        self._loop.join()

    def end_everything(self) -> None:
        """Ends every worker and the gateway; all come back with the next start."""
        self._gateway.stop()
        with self._lock:
            for label in list(self._crews):
                crew.stop(self._crews.pop(label), grace_s=1)

    def wake(self) -> None:
        """Makes the loop look now rather than at its next tick."""
        self._awake.set()

    def publish(self) -> None:
        """Writes who may call what and who answers, and waits until the gateway has read it."""
        with self._lock, self._db.read() as connection:
            endpoints, deployments = wanted.all_endpoints(connection), wanted.all_deployments(connection)
            generation = int(clock.now().timestamp() * 1000)
            routes = routing.Routes(generation, table(endpoints, deployments, self._crews))
            routing.write(self._settings.home / "routing.json", routes)
        self._gateway.reload()

    def _run(self) -> None:
        while not self._is_stopping:
            self._awake.wait(_TICK_S)
            self._awake.clear()
            try:
                self._tick(clock.now())
            except Exception:
                log.exception("the supervisor stumbled; it goes on")

    def _tick(self, now: datetime) -> None:
        self._gateway.ensure()
        with self._db.read() as connection:
            deployments = {one.label: one for one in wanted.all_deployments(connection)}
        with self._lock:
            self._end_unwanted(deployments)
            for deployment in deployments.values():
                if self._needs_making(deployment):
                    self._begin_making(deployment)
            self._keep_house(now)
            changed = [label for label, one in self._crews.items() if crew.watch(one, now)]
        if changed:
            self.publish()

    def _keep_house(self, now: datetime) -> None:
        """Does what need not be done at every tick: keeps logs short, ends workers that come back no more."""
        if now - self._kept_house_at < _KEEP_HOUSE_EVERY:
            return
        self._kept_house_at = now
        for label in self._crews:
            logs.limit(stage.folder_of(self._settings.home, label))
        stuck = self._gateway.stuck_workers()
        for one in self._crews.values() if stuck else ():
            crew.end(one, stuck)

    def _adopt(self, now: datetime) -> None:
        with self._db.read() as connection:
            deployments = wanted.all_deployments(connection)
        for one in deployments:
            folder = stage.folder_of(self._settings.home, one.label)
            found = crew.adopt(one.live_generation, folder / str(one.live_generation) / "workers", now)
            if found:
                self._crews[one.label] = found
        self._end_leftovers({one.label: one.live_generation for one in deployments}, now)

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
            self._retire(self._crews.pop(label), stage.set_aside(self._settings, label))

    def _needs_making(self, deployment: Wanted) -> bool:
        if deployment.label in self._making:
            return False
        if deployment.state in ("Creating", "Updating"):
            return True
        return deployment.live_generation > 0 and deployment.label not in self._crews

    def _begin_making(self, deployment: Wanted) -> None:
        thread = threading.Thread(target=self._make, args=(deployment,), name=f"make {deployment.label}", daemon=True)
        self._making[deployment.label] = thread
        thread.start()

    def _make(self, deployment: Wanted) -> None:
        folder = stage.folder_of(self._settings.home, deployment.label)
        folder.mkdir(parents=True, exist_ok=True)
        write = lines.writer(logs.storage(folder))
        error: LazuliteError | None = None
        made: Crew | None = None
        try:
            made = self._bring_up(deployment, write)
        except LazuliteError as problem:
            error = problem
        except Exception as problem:
            log.exception("making %s failed", deployment.label)
            error = LazuliteError(f"Lazulite failed to make {deployment.label}: {problem!r}.")
        if error:
            write(f"failed: {error.message}")
        self._settle(deployment, made, error)

    def _bring_up(self, deployment: Wanted, write: Callable[[str], None]) -> Crew:
        """Stages and starts a generation, and waits until all of its workers are ready."""
        write(f"generation {deployment.generation} of {deployment.label}")
        with self._db.read() as connection:
            found = sources.find(connection, self._settings.home, deployment.workspace, deployment.spec)
        staged = stage.stage(self._settings, deployment, found, write)
        made = crew.start(deployment.generation, stage.worker_specs(self._settings, deployment, staged), clock.now())
        try:
            self._await_ready(deployment, made)
        except LazuliteError:
            crew.stop(made, grace_s=0)
            raise
        write(f"ready: {len(made.members)} workers")
        return made

    def _await_ready(self, deployment: Wanted, made: Crew) -> None:
        deadline = clock.now().timestamp() + deployment.spec.startup_s
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
                raise UserCodeError("It was deleted or asked for anew while it started.", code="OperationCanceled")
            if clock.now().timestamp() > deadline:
                raise UserCodeError(
                    f"init() has not returned after {deployment.spec.startup_s:g} s.",
                    code="ResourceNotReady",
                    hint="Give the deployment a readiness_probe or startup_probe that waits longer.",
                )
            clock.sleep(_READY_POLL_S)

    def _is_stale(self, deployment: Wanted) -> bool:
        if self._is_stopping:
            return True
        with self._db.read() as connection:
            return wanted.generation(connection, deployment) != deployment.generation

    def _settle(self, deployment: Wanted, made: Crew | None, error: LazuliteError | None) -> None:
        """Records how a making ended, and puts the new crew in the old one's place before that is told to anyone."""
        if self._is_stopping:
            return  # the next platform begins this generation anew
        with self._lock:
            before = self._crews.get(deployment.label)
            is_current = not self._is_stale(deployment)
            if made and is_current:
                self._crews[deployment.label] = made
            self._making.pop(deployment.label, None)
        if made and is_current:
            self.publish()
        with self._db.write() as connection:
            wanted.settle(connection, deployment, error.wire() if error else None)
            end(connection, deployment.operation, error.wire() if error else None, clock.now())
        if made and is_current and before:
            folder = stage.folder_of(self._settings.home, deployment.label) / str(before.generation)
            self._retire(before, folder)
        elif made and not is_current:
            crew.stop(made, grace_s=0)
        self.wake()

    def _retire(self, old: Crew, folder: Path) -> None:
        """Ends a crew that the gateway no longer sends to, once it has answered what it has; removes its folder."""

        def finish() -> None:
            crew.stop(old, grace_s=_LAST_ANSWER_S)
            shutil.rmtree(folder, ignore_errors=True)

        threading.Thread(target=finish, name=f"retire {folder.name}", daemon=True).start()
