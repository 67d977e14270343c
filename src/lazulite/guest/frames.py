"""What passes between the gateway and a worker, byte for byte: docs/guest-protocol.md. Knows sockets, not HTTP."""

from __future__ import annotations

import socket
import struct
from typing import Iterable, NamedTuple

GREETING = b"lazulite-guest\x01"
IN_CHUNKS = 2**64 - 1
"""In place of a body's length: the body comes in chunks."""

_NOT_RUN = 2**32 - 1
_HEAD_LIMIT_BYTES = 64 << 10
# Up to here one read for head and body, and a copy of the body, cost less than two reads.
_JOINT_READ_BYTES = 32 << 10
_JOINT_WRITE_BYTES = 32 << 10

_REQUEST = struct.Struct(">IQI16s")
_RESPONSE = struct.Struct(">IQII")
_CHUNK = struct.Struct(">I")


class ProtocolError(Exception):
    """The other end does not speak this protocol; nothing can be said to it any more."""


class Request(NamedTuple):
    """One request as the gateway sent it.

    head: request line and header lines, each ending with CRLF. timeout_ms: 0 for no limit. id: the 16 bytes of a UUID.
    """

    head: bytes
    body: bytes
    timeout_ms: int
    id: bytes


def receive(connection: socket.socket) -> Request | None:
    """Waits for the next request and reads all of it; None when the connection has ended, even within a request.

    Raises ProtocolError when a head is longer than the protocol allows.
    """
    prefix = _read(connection, _REQUEST.size)
    if not prefix:
        return None
    head_bytes, body_bytes, timeout_ms, request_id = _REQUEST.unpack(prefix)
    if head_bytes > _HEAD_LIMIT_BYTES:
        raise ProtocolError("A request's head is said to have %d bytes." % head_bytes)
    if head_bytes + body_bytes <= _JOINT_READ_BYTES:
        whole = _read(connection, head_bytes + body_bytes)
        if not whole:
            return None
        return Request(whole[:head_bytes], whole[head_bytes:], timeout_ms, request_id)
    head = _read(connection, head_bytes)
    body = _read_chunks(connection) if body_bytes == IN_CHUNKS else _read(connection, body_bytes)
    if not head or body is None:
        return None
    return Request(head, body, timeout_ms, request_id)


def send(connection: socket.socket, status: int, head: bytes, body: bytes, run_us: int | None = None) -> None:
    """Sends a whole response. head: `name: value` lines, each ending with CRLF. run_us: None when run() was not called.

    Raises OSError when the gateway is gone.
    """
    prefix = _RESPONSE.pack(len(head), len(body), status, _NOT_RUN if run_us is None else run_us)
    if len(body) <= _JOINT_WRITE_BYTES:
        connection.sendall(prefix + head + body)
        return
    head = prefix + head
    sent = connection.sendmsg((head, body))
    if sent < len(head):
        connection.sendall(head[sent:])
        sent = len(head)
    connection.sendall(memoryview(body)[sent - len(head) :])


def send_in_chunks(
    connection: socket.socket, status: int, head: bytes, parts: Iterable[bytes], run_us: int | None = None
) -> None:
    """Sends a response whose length is not known beforehand. What `parts` raises passes through; the response is then
    unfinished and the connection must be closed. Raises OSError when the gateway is gone.
    """
    connection.sendall(_RESPONSE.pack(len(head), IN_CHUNKS, status, _NOT_RUN if run_us is None else run_us) + head)
    for part in parts:
        if part:
            connection.sendall(_CHUNK.pack(len(part)))
            connection.sendall(part)
    connection.sendall(_CHUNK.pack(0))


def _read_chunks(connection: socket.socket) -> bytes | None:
    parts: list[bytes] = []
    while True:
        prefix = _read(connection, _CHUNK.size)
        if not prefix:
            return None
        size = _CHUNK.unpack(prefix)[0]
        if not size:
            return b"".join(parts)
        part = _read(connection, size)
        if not part:
            return None
        parts.append(part)


def _read(connection: socket.socket, size: int) -> bytes | None:
    """Returns exactly `size` bytes, or None when the connection ends before."""
    data = connection.recv(size, socket.MSG_WAITALL)
    if len(data) == size:
        return data
    parts = []
    while data:  # a signal cut the call short, or this is the end
        parts.append(data)
        size -= len(data)
        if not size:
            return b"".join(parts)
        data = connection.recv(size, socket.MSG_WAITALL)
    return None
