"""Containers without an engine: an image's environment, its files where it has them, and one process, with a log.

A container's folder tells everything: `container.json` as it was asked for, `lock` held by its process while it runs,
`log` what that printed, `exit` how it ended. A platform that starts again finds containers as they are.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from lazulite import clock
from lazulite.artifacts import lines
from lazulite.engine import processes
from lazulite.errors import BadRequest, Conflict, NotFound, NotImplementedHere
from lazulite.identity import doors
from lazulite.identity.environment import client_environment
from lazulite.settings import Settings

SCORING_PORT = "5001/tcp"
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_STOP_WITHIN_S = 10.0
_POLL_S = 0.02
_UNSEEN_END = 137  # as docker has it of what was killed
_MLFLOW_SCRIPT = processes.GUEST / "mlflow_score_script.py"


@dataclass(frozen=True)
class Box:
    """One container as it was asked for. image: by name; python: of the image's environment.

    variables: the image's, then its own. binds: (folder here, path in the container). port: of this machine, where the
    container's 5001 is; 0 until it starts.
    """

    id: str
    name: str
    image: str
    python: str
    variables: Mapping[str, str]
    labels: Mapping[str, str]
    binds: tuple[tuple[str, str], ...]
    created_at: str
    tty: bool = False
    asked: Mapping[str, Any] = field(default_factory=dict)
    port: int = 0
    started_at: str = ""


class Boxes:
    """The containers of one home."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._root = settings.home / "boxes"

    def create(self, box: Box) -> Box:
        """Keeps a container, which does not run yet. Raises Conflict when its name is taken."""
        if not _NAME.fullmatch(box.name):
            raise BadRequest(f"Invalid container name ({box.name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
        taken = next((one for one in self.all() if one.name == box.name), None)
        if taken:
            raise Conflict(
                f'Conflict. The container name "/{box.name}" is already in use by container "{taken.id}". '
                "You have to remove (or rename) that container to be able to reuse that name."
            )
        box = replace(box, id=uuid.uuid4().hex * 2)
        self.folder(box).mkdir(mode=0o700, parents=True)
        self._keep(box)
        return box

    def all(self) -> list[Box]:
        """Returns every container, the newest first."""
        paths = self._root.glob("*/container.json")
        return sorted((_read(path) for path in paths), key=lambda box: box.created_at, reverse=True)

    def find(self, word: str) -> Box:
        """Returns the container of a name, an id, or the beginning of one. Raises NotFound."""
        found = self.all()
        for box in found:
            if word.removeprefix("/") in (box.name, box.id):
                return box
        begun = [box for box in found if len(word) >= 4 and box.id.startswith(word)]
        if len(begun) != 1:
            raise NotFound(f"No such container: {word}")
        return begun[0]

    def start(self, box: Box) -> None:
        """Starts a container's process. Does nothing when it runs. Raises what a process that cannot start raises."""
        folder = self.folder(box)
        if processes.is_held(folder):
            return
        box = replace(box, port=_free_port(), started_at=clock.iso(clock.now()))
        variables = self._variables(box)
        command = self._command(box, variables)
        if self._settings.private_network and doors.are_possible():
            command = doors.command(doors.of(self._settings, _who(box), (box.port,)), command)
        (folder / "exit").unlink(missing_ok=True)
        with processes.locked(folder) as lock, (folder / "log").open("ab") as log:
            child = subprocess.Popen(
                command,
                cwd=variables.get("AML_APP_ROOT") or folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(lock,),
            )
            processes.note_pid(lock, child.pid)
        self._keep(box)
        threading.Thread(target=_note_end, args=(child, folder), daemon=True).start()

    def stop(self, box: Box, within_s: float = _STOP_WITHIN_S) -> None:
        """Ends a container's process: asked first, then made to."""
        folder = self.folder(box)
        pid = processes.pid_of(folder) or 0
        for number, limit_s in ((signal.SIGTERM, within_s), (signal.SIGKILL, _STOP_WITHIN_S)):
            deadline = clock.monotonic() + limit_s
            if not processes.is_held(folder) or not pid:
                return
            with contextlib.suppress(ProcessLookupError):
                for process in (*_family(pid), pid) if number == signal.SIGKILL else (pid,):
                    os.kill(process, number)
            while processes.is_held(folder) and clock.monotonic() < deadline:
                clock.sleep(_POLL_S)

    def stop_open(self) -> None:
        """Ends every container that has this machine's network: those of before it was private."""
        own = Path("/proc/self/ns/net").stat().st_ino
        for box in self.all():
            with contextlib.suppress(OSError):
                network = Path(f"/proc/{processes.pid_of(self.folder(box))}/ns/net")
                if self.is_running(box) and network.stat().st_ino == own:
                    self.stop(box)

    def remove(self, box: Box, *, force: bool) -> None:
        """Removes a container with its log. Raises Conflict while it runs, unless forced."""
        if self.is_running(box):
            if not force:
                raise Conflict(f"You cannot remove a running container {box.id}. Stop the container first.")
            self.stop(box, within_s=1.0)
        shutil.rmtree(self.folder(box), ignore_errors=True)

    def is_running(self, box: Box) -> bool:
        """Tells whether a container's process lives."""
        return processes.is_held(self.folder(box))

    def exit_code(self, box: Box) -> int:
        """Returns how a container's process ended; 0 for one that never ran or runs still."""
        if not box.started_at or self.is_running(box):
            return 0
        try:
            return int((self.folder(box) / "exit").read_text())
        except (FileNotFoundError, ValueError):
            return _UNSEEN_END

    def log(self, box: Box, tail: int | None) -> bytes:
        """Returns what a container has printed, or its last lines."""
        path = self.folder(box) / "log"
        if tail is not None:
            text = lines.tail(path, tail)
            return text.encode() + b"\n" if text else b""
        return path.read_bytes() if path.exists() else b""

    def folder(self, box: Box) -> Path:
        """Returns a container's own folder."""
        return self._root / box.id

    def _keep(self, box: Box) -> None:
        path = self.folder(box) / "container.json"
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(box)), encoding="utf-8")
        draft.replace(path)

    def _variables(self, box: Box) -> dict[str, str]:
        """Returns a process's environment: a path of the container in it is a path of this machine."""
        root = self.folder(box) / "root"
        shutil.rmtree(root, ignore_errors=True)
        places = {}
        for source, target in box.binds:
            at = root / target.strip("/")
            at.parent.mkdir(parents=True, exist_ok=True)
            at.symlink_to(source)
            places[os.path.normpath(target)] = str(at)
        own = processes.environment(Path(box.python), os.cpu_count() or 1, os.environ)
        who = _who(box) if self._settings.private_network else ""
        found = {**own, **client_environment(self._settings, who=who), **box.variables}
        return {name: _here(value, places) for name, value in found.items()}

    def _command(self, box: Box, variables: dict[str, str]) -> list[str]:
        """Returns what runs: the server of scoring scripts, or of an MLflow model without one."""
        flags = ["--no-reload", "--port", str(box.port), "--python", box.python, "--home", str(self._settings.home)]
        serve = [sys.executable, "-m", "lazulite.cli.main", "serve", *flags, "--entry-script"]
        script = variables.get("AZUREML_ENTRY_SCRIPT")
        if script:
            return [*serve, str(Path(variables.get("AML_APP_ROOT", ".")) / script)]
        models = Path(variables.get("AZUREML_MODEL_DIR", ""))
        found = next((path.parent for path in sorted(models.glob("**/MLmodel"))), None) if models.is_dir() else None
        if not found:
            raise NotImplementedHere(
                f"Image {box.image} has no scoring script to run, and Lazulite runs no other program of an image.",
                hint="Give the deployment a code_configuration, or install docker or podman.",
            )
        variables["AZUREML_MODEL_DIR"], variables["MLFLOW_MODEL_FOLDER"] = str(found.parent), found.name
        script_here = self.folder(box) / _MLFLOW_SCRIPT.name
        shutil.copyfile(_MLFLOW_SCRIPT, script_here)
        return [*serve, str(script_here)]


def _who(box: Box) -> str:
    return f"container {box.name}"


def _read(path: Path) -> Box:
    found = json.loads(path.read_text(encoding="utf-8"))
    return Box(**{**found, "binds": tuple((source, target) for source, target in found["binds"])})


def _here(value: str, places: Mapping[str, str]) -> str:
    """Returns a value with the path of a bind at its beginning replaced by where that is."""
    if not value.startswith("/"):
        return value
    path = os.path.normpath("/" + value.lstrip("/"))
    for target, place in places.items():
        if path == target or path.startswith(target + "/"):
            return place + path[len(target) :]
    return value


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _family(pid: int) -> Iterator[int]:
    with contextlib.suppress(psutil.NoSuchProcess):
        yield from (child.pid for child in psutil.Process(pid).children(recursive=True))


def _note_end(child: "subprocess.Popen[bytes]", folder: Path) -> None:
    code = child.wait()
    with contextlib.suppress(OSError):  # it was removed meanwhile
        (folder / "exit").write_text(str(code if code >= 0 else 128 - code))
