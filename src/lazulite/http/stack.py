"""A request's life, as one function: read, find, identify, handle in a thread, answer; errors become ARM's."""

import json
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from lazulite import clock
from lazulite.errors import BadRequest, LazuliteError, TooLarge
from lazulite.http.call import Call, Caller, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Router

log = logging.getLogger(__name__)

Identify = Callable[[Mapping[str, str], Parts], Caller]

# Control-plane bodies are small; component specs and conda files are the largest. Source: guess.
BODY_LIMIT_BYTES = 16 << 20


class ClientGone(Exception):
    """The client closed the connection before its request was whole; nobody is left to answer."""


def app(router: Router, parts: Parts, identify: Identify) -> ASGIApp:
    """Makes the ASGI app of one mount: a router, and the rule by which its callers are known."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request_id, began = str(uuid.uuid4()), time.perf_counter()
        try:
            raw = await _read(scope, receive)
            reply = await run_in_threadpool(_answer, router, parts, identify, scope, raw)
        except ClientGone:
            return
        except LazuliteError as error:
            reply = _error_reply(error)
        took_ms = (time.perf_counter() - began) * 1000
        log.info("%s %s %d %.1fms %s", scope["method"], scope["path"], reply.status, took_ms, request_id)
        await _send(send, reply, request_id, scope["method"])

    return serve


async def _read(scope: Scope, receive: Receive) -> bytes:
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > BODY_LIMIT_BYTES:
            raise TooLarge(f"The body of {scope['path']} is over {BODY_LIMIT_BYTES >> 20} MiB.")
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


def _answer(router: Router, parts: Parts, identify: Identify, scope: Scope, raw: bytes) -> Reply:
    """Runs the handler; whatever it raises becomes a reply."""
    try:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
        route, ids = router.find(scope["method"], path)
        who = Caller() if route.is_open else identify(headers, parts)
        call = Call(
            method=scope["method"],
            path=path,
            ids=ids,
            query=_query(scope["query_string"]),
            headers=headers,
            raw=raw,
            who=who,
            now=clock.now(),
            base_url=f"{scope['scheme']}://{headers.get('host', 'localhost')}",
        )
        return route.handler(call, parts)
    except LazuliteError as error:
        return _error_reply(error)
    except Exception:
        log.exception("%s %s failed", scope["method"], scope["path"])
        return _error_reply(
            LazuliteError("Lazulite itself failed here.", hint="`lazulite logs platform` shows the traceback.")
        )


def _query(raw: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=200)
    except ValueError as error:
        raise BadRequest(f"The query string cannot be read: {error}.") from error
    return {name.lower(): value for name, value in pairs}


def _error_reply(error: LazuliteError) -> Reply:
    return Reply({"error": error.wire()}, error.status, {"x-ms-error-code": error.code})


async def _send(send: Send, reply: Reply, request_id: str, method: str) -> None:
    body, headers = _encode(reply)
    headers = {
        "content-length": str(len(body)),
        "x-ms-request-id": request_id,
        "x-ms-correlation-request-id": request_id,
        "cache-control": "no-cache",
        **headers,
        **{name.lower(): value for name, value in reply.headers.items()},
    }
    raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})


def _encode(reply: Reply) -> tuple[bytes, dict[str, str]]:
    if reply.body is None:
        return b"", {}
    if isinstance(reply.body, bytes):
        return reply.body, {"content-type": "application/octet-stream"}
    text: Any = json.dumps(reply.body, ensure_ascii=False, separators=(",", ":"))
    return text.encode(), {"content-type": "application/json; charset=utf-8"}
