"""How far a batch job is: counted, told in the log every so often, and in a file that is replaced whole."""

import json
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lazulite import clock
from lazulite.batch.workers import Worker

_FILE_EVERY_S = 0.5
_TOLD_EVERY_S = 10.0
_RATE_OVER_S = 30.0


@dataclass
class Counts:
    """What has been finished. retried: attempts that were made again; collisions: files whose name was taken."""

    done: int = 0
    failed: int = 0
    retried: int = 0
    items_done: int = 0
    items_failed: int = 0
    collisions: int = 0

    def add(self, record: Mapping[str, Any]) -> None:
        """Counts a finished mini-batch, by its record in the journal."""
        self.done += "error" not in record
        self.failed += "error" in record
        self.retried += record["tries"] - 1
        self.items_done += record["ok"]
        self.items_failed += (record["items"] or 0) - record["ok"]
        self.collisions += len(record.get("collisions", ()))

    @property
    def finished(self) -> int:
        """Returns how many mini-batches are finished, well or not."""
        return self.done + self.failed


class Progress:
    """Tells how far a job is. The rate is that of the last half minute."""

    def __init__(self, path: Path, began: float) -> None:
        self._path = path
        self._began = began
        self._written_at = 0.0
        self._told_at = clock.monotonic()
        self._seen: deque[tuple[float, int]] = deque()
        self.counts = Counts()
        self.mini_batches: int | None = None
        self.items: int | None = None
        self.state = "planning"
        self.message = ""

    def write(self, workers: Iterable[Worker], is_due: bool = False) -> None:
        """Replaces the file, if it is due: at most twice a second."""
        now = clock.monotonic()
        if not is_due and now - self._written_at < _FILE_EVERY_S:
            return
        self._written_at = now
        rate = self._rate(now)
        counts = self.counts
        told = {
            "state": self.state,
            "mini_batches": self.mini_batches,
            "done": counts.done,
            "failed": counts.failed,
            "retried": counts.retried,
            "items": self.items,
            "items_done": counts.items_done,
            "items_failed": counts.items_failed,
            "collisions": counts.collisions,
            "rate": round(rate, 3),
            "eta_s": self._eta_s(rate),
            "began_at": self._began,
            "updated_at": clock.now().timestamp(),
            "workers": [_shown(worker) for worker in workers],
            "message": self.message,
        }
        draft = self._path.with_suffix(".draft")
        try:
            draft.write_text(json.dumps(told))
            draft.replace(self._path)
        except OSError:
            draft.unlink(missing_ok=True)  # the disk is full: the next one may be told

    def line(self) -> str:
        """Returns what to say in the log now, "" while nothing is due."""
        now = clock.monotonic()
        if self.mini_batches is None or now - self._told_at < _TOLD_EVERY_S:
            return ""
        self._told_at = now
        rate = self._rate(now)
        eta_s = self._eta_s(rate)
        left = f", {_duration(eta_s)} left" if eta_s is not None else ""
        return f"{self.summary()}; {rate:.1f} a second{left}"

    def summary(self) -> str:
        """Returns how much is finished, in words."""
        counts = self.counts
        failed = f", {counts.failed} of them failed" if counts.failed else ""
        return f"{counts.finished} of {self.mini_batches} mini-batches are finished{failed}"

    def _rate(self, now: float) -> float:
        self._seen.append((now, self.counts.finished))
        while len(self._seen) > 2 and now - self._seen[0][0] > _RATE_OVER_S:
            self._seen.popleft()
        (before, had), elapsed = self._seen[0], now - self._seen[0][0]
        return (self.counts.finished - had) / elapsed if elapsed > 0 and before < now else 0.0

    def _eta_s(self, rate: float) -> float | None:
        if self.mini_batches is None or rate <= 0:
            return None
        return round((self.mini_batches - self.counts.finished) / rate, 1)


def _shown(worker: Worker) -> dict[str, Any]:
    number = worker.mini_batch.number if worker.mini_batch else None
    state = "running" if worker.state == "loading" else worker.state
    return {"worker": worker.slot, "state": state, "mini_batch": number, "pid": worker.popen.pid}


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
