"""The processes that run users' scripts: started, told what to do, listened to, ended. Decides nothing."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lazulite.batch.grouping import GUEST
from lazulite.batch.order import Order
from lazulite.batch.outputs import Outputs
from lazulite.batch.plan import MiniBatch

_RECEIVE_BYTES = 1 << 18
_MOST_PROCESSES = 100_000
_LAST_MOMENT_S = 1.0


@dataclass
class Message:
    """What a worker said. rows: the bytes that came with it."""

    said: dict[str, Any]
    rows: bytes = b""


@dataclass
class Worker:
    """One worker process. slot: which of the job's workers it is; process: its own name, `process003`.

    state: `starting`, `idle`, `loading`, `running`, `stopping` or `ended`; state_before: the last but for these two.
    tries: of the mini-batch, this one included. queued: what it has been sent to do next, with the tries there were.
    deadline: monotonic, of what it does now. failure: why init() failed. was_quick, has_written: said of its last
    mini-batch; sent_bytes: how long that was.
    """

    slot: int
    process: str
    popen: "subprocess.Popen[bytes]"
    channel: socket.socket
    log: int
    log_path: Path
    state: str = "starting"
    state_before: str = "starting"
    mini_batch: MiniBatch | None = None
    tries: int = 0
    queued: tuple[MiniBatch, int] | None = None
    deadline: float = 0.0
    failure: dict[str, Any] | None = None
    was_quick: bool = False
    has_written: bool = False
    sent_bytes: int = 0
    _heard: bytearray = field(default_factory=bytearray)

    def send(self, message: Mapping[str, Any]) -> None:
        """Sends a message to a worker that listens, or a short one. One that is gone is found out by its silence."""
        line = json.dumps(message).encode() + b"\n"
        self.sent_bytes = len(line)
        try:
            done = self.channel.send(line)
            if done < len(line):
                self.channel.setblocking(True)
                self.channel.sendall(line[done:])
                self.channel.setblocking(False)
        except OSError:
            pass  # the worker has gone

    def receive(self) -> Iterator[Message]:
        """Yields what it has said since. Its state becomes `ended` when it says nothing any more."""
        try:
            data = self.channel.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.note_silence()
            return
        self._heard += data
        while message := self._next():
            yield message

    def _next(self) -> Message | None:
        end = self._heard.find(b"\n")
        if end < 0:
            return None
        said = json.loads(self._heard[:end])
        whole = end + 1 + said.get("bytes", 0)
        if len(self._heard) < whole:
            return None
        rows = bytes(self._heard[end + 1 : whole])
        del self._heard[:whole]
        return Message(said, rows)

    def kill(self) -> None:
        """Ends the process at once, and all that it started in its group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.popen.pid, signal.SIGKILL)

    def stop(self) -> None:
        """Has it write its stack to its log, before it is killed."""
        self.state_before, self.state = self.state, "stopping"
        with suppress(ProcessLookupError):
            self.popen.send_signal(signal.SIGUSR1)

    def note_silence(self) -> None:
        """Hears that it will say nothing any more."""
        if self.state != "stopping":
            self.state_before = self.state
        self.state = "ended"

    def end(self) -> int:
        """Waits for the process, closes what belongs to it, and returns the exit status, negative for a signal."""
        try:
            code = self.popen.wait(_LAST_MOMENT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self.popen.wait()
        self.kill()  # what it had started
        self.channel.close()
        os.close(self.log)
        return code


def start(order: Order, slot: int, outputs: Outputs) -> Worker:
    """Starts a worker, which begins with its `init`.

    Raises OSError when no process can be started.
    """
    log_path, log = _open_log(Path(order.logs, "user", "stdout", "0"))
    process = log_path.name.partition(".")[0]
    ours, theirs = socket.socketpair()
    folders = outputs.folders(process)
    renamed = {} if order.isolated else {output: own for own, output in folders}
    with theirs:
        popen = subprocess.Popen(
            (order.python, GUEST, "batch", str(theirs.fileno())),
            cwd=order.code,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(theirs.fileno(),),
            env=_variables(order, slot, renamed),
            start_new_session=True,
        )
    ours.setblocking(False)
    worker = Worker(slot, process, popen, ours, log, log_path)
    worker.send(
        {
            "parent": os.getpid(),
            **script_of(order, process, renamed),
            "isolated": order.isolated,
            "views": order.views,
            "readonly": order.readonly,
            "writable": order.writable,
            "private": folders,
        }
    )
    return worker


def script_of(order: Order, process: str, renamed: Mapping[str, str]) -> dict[str, Any]:
    """Returns what a worker is told of its script. renamed: outputs that it sees by another name."""
    return {
        "code": order.code,
        "script": order.script,
        "arguments": [relocated(one, renamed) for one in order.arguments],
        "logging_level": order.logging_level,
        "process": process,
        "log_dir": str(Path(order.logs, "user", "entry_script_log", "0")),
        "output_dir": relocated(order.output, renamed),
        "appends": bool(order.append_to),
    }


def relocated(text: str, renamed: Mapping[str, str]) -> str:
    """Returns a text with the names of outputs as one worker sees them."""
    for output, own in renamed.items():
        text = text.replace(output, own)
    return text


def _variables(order: Order, slot: int, renamed: Mapping[str, str]) -> dict[str, str]:
    """Returns a worker's environment: the conductor's, the order's, and the GPU that is its own.

    Source: learn.microsoft.com/azure/machine-learning/v1/how-to-debug-parallel-run-step, CUDA devices visibility.
    """
    made = {**os.environ, **order.variables}
    made = {name: relocated(value, renamed) for name, value in made.items()} if renamed else made
    gpus = [one for one in Path("/dev").glob("nvidia[0-9]*") if one.name[6:].isdigit()]
    if slot < len(gpus) and "CUDA_VISIBLE_DEVICES" not in made:
        made["CUDA_VISIBLE_DEVICES"] = str(slot)
    return made


def _open_log(folder: Path) -> tuple[Path, int]:
    """Makes the log of the next process, which has the process's name; returns it, open.

    Source: learn.microsoft.com/azure/machine-learning/v1/how-to-debug-parallel-run-step, the layout of logs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(_MOST_PROCESSES):
        path = folder / f"process{number:03d}.stdout.txt"
        with suppress(FileExistsError):
            return path, os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)
    raise OSError(f"{folder} holds the logs of {_MOST_PROCESSES} processes")
