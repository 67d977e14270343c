"""A real worker for tests: a script, an interpreter, a process, and a client that speaks its frames."""

import os
import signal
import socket
import struct
import textwrap
import time
from dataclasses import dataclass, field

from lazulite import clock
from lazulite.serving import workers
from lazulite.serving.workers import WorkerSpec

GREETING = b"lazulite-guest\x01"
IN_CHUNKS = 2**64 - 1
NOT_RUN = 2**32 - 1
WITHIN_S = 60
REQUEST_ID = bytes(range(16))


def wait_until(true, what="it"):
    """Waits for something to become true, and fails when it does not."""
    deadline = time.monotonic() + WITHIN_S
    while not (found := true()):
        assert time.monotonic() < deadline, f"{what} has not come"
        time.sleep(0.005)
    return found


@dataclass
class Answer:
    """A response, read whole. lines: as sent; headers: by lower-case name, the last of each."""

    status: int
    lines: list
    body: bytes
    run_us: int | None = None
    headers: dict = field(init=False)

    def __post_init__(self):
        self.headers = {name.lower(): value for name, value in self.lines}


class Client:
    """One connection to a worker, as the gateway has it."""

    def __init__(self, address):
        self.link = socket.socket(socket.AF_UNIX)
        self.link.settimeout(WITHIN_S)
        self.link.connect(str(address))
        assert self._read(len(GREETING)) == GREETING

    def ask(self, method, target, headers=(), body=b"", timeout_ms=5000):
        """Sends one request and returns its answer."""
        self.send(method, target, headers, body, timeout_ms)
        return self.answer()

    def send(self, method, target, headers=(), body=b"", timeout_ms=5000):
        lines = [f"{method} /endpoint{target} HTTP/1.1", "Host: localhost:8766"]
        lines += [f"{name}: {value}" for name, value in dict(headers).items()]
        lines += [f"Content-Length: {len(body)}", f"x-lazulite-path: {target}", ""]
        head = "\r\n".join(lines).encode("latin-1")
        self.link.sendall(struct.pack(">IQI16s", len(head), len(body), timeout_ms, REQUEST_ID) + head + body)

    def answer(self):
        """Reads one answer."""
        head_bytes, body_bytes, status, run_us = struct.unpack(">IQII", self._read(20))
        head = self._read(head_bytes).decode("latin-1")
        lines = [tuple(line.split(": ", 1)) for line in head.split("\r\n") if line]
        body = self._chunks() if body_bytes == IN_CHUNKS else self._read(body_bytes)
        return Answer(status, lines, body, None if run_us == NOT_RUN else run_us)

    def hang_up(self):
        """Ends the connection, so that the worker sees it."""
        self.link.shutdown(socket.SHUT_RDWR)
        self.link.close()

    def _chunks(self):
        parts = []
        while size := struct.unpack(">I", self._read(4))[0]:
            parts.append(self._read(size))
        return b"".join(parts)

    def _read(self, size):
        parts = b""
        while len(parts) < size:
            part = self.link.recv(size - len(parts))
            if not part:
                raise ConnectionError("the worker hung up")
            parts += part
        return parts


class Deployed:
    """A script and the worker that runs it."""

    def __init__(self, folder, script, python, *, name="score.py", files=None, **variables):
        app = folder / "app"
        for path, text in {name: script, **(files or {})}.items():
            target = app / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(textwrap.dedent(text))
        self.spec = WorkerSpec(
            id="w0",
            folder=folder / "0",
            socket=folder / "w0.sock",
            console=folder / "console.log",
            python=python,
            app=app,
            variables={"AZUREML_ENTRY_SCRIPT": name, **variables},
        )
        self.worker = None

    def launch(self):
        """Starts the worker without waiting for it."""
        self.worker = workers.launch(self.spec)
        return self

    def settle(self):
        """Waits until the worker is ready, or never will be; returns its state."""
        return wait_until(lambda: self.state.kind != "starting" and self.state, "the worker")

    def start(self):
        """Starts the worker and waits until it is ready."""
        state = self.launch().settle()
        assert state.kind == "ready", state.reason
        return self

    @property
    def state(self):
        return workers.probe(self.worker, clock.now())

    @property
    def log(self):
        """Returns what the console shows."""
        return self.spec.console.read_text()

    def connect(self):
        """Connects as the gateway does."""
        return Client(self.spec.socket)

    def score(self, body=b"", content_type="application/json"):
        """Asks once, on a connection of its own."""
        client = self.connect()
        try:
            return client.ask("POST", "/score", {"Content-Type": content_type}, body)
        finally:
            client.link.close()

    def call_off(self, client):
        """Calls a request off, as docs/guest-protocol.md says."""
        client.hang_up()
        os.kill(self.worker.pid, signal.SIGUSR1)

    def stop(self):
        """Ends the worker at once."""
        if self.worker:
            workers.stop(self.worker, grace_s=0)
