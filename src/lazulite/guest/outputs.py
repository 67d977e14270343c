"""What `run` returned becomes a response: JSON, bytes as they are, or the response that the script made itself.

Source of rules and wording: azureml-inference-server-http 1.5.1 server/routes.py and api/aml_response.py. Two rules are
ours: bytes are sent as they are (there they end in 500), and a failure's message names the exception and its line.
"""

from __future__ import annotations

import json
from typing import Any, Callable, NamedTuple

_FAILED = "x-ms-run-function-failed"
# The gateway's to write. Source: docs/guest-protocol.md, Response.
_NOT_OURS = frozenset(
    "content-length transfer-encoding connection date server x-request-id x-ms-request-id x-ms-client-request-id "
    "x-ms-run-fn-exec-ms azureml-model-deployment".split()
)

_JSON_LINES = b"Content-Type: application/json\r\nx-ms-run-function-failed: False\r\n"
_FAILED_LINES = b"Content-Type: application/json\r\nx-ms-run-function-failed: True\r\n"
_BYTES_LINES = b"Content-Type: application/octet-stream\r\nx-ms-run-function-failed: False\r\n"
_TEXT_LINES = b"Content-Type: text/html; charset=utf-8\r\n"


class Response(NamedTuple):
    """What goes back. lines: header lines, each ending with CRLF. parts: in place of the body, if it is streamed."""

    status: int
    lines: bytes
    body: bytes
    parts: Any = None


class Unsendable(Exception):
    """`run` returned something that cannot be sent."""


def response_to(output: Any, environ: Callable[[], dict[str, Any]]) -> Response:
    """Turns what run() returned into a response.

    None gives `{}`. bytes are sent as application/octet-stream. A response of Flask or AMLResponse is sent as it is.
    Anything else as JSON: str too, in quotes. environ: makes the request as WSGI tells it,
    which Flask's responses want to know.
    Raises Unsendable naming the type when JSON has no form for it.
    """
    if isinstance(output, (bytes, bytearray, memoryview)):
        return Response(200, _BYTES_LINES, bytes(output))
    if hasattr(output, "get_wsgi_response"):
        return _own_response(output, environ())
    try:
        return Response(200, _JSON_LINES, json.dumps({} if output is None else output).encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise Unsendable(
            "run() returned a value of type %s that cannot be sent as JSON: %s" % (type(output).__name__, error)
        ) from error


def refusal(status: int, message: str) -> Response:
    """Returns the response to a request that did not reach run()."""
    return Response(status, _JSON_LINES, json.dumps({"message": message}).encode())


def empty() -> Response:
    """Returns the response to a request that only asks whether it may be sent."""
    return Response(200, _TEXT_LINES + b"x-ms-run-function-failed: False\r\n", b"")


def allowing(methods: str) -> Response:
    """Returns the response to a request that asks which methods a path of the server's own takes."""
    return Response(200, _TEXT_LINES + b"Allow: %s\r\n" % methods.encode(), b"")


def failure(what: str) -> Response:
    """Returns the response when run() raised."""
    message = "An unexpected error occurred in scoring script. Check the logs for more info. %s" % what
    return Response(500, _FAILED_LINES, json.dumps({"message": message}).encode())


def own_json(value: Any) -> Response:
    """Returns an answer of the server itself, in JSON."""
    return Response(200, _JSON_LINES, json.dumps(value).encode())


def own_text(text: str) -> Response:
    """Returns an answer of the server itself, in text."""
    return Response(200, _TEXT_LINES, text.encode())


def _own_response(output: Any, environ: dict[str, Any]) -> Response:
    if output.status_code >= 500:
        output.headers[_FAILED] = "True"
    parts, _, pairs = output.get_wsgi_response(environ)
    lines = "".join("%s: %s\r\n" % pair for pair in pairs if pair[0].lower() not in _NOT_OURS)
    head = lines.encode("latin-1", "replace")
    if output.is_streamed:
        return Response(output.status_code, head, b"", parts)
    body = b"".join(parts)
    output.close()
    return Response(output.status_code, head, body)
