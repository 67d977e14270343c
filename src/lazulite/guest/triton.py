"""A worker that answers as Triton's HTTP server does (KServe V2), with ONNX Runtime behind it.

Started as `python {lazulite}/guest triton SOCKET STATUS LOCK`, like a scoring worker, but speaks HTTP on its socket:
the gateway hands it every path. The model repository is what AZUREML_MODEL_DIR names, or lies in it.
"""

from __future__ import annotations

import gzip
import http.server
import json
import os
import re
import signal
import socketserver
import threading
import zlib
from typing import Any, Callable

from . import failure, holds, triton_tensors
from .console import Console
from .status import Status
from .triton_models import Model, NoModel, Repository
from .triton_tensors import BadRequest

_FAILED_TO_START = 3
_JSON = "application/json"
_BINARY = "application/octet-stream"
_LENGTH_HEADER = "Inference-Header-Content-Length"
# Source: Triton 2.x, server metadata: what of its extensions is spoken here.
_SERVER = {
    "name": "triton",
    "version": "2.51.0",
    "extensions": ["classification", "model_repository", "model_configuration", "binary_tensor_data", "statistics"],
}
_MODEL = r"/v2/models/(?P<model>[^/]+)(?:/versions/(?P<version>[^/]+))?"


def main(arguments: list[str]) -> int:
    """Runs a worker until it is asked to end; returns the exit status. arguments: as those of a scoring worker."""
    address, status_path, lock = arguments
    holds.keep_lock(lock)
    status, console = Status(status_path), Console()
    status.write("starting")
    try:
        repository = Repository(_folder())
        for (name, version), why in repository.states.items():
            console.info("model %s, version %s: %s" % (name, version or "none", why or "ready"))
        if not repository.models:
            raise NoModel("No model could be loaded: %s" % "; ".join(repository.states.values()))
    except Exception as error:
        described = failure.describe(error, os.getcwd())
        console.error("The model repository could not be loaded\n%s" % described["traceback"].rstrip())
        status.write("failed", described)
        return _FAILED_TO_START
    server = _Server(address, repository, console)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    status.write("ready")
    console.info("Started HTTP service with pid %d" % os.getpid())
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    return 0


def _folder() -> str:
    """Finds the repository: the folder whose folders have versions in them, at most two levels below the model's."""
    root = os.environ["AZUREML_MODEL_DIR"]
    looked = [root]
    for _ in range(3):
        for folder in looked:
            if any(_is_model(os.path.join(folder, name)) for name in os.listdir(folder)):
                return folder
        below = [os.path.join(folder, name) for folder in looked for name in sorted(os.listdir(folder))]
        looked = [path for path in below if os.path.isdir(path)]
    raise NoModel("%s holds no model repository (NAME/VERSION/model.onnx):\n%s" % (root, failure.tree(root)))


def _is_model(folder: str) -> bool:
    return os.path.isdir(folder) and any(
        name.isdigit() and os.path.isdir(os.path.join(folder, name)) for name in os.listdir(folder)
    )


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, address: str, repository: Repository, console: Console) -> None:
        self.answers = Answers(repository)
        self.console = console
        super().__init__(address, _Connection, bind_and_activate=False)
        self.socket.close()
        self.socket = holds.bound(address)
        self.server_activate()


class _Connection(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    wbufsize = -1  # head and body leave in one piece

    def do_GET(self) -> None:
        """Answers; the name is http.server's."""
        self._answer("GET")

    def do_POST(self) -> None:
        """Answers; the name is http.server's."""
        self._answer("POST")

    def do_HEAD(self) -> None:
        """Answers; the name is http.server's."""
        self._answer("GET")

    def _answer(self, method: str) -> None:
        body = self._body()
        try:
            status, headers, answer = self.server.answers.answer(
                method, self.path.partition("?")[0], self.headers, body
            )
        except Exception as error:  # the runtime's or the model's; the worker goes on
            self.server.console.error("Encountered Exception: %s" % failure.trace(error).rstrip())
            status, headers, answer = _refusal(500, "%s: %s" % (type(error).__name__, error))
        if self.headers.get("Accept-Encoding", "") in ("gzip", "deflate") and len(answer) > 1024:
            encoding = self.headers["Accept-Encoding"]
            answer = gzip.compress(answer) if encoding == "gzip" else zlib.compress(answer)
            headers = {**headers, "Content-Encoding": encoding}
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)
        self.wfile.flush()

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                parts.append(self.rfile.read(size))
                self.rfile.readline()
                if not size:
                    return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing of single requests: the gateway counts them."""


class Answers:
    """Answers requests by path, as docs/protocol of triton-inference-server/server has them."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._runs = threading.Semaphore(os.cpu_count() or 1)
        self._paths: list[tuple[str, Any, Callable[..., Any]]] = [
            ("GET", re.compile(r"/v2/health/(?:live|ready)|/"), self._ok),
            ("GET", re.compile(r"/v2/?"), lambda **_: _json(_SERVER)),
            ("POST", re.compile(r"/v2/repository/index"), self._index),
            ("POST", re.compile(r"/v2/repository/models/[^/]+/(?:load|unload)"), self._no_control),
            ("GET", re.compile(r"/v2/models/stats"), self._stats),
            ("GET", re.compile(_MODEL + "/ready"), self._ready),
            ("GET", re.compile(_MODEL + "/config"), lambda model, **_: _json(model.config)),
            ("GET", re.compile(_MODEL + "/stats"), lambda model, **_: _json({"model_stats": [_counts(model)]})),
            ("GET", re.compile(_MODEL), self._metadata),
            ("POST", re.compile(_MODEL + "/infer"), self._infer),
        ]

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> Any:
        """Returns (status, headers, body)."""
        for own, pattern, handle in self._paths:
            match = pattern.fullmatch(path)
            if not match or own != method:
                continue
            try:
                found = match.groupdict()
                if "model" in found:
                    found = {"model": self._repository.get(found["model"], found["version"] or "")}
                return handle(**found, headers=headers, body=body)
            except NoModel as error:
                return _refusal(404 if path.endswith("/infer") or "/ready" not in path else 400, str(error))
            except BadRequest as error:
                return _refusal(400, str(error))
        return _refusal(404, "%s %s is not among what is answered here" % (method, path))

    def _ok(self, **_: Any) -> Any:
        return 200, {"Content-Type": "text/plain"}, b""

    def _ready(self, model: Model, **_: Any) -> Any:
        return self._ok()

    def _metadata(self, model: Model, **_: Any) -> Any:
        return _json(model.metadata(self._repository.versions(model.name)))

    def _index(self, **_: Any) -> Any:
        return _json(
            [
                {"name": name, "version": version, "state": "UNAVAILABLE" if why else "READY", "reason": why}
                for (name, version), why in self._repository.states.items()
            ]
        )

    def _no_control(self, **_: Any) -> Any:
        raise BadRequest("models are loaded when the server starts; loading and unloading by request is off")

    def _stats(self, **_: Any) -> Any:
        return _json({"model_stats": [_counts(model) for model in self._repository.models]})

    def _infer(self, model: Model, headers: Any, body: bytes) -> Any:
        asked, binary = _read(headers, body)
        arrays, at = {}, 0
        for tensor in _objects(asked, "inputs"):
            arrays[str(tensor.get("name"))], size = triton_tensors.read(tensor, binary[at:])
            at += size
        wanted = {str(one.get("name")): one.get("parameters") or {} for one in _objects(asked, "outputs")}
        with self._runs:
            outputs = model.infer(arrays, list(wanted))
        everything_binary = bool((asked.get("parameters") or {}).get("binary_data_output"))
        told, parts = [], []
        for name, array in outputs.items():
            how = wanted.get(name, {})
            if how.get("classification"):
                labels = model.labels.get(name, [])
                array = triton_tensors.classes(array, int(how["classification"]), labels, bool(model.max_batch))
            one, data = triton_tensors.write(name, array, bool(how.get("binary_data", everything_binary)))
            told.append(one)
            parts.append(data)
        answer: dict[str, Any] = {"model_name": model.name, "model_version": model.version, "outputs": told}
        if asked.get("id"):
            answer["id"] = asked["id"]
        head = json.dumps(answer, separators=(",", ":")).encode()
        if not any(parts):
            return 200, {"Content-Type": _JSON}, head
        return 200, {"Content-Type": _BINARY, _LENGTH_HEADER: str(len(head))}, head + b"".join(parts)


def _read(headers: Any, body: bytes) -> tuple[dict[str, Any], memoryview]:
    """Splits a request into its JSON and the bytes behind it."""
    encoding = headers.get("Content-Encoding", "identity")
    if encoding in ("gzip", "deflate"):
        try:
            body = gzip.decompress(body) if encoding == "gzip" else zlib.decompress(body)
        except (OSError, zlib.error, EOFError) as error:
            raise BadRequest("the body is not %s: %s" % (encoding, error)) from None
    length = headers.get(_LENGTH_HEADER)
    if length is not None and not (length.isdigit() and int(length) <= len(body)):
        raise BadRequest("%s is %s, but the body has %d bytes" % (_LENGTH_HEADER, length, len(body)))
    at = len(body) if length is None else int(length)
    try:
        asked = json.loads(body[:at])
    except ValueError as error:
        raise BadRequest("failed to parse the request JSON buffer: %s" % error) from None
    if not isinstance(asked, dict):
        raise BadRequest("the request must be a JSON object")
    return asked, memoryview(body)[at:]


def _objects(asked: dict[str, Any], field: str) -> list[dict[str, Any]]:
    found = asked.get(field, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise BadRequest("%s must be a list of objects" % field)
    return found


def _counts(model: Model) -> dict[str, Any]:
    took = {"count": model.count, "ns": model.spent_ns}
    return {
        "name": model.name,
        "version": model.version,
        "inference_count": model.count,
        "execution_count": model.count,
        "inference_stats": {"success": took, "fail": {"count": 0, "ns": 0}, "compute_infer": took},
    }


def _json(told: Any) -> Any:
    return 200, {"Content-Type": _JSON}, json.dumps(told, separators=(",", ":")).encode()


def _refusal(status: int, message: str) -> Any:
    return status, {"Content-Type": _JSON}, json.dumps({"error": message}).encode()
