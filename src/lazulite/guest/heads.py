"""Heads of requests: read once per distinct head, and only as far as somebody asks."""

from __future__ import annotations

import io
import sys
import uuid
from typing import Any
from urllib.parse import unquote_to_bytes

_REMEMBERED = 256


class Head:
    """One request's head.

    method: `POST`. target: path and query within the endpoint, `/score?a=1`. path: without the query, decoded.
    lines: (name, value) in the client's order and casing, without those that gateway and client share a connection by.
    """

    def __init__(self, raw: bytes) -> None:
        request_line, *rest = raw.decode("latin-1").split("\r\n")
        self.method, _, after = request_line.partition(" ")
        self.protocol = after.rpartition(" ")[2]
        pairs = [line.partition(":") for line in rest if line]
        lines = [(name, value.strip(" \t")) for name, _, value in pairs]
        self.target = next((value for name, value in reversed(lines) if name == "x-lazulite-path"), "/")
        self.lines = [line for line in lines if line[0].lower() not in _NOT_FOR_SCRIPTS]
        path, _, self.query = self.target.partition("?")
        self.path = unquote_to_bytes(path).decode("latin-1")
        by_name = {name.lower(): value for name, value in self.lines}
        self.content_type = by_name.get("content-type", "")
        self.trace_id = by_name.get("traceid", "")

    @property
    def is_json(self) -> bool:
        """Tells whether the body is said to be JSON. Source: werkzeug's Request.is_json."""
        mimetype = self.content_type.partition(";")[0].strip().lower()
        return mimetype == "application/json" or (mimetype.startswith("application/") and mimetype.endswith("+json"))


_NOT_FOR_SCRIPTS = frozenset(("x-lazulite-path", "transfer-encoding", "content-length", "connection", "expect"))


class Heads:
    """Remembers heads: clients send the same one again and again, byte for byte."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}

    def read(self, raw: bytes) -> Head:
        """Returns the head that these bytes tell."""
        head = self._known.get(raw)
        if head is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            head = self._known[raw] = Head(raw)
        return head


def environ(head: Head, body: bytes, request_id: bytes) -> dict[str, Any]:
    """Returns the request as a WSGI server tells it to Flask. Source: PEP 3333."""
    found: dict[str, Any] = {}
    for name, value in head.lines:
        key = "HTTP_" + name.upper().replace("-", "_")
        # Lines of one name are one line with commas; cookies with semicolons.
        found[key] = found[key] + (";" if key == "HTTP_COOKIE" else ",") + value if key in found else value
    identifier = str(uuid.UUID(bytes=request_id))
    found.setdefault("HTTP_X_REQUEST_ID", identifier)  # the gateway passes none on, `lazulite serve` does
    found.setdefault("HTTP_X_MS_REQUEST_ID", identifier)
    host, _, port = found.get("HTTP_HOST", "").partition(":")
    found.update(
        {
            "REQUEST_METHOD": head.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": head.path,
            "QUERY_STRING": head.query,
            "RAW_URI": head.target,
            "REQUEST_URI": head.target,
            "CONTENT_LENGTH": str(len(body)),
            "SERVER_NAME": host or "localhost",
            "SERVER_PORT": port or "80",
            "SERVER_PROTOCOL": head.protocol,
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
        }
    )
    content_type = found.pop("HTTP_CONTENT_TYPE", None)
    if content_type is not None:
        found["CONTENT_TYPE"] = content_type
    return found


def header_dict(head: Head, body: bytes, request_id: bytes) -> dict[str, str]:
    """Returns the headers by Flask's names, `Content-Type`, for scripts whose run() takes `request_headers`."""
    wsgi = environ(head, body, request_id)
    found = {key[5:]: value for key, value in wsgi.items() if key.startswith("HTTP_")}
    found.update({key: wsgi[key] for key in ("CONTENT_TYPE", "CONTENT_LENGTH") if key in wsgi})
    return {key.replace("_", "-").title(): value for key, value in found.items()}
