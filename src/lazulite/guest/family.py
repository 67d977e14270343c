"""The processes that descend from this one: which they are, what they use, their end. Linux; elsewhere, its children.

A process that was started in the background, in a session of its own or by a parent that has ended still descends from
this one, which adopts orphans.
"""

from __future__ import annotations

import os
import signal
from typing import Iterator

from . import linux

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def gather() -> None:
    """Makes this process the head of its family: what is orphaned below it becomes its child."""
    if linux.IS_HERE:
        linux.adopt_orphans()


def members() -> list[int]:
    """Returns the ids of all descendants that there are now, parents before children."""
    return list(_below(os.getpid()))


def _below(pid: int) -> Iterator[int]:
    for child in _children(pid):
        yield child
        yield from _below(child)


def _children(pid: int) -> list[int]:
    """Returns the children that any thread of a process started; none of one that has just ended."""
    tasks, found = "/proc/%d/task" % pid, []
    try:
        for task in os.listdir(tasks):
            with open("%s/%s/children" % (tasks, task), encoding="ascii") as file:
                found += map(int, file.read().split())
    except OSError:
        pass
    return found


def send(number: signal.Signals, leaders: "set[int]") -> int:
    """Sends a signal to every descendant, and to the process groups of leaders; returns how many there are."""
    found = members()
    for pid in found:
        _quietly(os.kill, pid, number)
    for leader in leaders - set(found):
        _quietly(os.killpg, leader, number)
    return len(found)


def _quietly(kill: "object", pid: int, number: signal.Signals) -> None:
    try:
        kill(pid, number)  # type: ignore[operator]
    except (ProcessLookupError, PermissionError):
        pass


def usage() -> "tuple[int, float, int]":
    """Returns (processes, seconds of CPU, bytes of memory) of the descendants that live now."""
    processes, cpu_s, memory_bytes = 0, 0.0, 0
    for pid in members():
        try:
            with open("/proc/%d/stat" % pid, encoding="latin-1") as file:
                # The second field is a name in parentheses, which may hold anything. Source: proc(5).
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        processes += 1
        cpu_s += (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND
        memory_bytes += int(fields[21]) * _PAGE_BYTES
    return processes, cpu_s, memory_bytes


def kills_for_memory() -> int:
    """Returns how many processes the system has killed for want of memory since it started; 0 if it does not say."""
    try:
        with open("/proc/vmstat", encoding="ascii") as file:
            counts = dict(line.split() for line in file)
    except OSError:
        return 0
    return int(counts.get("oom_kill", 0))
