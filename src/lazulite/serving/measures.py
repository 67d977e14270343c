"""What deployments did lately: requests, times, CPU, memory; slice by slice, on disk by the minute. Decides nothing."""

import contextlib
import json
import os
import shutil
import threading
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psutil

from lazulite.catalog import vm_sizes

SLICE_S = 5
"""How often is looked."""
MINUTE_S = 60
KEPT_DAYS = 30
_FINE_SLICES = 15 * MINUTE_S // SLICE_S
_MINUTES = 12 * 60  # the longest window of a rule
_FOLDER = "measures"


@dataclass
class Gauge:
    """What was read of every instance: how often, the sum, the least and the most."""

    count: int = 0
    total: float = 0.0
    least: float = 0.0
    most: float = 0.0

    def add(self, other: "Gauge") -> None:
        """Takes in what another one has read."""
        if other.count:
            self.least = min(self.least, other.least) if self.count else other.least
            self.most = max(self.most, other.most) if self.count else other.most
            self.count, self.total = self.count + other.count, self.total + other.total


@dataclass
class Slice:
    """A stretch of one deployment's time.

    at: when it began, seconds since 1970. requests, statuses, latency_ms: as the gateway counts them
    (gateway/counts.py), but of this stretch. busy_s: seconds times requests that were there. gauges: `cpu`, `memory`
    and `disk` in percent of an instance, `instances`.
    """

    at: float
    seconds: float = 0.0
    requests: int = 0
    busy_s: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)
    latency_ms: Counter[str] = field(default_factory=Counter)
    gauges: dict[str, Gauge] = field(default_factory=dict)

    def add(self, other: "Slice") -> None:
        """Takes in another stretch; how long both were together is the caller's to know."""
        self.requests, self.busy_s = self.requests + other.requests, self.busy_s + other.busy_s
        self.statuses.update(other.statuses)
        self.latency_ms.update(other.latency_ms)
        for name, gauge in other.gauges.items():
            self.gauges.setdefault(name, Gauge()).add(gauge)


@dataclass(frozen=True)
class Spent:
    """What a worker has used of the machine: seconds of CPU since it started, bytes of memory now."""

    cpu_s: float
    memory_bytes: float


@dataclass
class _Meter:
    """One deployment's: what was counted when it was looked at last, and the slices since."""

    folder: Path
    looked_at: float
    counts: Mapping[str, Any]
    spent: Mapping[int, Spent]
    fine: deque[Slice] = field(default_factory=lambda: deque(maxlen=_FINE_SLICES))
    minutes: deque[Slice] = field(default_factory=lambda: deque(maxlen=_MINUTES))
    open: Slice | None = None


@dataclass(frozen=True)
class Looked:
    """One deployment as it is now. counts: the gateway's. workers: the pids of its workers, an instance a list; none
    whose processes cannot be seen from here. cores, memory_bytes: what an instance may use.
    """

    folder: Path
    counts: Mapping[str, Any]
    instances: int
    workers: Sequence[Sequence[int]]
    cores: float
    memory_bytes: float


class Measures:
    """Remembers every deployment's slices. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._meters: dict[str, _Meter] = {}
        self._lock = threading.Lock()
        self._looked_at = 0.0

    def note(self, looked: Mapping[str, Looked], now: datetime) -> bool:
        """Takes a slice of every deployment, by its label, if the last one is over; returns whether it did.

        Writes each minute that is over to the deployment's folder. Raises OSError when that cannot be.
        """
        at = now.timestamp()
        if 0 <= at - self._looked_at < SLICE_S:
            return False
        self._looked_at = at
        children = _children() if looked else {}
        with self._lock:
            for gone in self._meters.keys() - looked.keys():
                del self._meters[gone]
            for label, one in looked.items():
                self._note(label, one, children, at)
        return True

    def between(self, label: str, since: float, until: float) -> list[Slice]:
        """Returns a deployment's slices that began from since on and before until, oldest first: by the minute, and
        finer where that is known. Slices that memory no longer holds are not among them; see `kept`.
        """
        with self._lock:
            meter = self._meters.get(label)
            if not meter:
                return []
            fine = list(meter.fine)
            begin = fine[0].at if fine else until
            minutes = [one for one in meter.minutes if one.at + MINUTE_S <= begin]
        return [one for one in (*minutes, *fine) if since <= one.at < until]

    def _note(self, label: str, looked: Looked, children: Mapping[int, list[psutil.Process]], at: float) -> None:
        spent = {pid: _spent(pid, children) for pids in looked.workers for pid in pids}
        meter = self._meters.get(label)
        if not meter or at <= meter.looked_at:  # it is new, or the machine's clock was set back
            meter = self._meters[label] = _Meter(looked.folder, at, looked.counts, spent)
            meter.minutes.extend(kept(looked.folder, at - _MINUTES * MINUTE_S, at))
            return
        new = _slice(meter, looked, spent, at)
        meter.looked_at, meter.counts, meter.spent = at, looked.counts, spent
        meter.fine.append(new)
        if meter.open and new.at // MINUTE_S != meter.open.at // MINUTE_S:
            meter.minutes.append(meter.open)
            over, meter.open = meter.open, None
            _write(meter.folder, over)
        meter.open = meter.open or Slice(new.at // MINUTE_S * MINUTE_S)
        meter.open.add(new)
        meter.open.seconds += new.seconds


def _slice(meter: _Meter, looked: Looked, spent: Mapping[int, Spent], at: float) -> Slice:
    before, now, seconds = meter.counts, looked.counts, at - meter.looked_at
    if now["requests"] < before["requests"]:  # the gateway is another one, and counts anew
        before = {"requests": 0, "busy_s": 0.0, "statuses": {}, "latency_ms": {}}
    disk = shutil.disk_usage(looked.folder)
    found = Slice(
        meter.looked_at,
        seconds,
        now["requests"] - before["requests"],
        max(now["busy_s"] - before["busy_s"], 0.0),
        Counter(now["statuses"]) - Counter(before["statuses"]),
        Counter(now["latency_ms"]) - Counter(before["latency_ms"]),
        {"instances": _gauge([looked.instances]), "disk": _gauge([100 * disk.used / disk.total])},
    )
    steady = [pids for pids in looked.workers if pids and all(pid in meter.spent for pid in pids)]
    if steady:
        cpu_s = [sum(max(spent[pid].cpu_s - meter.spent[pid].cpu_s, 0.0) for pid in pids) for pids in steady]
        memory = [sum(spent[pid].memory_bytes for pid in pids) for pids in steady]
        found.gauges["cpu"] = _gauge([min(100 * one / (seconds * looked.cores), 100.0) for one in cpu_s])
        found.gauges["memory"] = _gauge([min(100 * one / looked.memory_bytes, 100.0) for one in memory])
    return found


def share(instance_type: str) -> tuple[float, float]:
    """Returns the cores and the bytes of memory that an instance may use: its size's, or this machine's if fewer."""
    size, memory = vm_sizes.find(instance_type), psutil.virtual_memory().total
    cores = float(os.cpu_count() or 1)
    return (min(size.vcpus, cores), min(size.memory_gb * 2**30, memory)) if size else (cores, memory)


def _gauge(values: Sequence[float]) -> Gauge:
    return Gauge(len(values), sum(values), min(values), max(values))


def _children() -> dict[int, list[psutil.Process]]:
    """Returns the processes of this machine by who started them."""
    found: dict[int, list[psutil.Process]] = {}
    for process in psutil.process_iter(["ppid"]):
        found.setdefault(process.info["ppid"], []).append(process)
    return found


def _tree(pid: int, children: Mapping[int, Sequence[psutil.Process]]) -> Iterator[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        yield psutil.Process(pid)
    for child in children.get(pid, ()):
        yield from _tree(child.pid, children)


def _spent(pid: int, children: Mapping[int, Sequence[psutil.Process]]) -> Spent:
    """Returns what a worker and all that it has started have used, those too that have ended."""
    cpu_s, memory = 0.0, 0
    for process in _tree(pid, children):
        with contextlib.suppress(psutil.Error):
            cpu_s += sum(process.cpu_times()[:4])
            memory += process.memory_info().rss
    return Spent(cpu_s, memory)


def kept(folder: Path, since: float, until: float) -> list[Slice]:
    """Returns the minutes on disk that began from since on and before until, oldest first."""
    days = {f"{_day(at):%Y-%m-%d}.jsonl" for at in (*range(int(since), int(until), 86400), int(until))}
    texts = (path.read_text(encoding="utf-8") for day in sorted(days) if (path := folder / _FOLDER / day).exists())
    found = (_read(line) for text in texts for line in text.splitlines())
    return [one for one in found if one and since <= one.at < until]


def forget(folder: Path) -> None:
    """Removes what a deleted deployment has left, before a new one of its name is made."""
    shutil.rmtree(folder / _FOLDER, ignore_errors=True)


def _day(at: float) -> datetime:
    return datetime.fromtimestamp(at, timezone.utc)


def _write(folder: Path, minute: Slice) -> None:
    """Appends a minute to its day's file, and removes days that are too old when a day begins."""
    path = folder / _FOLDER / f"{_day(minute.at):%Y-%m-%d}.jsonl"
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        for old in sorted(path.parent.iterdir())[: -KEPT_DAYS + 1]:
            old.unlink()
    told = {**vars(minute), "gauges": {name: vars(gauge) for name, gauge in minute.gauges.items()}}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(told, separators=(",", ":")) + "\n")


def _read(line: str) -> Slice | None:
    """Reads a minute; None for the half line that a full disk or a lost machine left, and what was appended to it."""
    try:
        told = json.loads(line)
    except ValueError:
        return None
    gauges = {name: Gauge(**gauge) for name, gauge in told["gauges"].items()}
    counted = {name: Counter(told[name]) for name in ("statuses", "latency_ms")}
    return Slice(**{**told, **counted, "gauges": gauges})
