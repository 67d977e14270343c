"""A batch worker: loads one entry script, then calls its `run` for one mini-batch after the other, on the main thread.

Started as `python {lazulite}/guest batch CHANNEL`, where CHANNEL is the number of a connected socket by which it is
told what to do and tells what came of it: docs/guest-protocol.md, A batch worker. What the script prints goes straight
into the worker's log: nothing stands between.
"""

from __future__ import annotations

import faulthandler
import inspect
import json
import logging
import os
import signal
import socket
import sys
import time
from collections import deque
from types import ModuleType
from typing import Any, Callable

from . import batch_mlflow, batch_returns, batch_rows, console, failure, linux, script, standins, views
from .standins import parallel_run

_FAILED_TO_START = 3
_CONTEXT = "mini_batch_context"


class MiniBatchContext:
    """What `run` is told of its mini-batch when it takes a second argument.

    minibatch_index: its number, from 0. partition_key_value: `{"Store": "2", "Brand": "dominicks"}`, of a job with
    partition_keys. Source: learn.microsoft.com/azure/machine-learning/how-to-use-parallel-job-in-pipeline and the
    public notebooks of ParallelRunStep; that the index is a number, guess.
    """

    def __init__(self, minibatch_index: int, partition_key_value: dict[str, Any]) -> None:
        self.minibatch_index = minibatch_index
        self.partition_key_value = partition_key_value

    def __repr__(self) -> str:
        return "MiniBatchContext(minibatch_index=%r, partition_key_value=%r)" % (
            self.minibatch_index,
            self.partition_key_value,
        )


class Channel:
    """The conductor's end of the conversation. Messages are lines of JSON; an answer may have bytes after it."""

    def __init__(self, number: int) -> None:
        self._socket = socket.socket(fileno=number)
        os.set_inheritable(number, False)
        os.register_at_fork(after_in_child=self._leave)
        self._lines = self._socket.makefile("rb")

    def _leave(self) -> None:
        """Closes this end in what the script forks: else nobody would see this process end as long as that lives."""
        number = self._socket.detach()  # close() would wait for the file above
        if number >= 0:
            os.close(number)

    def receive(self) -> dict[str, Any] | None:
        """Waits for a message; None when there will be none any more."""
        line = self._lines.readline()
        if not line:
            return None
        message: dict[str, Any] = json.loads(line)
        return message

    def send(self, message: dict[str, Any], payload: bytes = b"") -> None:
        """Sends a message. Raises OSError when nobody listens any more."""
        if payload:
            message["bytes"] = len(payload)
        line = json.dumps(message).encode() + b"\n"
        self._socket.sendall(line + payload if len(payload) < 1 << 16 else line)
        if len(payload) >= 1 << 16:
            self._socket.sendall(payload)


def main(arguments: list[str]) -> int:
    """Runs a worker until it is told to end, or whoever told it what to do is gone; returns the exit status."""
    channel = Channel(int(arguments[0]))
    order = channel.receive()
    if order is None:
        return 0
    _belong_to(order["parent"])
    if order["isolated"]:
        views.enter(order["views"], order["readonly"], order["writable"], order["private"])
    try:
        entry = load(order)
        if callable(getattr(entry, "init", None)):
            entry.init()
    except BaseException as error:  # a script may raise anything; the job's log and list of failures tell what
        channel.send({"state": "failed", "error": _told(error, order["code"])})
        return _FAILED_TO_START
    worker = Worker(channel, entry, order)
    _flush()
    channel.send({"state": "ready"})
    return worker.serve()


def load(order: dict[str, Any]) -> ModuleType:
    """Makes this process what a script expects, and imports the script; calls nothing of it.

    order: code, script ("" for a model of MLflow without one), arguments, logging_level, process, log_dir, output_dir.
    Raises ScriptError when there is no `run`, and whatever the script itself raises.
    """
    standins.install(for_batch=True)
    parallel_run.EntryScript.describe(order["process"], order["log_dir"], order["output_dir"], order["code"])
    _open_log(order["logging_level"])
    os.chdir(order["code"])
    path = os.path.join(order["code"], order["script"])
    sys.argv = [path, *order["arguments"]]
    if not order["script"]:
        return batch_mlflow
    sys.path[:0] = dict.fromkeys((os.path.dirname(path), order["code"]))
    if not os.path.isfile(path):
        there = ", ".join(sorted(os.listdir(order["code"]))) or "nothing"
        raise script.ScriptError("There is no entry script %r in the code, which holds: %s." % (order["script"], there))
    entry = script.import_file(path)
    if not callable(getattr(entry, "run", None)):
        raise script.ScriptError("The entry script %s does not define a function run(mini_batch)." % order["script"])
    return entry


def _belong_to(parent: int) -> None:
    """Ends this process with the conductor, also while a script keeps it busy."""
    if linux.IS_HERE:
        linux.set_parent_death_signal(signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit(0)


def _open_log(level: str) -> None:
    """Shows what is printed line by line, and what is logged from a level on, in one file.

    Source: learn.microsoft.com/azure/machine-learning/v1/how-to-debug-parallel-run-step: the root logger has a handler
    that writes to standard output; the level is logging_level, INFO by default.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    faulthandler.enable(file=2, all_threads=True)
    faulthandler.register(signal.SIGUSR1, file=2, all_threads=False)
    shown = logging.StreamHandler(sys.stdout)
    shown.setFormatter(console.Formatter())
    logging.getLogger().addHandler(shown)
    logging.getLogger().setLevel(logging.getLevelName(level))


class Worker:
    """Calls one script's `run` for mini-batches until there are no more."""

    def __init__(self, channel: Channel, entry: ModuleType, order: dict[str, Any]) -> None:
        self._channel = channel
        self._code = order["code"]
        self._appends = bool(order["appends"])
        self._shutdown: Callable[[], Any] | None = getattr(entry, "shutdown", None)
        self._call = caller(entry.run)
        self._outputs = [seen if order["isolated"] else own for own, seen in order["private"]]
        self._early: deque[dict[str, Any]] = deque()  # heard while it waited for something else

    def serve(self) -> int:
        """Works until it is told to end; returns the exit status."""
        while True:
            asked = self._early.popleft() if self._early else self._channel.receive()
            if asked is None:
                return 0
            if asked.get("end"):
                return self._end()
            self._work(asked)

    def _await_leave(self) -> None:
        """Waits until what was written has been taken away: the next mini-batch may be there already."""
        while True:
            said = self._channel.receive()
            if said is None:
                sys.exit(0)
            if "go" in said:
                return
            self._early.append(said)

    def _work(self, asked: dict[str, Any]) -> None:
        told: dict[str, Any] = {"id": asked["id"], "items": None}
        try:
            mini_batch = asked.get("files")
            if mini_batch is None:
                mini_batch = batch_rows.read(asked["table"])
                self._channel.send({"state": "begun", "id": asked["id"], "items": len(mini_batch)})
            told["items"] = len(mini_batch)
            began = time.perf_counter()
            # A part of a file may turn out to be empty: row groups are known only here.
            returned = self._call(mini_batch, asked) if len(mini_batch) else []
            told["run_s"] = round(time.perf_counter() - began, 6)
            told["count"], rows = batch_returns.rows_of(returned, self._appends)
            told["state"] = "done"
            if told["count"] < len(mini_batch):
                told["returned"] = batch_returns.shown(returned)
        except batch_returns.WrongReturn as error:
            rows = b""
            told.update(state="failed", error={**_NOWHERE, "kind": "returned", "message": str(error)})
        except BaseException as error:  # the script's, whatever it is; the worker goes on
            rows = b""
            told.update(state="failed", error=_told(error, self._code))
        _flush()
        told["log_bytes"] = os.fstat(1).st_size
        told["wrote"] = any(names for folder in self._outputs for _, _, names in os.walk(folder))
        self._channel.send(told, rows)
        if told["wrote"]:
            self._await_leave()

    def _end(self) -> int:
        """Lets the script clean up. Source: learn.microsoft.com, how-to-use-parallel-job-in-pipeline: shutdown()."""
        if self._shutdown is None:
            return 0
        try:
            self._shutdown()
        except Exception as error:
            sys.stderr.write("shutdown() failed: %s" % failure.trace(error))
            return 1
        finally:
            _flush()
        return 0


def caller(run: Callable[..., Any]) -> Callable[[Any, dict[str, Any]], Any]:
    """Returns how `run` is called with (mini-batch, message): with the context where it takes a second argument."""
    parameters = list(inspect.signature(run).parameters.values())
    by_place = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    named = next((one for one in parameters if one.name == _CONTEXT), None)
    if named and named.kind is named.KEYWORD_ONLY:
        return lambda mini_batch, asked: run(mini_batch, mini_batch_context=_context(asked))
    if named or (len(by_place) > 1 and by_place[1].default is inspect.Parameter.empty):
        return lambda mini_batch, asked: run(mini_batch, _context(asked))
    return lambda mini_batch, asked: run(mini_batch)


def _context(asked: dict[str, Any]) -> MiniBatchContext:
    return MiniBatchContext(asked["id"], asked.get("keys") or {})


_NOWHERE = {"type": "", "file": None, "line": None, "traceback": "", "summary": ""}


def _told(error: BaseException, code: str) -> dict[str, Any]:
    """Shows an exception in the log, and returns it as the conductor is told."""
    described = failure.describe(error, code)
    sys.stderr.write(described["traceback"])
    return {**described, "kind": "raised", "summary": failure.summary(error, code)}


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass  # the disk is full, or the script has closed it: a line is lost, the mini-batch is not
