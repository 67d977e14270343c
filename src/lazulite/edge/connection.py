"""One client's HTTP connection: uvicorn's protocol, with an end to what a client may make it hold or wait for."""

import asyncio
import socket

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lazulite.edge.sockets import HEAD_LIMIT_BYTES

HEAD_S = 30.0
BODY_SILENCE_S = 120.0

_QUICKACK = getattr(socket, "TCP_QUICKACK", None)  # Linux only

_CONTINUE = b"HTTP/1.1 100 "
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class _HeadWithBody:
    """One answer's way out: its head waits for what the app says in the same breath, and both leave as one packet.

    uvloop writes at once; a head by itself wakes the client for nothing. What is not said before the loop turns, a
    stream's first bytes say, is not waited for.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""
        self._is_begun = False
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        if self._head:
            held, self._head = self._head, b""
            self._transport.writelines([held, data] if data else [held])
        elif self._is_begun or data.startswith(_CONTINUE):
            self._transport.write(data)
        else:
            self._is_begun, self._head = True, data
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head and not self._transport.is_closing():
            self.write(b"")


class Connection(HttpToolsProtocol):
    """A connection whose heads have a size and a time, and whose bodies may not fall silent.

    Idle between requests is uvicorn's keep-alive time; `is_stalled` is asked now and then by the listener, which costs
    less than a timer for each request.
    """

    _head_since: float | None
    _head_bytes: int
    _heard_at: float

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()
        self._heard_at = self.loop.time()

    def data_received(self, data: bytes) -> None:
        self._heard_at = self.loop.time()
        super().data_received(data)
        if self._head_since is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_LIMIT_BYTES and not self.transport.is_closing():
                self.transport.write(_TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        self._head_since = None
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:  # it is, when the connection becomes a websocket
            self.cycle.transport = _HeadWithBody(self.transport, self.loop)  # type: ignore[assignment]
        self._acknowledge()

    def is_stalled(self, now: float) -> bool:
        """Tells whether the client owes bytes and has kept them for too long. now: the loop's time."""
        is_busy = self.cycle is not None and not self.cycle.response_complete
        if is_busy:
            owes_body = self.cycle.more_body and not self.flow.read_paused
            return owes_body and now - self._heard_at > BODY_SILENCE_S
        return self._head_since is not None and now - self._head_since > HEAD_S

    def _acknowledge(self) -> None:
        """Acknowledges the head at once, so that the body comes at once.

        Clients of a proxy hold a body back until its head is acknowledged (Nagle), and the kernel holds an
        acknowledgement back for 40 ms: each PUT and POST would wait that long.
        Source: urllib3 2 connectionpool.py, "Enable Nagle's algorithm for proxies"; tcp(7), TCP_QUICKACK.
        """
        connection = self.transport.get_extra_info("socket")
        is_tcp = connection is not None and connection.family != socket.AF_UNIX
        if is_tcp and _QUICKACK is not None:
            connection.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    def _expect_head(self) -> None:
        self._head_since = self.loop.time()
        self._head_bytes = 0
