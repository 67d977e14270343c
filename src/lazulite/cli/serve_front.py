"""HTTP in front of one script's workers, as azureml-inference-server-http has it: no key, no traffic, bare paths."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Protocol

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from lazulite.serving.gateway.frames import CHUNK, GREETING, REQUEST, RESPONSE
from lazulite.serving.gateway.heads import CHUNKED

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_NOT_RUN = 2**32 - 1
# Source: azureml-inference-server-http 1.5.1 server/routes.py, HEADER_LIMIT.
_ID_LIMIT = 100


class Crew(Protocol):
    """Who answers, as the front sees it."""

    async def supervise(self) -> None:
        """Looks after the workers until it is cancelled; then ends them."""

    async def take(self) -> Path | str:
        """Waits for a worker that has nothing to do and returns its socket, or why there is none."""

    async def give_back(self, address: Path) -> None:
        """Hears that a worker has answered."""

    async def call_off(self, address: Path) -> None:
        """Has a worker leave what it is at, since nobody waits for its answer."""


def app(crew: Crew, origins: Sequence[str], limit_ms: int) -> Starlette:
    """Makes the ASGI app. origins: whose pages may call it. limit_ms: how long run() may take, 0 for ever."""

    async def answer(request: Request) -> Response:
        return await _answer(crew, request, limit_ms)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        supervision = asyncio.create_task(crew.supervise())
        yield
        supervision.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await supervision

    cors = Middleware(CORSMiddleware, allow_origins=origins, allow_methods=["GET", "POST"], allow_headers=["*"])
    return Starlette(
        routes=[Route("/{path:path}", answer, methods=_METHODS)],
        middleware=[cors] if origins else [],
        lifespan=lifespan,
    )


async def _answer(crew: Crew, request: Request, limit_ms: int) -> Response:
    """Source of ids, limits and wording: azureml-inference-server-http 1.5.1 server/routes.py."""
    request_id = request.headers.get("x-request-id") or str(uuid.uuid4())
    client_id = request.headers.get("x-ms-client-request-id", "") or request.headers.get("x-ms-request-id", "")
    legacy_id = request.headers.get("x-ms-request-id") or client_id or request_id
    if len(request_id) > _ID_LIMIT:
        return _refused(431, f"x-request-id must not exceed {_ID_LIMIT} characters")
    if max(len(client_id), len(legacy_id)) > _ID_LIMIT:
        message = f"x-ms-request-id and x-ms-client-request-id must not exceed {_ID_LIMIT} characters"
        return _refused(431, message, request_id)
    response = await _score(crew, request, request_id, limit_ms)
    response.headers.update({"x-request-id": request_id, "x-ms-request-id": legacy_id})
    if client_id:
        response.headers["x-ms-client-request-id"] = client_id
    return response


def _refused(status: int, message: str, request_id: str = "") -> Response:
    headers = {"x-ms-run-function-failed": str(status == 500), **({"x-request-id": request_id} if request_id else {})}
    return JSONResponse({"message": message}, status, headers)


async def _score(crew: Crew, request: Request, request_id: str, limit_ms: int) -> Response:
    body = await request.body()
    taken = await crew.take()
    if isinstance(taken, str):
        return _refused(503, taken)
    try:
        return await asyncio.wait_for(_ask(crew, taken, request, request_id, body), limit_ms / 1000 or None)
    except asyncio.TimeoutError:
        await crew.call_off(taken)
        return _refused(500, f"Scoring timeout after {limit_ms} ms")
    except (OSError, asyncio.IncompleteReadError):
        await crew.give_back(taken)
        return _refused(500, "The worker ended while it was working on the request.")


async def _ask(crew: Crew, address: Path, request: Request, request_id: str, body: bytes) -> Response:
    """Sends the request and reads the answer; the worker is given back when all of it has been read."""
    reader, writer = await asyncio.open_unix_connection(address)
    try:
        await reader.readexactly(len(GREETING))
        head = _head(request)
        writer.write(REQUEST.pack(len(head), len(body), 0, _id_bytes(request_id)) + head)
        writer.write(body)
        head_bytes, body_bytes, status, run_us = RESPONSE.unpack(await reader.readexactly(RESPONSE.size))
        lines = (await reader.readexactly(head_bytes)).split(b"\r\n")[:-1]
        if body_bytes == CHUNKED:
            response: Response = StreamingResponse(_chunks(crew, address, reader, writer), status)
        else:
            response = Response(await reader.readexactly(body_bytes), status)
            writer.close()
            await crew.give_back(address)
    except BaseException:
        writer.transport.abort()
        raise
    pairs = (line.split(b": ", 1) for line in lines)
    response.raw_headers.extend((name.lower(), value) for name, value in pairs)
    if run_us != _NOT_RUN:
        response.headers["x-ms-run-fn-exec-ms"] = f"{run_us / 1000:.3f}"
    return response


def _id_bytes(request_id: str) -> bytes:
    """Returns the id as workers hear it; one that is no UUID is a line of the head, too, which they go by."""
    try:
        return uuid.UUID(request_id).bytes
    except ValueError:
        return uuid.uuid4().bytes


def _head(request: Request) -> bytes:
    path: str = request.scope["raw_path"].decode("latin-1")
    target = f"{path}?{request.url.query}" if request.url.query else path
    lines = [f"{request.method} {target} HTTP/1.1".encode()]
    lines += [name + b": " + value for name, value in request.headers.raw if name != b"x-lazulite-path"]
    return b"\r\n".join((*lines, b"x-lazulite-path: " + target.encode("latin-1"), b""))


async def _chunks(
    crew: Crew, address: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> AsyncIterator[bytes]:
    try:
        while size := CHUNK.unpack(await reader.readexactly(CHUNK.size))[0]:
            yield await reader.readexactly(size)
    finally:
        writer.close()
        await crew.give_back(address)
