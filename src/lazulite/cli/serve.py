"""`lazulite serve`: one scoring script by itself, started again whenever a file of it is saved."""

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import uvicorn

from lazulite import clock, settings
from lazulite.cli import ports, serve_front
from lazulite.cli.grammar import HOME, Arguments, Command, Group, Misuse, flag
from lazulite.errors import Conflict
from lazulite.serving import workers
from lazulite.serving.workers import Worker, WorkerSpec

_HOST = "127.0.0.1"
# Source: azureml-inference-server-http 1.5.1 constants.py.
_DEFAULT_PORT = 5001
_POLL_S = 0.1
_GRACE_S = 5
_WATCHED_SUFFIXES = (".py", ".json")
_UNWATCHED_FOLDERS = ("__pycache__", "node_modules", "site-packages")

Stamps = dict[Path, tuple[int, int]]


class Crew:
    """The workers of one script. All are replaced when a file changes, and when one of them dies."""

    def __init__(self, specs: Sequence[WorkerSpec], watched: Sequence[Path]) -> None:
        self._specs = specs
        self._watched = watched
        self._workers: list[Worker] = []
        self._free: list[Path] = []
        self._is_settled = False
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
        async with self._changed:
            if self._is_settled and not self._trouble and address not in self._free:
                self._free.append(address)
                self._changed.notify()

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

    async def _restart(self, why: str) -> None:
        print(f"{why} Starting again.", flush=True)
        async with self._changed:
            self._is_settled = False
            self._free = []
        await asyncio.to_thread(self._stop, _GRACE_S)
        self.launch()

    async def _look(self) -> None:
        states = [workers.probe(worker, clock.now()) for worker in self._workers]
        broken = next((state for state in states if state.kind in ("failed", "dead")), None)
        if self._is_settled and not self._trouble and broken:
            self._show_output()
            await self._restart(_first_line(broken.reason))
        elif not self._is_settled and (broken or all(state.kind == "ready" for state in states)):
            self._show_output()
            if broken:
                print(f"The script does not start: {_first_line(broken.reason)}\nSave it to try again.", flush=True)
            else:
                print("Ready.", flush=True)
            async with self._changed:
                self._is_settled = True
                self._trouble = broken.reason if broken else ""
                self._free = [spec.socket for spec in self._specs]
                self._changed.notify_all()

    def _stop(self, grace_s: float) -> None:
        for worker in self._workers:
            workers.stop(worker, grace_s)

    def _show_output(self) -> None:
        with self._specs[0].console.open("rb") as console:
            console.seek(self._shown_bytes)
            shutil.copyfileobj(console, sys.stdout.buffer)
            self._shown_bytes = console.tell()
        sys.stdout.flush()


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
    script = Path(arguments.entry_script).resolve()
    if not script.is_file():
        raise Misuse(f"There is no file {arguments.entry_script}.", hint="--entry-script names the scoring script.")
    if not ports.is_free(_HOST, arguments.port):
        raise Conflict(
            f"Port {arguments.port} is taken by {ports.taken_by(_HOST, arguments.port)}.",
            hint="Choose one with --port.",
        )
    specs = list(_specs(arguments, script))
    specs[0].console.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    specs[0].console.write_bytes(b"")
    _end_leftovers(specs)
    print(
        f"Serving {script}\n  with    {specs[0].python}\n  score   http://{_HOST}:{arguments.port}/score\n"
        "A saved change is served at once. Ctrl-C ends it.",
        flush=True,
    )
    origins = [origin.strip() for origin in arguments.access_control_allow_origins.split(",") if origin.strip()]
    crew = Crew(specs, [script.parent])
    crew.launch()
    app = serve_front.app(crew, origins)
    uvicorn.run(
        app, host=_HOST, port=arguments.port, log_level="warning", access_log=False, timeout_graceful_shutdown=_GRACE_S
    )


def _specs(arguments: Arguments, script: Path) -> Iterator[WorkerSpec]:
    """Lists the workers. Their environment is the terminal's, with what Azure's server sets.

    Source: azureml-inference-server-http 1.5.1 amlserver.py, merge_configuration.
    """
    own = settings.read(home=arguments.home)
    folder = own.home / "serve" / str(arguments.port)
    app = Path(os.environ.get("AML_APP_ROOT") or Path.cwd())
    variables = {**os.environ, "AZUREML_ENTRY_SCRIPT": str(script)}
    if arguments.model_dir:
        variables["AZUREML_MODEL_DIR"] = str(Path(arguments.model_dir).resolve())
    for number in range(arguments.worker_count):
        yield WorkerSpec(
            id=str(number),
            folder=folder / str(number),
            socket=own.sockets / f"serve-{arguments.port}-{number}.sock",
            console=folder / "console.log",
            python=Path(arguments.python or shutil.which("python3") or sys.executable),
            app=app,
            variables=variables,
            cores=(os.cpu_count() or 1) / arguments.worker_count,
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


GROUPS = (
    Group(
        "serve",
        (
            Command(
                "",
                "Serve one scoring script by itself, as azmlinfsrv does, and again after each save.",
                _serve,
                (
                    flag("--entry-script", "--entry_script", required=True, metavar="FILE", help="The scoring script."),
                    flag("--model-dir", "--model_dir", metavar="DIR", help="What AZUREML_MODEL_DIR says."),
                    flag(
                        "--port",
                        type=_positive,
                        default=_DEFAULT_PORT,
                        metavar="N",
                        help=f"Where to listen, {_DEFAULT_PORT} if not given.",
                    ),
                    flag(
                        "--worker-count",
                        "--worker_count",
                        type=_positive,
                        default=1,
                        metavar="N",
                        help="How many requests are answered at the same time, 1 if not given.",
                    ),
                    flag("--python", metavar="FILE", help="The interpreter; python3 on PATH if not given."),
                    flag(
                        "--access-control-allow-origins",
                        "--access_control_allow_origins",
                        default="",
                        metavar="ORIGINS",
                        help="Origins whose pages may call it, with commas between.",
                    ),
                    HOME,
                ),
                "lazulite serve --entry-script score.py --model-dir model",
            ),
        ),
    ),
)
