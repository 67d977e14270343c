"""Blob Batch: many deletes or tier changes in one multipart request, each with its own authorization.

Source: learn.microsoft.com/rest/api/storageservices/blob-batch.
"""

import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lazulite.blob.call import BlobCall, BlobReply, read_body
from lazulite.errors import BadRequest

_LIMIT = 256
_LIMIT_BYTES = 4 << 20
_BOUNDARY = re.compile(r'multipart/mixed\s*;.*\bboundary="?([^";,\s]{1,200})"?', re.IGNORECASE)
_REQUEST_LINE = re.compile(r"(DELETE|PUT) (\S+) HTTP/1\.1")

_REASONS = {200: "OK", 202: "Accepted", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 409: "Conflict"}


@dataclass(frozen=True)
class SubRequest:
    """One request of a batch. headers: lower-cased."""

    method: str
    raw_path: str
    raw_query: str
    headers: dict[str, str]


Answer = Callable[[SubRequest], Awaitable[tuple[int, dict[str, str], bytes]]]


async def run(call: BlobCall, answer: Answer) -> BlobReply:
    """Answers each request of the batch in turn. 202. Raises InvalidInput (400) for a body that is no batch."""
    match = _BOUNDARY.match(call.headers.get("content-type", ""))
    if not match:
        raise _invalid("Content-Type must be multipart/mixed with a boundary")
    body = await read_body(call, _LIMIT_BYTES)
    requests = _read(body.decode("latin-1"), match[1])
    boundary = f"batchresponse_{uuid.uuid4()}"
    parts = []
    for content_id, request in requests:
        status, headers, content = await answer(request)
        lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join(["Content-Type: application/http", f"Content-ID: {content_id}", "", *lines, "", ""])
        parts.append(f"--{boundary}\r\n{head}".encode("latin-1", "replace") + content + b"\r\n")
    parts.append(f"--{boundary}--\r\n".encode())
    return BlobReply(202, {"content-type": f"multipart/mixed; boundary={boundary}"}, b"".join(parts))


def _read(body: str, boundary: str) -> list[tuple[str, SubRequest]]:
    pieces = body.split(f"--{boundary}")
    if len(pieces) < 3 or not pieces[-1].startswith("--"):
        raise _invalid("the body does not end with its boundary")
    if len(pieces) - 2 > _LIMIT:
        raise _invalid(f"a batch has at most {_LIMIT} requests")
    return [_read_part(piece) for piece in pieces[1:-1]]


def _read_part(piece: str) -> tuple[str, SubRequest]:
    wrapping, _, message = piece.lstrip("\r\n").partition("\r\n\r\n")
    first, _, rest = message.partition("\r\n")
    line = _REQUEST_LINE.fullmatch(first.strip())
    if not line:
        raise _invalid(f"{first[:80]!r} is no DELETE or PUT request")
    raw_path, _, raw_query = line[2].partition("?")
    if line[1] == "PUT" and "comp=tier" not in raw_query.split("&"):
        raise _invalid("a batch can delete blobs and set their tiers, nothing else")
    content_id = _headers(wrapping).get("content-id", "0")
    return content_id, SubRequest(line[1], raw_path, raw_query, _headers(rest))


def _headers(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.split("\r\n") if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _invalid(why: str) -> BadRequest:
    return BadRequest(f"One of the request inputs is not valid: {why}.", code="InvalidInput")
