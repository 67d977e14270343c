"""Runs jobs as processes of this machine, forked from a launcher that has Python started already."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import psutil

from lazulite.engine import processes
from lazulite.errors import LazuliteError


class Launcher:
    """The launcher process of this platform, started when first needed and again when it has died. Thread-safe.

    Jobs are not its children to anyone's knowledge: each holds the lock of its folder, and lives on without it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._has_views = False

    @property
    def has_views(self) -> bool:
        """Tells whether jobs can be given read-only views of their inputs; where not, they need copies."""
        with self._lock:
            self._ensure()
            return self._has_views

    def launch(self, folder: Path) -> int:
        """Starts the job that a folder's job.json describes, in a session of its own; returns its process id.

        Raises Conflict while the folder's job lives, LazuliteError when no process can be started.
        """
        with self._lock:
            try:
                return self._ask(folder)
            except OSError:  # the launcher was killed
                self._end()
            if processes.is_held(folder):  # but not before it had forked
                return processes.pid_of(folder) or 0
            return self._ask(folder)

    def close(self) -> None:
        """Ends the launcher; the jobs that it started go on."""
        with self._lock:
            self._end()

    def _ask(self, folder: Path) -> int:
        channel = self._ensure()
        with processes.locked(folder) as lock:
            socket.send_fds(channel, [f"{folder}\n".encode()], [lock])
            pid = int(channel.recv(64) or 0)
            if not pid:
                raise ConnectionResetError("the launcher has gone")
            processes.note_pid(lock, pid)
        return pid

    def _ensure(self) -> socket.socket:
        if self._channel:
            return self._channel
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                (sys.executable, "-I", "-S", "-B", processes.GUEST, "launcher", str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=(theirs.fileno(),),
            )
        greeting = ours.makefile("rb", buffering=0).readline()
        if not greeting:
            raise LazuliteError("No process can be started for jobs.", hint="`lazulite logs platform` says more.")
        self._has_views = bool(json.loads(greeting)["views"])
        self._channel = ours
        return ours

    def _end(self) -> None:
        if self._channel:
            self._channel.close()
            self._channel = None
        if self._process:
            self._process.wait()
            self._process = None


def stop(folder: Path) -> None:
    """Asks the job of a folder to end: its own guest sees to it that everything does. A dead one stays dead."""
    pid = processes.pid_of(folder)
    if pid and processes.is_held(folder):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def end_leftovers(folder: Path) -> None:
    """Kills what a job left behind whose guest was killed: every process that has the job's folder in its variables."""
    mark = str(folder)
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("LAZULITE_JOB_FOLDER") == mark:
                process.kill()
