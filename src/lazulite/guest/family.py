"""The processes that descend from this one: which they are, what they use, their end. Linux; elsewhere, its children.

A process that was started in the background, in a session of its own or by a parent that has ended still descends from
this one, which adopts orphans.
"""

from __future__ import annotations

import os
import signal
from typing import Iterable, Iterator

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
    tasks = "/proc/%d/task" % pid
    found: list[int] = []
    try:
        for task in os.listdir(tasks):
            with open("%s/%s/children" % (tasks, task), encoding="ascii") as file:
                found += map(int, file.read().split())
    except OSError:
        pass
    return found


def send(number: signal.Signals, leaders: "Iterable[int]") -> int:
    """Sends a signal to every descendant; returns how many there are.

    leaders: process groups of children that have not been waited for, which get it where the system names no
    descendants.
    """
    found = members()
    for pid in found:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
    for leader in () if found else leaders:
        try:
            os.killpg(leader, number)
        except (ProcessLookupError, PermissionError):  # macOS says the latter of one that has ended
            pass
    return len(found)


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
        cpu_s += sum(map(int, fields[11:15])) / _TICKS_A_SECOND  # its own, and of its children that have ended
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
