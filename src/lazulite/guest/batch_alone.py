"""Runs a batch script by itself, at a terminal: `init`, then `run` for each mini-batch of a file, with or without pdb.

Nothing is tried again, nothing has a time limit, and whatever is returned is shown.
"""

from __future__ import annotations

import json
import pdb
import sys
import time
from functools import partial
from typing import Any, Callable

from . import batch, batch_returns, batch_rows, failure, views

_FAILED = 1
_SHOWN_FILES = 5


def main(arguments: list[str]) -> int:
    """Runs what a file tells of; returns 1 as soon as something fails.

    arguments: the file, JSON. `script`, what a worker is told of its script; `mini_batches`, a file with a line of JSON
    for each, as workers are sent them; `pdb`, whether to stop where an exception leaves the script; `isolated`,
    `views`, `readonly`, `writable`, `private` as a worker has them.
    """
    with open(arguments[0], encoding="utf-8") as file:
        told = json.load(file)
    if told["isolated"]:
        views.enter(told["views"], told["readonly"], told["writable"], told["private"])
    alone = _Alone(told)
    return 0 if alone.run() else _FAILED


class _Alone:
    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told
        self._code = told["script"]["code"]

    def run(self) -> bool:
        """Tells whether all went well."""
        entry = self._guarded(lambda: batch.load(self._told["script"]))
        if entry is None or self._guarded(lambda: [getattr(entry, "init", _nothing)()]) is None:
            return False
        call = batch.caller(entry.run)
        with open(self._told["mini_batches"], encoding="utf-8") as file:
            are_done = all(self._guarded(partial(self._score, call, json.loads(line))) for line in file)
        return are_done and self._guarded(lambda: [getattr(entry, "shutdown", _nothing)()]) is not None

    def _score(self, call: Callable[[Any, dict[str, Any]], Any], asked: dict[str, Any]) -> bool:
        mini_batch = asked["files"] if "files" in asked else batch_rows.read(asked["table"])
        _say("Mini-batch %d: %s" % (asked["id"], _named(asked)))
        began = time.perf_counter()
        returned = call(mini_batch, asked)
        run_s = time.perf_counter() - began
        count, _ = batch_returns.rows_of(returned, is_wanted=True)
        _say("run() took %.3f s and returned %s" % (run_s, batch_returns.shown(returned)))
        if count < len(mini_batch):
            _say("These are %d results for %d items: one is wanted for each." % (count, len(mini_batch)))
        return count >= len(mini_batch)

    def _guarded(self, step: Callable[[], Any]) -> Any:
        """Returns what a step does, None when it fails; then the user sees where, or stands there in pdb."""
        try:
            return step()
        except BaseException as error:  # a script may raise anything
            sys.stderr.write(failure.trace(error))
            if self._told["pdb"] and error.__traceback__:
                pdb.post_mortem(error.__traceback__)
            return None


def _nothing() -> None:
    """Stands for an `init` or a `shutdown` that a script does without."""


def _named(asked: dict[str, Any]) -> str:
    if "files" not in asked:
        return json.dumps(asked.get("keys") or asked["table"]["path"])
    files = asked["files"]
    return ", ".join(files[:_SHOWN_FILES]) + (", ..." if len(files) > _SHOWN_FILES else "")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
