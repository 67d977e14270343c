"""What passes between the gateway and a worker, byte for byte: docs/guest-protocol.md. Knows sockets, not HTTP."""

from __future__ import annotations

import mmap
import os
import socket
import struct
from typing import Iterable, NamedTuple

GREETING = b"lazulite-guest\x01"
IN_CHUNKS = 2**64 - 1
"""In place of a body's length: the body comes in chunks."""
LENT = 2**63
"""Added to a body's length: the body lies in memory that both ends see."""
KEPT = 2**62
"""Added as well: the body is needed again, so that the response must not take its place."""

_NOT_RUN = 2**32 - 1
_HEAD_LIMIT_BYTES = 64 << 10
# Up to here one read for head and body, and a copy of the body, cost less than two reads.
_JOINT_READ_BYTES = 32 << 10
_JOINT_WRITE_BYTES = 32 << 10
# Below this, carrying a body costs less than looking after a loan.
_SMALLEST_LENT_BYTES = 128 << 10
_KNOWN_LOANS = 256

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


class Link:
    """One connection to the gateway: a request, its response, the next request."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._loans: dict[bytes, mmap.mmap] = {}
        self._loan: mmap.mmap | None = None  # of the request that is being answered

    def greet(self) -> None:
        """Says that the worker is here. Raises OSError when the gateway is gone."""
        self._connection.sendall(GREETING)

    def receive(self) -> Request | None:
        """Waits for the next request and reads all of it; None when the connection has ended, even within a request.

        Raises ProtocolError when a head is longer than the protocol allows, OSError when a loan cannot be had.
        """
        self._loan = None
        prefix = self._read(_REQUEST.size)
        if not prefix:
            return None
        head_bytes, body_bytes, timeout_ms, request_id = _REQUEST.unpack(prefix)
        if head_bytes > _HEAD_LIMIT_BYTES:
            raise ProtocolError("A request's head is said to have %d bytes." % head_bytes)
        if head_bytes + body_bytes <= _JOINT_READ_BYTES:
            whole = self._read(head_bytes + body_bytes)
            if not whole:
                return None
            return Request(whole[:head_bytes], whole[head_bytes:], timeout_ms, request_id)
        head = self._read(head_bytes)
        body = self._body(body_bytes) if head else None
        if not head or body is None:
            return None
        return Request(head, body, timeout_ms, request_id)

    def send(self, status: int, head: bytes, body: bytes, run_us: int | None = None) -> None:
        """Sends a whole response: where the request's body was, if it came in a loan and the response fits in.

        head: `name: value` lines, each ending with CRLF. run_us: None when run() was not called.
        Raises OSError when the gateway is gone.
        """
        is_lent = self._loan is not None and _SMALLEST_LENT_BYTES <= len(body) <= len(self._loan)
        length = len(body) | LENT if is_lent else len(body)
        head = _RESPONSE.pack(len(head), length, status, _NOT_RUN if run_us is None else run_us) + head
        if is_lent:
            assert self._loan is not None
            self._loan[: len(body)] = body
            self._connection.sendall(head)
        elif len(body) <= _JOINT_WRITE_BYTES:
            self._connection.sendall(head + body)
        else:
            self._send_both(head, body)

    def send_in_chunks(self, status: int, head: bytes, parts: Iterable[bytes], run_us: int | None = None) -> None:
        """Sends a response whose length is not known beforehand. What `parts` raises passes through; the response is
        then unfinished and the connection must be closed. Raises OSError when the gateway is gone.
        """
        send = self._connection.sendall
        send(_RESPONSE.pack(len(head), IN_CHUNKS, status, _NOT_RUN if run_us is None else run_us) + head)
        for part in parts:
            if part:
                send(_CHUNK.pack(len(part)))
                send(part)
        send(_CHUNK.pack(0))

    def _body(self, size: int) -> bytes | None:
        if size == IN_CHUNKS:
            return self._read_chunks()
        if size < LENT:
            return self._read(size)
        name = self._read_sized()
        if not name:
            return None
        loan = self._borrow(name)
        if not size & KEPT:
            self._loan = loan
        return loan[: size & ~(LENT | KEPT)]

    def _borrow(self, name: bytes) -> mmap.mmap:
        """Returns the memory of that name. It is remembered, since the gateway lends the same again and again."""
        loan = self._loans.get(name)
        if loan is None:
            if len(self._loans) >= _KNOWN_LOANS:
                self._loans.clear()  # the gateway has given some of them up; their memory is freed with this
            file = os.open(name, os.O_RDWR)
            try:
                loan = self._loans[name] = mmap.mmap(file, 0)
            finally:
                os.close(file)
        return loan

    def _read_chunks(self) -> bytes | None:
        parts: list[bytes] = []
        while True:
            part = self._read_sized()
            if part is None:
                return None
            if not part:
                return b"".join(parts)
            parts.append(part)

    def _read_sized(self) -> bytes | None:
        """Reads a length and as many bytes."""
        prefix = self._read(_CHUNK.size)
        return self._read(_CHUNK.unpack(prefix)[0]) if prefix else None

    def _read(self, size: int) -> bytes | None:
        """Returns exactly `size` bytes, or None when the connection ends before."""
        data = self._connection.recv(size, socket.MSG_WAITALL)
        if len(data) == size:
            return data
        parts = []
        while data:  # a signal cut the call short, or this is the end
            parts.append(data)
            size -= len(data)
            if not size:
                return b"".join(parts)
            data = self._connection.recv(size, socket.MSG_WAITALL)
        return None

    def _send_both(self, head: bytes, body: bytes) -> None:
        sent = self._connection.sendmsg((head, body))
        if sent < len(head):
            self._connection.sendall(head[sent:])
            sent = len(head)
        self._connection.sendall(memoryview(body)[sent - len(head) :])
