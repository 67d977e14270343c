"""`lazulite serve`: one scoring script by itself, started again whenever a file of it is saved."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import uvicorn

from lazulite import clock, settings
from lazulite.cli import ports, serve_config, serve_front
from lazulite.cli.grammar import HOME, Arguments, Command, Group, flag
from lazulite.cli.serve_config import DEFAULT_HEALTH_PORT, DEFAULT_PORT, ServeConfig
from lazulite.errors import Conflict
from lazulite.serving import workers
from lazulite.serving.gateway.frames import GREETING
from lazulite.serving.workers import Worker, WorkerSpec

_HOST = "127.0.0.1"
_FAILED_TO_START = 3  # Source: gunicorn, under Azure's server, when a worker does not come up
_POLL_S = 0.1
_GRACE_S = 5
_LEAVES_WITHIN_S = 2
_WATCHED_SUFFIXES = (".py", ".json")
_UNWATCHED_FOLDERS = ("__pycache__", "node_modules", "site-packages")

Stamps = dict[Path, tuple[int, int]]


class Crew:
    """The workers of one script. All are replaced when a file changes, and when one of them dies.

    watched: folders. A script that does not start is given up, which when_given_up hears; one of watched folders that
    has served before is waited for.
    """

    def __init__(self, specs: Sequence[WorkerSpec], watched: Sequence[Path]) -> None:
        self.has_given_up = False
        self.when_given_up: Callable[[], object] = bool
        self._specs = specs
        self._watched = watched
        self._workers: list[Worker] = []
        self._free: list[Path] = []
        self._is_settled = False
        self._has_served = False
        self._is_stuck = False
        self._trouble = ""
        self._shown_bytes = 0
        self._changed = asyncio.Condition()

    async def take(self) -> Path | str:
        """Waits for a worker that has nothing to do and returns its socket, or why there is none."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._is_settled and (self._free or self._trouble))
            return self._trouble or self._free.pop()

    async def give_back(self, address: Path) -> None:
        """Hears that a worker has answered; one that was replaced meanwhile has its successor at the same address."""
        self._show_output()  # what it printed meanwhile is there before its answer
        async with self._changed:
            if self._is_settled and not self._trouble and address not in self._free:
                self._free.append(address)
                self._changed.notify()

    async def call_off(self, address: Path) -> None:
        """Has a worker leave what it is at; where it does not, all are started again. Those that go are left alone."""
        worker = next((worker for worker in self._workers if worker.spec.socket == address), None)
        if not worker or not self._is_settled:
            return
        try:
            os.kill(worker.pid, signal.SIGUSR1)
            await asyncio.wait_for(_greeting(address), _LEAVES_WITHIN_S)
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
            if self._is_settled and worker in self._workers:  # else its successor would be called stuck
                self._is_stuck = True
        else:
            await self.give_back(address)

    def launch(self) -> None:
        """Starts the workers. Raises BadRequest when that is not possible at all."""
        self._workers = [workers.launch(spec) for spec in self._specs]

    async def supervise(self) -> None:
        """Shows what the workers print and starts them again after each save, until it is cancelled; then ends them."""
        seen = _stamps(self._watched)
        try:
            while True:
                await asyncio.sleep(_POLL_S)
                now = _stamps(self._watched)
                if now != seen:
                    seen = await self._still(now)
                    await self._restart("A file was saved.")
                await self._look()
                self._show_output()
        finally:
            self._stop(grace_s=0)
            self._show_output()

    async def _still(self, stamps: Stamps) -> Stamps:
        """Waits until nothing moves: one save may be many writes."""
        while True:
            await asyncio.sleep(_POLL_S)
            now = _stamps(self._watched)
            if now == stamps:
                return now
            stamps = now

    async def _restart(self, why: str, grace_s: float = _GRACE_S) -> None:
        print(f"{why} Starting again.", flush=True)
        async with self._changed:
            self._is_settled = self._is_stuck = False
            self._free = []
        await asyncio.to_thread(self._stop, grace_s)
        self.launch()

    async def _look(self) -> None:
        states = [workers.probe(worker, clock.now()) for worker in self._workers]
        broken = next((state for state in states if state.kind in ("failed", "dead")), None)
        if self._is_settled and not self._trouble and broken:
            self._show_output()
            await self._restart(_first_line(broken.reason))
        elif self._is_settled and self._is_stuck:
            await self._restart("The script goes on though its time is over.", grace_s=0)
        elif not self._is_settled and (broken or all(state.kind == "ready" for state in states)):
            self._show_output()
            if broken:
                print(f"The script does not start: {_first_line(broken.reason)}", flush=True)
                self._give_up_or_wait()
            else:
                self._has_served = True
                print("Ready.", flush=True)
            async with self._changed:
                self._is_settled = True
                self._trouble = broken.reason if broken else ""
                self._free = [spec.socket for spec in self._specs]
                self._changed.notify_all()

    def _give_up_or_wait(self) -> None:
        if self._watched and self._has_served:
            print("Save it to try again.", flush=True)
        else:
            self.has_given_up = True
            self.when_given_up()

    def _stop(self, grace_s: float) -> None:
        for worker in self._workers:
            workers.stop(worker, grace_s)

    def _show_output(self) -> None:
        with self._specs[0].console.open("rb") as console:
            console.seek(self._shown_bytes)
            shutil.copyfileobj(console, sys.stdout.buffer)
            self._shown_bytes = console.tell()
        sys.stdout.flush()


async def _greeting(address: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(address)
    try:
        await reader.readexactly(len(GREETING))
    finally:
        writer.close()


def _first_line(reason: str) -> str:
    """Leaves out the rest, which the console has shown."""
    return reason.partition("\n")[0]


def _stamps(watched: Sequence[Path]) -> Stamps:
    """Returns time and size of every file that the script may be made of."""
    found = {}
    for path in (path for root in watched for path in _files(root)):
        with contextlib.suppress(FileNotFoundError):  # it went away just now
            status = path.stat()
            found[path] = (status.st_mtime_ns, status.st_size)
    return found


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and name not in _UNWATCHED_FOLDERS
            and not (Path(folder, name, "pyvenv.cfg")).exists()
        ]
        yield from (Path(folder, name) for name in names if name.endswith(_WATCHED_SUFFIXES))


def _serve(arguments: Arguments) -> None:
    config = serve_config.configure(arguments, os.environ)
    for port in config.ports:
        if not ports.is_free(_HOST, port):
            raise Conflict(
                f"Port {port} is taken by {ports.taken_by(_HOST, port)}.",
                hint="Choose one with --port, or --health-port.",
            )
    specs = list(_specs(arguments, config))
    specs[0].console.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    specs[0].console.write_bytes(b"")
    _end_leftovers(specs)
    print(*serve_config.settings(config), "", *config.notes, sep="\n")
    how = "" if arguments.no_reload else "A saved change is served at once. "
    print(
        f"Serving {config.script}\n  with    {specs[0].python}\n  score   http://{_HOST}:{config.ports[0]}/score\n"
        f"  health  http://{_HOST}:{config.ports[-1]}/\n{how}Ctrl-C ends it.",
        flush=True,
    )
    crew = Crew(specs, () if arguments.no_reload else (config.script.parent,))
    crew.launch()
    _listen(crew, config)
    if crew.has_given_up:
        raise SystemExit(_FAILED_TO_START)


def _listen(crew: Crew, config: ServeConfig) -> None:
    """Answers on every port until a signal, or the crew, ends it."""
    with contextlib.ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.create_server((_HOST, port))) for port in config.ports]
        server = uvicorn.Server(
            uvicorn.Config(
                serve_front.app(crew, config.origins, config.limit_ms),
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )
        crew.when_given_up = lambda: setattr(server, "should_exit", True)
        server.run(sockets)


def _specs(arguments: Arguments, config: ServeConfig) -> Iterator[WorkerSpec]:
    """Lists the workers. Their environment is the terminal's, with what Azure's server sets."""
    own = settings.read(home=arguments.home)
    folder = own.home / "serve" / str(config.ports[0])
    for number in range(config.workers):
        yield WorkerSpec(
            id=str(number),
            folder=folder / str(number),
            socket=own.sockets / f"serve-{config.ports[0]}-{number}.sock",
            console=folder / "console.log",
            python=Path(arguments.python or shutil.which("python3") or sys.executable),
            app=config.app,
            variables=config.variables,
            cores=(os.cpu_count() or 1) / config.workers,
        )


def _end_leftovers(specs: Sequence[WorkerSpec]) -> None:
    """Ends workers that a `lazulite serve` of this port left when it was killed."""
    for folder in specs[0].folder.parent.glob("*/"):
        left = workers.adopt(folder)
        if left:
            workers.stop(left, grace_s=0)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _port_number(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 65535:
        raise ValueError(text)
    return number


_FLAGS = (
    flag("--entry-script", "--entry_script", metavar="FILE", help="The scoring script."),
    flag("--model-dir", "--model_dir", metavar="DIR", help="What AZUREML_MODEL_DIR says."),
    flag(
        "--port",
        type=_port_number,
        default=DEFAULT_PORT,
        metavar="N",
        help=f"Where to listen, {DEFAULT_PORT} if not given.",
    ),
    flag(
        "--health-port",
        "--health_port",
        type=_port_number,
        metavar="N",
        help="A second port, for probes; SEPERATE_HEALTH_ENDPOINT=true in the environment means "
        f"{DEFAULT_HEALTH_PORT}.",
    ),
    flag(
        "--worker-count",
        "--worker_count",
        type=_positive,
        metavar="N",
        help="How many requests are answered at the same time; WORKER_COUNT, or 1, if not given.",
    ),
    flag(
        "--config-file",
        "--config_file",
        metavar="FILE",
        help="JSON with what the environment does not say: AZUREML_ENTRY_SCRIPT, AML_CORS_ORIGINS, SERVICE_NAME, ...; "
        "config.json beside the script if not given.",
    ),
    flag(
        "--access-control-allow-origins",
        "--access_control_allow_origins",
        metavar="ORIGINS",
        help="Origins whose pages may call it, with commas between; AML_CORS_ORIGINS if not given.",
    ),
    flag(
        "--appinsights-instrumentation-key",
        "--appinsights_instrumentation_key",
        metavar="KEY",
        help="What AML_APP_INSIGHTS_KEY says. Nothing is sent there.",
    ),
    flag("--no-reload", action="store_true", help="Watch no files."),
    flag("--python", metavar="FILE", help="The interpreter; python3 on PATH if not given."),
    HOME,
)

GROUPS = (
    Group(
        "serve",
        (
            Command(
                "",
                "Serve one scoring script by itself, as azmlinfsrv does, and again after each save.",
                _serve,
                _FLAGS,
                "lazulite serve --entry-script score.py --model-dir model",
            ),
        ),
    ),
)
