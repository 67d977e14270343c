"""Model data collection in a worker: events, from scripts and of requests, become lines of JSON in the datastore.

A thread of its own writes them, so that no answer waits; what does not fit the queue is dropped and counted, as Azure's
collector does. The lines are CloudEvents. Source of their members and of the folders by time:
learn.microsoft.com/azure/machine-learning/concept-data-collection, "Data format"; of what azureml-ai-monitoring sends:
its 1.0.0 worker/sender.py. Members of requests and responses whose body is not JSON: Source: guess.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import random
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .console import Console

_QUEUE_EVENTS = 1500  # as azureml-ai-monitoring 1.0.0 config/config.py has it
_LARGE_BYTES = 4 << 20
_END_WITHIN_S = 5.0
# Source: azure-ai-ml 1.35.2 _local_endpoints/mdc_config_resolver.py.
_LOCAL_RATE, _LOCAL_LOGGER = "sampling_percentage", "local.capture"
_PREFIX = "azureml.inference."
_FOLDERS = {"year": "%Y", "month": "%Y/%m", "day": "%Y/%m/%d", "hour": "%Y/%m/%d/%H", "minute": "%Y/%m/%d/%H/%M"}


class Collection:
    """Everything that one worker collects, by the plan that AZUREML_MDC_CONFIG_PATH names.

    A plan of runMode `local`, as the SDK writes it for local=True, has no folders: events become lines of the console.
    """

    def __init__(self, path: str, console: Console) -> None:
        with open(path, encoding="utf-8") as file:
            plan = json.load(file)
        self.is_local = plan.get("runMode") == "local"
        self.places: dict[str, dict[str, Any]] = {
            name: {**place, "sampleRatePercentage": place.get("sampleRatePercentage", place.get(_LOCAL_RATE, 100))}
            for name, place in plan["collections"].items()
        }
        self._source = plan.get("source", "")
        self._headers = plan.get("captureHeaders", [])
        self._by_time = _FOLDERS[plan.get("rollingRate", "hour")]
        self._instance = str(uuid.uuid4())
        self._console = console
        self._events: queue.Queue[Any] = queue.Queue(_QUEUE_EVENTS)
        self._dropped = 0
        self._writer = threading.Thread(target=self._write_all, name="collect", daemon=True)
        self._writer.start()

    def open_door(self) -> None:
        """Listens, on loopback, for what azureml-ai-monitoring sends, and says where in its variables."""
        handler = type("Door", (_Door,), {"collection": self})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, name="collect door", daemon=True).start()
        os.environ["AZUREML_MDC_HOST"], os.environ["AZUREML_MDC_PORT"] = "127.0.0.1", str(server.server_port)

    def put(self, name: str, event: dict[str, Any], data: Any) -> bool:
        """Has an event written; returns whether there was room for it. data: bytes as they came, or what is JSON."""
        if name not in self.places:
            return False
        try:
            self._events.put_nowait((name, event, data))
        except queue.Full:
            self._dropped += 1
            return False
        return True

    def note(self, request: Any, head: Any, answer: Any) -> None:
        """Collects a request and its response, as far as the deployment asks for them."""
        draw = 100 * random.random()
        wanted = [name for name in ("request", "response") if draw < self._percent(name)]
        if not wanted:
            return
        now, request_id = _now(), str(uuid.UUID(bytes=request.id))
        status, lines, body, parts = answer.response
        sides = {
            "request": (head.content_type, bytes(request.body), {"headers": self._kept(head)}),
            "response": (_content_type(lines), b"" if parts is not None else body, {"status": status}),
        }
        for name in wanted:
            content_type, data, more = sides[name]
            event = {"time": now, "correlationid": request_id, "xrequestid": request_id, "modelversion": "default"}
            self.put(name, {**event, "datacontenttype": content_type, **more}, data)

    def close(self) -> None:
        """Waits a little until all that was put is written."""
        self._events.put(None)
        self._writer.join(_END_WITHIN_S)

    def _percent(self, name: str) -> float:
        place = self.places.get(name)
        return float(place["sampleRatePercentage"]) if place else 0.0

    def _kept(self, head: Any) -> dict[str, str]:
        return {name: value for name, value in head.lines if name.lower() in self._headers}

    def _write_all(self) -> None:
        while True:
            found = self._events.get()
            if found is None:
                return
            try:
                self._write(*found)
            except OSError as error:
                self._console.error("Nothing can be collected: %s" % error)
            if self._dropped:
                self._console.error("%d events were not collected: too many at a time." % self._dropped)
                self._dropped = 0

    def _write(self, name: str, event: dict[str, Any], data: Any) -> None:
        if self.is_local:
            told = data.decode("utf-8", "replace") if isinstance(data, bytes) else json.dumps(data)
            self._console.info("%s | %s | %s" % (name, event.get("correlationid", ""), told), _LOCAL_LOGGER)
            return
        place, by_time = self.places[name], time.strftime(self._by_time, time.gmtime())
        folder = os.path.join(place["folder"], by_time)
        os.makedirs(folder, exist_ok=True)
        own = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": self._source, "type": _PREFIX + name}
        event = {**own, **event}
        size = len(data) if isinstance(data, bytes) else 0
        if size > _LARGE_BYTES:
            with open(os.path.join(folder, "%s.bin" % event["id"]), "wb") as file:
                file.write(data)
            event["dataref"] = "%s/%s/%s.bin" % (place["uri"].rstrip("/"), by_time, event["id"])
        else:
            event.update(_told(event.get("datacontenttype", ""), data))
        event["contentrange"] = "bytes 0-%d/%d" % (max(size - 1, 0), size)
        line = json.dumps(event).encode() + b"\n"
        at = os.open(os.path.join(folder, "%s.jsonl" % self._instance), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(at, line)
        finally:
            os.close(at)


class _Door(BaseHTTPRequestHandler):
    """Takes `POST /modeldata/log` of azureml-ai-monitoring."""

    protocol_version = "HTTP/1.1"
    collection: Collection

    def do_POST(self) -> None:
        """Takes one event."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        name = (self.headers.get("ce-type") or "").replace(_PREFIX, "", 1)
        told = {key[3:].lower(): value for key, value in self.headers.items() if key.lower().startswith("ce-")}
        event = {
            "time": _now(told.pop("time", None)),
            "datacontenttype": self.headers.get("Content-Type", "application/json"),
            "correlationid": told.get("x-request-id", ""),
            "xrequestid": told.pop("x-request-id", ""),
            "modelversion": told.pop("model-version", "default"),
            "collectdatatype": told.pop("collect-data-type", ""),
            "agent": told.pop("agent", ""),
        }
        told.pop("type", None)
        is_taken = self.collection.put(name.lower(), {**told, **event}, body)
        self.send_response(200 if is_taken else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def _now(seconds: str | None = None) -> str:
    at = float(seconds) if seconds and seconds.isdigit() else time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def _told(content_type: str, data: Any) -> dict[str, Any]:
    """Returns the member that holds the data: as JSON, as text, or in base64. Source: CloudEvents 1.0, JSON format."""
    if not isinstance(data, bytes):
        return {"data": data}
    try:
        text = data.decode()
        return {"data": json.loads(text) if "json" in content_type else text}
    except UnicodeDecodeError:
        return {"data_base64": base64.b64encode(data).decode()}
    except ValueError:
        return {"data": data.decode()}


def _content_type(lines: bytes) -> str:
    for line in lines.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-type":
            return value.strip().decode("latin-1")
    return ""
