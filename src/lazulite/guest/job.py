"""One job: starts its command, once or in many ranks, keeps its time, ends all of it, and says how it ended.

What to do is in the job's folder, `job.json`; how it ended will be there in `exit.json`, and what it used in
`usage.jsonl`. Both are described in docs/guest-protocol.md. What the command prints goes straight into its log: nothing
stands between, so a log is whole whoever is killed.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from typing import Any

from . import apart, family, linux, views

_FIRST_SAMPLE_S = 1.0
_SAMPLES_PER_LIFE = 60  # the pause between samples is this part of the job's age, so that week-long jobs leave few
_LONGEST_PAUSE_S = 60.0
_KILL_AGAIN_S = 0.05
_KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)  # a shell tells of its own child's signal by 128 and more


def main(arguments: list[str]) -> int:
    """Runs the job in a folder to its end; the process must lead its session and hold the folder's lock."""
    folder = arguments[0]
    with open(os.path.join(folder, "job.json"), encoding="utf-8") as file:
        plan = json.load(file)
    job = Job(folder, plan)
    try:
        job.run()
    except BaseException:
        job.give_up(traceback.format_exc())
        return 1
    return 0


class Job:
    """A running job. plan: what job.json says."""

    def __init__(self, folder: str, plan: dict[str, Any]) -> None:
        self._folder = folder
        self._plan = plan
        self._began = time.time()
        self._ranks: dict[int, int] = {}  # process id -> rank, of those that have not ended
        self._first_failure: tuple[int, int] | None = None  # (rank, exit status or negative signal)
        self._reason = "exited"
        self._is_canceled = False
        self._kill_at: float | None = None  # set once the job is being stopped
        self._peak_bytes = 0
        self._kills_before = 0

    def run(self) -> None:
        """Starts the ranks, waits for them, ends what they left behind, writes exit.json."""
        signals, wakeup = os.pipe()
        for descriptor in (signals, wakeup):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGTERM, self._cancel)
        if self._plan["doors"] is not None:
            apart.enter(self._plan["doors"])  # before orphans become ours: who keeps the doors is one, and stays
        family.gather()
        if self._plan["isolated"]:
            views.enter(self._plan["views"], self._plan["readonly"], self._plan["writable"])
        for number, rank in enumerate(self._plan["ranks"]):
            if not self._is_canceled:
                self._ranks[_start(self._plan, rank)] = number
        for service in self._plan["services"] if not self._is_canceled else ():
            _start({**self._plan, "command": service["command"]}, service)
        self._kills_before = family.kills_for_memory()  # slow to read, and nothing is killed within a millisecond
        if self._is_canceled:  # maybe before any of them was started
            self._stop("canceled")
        self._wait(signals)
        self._end_the_rest()
        self._write_exit()

    def give_up(self, why: str) -> None:
        """Ends whatever runs and tells that it was not the command's fault."""
        self._end_the_rest()
        self._reason = "unstarted"
        self._write_exit(why)

    def _wait(self, signals: int) -> None:
        began = time.monotonic()
        deadline = began + (self._plan["timeout_s"] or float("inf"))
        sample_at = began + _FIRST_SAMPLE_S
        while self._ranks:
            now = time.monotonic()
            next_at = min(sample_at, deadline if self._kill_at is None else self._kill_at)
            if select.select([signals], [], [], max(0.0, next_at - now))[0]:
                os.read(signals, 4096)
            self._reap()
            now = time.monotonic()
            if self._is_canceled:
                self._stop("canceled")
            if self._first_failure:
                self._stop(self._reason)
            if now >= deadline:
                self._stop("timeout")
            if self._kill_at is not None and now >= self._kill_at:
                family.send(signal.SIGKILL, self._ranks)
                self._kill_at = now + _KILL_AGAIN_S
            if now >= sample_at:
                self._sample()
                sample_at = now + min(max(_FIRST_SAMPLE_S, (now - began) / _SAMPLES_PER_LIFE), _LONGEST_PAUSE_S)

    def _cancel(self, number: int, frame: Any) -> None:
        """Notes it for the loop, which the signal wakes: whatever is being done at this moment may be half done."""
        self._is_canceled = True

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            rank = self._ranks.pop(pid, None)
            code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            if rank is not None and code and not self._first_failure:
                self._first_failure = (rank, code)

    def _stop(self, reason: str) -> None:
        """Asks everything to end, and sees to it that it does after the grace."""
        if self._kill_at is None:
            self._reason = reason
            self._kill_at = time.monotonic() + self._plan["grace_s"]
            family.send(signal.SIGTERM, self._ranks)

    def _end_the_rest(self) -> None:
        while family.send(signal.SIGKILL, self._ranks):
            time.sleep(_KILL_AGAIN_S / 10)
            self._reap()

    def _sample(self) -> None:
        """Appends a line to usage.jsonl: `{"at": epoch, "processes", "cpu_s", "memory_bytes"}`, all of it together."""
        processes, cpu_s, memory_bytes = family.usage()
        self._peak_bytes = max(self._peak_bytes, memory_bytes)
        line = {"at": time.time(), "processes": processes, "cpu_s": cpu_s + _spent()[0], "memory_bytes": memory_bytes}
        with open(os.path.join(self._folder, "usage.jsonl"), "a", encoding="ascii") as file:
            file.write(json.dumps(line) + "\n")

    def _write_exit(self, message: str = "") -> None:
        rank, code = self._first_failure or (0, 0)
        cpu_s, largest_bytes = _spent()
        told = {
            "reason": self._reason,
            "rank": rank,
            "code": code,
            "out_of_memory": code in _KILLED and family.kills_for_memory() > self._kills_before,
            "message": message,
            "began_at": self._began,
            "ended_at": time.time(),
            "cpu_s": cpu_s,
            "peak_memory_bytes": max(self._peak_bytes, largest_bytes),
        }
        path = os.path.join(self._folder, "exit.json")
        with open(path + ".draft", "w", encoding="utf-8") as file:
            json.dump(told, file)
        os.replace(path + ".draft", path)


def _spent() -> tuple[float, int]:
    """Returns the seconds of CPU of all processes that have ended, and the memory of the largest."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024
    return used.ru_utime + used.ru_stime, used.ru_maxrss * unit


def _start(plan: dict[str, Any], rank: dict[str, Any]) -> int:
    """Starts one rank in a process group of its own, its output going into its log; returns its process id."""
    head = os.getpid()
    log = os.open(rank["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    # Until the child is what ends by it, SIGTERM waits: our handler in the child would swallow it.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    pid = os.fork()
    if pid == 0:
        try:
            os.setpgid(0, 0)
            if linux.IS_HERE:
                linux.set_parent_death_signal(signal.SIGKILL)
                if os.getppid() != head:
                    os._exit(1)
            _become(plan, {**plan["variables"], **rank["variables"]}, log)
        except BaseException as error:
            os.write(log, ("The command cannot be started: %s\n" % error).encode("utf-8", "replace"))
            os._exit(127)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    os.close(log)
    return pid


def _become(plan: dict[str, Any], variables: dict[str, str], log: int) -> None:
    """Turns this process into the command's shell, with nothing of ours but its output."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(plan["folder"])
    try:
        os.execvpe("bash", ["bash", "-c", plan["command"]], variables)
    except FileNotFoundError:
        os.execvpe("sh", ["sh", "-c", plan["command"]], variables)
