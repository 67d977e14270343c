"""A request's life, as one function: find, identify, read, handle in a thread, answer; errors become ARM's."""

import dataclasses
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from lazulite import clock
from lazulite.artifacts.files import Draft
from lazulite.errors import BadRequest, LazuliteError, TooLarge
from lazulite.http.call import Call, Caller, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route, Router

log = logging.getLogger(__name__)

Identify = Callable[[Mapping[str, str], Parts], Caller]
Refuse = Callable[[LazuliteError], Reply]

# Control-plane bodies are small; component specs and conda files are the largest. Source: guess.
BODY_LIMIT_BYTES = 16 << 20
_BATCH_BYTES = 1 << 20


class ClientGone(Exception):
    """The client closed the connection before its request was whole; nobody is left to answer."""


def refuse_as_arm(error: LazuliteError) -> Reply:
    """Makes ARM's answer of an error: `{"error": {code, message, target, details}}`."""
    return Reply({"error": error.wire()}, error.status, {"x-ms-error-code": error.code})


def app(router: Router, parts: Parts, identify: Identify, refuse: Refuse = refuse_as_arm) -> ASGIApp:
    """Makes the ASGI app of one mount: a router, the rule by which callers are known, and the shape of errors."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request_id, began = str(uuid.uuid4()), time.perf_counter()
        path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
        level = logging.INFO
        try:
            route, ids = router.find(scope["method"], path)
            level = logging.DEBUG if route.is_quiet else level
            call_of = partial(_call, scope, path, ids, route, identify, parts)
            reply = await _answer(route, call_of, parts, scope, receive)
        except ClientGone:
            return
        except LazuliteError as error:
            reply = refuse(error)
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            reply = refuse(
                LazuliteError("Lazulite itself failed here.", hint="`lazulite logs platform` shows the traceback.")
            )
        took_ms = (time.perf_counter() - began) * 1000
        log.log(level, "%s %s %d %.1fms %s", scope["method"], scope["path"], reply.status, took_ms, request_id)
        await _send(scope, receive, send, reply, request_id)

    return serve


async def _answer(
    route: Route, call_of: Callable[[bytes], Call], parts: Parts, scope: Scope, receive: Receive
) -> Reply:
    def handle(raw: bytes) -> Reply:
        return route.handler(call_of(raw), parts)

    if not route.takes_file:
        return await run_in_threadpool(handle, await _read(scope, receive))
    call = await run_in_threadpool(call_of, b"")
    draft = parts.uploads.draft()
    try:
        await _read_into(draft, receive)
        return await run_in_threadpool(route.handler, dataclasses.replace(call, file=draft), parts)
    finally:
        draft.discard()


def _call(
    scope: Scope, path: str, ids: Mapping[str, str], route: Route, identify: Identify, parts: Parts, raw: bytes
) -> Call:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    who = Caller() if route.is_open else identify(headers, parts)
    pairs = _pairs(scope["query_string"])
    return Call(
        method=scope["method"],
        path=path,
        ids=ids,
        query=dict(pairs),
        headers=headers,
        raw=raw,
        who=who,
        now=clock.now(),
        base_url=f"{scope['scheme']}://{headers.get('host', 'localhost')}",
        pairs=pairs,
    )


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


async def _read(scope: Scope, receive: Receive) -> bytes:
    chunks, size = [], 0
    async for chunk in _chunks(receive):
        size += len(chunk)
        if size > BODY_LIMIT_BYTES:
            raise TooLarge(f"The body of {scope['path']} is over {BODY_LIMIT_BYTES >> 20} MiB.")
        chunks.append(chunk)
    return b"".join(chunks)


async def _read_into(draft: Draft, receive: Receive) -> None:
    """Writes the body to a draft as it arrives; memory does not depend on its size."""
    batch: list[bytes] = []
    size = 0
    async for chunk in _chunks(receive):
        batch.append(chunk)
        size += len(chunk)
        if size >= _BATCH_BYTES:
            await run_in_threadpool(draft.write, batch)
            batch, size = [], 0
    if size:
        await run_in_threadpool(draft.write, batch)


def _pairs(raw: bytes) -> tuple[tuple[str, str], ...]:
    try:
        pairs = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=200)
    except ValueError as error:
        raise BadRequest(f"The query string cannot be read: {error}.") from error
    return tuple((name.lower(), value) for name, value in pairs)


async def _send(scope: Scope, receive: Receive, send: Send, reply: Reply, request_id: str) -> None:
    headers = {
        "x-ms-request-id": request_id,
        "x-ms-correlation-request-id": request_id,
        "cache-control": "no-cache",
        **{name.lower(): value for name, value in reply.headers.items()},
    }
    if isinstance(reply.body, Path):
        await FileResponse(reply.body, reply.status, headers)(scope, receive, send)
        return
    if isinstance(reply.body, Iterator):
        await StreamingResponse(reply.body, reply.status, headers)(scope, receive, send)
        return
    body, own = _encode(reply)
    headers = {"content-length": str(len(body)), **own, **headers}
    raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _encode(reply: Reply) -> tuple[bytes, dict[str, str]]:
    if reply.body is None:
        return b"", {}
    if isinstance(reply.body, bytes):
        return reply.body, {"content-type": "application/octet-stream"}
    text: Any = json.dumps(reply.body, ensure_ascii=False, separators=(",", ":"))
    return text.encode(), {"content-type": "application/json; charset=utf-8"}
