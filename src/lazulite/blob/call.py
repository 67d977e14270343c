"""A blob request as handlers see it, its body as a stream, and what they answer. Knows no operation."""

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote_to_bytes

from lazulite.artifacts import refs
from lazulite.artifacts.files import Draft
from lazulite.artifacts.refs import BlobRef
from lazulite.blob import refusals
from lazulite.errors import BadRequest, TooLarge
from lazulite.identity.tokens import Claims

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Service = Literal["blob", "dfs"]

INLINE_BYTES = 256 << 10  # below this a hop to a thread costs more than the work
_BATCH_BYTES = 1 << 20
_QUERY_LIMIT = 64
_METADATA_LIMIT_BYTES = 8 << 10
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_METADATA_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class ClientGone(Exception):
    """The client closed the connection before its request was whole; nobody is left to answer."""


@dataclass(frozen=True)
class BlobCall:
    """One request to blob storage.

    ref: what the path names, decoded; container and name are "" where it names none. query: decoded, keys lower-cased.
    headers: lower-cased. raw_path: as sent, without the query, for signatures. metadata: `x-ms-meta-` headers
    without the prefix, in lower case as ASGI gives them. who: set when a bearer token came. may_overwrite, overrides:
    what a shared access signature says of replacing blobs and of the headers of answers.
    """

    service: Service
    method: str
    ref: BlobRef
    query: Mapping[str, str]
    headers: Mapping[str, str]
    metadata: Mapping[str, str]
    raw_path: str
    scheme: str
    client: str
    receive: Receive = field(repr=False)
    who: Claims | None = None
    may_overwrite: bool = True
    overrides: dict[str, str] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """Returns the length of the body. Raises LengthRequired (411) when the client does not say it."""
        text = self.headers.get("content-length")
        if text is None:
            raise refusals.LengthRequired("The content length header was not specified.")
        return int(text)


@dataclass(frozen=True)
class FileRange:
    """A part of a file to send: an open descriptor, which the sender closes."""

    descriptor: int
    offset: int
    size_bytes: int


@dataclass(frozen=True)
class BlobReply:
    """One answer. size_bytes: what Content-Length says where that is not the body's own length (HEAD)."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | FileRange = b""
    size_bytes: int | None = None


def read(home: Path, scope: Scope, receive: Receive) -> BlobCall:
    """Reads a request's head. Raises BadRequest (400) for one that cannot be understood."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    raw_path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
    service, ref = _address(home, headers.get("host", ""), raw_path)
    refs.check_account_name(ref.account)
    if ref.container:
        refs.check_container_name(ref.container)
    if ref.name:
        refs.check_blob_name(ref.name)
    return BlobCall(
        service=service,
        method=scope["method"],
        ref=ref,
        query=read_query(scope["query_string"]),
        headers=headers,
        metadata=_metadata(headers),
        raw_path=raw_path,
        scheme=scope["scheme"],
        client=(scope.get("client") or ("",))[0],
        receive=receive,
    )


def _address(home: Path, host: str, raw_path: str) -> tuple[Service, BlobRef]:
    path = _decoded(raw_path)
    name = host.partition(":")[0].lower()
    account = refs.host_account(name)
    if account:
        container, _, blob = path[1:].partition("/")
        ref = BlobRef(account, container, blob)
    else:
        if not path.startswith(refs.PATH_PREFIX):
            raise BadRequest("The requested URI does not represent any resource on the server.", code="InvalidUri")
        path = path.removeprefix(refs.PATH_PREFIX)
        name = path.partition("/")[0]
        ref = refs.read_path(home, path)
    return "dfs" if ".dfs." in name else "blob", ref


def _decoded(text: str) -> str:
    if "%" not in text and text.isascii():
        return text
    try:
        return unquote_to_bytes(text.encode("latin-1")).decode()
    except UnicodeError:
        raise BadRequest("The URI is not valid percent-encoded UTF-8.", code="InvalidUri") from None


def read_query(raw: bytes) -> dict[str, str]:
    """Decodes a query string, keys lower-cased. Raises BadRequest (400)."""
    if not raw:
        return {}
    pairs = raw.decode("latin-1").split("&")
    if len(pairs) > _QUERY_LIMIT:
        raise BadRequest("The query string has too many parameters.", code="InvalidUri")
    split = (pair.partition("=") for pair in pairs)
    query = {_decoded(name).lower(): _decoded(value.replace("+", " ")) for name, _, value in split if name}
    for name, value in query.items():
        if _CONTROL.search(value):  # some values become headers of the answer
            raise refusals.bad_query(name, value, "text without control characters")
    return query


def _metadata(headers: Mapping[str, str]) -> dict[str, str]:
    given = {name[10:]: value for name, value in headers.items() if name.startswith("x-ms-meta-")}
    if not given:
        return given
    if sum(len(name) + len(value) for name, value in given.items()) > _METADATA_LIMIT_BYTES:
        raise BadRequest("The size of the specified metadata exceeds the limits.", code="MetadataTooLarge")
    for name in given:
        if not _METADATA_NAME.fullmatch(name):
            raise BadRequest(f'"{name}" is no metadata name: it must be a C# identifier.', code="InvalidMetadata")
    return given


async def chunks(call: BlobCall) -> AsyncIterator[bytes]:
    """Yields the body as it arrives. Raises ClientGone."""
    while True:
        message = await call.receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body"):
            return


async def read_body(call: BlobCall, limit_bytes: int) -> bytes:
    """Returns the whole of a small body. Raises TooLarge (413) past the limit."""
    parts, size = [], 0
    async for chunk in chunks(call):
        size += len(chunk)
        if size > limit_bytes:
            raise TooLarge(
                f"The request body is too large and exceeds the maximum permissible limit of {limit_bytes} bytes.",
                code="RequestBodyTooLarge",
            )
        parts.append(chunk)
    return b"".join(parts)


async def receive_into(draft: Draft, call: BlobCall) -> None:
    """Writes the body to a draft as it arrives, in batches: one is written by a thread while the next comes in."""
    batch: list[bytes] = []
    size, writing = 0, None
    is_small = call.size_bytes <= INLINE_BYTES
    try:
        async for chunk in chunks(call):
            batch.append(chunk)
            size += len(chunk)
            if size >= _BATCH_BYTES:
                if writing:
                    await writing
                writing = in_thread(draft.write, batch)
                batch, size = [], 0
    finally:
        if writing:
            await writing
    if batch and is_small:
        draft.write(batch)
    elif batch:
        await in_thread(draft.write, batch)


def in_thread(work: Callable[..., Any], *arguments: Any, **named: Any) -> "asyncio.Future[Any]":
    """Runs blocking work beside the event loop."""
    return asyncio.get_running_loop().run_in_executor(None, partial(work, *arguments, **named))


async def send(
    receive: Receive, reply: BlobReply, send_message: Send, is_head: bool, always: Mapping[str, str]
) -> None:
    """Sends an answer, with the headers that every answer has. Raises ClientGone."""
    body = reply.body
    size = body.size_bytes if isinstance(body, FileRange) else len(body)
    headers = {**always, **reply.headers}
    if reply.status not in (204, 304):
        headers["content-length"] = str(size if reply.size_bytes is None else reply.size_bytes)
    raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send_message({"type": "http.response.start", "status": reply.status, "headers": raw})
    if isinstance(body, bytes):
        await send_message({"type": "http.response.body", "body": b"" if is_head else body})
    elif size <= INLINE_BYTES:
        await send_message({"type": "http.response.body", "body": os.pread(body.descriptor, size, body.offset)})
    else:
        await _send_file(receive, body, send_message)


async def _send_file(receive: Receive, body: FileRange, send_message: Send) -> None:
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        async with contextlib.aclosing(_pieces(body)) as pieces:
            async for piece, is_last in pieces:
                if gone.done():
                    raise ClientGone
                await send_message({"type": "http.response.body", "body": piece, "more_body": not is_last})
    finally:
        gone.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _pieces(body: FileRange) -> AsyncGenerator[tuple[bytes, bool], None]:
    """Yields a file's bytes, read by a thread one piece ahead of the wire."""
    offset, end = body.offset, body.offset + body.size_bytes
    reading = in_thread(os.pread, body.descriptor, min(_BATCH_BYTES, end - offset), offset)
    try:
        while offset < end:
            piece = await reading
            if not piece:
                raise EOFError(f"the file lost {end - offset} bytes while it was sent")
            offset += len(piece)
            if offset < end:
                reading = in_thread(os.pread, body.descriptor, min(_BATCH_BYTES, end - offset), offset)
            yield piece, offset == end
    finally:
        await asyncio.wait([reading])
