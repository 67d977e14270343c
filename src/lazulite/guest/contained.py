"""A worker that is a container, or a program of an image in a box: started, probed, ended. The gateway speaks to it.

Started as `python {lazulite}/guest contained SOCKET STATUS LOCK`, like a scoring worker; LAZULITE_CONTAINER names a
file of JSON: `run`, `stop`, `inspect` (commands of an engine: to run it, to end it, to tell its process id), `clean`
(those that remove what a dead one left), `doors` (those of apart.py, its only ways out; null: its network is open),
`ports` (the container's, the first one for scores), `box` (a plan of box.py, or null), `probes` {ready, live: {path,
port, delay_s, period_s, timeout_s, most}}.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any, Callable

from . import box, holds
from .console import Console
from .status import Status

_FAILED_TO_START = 3
_PROXY = "LAZULITE_PROXY"
_GUEST = os.path.dirname(os.path.abspath(__file__))
_POLL_S = 0.1
_STOP_WITHIN_S = 20.0


class _Liveness:
    """The liveness probe of one container, from its start, ready or not. Source: Kubernetes, pod lifecycle: probes."""

    def __init__(self, probe: dict[str, Any], answers: Callable[[dict[str, Any]], bool], console: Console) -> None:
        self._probe, self._answers, self._console = probe, answers, console
        self._next_at = time.monotonic() + probe["delay_s"]
        self._failures = 0

    def wait_s(self) -> float:
        """Returns how long it is until the next probe."""
        return float(max(self._next_at - time.monotonic(), 0.0))

    def holds(self) -> bool:
        """Probes if it is time to; returns False when it has failed as often in a row as it may."""
        if self.wait_s():
            return True
        self._next_at = time.monotonic() + self._probe["period_s"]
        self._failures = 0 if self._answers(self._probe) else self._failures + 1
        if self._failures < self._probe["most"]:
            return True
        self._console.error("The liveness probe of %s failed %d times: ended" % (self._probe["path"], self._failures))
        return False


class Contained:
    """One container and where it answers."""

    def __init__(self, plan: dict[str, Any], address: str, status: Status, console: Console) -> None:
        self._plan = plan
        self._address = address
        self._status = status
        self._console = console
        self._is_ending = False
        self._places: dict[int, Any] = {}  # of the container's ports: a port of this machine, or a socket's path
        self._process: "subprocess.Popen[bytes] | None" = None

    def run(self) -> int:
        """Runs the container until it ends or is ended; returns the exit status."""
        signal.signal(signal.SIGTERM, self._end)
        self._clean()
        self._process = process = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL)
        if self._plan["doors"] and not self._plan["box"]:
            self._enter()
        probes, scores = self._plan["probes"], self._plan["ports"][0]
        alive = _Liveness(probes["live"], self._answers, self._console)
        if not self._await_ready(probes["ready"], alive):
            return self._failed()
        place = self._places[scores]
        self._status.write("ready", address="unix:%s" % place if isinstance(place, str) else "tcp:127.0.0.1:%d" % place)
        self._console.info("The container is ready")
        self._watch(alive)
        code = process.wait()
        self._console.info("The container has ended with exit status %d" % code)
        return 0 if self._is_ending else code or 1

    def _command(self) -> list[str]:
        if self._plan["box"]:
            return self._boxed()
        command, published = self._named(self._plan["run"]), ["--network", "none"]
        if self._plan["doors"]:
            self._open_sockets()
        else:
            published = []
            for port in self._plan["ports"]:
                self._places[port] = _free_port()
                published += ["-p", "127.0.0.1:%d:%d" % (self._places[port], port)]
        at = command.index("@ports")
        return [*command[:at], *published, *command[at + 1 :]]

    def _open_sockets(self) -> None:
        """Has every port of the container answer by a socket, the first one by the worker's own."""
        for number, port in enumerate(self._plan["ports"]):
            self._places[port] = self._address if not number else "%s.%d" % (self._address, port)

    def _enter(self) -> None:
        """Starts what carries bytes in and out of a container without a network, once there is one."""
        assert self._process
        while self._process.poll() is None and not self._is_ending:
            found = subprocess.run(
                self._named(self._plan["inspect"]), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            pid = int(found.stdout) if found.stdout.strip().isdigit() else 0
            if pid:
                ports = {path: port for port, path in self._places.items()}
                told = json.dumps({"pid": pid, "ports": ports, "doors": self._plan["doors"]})
                subprocess.Popen([sys.executable, _GUEST, "inside", told], stdin=subprocess.DEVNULL)
                return
            time.sleep(_POLL_S)

    def _named(self, command: list[str]) -> list[str]:
        """Returns a command of the engine's with the container's name in it: where this worker's socket is."""
        folder, file = os.path.split(self._address)
        name = "%s-%s" % (os.path.basename(folder), os.path.splitext(file)[0])
        return [name if word == "@name" else word for word in command]

    def _clean(self) -> None:
        """Removes the container; engines that hang are not waited for."""
        for command in self._plan["clean"]:
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(self._named(command), capture_output=True, check=False, timeout=_STOP_WITHIN_S)

    def _boxed(self) -> list[str]:
        """Writes the box's own plan, opens the way out if there is one, and returns the command."""
        folder = os.path.dirname(os.path.abspath(os.environ["LAZULITE_CONTAINER"]))
        here = os.path.dirname(self._address)
        root = os.path.join(folder, "root-%d" % os.getpid())
        os.makedirs(root, exist_ok=True)
        self._open_sockets()
        doors = self._plan["doors"] or {"ports": {}, "who": ""}
        plan = {**self._plan["box"], "root": root, "ports": {path: port for port, path in self._places.items()}}
        plan.update(bridges=doors["ports"], who=doors["who"])
        way_out = os.environ.get(_PROXY, "")
        if way_out:  # an address, which the box cannot reach but by a socket
            host, _, port = way_out.rpartition(":")
            path = os.path.join(here, "out-%d.sock" % os.getpid())
            _bridge(path, host, int(port))
            plan["bridges"] = {port: path}
        at = os.path.join(folder, "box-%d.json" % os.getpid())
        with open(at, "w", encoding="utf-8") as file:
            json.dump(plan, file)
        return [sys.executable, _GUEST, "box", at]

    def _await_ready(self, probe: dict[str, Any], alive: _Liveness) -> bool:
        """Waits until the readiness probe is answered, or the container has ended or must be."""
        assert self._process
        while self._process.poll() is None and not self._is_ending:
            if self._answers(probe):
                return True
            if not alive.holds():
                self._kill()
            time.sleep(_POLL_S)
        return False

    def _failed(self) -> int:
        assert self._process
        code = self._process.wait()
        if self._is_ending:
            return 0
        message = "The container ended with exit status %d before it was ready." % code
        self._console.error(message)
        error = {"type": "ContainerExited", "message": message, "file": "", "line": 0, "traceback": "", "hint": ""}
        self._status.write("failed", error)
        return _FAILED_TO_START

    def _watch(self, alive: _Liveness) -> None:
        """Probes until the container ends; one that fails its liveness probe too often is ended."""
        assert self._process
        while not self._is_ending:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(alive.wait_s())
                return
            if not self._is_ending and not alive.holds():
                self._kill()

    def _answers(self, probe: dict[str, Any]) -> bool:
        try:
            connection = _Connection(self._places[probe["port"]], probe["timeout_s"])
            connection.request("GET", probe["path"])
            return connection.getresponse().status < 400
        except (OSError, http.client.HTTPException):
            return False

    def _end(self, *_: Any) -> None:
        if not self._is_ending:
            self._is_ending = True
            threading.Thread(target=self._stop, daemon=True).start()

    def _stop(self) -> None:
        """Asks the container to end. Whoever asked this worker to knows how long that may take, and kills after it."""
        if self._plan["stop"]:
            subprocess.call(self._named(self._plan["stop"]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        elif self._process:
            self._process.terminate()

    def _kill(self) -> None:
        """Ends a container that does not answer any more."""
        assert self._process
        self._clean()
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_WITHIN_S)
            return
        self._process.kill()


class _Connection(http.client.HTTPConnection):
    """To a port of this machine, or to a unix socket."""

    def __init__(self, place: Any, timeout_s: float) -> None:
        super().__init__("127.0.0.1", place if isinstance(place, int) else 80, timeout=timeout_s)
        self._place = place

    def connect(self) -> None:
        """Connects; http.client calls it."""
        if isinstance(self._place, int):
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._place)


def main(arguments: list[str]) -> int:
    """Runs a worker until it is asked to end; returns the exit status. arguments: as those of a scoring worker."""
    address, status_path, lock = arguments
    holds.keep_lock(lock)
    status, console = Status(status_path), Console()
    status.write("starting")
    with open(os.environ["LAZULITE_CONTAINER"], encoding="utf-8") as file:
        plan = json.load(file)
    return Contained(plan, address, status, console).run()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _bridge(path: str, host: str, port: int) -> None:
    """Carries what comes to a socket on to a port of this machine, in a thread."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await box.carry(reader, writer, asyncio.open_connection(host, port))

    async def listen() -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        server = await asyncio.start_unix_server(serve, path)
        await server.serve_forever()

    threading.Thread(target=lambda: asyncio.run(listen()), name="bridge", daemon=True).start()
