"""One scoring worker process: launched, looked at, stopped, found again. Keeps no process alive and starts no thread.

A worker outlives the platform that launched it; engine/processes.py says how it is found again. Its folder tells the
rest: `worker.json` what was launched, `status.json` what the worker says of itself.
"""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import psutil

from lazulite import __version__, clock
from lazulite.artifacts import lines
from lazulite.engine import processes
from lazulite.errors import BadRequest
from lazulite.identity import doors
from lazulite.identity.doors import Doors
from lazulite.identity.once import replace
from lazulite.serving import hidden

# Source: unix(7), sun_path: 108 bytes with the closing zero on Linux, 104 on macOS.
_ADDRESS_LIMIT_BYTES = 103
_LAST_WORDS_LINES = 20
_POLL_S = 0.01
_KILLED_WITHIN_S = 5.0
_REMOVED_WITHIN_S = 10.0


Guest = Literal["score", "triton", "contained"]


@dataclass(frozen=True)
class WorkerSpec:
    """What a worker is launched with.

    id: unique in its deployment. folder: the worker's own. socket: where it will listen. console: what it prints is
    appended there. python: the environment's interpreter. app: its working directory, AML_APP_ROOT. variables: its
    environment variables, which win over every default here. cores: its share of the machine, for thread counts. guest:
    who it is; `triton` speaks HTTP. slots: how many requests it works on at the same time.
    doors: it, or what it contains, has no network but for these (identity/doors.py); None: it has this machine's.
    sight: what it sees of the platform's files; None: all of them.
    said_from: where in the console its own words begin, behind those of the workers before it; launch sets it.
    """

    id: str
    folder: Path
    socket: Path
    console: Path
    python: Path
    app: Path
    variables: Mapping[str, str]
    cores: float = 1.0
    guest: Guest = "score"
    slots: int = 1
    doors: Doors | None = None
    sight: hidden.Sight | None = None
    said_from: int = 0


@dataclass(frozen=True)
class Worker:
    """A worker that was launched. pid: 0 if that is not known. child: None when another platform launched it."""

    spec: WorkerSpec
    pid: int
    child: "subprocess.Popen[bytes] | None" = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class WorkerState:
    """How a worker was when somebody looked.

    kind: `starting`, until its init() has returned; `ready`; `failed`, its script could not be loaded or its init()
    raised; `dead`, the process ended otherwise. reason: why it failed or died, a sentence, then the user's traceback or
    the last lines of the console. error: of a failed worker `{type, message, file, line, traceback, hint}`.
    """

    kind: Literal["starting", "ready", "failed", "dead"]
    at: datetime
    reason: str = ""
    error: Mapping[str, Any] | None = None
    address: str = ""


def launch(spec: WorkerSpec, environ: Mapping[str, str] = os.environ) -> Worker:
    """Starts the worker's process, in a session of its own, and returns at once.

    environ: the platform's own environment, of which little is passed on (see environment). Writes worker.json, mode
    0600 since it holds the variables. Raises Conflict when a worker of this folder lives, BadRequest when the
    interpreter, the app folder or the socket's path cannot be used.
    """
    _check(spec)
    spec.folder.mkdir(parents=True, exist_ok=True)
    spec.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with processes.locked(spec.folder) as lock, spec.console.open("ab") as console:
        status = spec.folder / "status.json"
        status.unlink(missing_ok=True)
        spec = dataclasses.replace(spec, said_from=console.tell())
        replace(spec.folder / "worker.json", _to_json(spec))
        words = [str(word) for word in (spec.python, processes.GUEST, spec.guest, spec.socket, status, lock)]
        child = subprocess.Popen(
            _command(spec, words),
            cwd=spec.app,
            env=environment(spec, environ),
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
            pass_fds=(lock,),
        )
        processes.note_pid(lock, child.pid)
    return Worker(spec, child.pid, child)


def _command(spec: WorkerSpec, words: list[str]) -> list[str]:
    if spec.guest == "contained":
        return words
    if spec.sight is not None:
        words = hidden.command(spec.sight, str(spec.socket), words)
    return words if spec.doors is None else doors.command(spec.doors, words)


def environment(spec: WorkerSpec, environ: Mapping[str, str]) -> dict[str, str]:
    """Returns a worker's whole environment: what any process of user code gets, a worker's own, then the spec's."""
    return {
        **processes.environment(spec.python, spec.cores, environ),
        "HTTP_X_MS_SERVER_VERSION": f"lazulite/{__version__}",
        "AML_APP_ROOT": str(spec.app),
        **spec.variables,
    }


def probe(worker: Worker, now: datetime) -> WorkerState:
    """Looks at a worker: one file read, no waiting."""
    is_alive = _is_alive(worker)
    status = _status(worker.spec)
    if status.get("state") == "failed":
        error = status.get("error") or {}
        return WorkerState("failed", now, _failure(error), error)
    if not is_alive:
        return WorkerState("dead", now, _death(worker, was_ready=status.get("state") == "ready"))
    kind: Literal["ready", "starting"] = "ready" if status.get("state") == "ready" else "starting"
    return WorkerState(kind, now, address=str(status.get("address") or f"unix:{worker.spec.socket}"))


def stop(worker: Worker, grace_s: float) -> None:
    """Ends the worker and whatever it started, and removes its socket; a dead one's leavings too.

    It may finish what it is answering for grace_s seconds; this function waits for that long at most.
    """
    if grace_s > 0 and _is_alive(worker):
        _signal(worker, signal.SIGTERM)
        _await_end(worker, grace_s)
    if worker.pid and (_is_alive(worker) or not psutil.pid_exists(worker.pid)):
        # While one process of its session is left, its number is not given out again.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(worker.pid, signal.SIGKILL)
    _await_end(worker, _KILLED_WITHIN_S)
    if worker.spec.guest == "contained":
        _remove_container(worker.spec)
    worker.spec.socket.unlink(missing_ok=True)


def _remove_container(spec: WorkerSpec) -> None:
    """Has an engine remove the container of a worker that is dead: engines outlive those who ask them."""
    try:
        commands = json.loads(Path(spec.variables["LAZULITE_CONTAINER"]).read_bytes())["clean"]
    except (OSError, ValueError, KeyError):
        return
    name = f"{spec.socket.parent.name}-{spec.socket.stem}"
    for words in commands:
        named = [name if word == "@name" else word for word in words]
        # An engine that hangs is asked again before the next one starts.
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(named, env=dict(spec.variables), capture_output=True, check=False, timeout=_REMOVED_WITHIN_S)


def adopt(folder: Path) -> Worker | None:
    """Finds the worker that was launched in a folder, dead or alive; None when none was."""
    try:
        spec = _from_json((folder / "worker.json").read_bytes())
    except FileNotFoundError:
        return None
    return Worker(spec, processes.pid_of(folder) or int(_status(spec).get("pid", 0)))


def _check(spec: WorkerSpec) -> None:
    if not os.access(spec.python, os.X_OK):
        raise BadRequest(f"{spec.python} is not a Python interpreter that can be run.", target="environment")
    if not spec.app.is_dir():
        raise BadRequest(f"{spec.app} is not a folder.", target="AML_APP_ROOT")
    if len(os.fsencode(spec.socket)) > _ADDRESS_LIMIT_BYTES:
        raise BadRequest(
            f"The path of a worker's socket, {spec.socket}, is longer than {_ADDRESS_LIMIT_BYTES} bytes.",
            hint="Set XDG_RUNTIME_DIR to a shorter one.",
        )


def _is_alive(worker: Worker) -> bool:
    if worker.child:
        return worker.child.poll() is None
    return processes.is_held(worker.spec.folder) and processes.runs(worker.pid)


def _await_end(worker: Worker, limit_s: float) -> None:
    deadline = clock.monotonic() + limit_s
    while _is_alive(worker) and clock.monotonic() < deadline:
        clock.sleep(_POLL_S)


def _signal(worker: Worker, number: signal.Signals) -> None:
    if worker.child:
        worker.child.send_signal(number)
    elif worker.pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker.pid, number)


def _status(spec: WorkerSpec) -> dict[str, Any]:
    try:
        found = json.loads((spec.folder / "status.json").read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _failure(error: Mapping[str, Any]) -> str:
    place = f" ({error['file']}, line {error['line']})" if error.get("file") else ""
    parts = (f"{error.get('type')}: {error.get('message')}{place}", error.get("traceback"), error.get("hint"))
    return "\n".join(part.rstrip() for part in parts if part)


def _death(worker: Worker, was_ready: bool) -> str:
    code = worker.child.poll() if worker.child else None
    when = "while it was serving" if was_ready else "before its init() had returned"
    if code is None:
        how = f"Worker {worker.spec.id} ended {when}; nobody saw how, since the platform was not running then."
    elif code >= 0:
        how = (
            f"Worker {worker.spec.id} ended {when} with exit status {code}: "
            "the script, or a package that it uses, called sys.exit() or os._exit()."
        )
    else:
        guess = ", most likely because memory ran out" if code == -signal.SIGKILL else ""
        how = f"Worker {worker.spec.id} was ended by {processes.signal_words(-code)} {when}{guess}."
    last_words = lines.tail(worker.spec.console, _LAST_WORDS_LINES, worker.spec.said_from)
    return f"{how} Its last words:\n{last_words}" if last_words else how


def _to_json(spec: WorkerSpec) -> bytes:
    plain = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(spec).items()}
    return json.dumps(plain, indent=1).encode()


def _from_json(content: bytes) -> WorkerSpec:
    values: dict[str, Any] = json.loads(content)
    paths = {one.name: Path(values[one.name]) for one in fields(WorkerSpec) if one.type is Path}
    return WorkerSpec(**{**values, **paths})
