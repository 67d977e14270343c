"""Raw sockets on the event loop: looking at bytes without taking them, reading one HTTP head, joining two sockets."""

import asyncio
import contextlib
import socket

HEAD_LIMIT_BYTES = 64 << 10
_LINE_LIMIT_BYTES = 1024
_CHUNK_BYTES = 256 << 10
# Between two bytes of a tunnel, either way. Azure's own load balancers allow 4 to 30 minutes. Source: guess.
_TUNNEL_IDLE_S = 1800.0
_KEEP_IDLE = getattr(
    socket, "TCP_KEEPIDLE" if hasattr(socket, "TCP_KEEPIDLE") else "TCP_KEEPALIVE"
)  # Linux's name, macOS's name
_END_OF_HEAD = b"\r\n\r\n"


class HeadRefused(Exception):
    """The peer sent no HTTP head: too long, or cut off."""


def prepare(connection: socket.socket) -> None:
    """Sets up an accepted or dialled socket: non-blocking, no delay, and dead peers found within two minutes."""
    connection.setblocking(False)
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((_KEEP_IDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4)):
        connection.setsockopt(socket.IPPROTO_TCP, option, value)


def moved(connection: socket.socket) -> socket.socket:
    """Gives a connection to another owner: closing the old object no longer closes it."""
    return socket.socket(fileno=connection.detach())


async def peek(connection: socket.socket, more_than: int = 0) -> bytes:
    """Waits until over `more_than` bytes have come, and returns what has, leaving it all in the socket.

    What it returns is no longer than `more_than` when the peer has finished sending.
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, more_than + 1)
    try:
        while True:
            await _readable(connection)
            with contextlib.suppress(BlockingIOError):
                return connection.recv(HEAD_LIMIT_BYTES, socket.MSG_PEEK)
    finally:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)


async def read_line(connection: socket.socket) -> str:
    """Takes one line, without its end, and not a byte of what follows. Raises HeadRefused when there is none."""
    line = b""
    while not line.endswith(b"\n"):
        coming = await peek(connection)
        line += connection.recv(coming.find(b"\n") + 1 or len(coming))
        if not coming or len(line) > _LINE_LIMIT_BYTES:
            raise HeadRefused("the first line is missing or too long")
    return line.decode("utf-8", "replace").strip()


async def read_head(connection: socket.socket) -> bytes:
    """Takes one HTTP head, up to and with its blank line, and not a byte of what follows.

    Raises HeadRefused when it is over HEAD_LIMIT_BYTES or the peer stops sending.
    """
    head = b""
    while True:
        coming = await peek(connection)
        if not coming:
            raise HeadRefused("the connection ended within the head of a request")
        # The blank line may straddle two reads.
        end = (head[-3:] + coming).find(_END_OF_HEAD)
        if end >= 0:
            return head + connection.recv(end + len(_END_OF_HEAD) - len(head[-3:]))
        head += connection.recv(len(coming))
        if len(head) > HEAD_LIMIT_BYTES:
            raise HeadRefused(f"the head of a request is over {HEAD_LIMIT_BYTES >> 10} KiB")


async def join(one: socket.socket, other: socket.socket, idle_s: float = _TUNNEL_IDLE_S) -> None:
    """Moves bytes both ways until both peers have finished, one has gone, or nothing moved for `idle_s`.

    A peer that finishes sending is passed on as such, and may go on receiving. Closes neither socket.
    """
    tunnel = _Tunnel()
    copies = [asyncio.create_task(tunnel.copy(one, other)), asyncio.create_task(tunnel.copy(other, one))]
    try:
        while not all(copy.done() for copy in copies):
            await asyncio.wait(copies, timeout=idle_s, return_when=asyncio.FIRST_EXCEPTION)
            if not tunnel.has_moved or any(copy.done() and copy.exception() for copy in copies):
                return
            tunnel.has_moved = False
    finally:
        for copy in copies:
            copy.cancel()
        await asyncio.gather(*copies, return_exceptions=True)


class _Tunnel:
    def __init__(self) -> None:
        self.has_moved = True

    async def copy(self, source: socket.socket, sink: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while chunk := await loop.sock_recv(source, _CHUNK_BYTES):
            self.has_moved = True
            await loop.sock_sendall(sink, chunk)
        sink.shutdown(socket.SHUT_WR)


async def _readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(connection, wake)
    try:
        await ready
    finally:
        loop.remove_reader(connection)
