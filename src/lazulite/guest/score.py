"""A scoring worker: loads one entry script, then answers requests on a unix socket, one at a time, on the main thread.

Started as `python {lazulite}/guest score SOCKET STATUS LOCK`. Everything else is in the environment, as in Azure's
containers. What it says and hears: docs/guest-protocol.md.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from typing import Any, Iterator

from . import failure, frames, holds, script, standins
from .answers import Answer, Answers
from .calls import CalledOff, Calls
from .collect import Collection
from .console import AccessLog, Console, open_console
from .heads import Head, Heads
from .script import Script
from .standins.monitoring import Collector
from .status import Status
from .swagger import Swagger

# What gunicorn, under Azure's server, exits with when an application does not come up.
_FAILED_TO_START = 3
_INIT_FAILED = "User's init function failed"
_BACKLOG = 8
_NO_BODY = (204, 304)
# The gateway's clock began when it sent the request, ours when we had read it: that much later on a busy machine.
_SENT_BEFORE_MS = 100


def main(arguments: list[str]) -> int:
    """Runs a worker until it is asked to end; returns the exit status.

    arguments: the socket to listen on; the status file; the number of a descriptor that is held, and with it a lock,
    for as long as the worker lives.
    """
    address, status_path, lock = arguments
    holds.keep_lock(lock)
    status = Status(status_path)
    status.write("starting")
    app_root = os.path.abspath(os.environ.get("AML_APP_ROOT", "."))
    what_fails = "The entry script could not be loaded"
    try:
        standins.install()
        entry_script = os.environ.get("AZUREML_ENTRY_SCRIPT", "")
        console = open_console(app_root, os.environ.get("AZUREML_LOG_LEVEL", "INFO"), entry_script)
        collection = _collection(console)
        loaded = _load(app_root, console)
        what_fails = _INIT_FAILED
        console.info("Invoking user's init function", script.LOGGER)
        loaded.init()
        console.info("Users's init has completed successfully", script.LOGGER)
        what_fails = "The service could not be described"
        swagger = _swagger(loaded, app_root)
    except BaseException as error:  # a script may raise anything; the status file tells what
        _report(error, status, app_root, what_fails)
        return _FAILED_TO_START
    calls = Calls()
    answers = Answers(loaded, swagger, calls, console, app_root)
    worker = Worker(holds.bound(address), answers, calls, console, collection)
    status.write("ready")
    console.info("Worker with pid %d ready for serving traffic" % os.getpid())
    return worker.serve()


def _collection(console: Console) -> Collection | None:
    """Begins to collect, where the deployment asks for it. Scripts find the way, whichever Collector they import."""
    plan = os.environ.get("AZUREML_MDC_CONFIG_PATH")
    if not plan:
        return None
    Collector.collection = collection = Collection(plan, console)
    if not collection.is_local:  # azureml-ai-monitoring itself prints then
        collection.open_door()
    return collection


def _load(app_root: str, console: Console) -> Script:
    source_directory = os.environ.get("AZUREML_SOURCE_DIRECTORY", "")
    entry_script = os.environ.get("AZUREML_ENTRY_SCRIPT", "")
    console.info(
        "Python %s at %s, AML_APP_ROOT %s, AZUREML_ENTRY_SCRIPT %s, AZUREML_MODEL_DIR %s"
        % (sys.version.partition(" ")[0], sys.executable, app_root, entry_script, os.environ.get("AZUREML_MODEL_DIR"))
    )
    path = script.find(app_root, source_directory, entry_script)
    return script.load(path, app_root, source_directory, console)


def _swagger(loaded: Script, app_root: str) -> Swagger:
    title = os.environ.get("SERVICE_NAME", "ML service")
    version = os.environ.get("SERVICE_VERSION", "1.0")
    return Swagger(loaded, app_root, title, version, os.environ.get("SERVICE_PATH_PREFIX", ""))


def _report(error: BaseException, status: Status, app_root: str, what: str) -> None:
    """Tells why there will be no worker: to the console in full, to the status file for the platform."""
    console = Console()
    described = failure.describe(error, app_root)
    described["hint"] = _hint(error, what)
    console.error("%s\nEncountered Exception: %s" % (what, described["traceback"].rstrip()))
    if described["hint"]:
        console.info(described["hint"])
    status.write("failed", described)


def _hint(error: BaseException, what: str) -> str:
    if isinstance(error, ModuleNotFoundError):
        return "The deployment's environment has no module %r: add its package to the environment." % error.name
    model_dir = os.environ.get("AZUREML_MODEL_DIR")
    if what != _INIT_FAILED or not model_dir:
        return ""
    if not os.path.exists(model_dir):
        return "AZUREML_MODEL_DIR is %s, which does not exist." % model_dir
    return "AZUREML_MODEL_DIR is %s. Model Directory Contents:\n%s" % (model_dir, failure.tree(model_dir))


class Worker:
    """Serves one connection after the other, until SIGTERM."""

    def __init__(
        self,
        listener: socket.socket,
        answers: Answers,
        calls: Calls,
        console: Console,
        collection: Collection | None = None,
    ) -> None:
        self._listener = listener
        self._connection: socket.socket | None = None
        self._answers = answers
        self._calls = calls
        self._console = console
        self._access_log = AccessLog(console)
        self._heads = Heads()
        self._collection = collection
        self._is_ending = False
        server = os.environ.get("HTTP_X_MS_SERVER_VERSION", "")
        self._server_line = ("x-ms-server-version: %s\r\n" % server).encode("latin-1", "replace") if server else b""
        calls.listen_for_signals()
        signal.signal(signal.SIGTERM, self._end)
        os.register_at_fork(after_in_child=self._forget)
        listener.listen(_BACKLOG)

    def serve(self) -> int:
        """Answers until the worker is asked to end, or the script calls sys.exit; returns the exit status."""
        while not self._is_ending and self._answers.exit is None:
            try:
                self._connection = self._listener.accept()[0]
            except OSError:
                if self._is_ending:
                    break
                raise
            self._calls.belong_to(self._connection)
            with contextlib.suppress(OSError, frames.ProtocolError):  # the gateway went away; it will come again
                self._serve_connection(self._connection)
            self._hang_up()
        if self._collection:
            self._collection.close()
        if self._answers.exit is not None:
            raise self._answers.exit
        return 0

    def _serve_connection(self, connection: socket.socket) -> None:
        link = frames.Link(connection)
        link.greet()
        while self._answers.exit is None:
            request = link.receive()
            if request is None:
                return
            began = time.perf_counter()
            head = self._heads.read(request.head)
            try:
                answer = self._answers.answer(head, request)
                self._send(link, head, answer)
            except CalledOff as called_off:
                self._tell_called_off(head, began, request.timeout_ms, called_off)
                return
            self._tell(head, answer, began)
            if self._collection and head.path == "/score":
                self._collection.note(request, head, answer)

    def _send(self, link: frames.Link, head: Head, answer: Answer) -> None:
        status, lines, body, parts = answer.response
        lines += self._server_line
        if head.trace_id:
            lines += b"TraceId: %s\r\n" % head.trace_id.encode("latin-1")
        if parts is None or head.method == "HEAD" or status in _NO_BODY:
            body = b"" if head.method == "HEAD" or status in _NO_BODY else body
            link.send(status, lines, body, answer.run_us)
        else:
            link.send_in_chunks(status, lines, self._stream(parts), answer.run_us)

    def _stream(self, parts: Any) -> Iterator[bytes]:
        """Yields what the script yields. An exception of its own ends the connection, so that nobody takes half an
        answer for a whole one.
        """
        iterator = iter(parts)
        try:
            while True:
                part = self._calls.run(next, iterator, None)
                if part is None:
                    return
                yield part
        except Exception as error:
            self._console.error("Encountered Exception: %s" % failure.trace(error).rstrip())
            raise frames.ProtocolError("The response was broken off.") from error
        finally:
            getattr(parts, "close", int)()

    def _tell(self, head: Head, answer: Answer, began: float) -> None:
        if head.path != "/":
            size = "N/A" if answer.response.parts is not None else len(answer.response.body)
            duration_s = time.perf_counter() - began
            self._access_log.note(head.method, head.target, answer.response.status, duration_s, size)

    def _tell_called_off(self, head: Head, began: float, timeout_ms: int, called_off: CalledOff) -> None:
        """Says why the script was stopped and, above all, where it was."""
        duration_ms = (time.perf_counter() - began) * 1000
        is_late = timeout_ms and duration_ms + _SENT_BEFORE_MS >= timeout_ms
        why = "the scoring timeout of %d ms is over" % timeout_ms if is_late else "the client is gone"
        self._console.error(
            "%s %s called off after %.3fms: %s. The script was here:\n%s"
            % (head.method, head.target, duration_ms, why, failure.trace(called_off).rstrip())
        )

    def _hang_up(self) -> None:
        """Ends the connection for good, even if a process that the script forked without Python still holds it."""
        self._calls.belong_to(None)
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
            self._connection.close()
            self._connection = None

    def _end(self, *_: Any) -> None:
        """Hears SIGTERM: nothing new is read or accepted; what is being worked on is answered."""
        self._is_ending = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RD)

    def _forget(self) -> None:
        """Lets go of everything in a process that the script forked: it is no worker."""
        if signal.getsignal(signal.SIGTERM) == self._end:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._listener.close()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
