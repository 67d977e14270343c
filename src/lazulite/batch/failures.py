"""What did not work: the list of it, in words and for programs, and when there is too much of it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lazulite.batch.order import Order
from lazulite.batch.plan import MiniBatch
from lazulite.batch.progress import Counts

NOTHING_SUCCEEDED = (
    "No succeeded mini batch item returned from run(). Please check 'response: run()' in "
    "https://aka.ms/batch-inference-documentation."
)
"""Source: learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-batch-endpoints."""

_SHOWN_FILES = 5
ADVICE = (
    "Name output files after their input, os.path.basename(path), or with mini_batch_context.minibatch_index, which "
    "run(mini_batch, mini_batch_context) is given: both differ from mini-batch to mini-batch."
)
_TOLD_COLLISIONS = 20


class Failures:
    """Writes failed.jsonl, collisions.jsonl and logs/user/error.txt. Remembers the first failure, for the verdict."""

    def __init__(self, logs: Path) -> None:
        """Begins the lists anew; who goes on with a job lists again what the journal tells of."""
        self._failed = logs / "batch" / "failed.jsonl"
        self._collisions = logs / "batch" / "collisions.jsonl"
        self._errors = logs / "user" / "error.txt"
        self._told_collisions = 0
        self.first = ""
        for path in (self._failed, self._collisions, self._errors):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)

    def note(self, mini_batch: MiniBatch, record: Mapping[str, Any]) -> str:
        """Lists a mini-batch that failed for good; returns a line that tells it."""
        error = record["error"]
        told = {
            "mini_batch": mini_batch.number,
            "files": mini_batch.files,
            "items": record["items"],
            "ok": record["ok"],
            "tries": record["tries"],
            "worker": record["worker"],
            "error": error,
        }
        line = f"{described(mini_batch, record['items'])} failed: {in_words(error)}"
        self.first = self.first or line
        _append(self._failed, json.dumps(told))
        _append(self._errors, f"{line}\n{error['traceback']}")
        return line

    def note_collisions(self, number: int | None, names: Mapping[str, str]) -> list[str]:
        """Lists files whose name was taken, `{"x.png": "x.mini-batch-7.png"}`; returns lines that tell it.

        number: of the mini-batch that came later; None for what a worker wrote before its first or after its last.
        """
        lines, whose = [], "A worker" if number is None else f"Mini-batch {number}"
        for name, kept_as in names.items():
            _append(self._collisions, json.dumps({"mini_batch": number, "name": name, "kept_as": kept_as}))
            self._told_collisions += 1
            if self._told_collisions <= _TOLD_COLLISIONS:
                lines.append(f'{whose} wrote "{name}", as another did before. Both are kept: this as "{kept_as}".')
            if self._told_collisions == 1:
                lines.append(ADVICE)
            if self._told_collisions == _TOLD_COLLISIONS:
                lines.append("More of these are listed in logs/batch/collisions.jsonl.")
        return lines


def described(mini_batch: MiniBatch, items: int | None) -> str:
    """Names a mini-batch, `Mini-batch 3 (a.json, b.json and 8 more)`."""
    files = mini_batch.files
    more = (items or len(files)) - _SHOWN_FILES if "files" in mini_batch.said else 0
    shown = ", ".join(files[:_SHOWN_FILES])
    return f"Mini-batch {mini_batch.number} ({shown}{f' and {more} more' if more > 0 else ''})"


def in_words(error: Mapping[str, Any]) -> str:
    """Returns what went wrong in one line, the user's own place in it."""
    told = str(error.get("summary") or error["message"])
    return told if told.endswith(".") else f"{told}."


def too_many(order: Order, counts: Counts, mini_batches: int) -> str:
    """Returns which threshold is passed, "" for none.

    Source: learn.microsoft.com/azure/machine-learning/how-to-use-parallel-job-in-pipeline, automation settings.
    """
    if 0 <= order.error_threshold < counts.items_failed:
        return f"{counts.items_failed} items failed; error_threshold is {order.error_threshold}."
    if 0 <= order.mini_batch_error_threshold < counts.failed:
        return f"{counts.failed} mini-batches failed; mini_batch_error_threshold is {order.mini_batch_error_threshold}."
    if counts.failed * 100 > order.allowed_failed_percent * mini_batches:
        share = f"{counts.failed} of {mini_batches}"
        return f"{share} mini-batches failed; allowed_failed_percent is {order.allowed_failed_percent:g}."
    return ""


def _append(path: Path, line: str) -> None:
    try:
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(line + "\n")
    except OSError:
        pass  # the disk is full: the journal has it, and the next conductor lists it again
