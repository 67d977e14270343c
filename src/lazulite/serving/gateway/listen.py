"""The scoring port: plain HTTP and TLS on one address, told apart by the first byte."""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Any

from lazulite import clock

log = logging.getLogger(__name__)

_BACKLOG = 2048
_BUFFER_BYTES = 2 << 20
_ACCEPTED_AT_ONCE = 64
_OUT_OF_FILES_PAUSE_S = 0.2
_FIRST_BYTE_LIMIT_S = 60.0
# Every TLS connection begins with a handshake record, no HTTP request does. Source: RFC 8446 5.1.
_TLS_HANDSHAKE = b"\x16"


class Port:
    """Accepts connections and gives each its protocol."""

    def __init__(
        self, listener: socket.socket, client: Callable[[], asyncio.Protocol], tls: Callable[[], ssl.SSLContext]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._client = client
        self._tls = tls
        self._silent: dict[socket.socket, float] = {}  # accepted, but nothing has come
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop.add_reader(listener, self._accept)

    def sweep(self, now: float) -> None:
        """Hangs up on connections that have said nothing for long."""
        for link in [link for link, since in self._silent.items() if now - since > _FIRST_BYTE_LIMIT_S]:
            self._hang_up(link)

    def close(self) -> None:
        """Accepts nothing more."""
        self._loop.remove_reader(self._listener)
        self._listener.close()
        for link in [*self._silent]:
            self._hang_up(link)

    def _accept(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                link, _address = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    raise
                log.error("No connection can be accepted: %s.", error)
                self._loop.remove_reader(self._listener)
                self._loop.call_later(_OUT_OF_FILES_PAUSE_S, self._accept_again)
                return
            link.setblocking(False)
            self._look(link)

    def _accept_again(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener, self._accept)

    def _look(self, link: socket.socket) -> None:
        """Opens the connection if its first byte is there, else waits for it."""
        try:
            first = link.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            if link not in self._silent:
                self._silent[link] = clock.monotonic()
                self._loop.add_reader(link, self._look, link)
            return
        except OSError:
            first = b""
        if link in self._silent:
            self._loop.remove_reader(link)
            del self._silent[link]
        if not first:
            link.close()
            return
        task = self._loop.create_task(self._open(link, self._tls() if first == _TLS_HANDSHAKE else None))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open(self, link: socket.socket, tls: ssl.SSLContext | None) -> None:
        try:
            await self._loop.connect_accepted_socket(self._client, link, ssl=tls)
        except OSError as error:  # ssl.SSLError among them
            log.info("A connection did not come about: %s.", error)

    def _hang_up(self, link: socket.socket) -> None:
        self._loop.remove_reader(link)
        del self._silent[link]
        link.close()


def bind(host: str, port: int) -> socket.socket:
    """Listens on an address; port 0 takes any that is free. Raises OSError when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _make_room(listener)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _make_room(listener: socket.socket) -> None:
    """Gives connections buffers that hold 1 MB from the start, which the kernel's own would have to grow into.

    Only if the kernel grants the whole of it: a size that is set, however small, no longer grows.
    """
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)
            is_granted = probe.getsockopt(socket.SOL_SOCKET, option) >= _BUFFER_BYTES
        if is_granted:
            listener.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)
