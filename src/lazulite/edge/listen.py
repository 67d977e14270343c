"""The platform's one port. The first bytes of a connection say what it is: TLS, a proxy request, or plain HTTP."""

import asyncio
import contextlib
import dataclasses
import errno
import logging
import os
import resource
import socket
import ssl
from collections.abc import Callable, Coroutine, Mapping
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Literal

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from lazulite import clock
from lazulite.edge import gate, hosts, sockets
from lazulite.edge.connection import Connection
from lazulite.edge.proxy import Proxy
from lazulite.edge.refusals import Refusals
from lazulite.edge.upstream import Upstream
from lazulite.errors import BadRequest, Conflict, LazuliteError
from lazulite.identity import doors
from lazulite.identity.authority import Authority
from lazulite.settings import Settings

log = logging.getLogger(__name__)

_BACKLOG = 4096
_OPEN_FILES = 65_536
# For the first bytes, and then for the TLS handshake.
_GREETING_S = 30.0
# Longer than clients keep a connection in their pools unused: a request on one just closed would fail.
_KEEP_ALIVE_S = 120
_TLS_HANDSHAKE = 0x16
_LONGEST_METHOD = 32

Kind = Literal["tls", "proxy", "http"]


def kind_of(first: bytes) -> Kind | None:
    """Tells a connection by its first bytes; None when there are too few to tell."""
    if not first:
        return None
    if first[0] == _TLS_HANDSHAKE:
        return "tls"
    method, space, target = first.partition(b" ")
    if not space:
        return "http" if len(method) > _LONGEST_METHOD else None
    if method == b"CONNECT":
        return "proxy"
    if target[:1] in (b"/", b"*") or len(target) >= len(b"https://"):
        return "proxy" if b"://" in target[:8] else "http"
    return None


async def start(
    settings: Settings,
    authority: Authority,
    app: ASGIApp,
    environ: Mapping[str, str] = os.environ,
    refusals: Refusals | None = None,
    is_batch: Callable[[str], bool] = lambda host: False,
) -> "Listener":
    """Opens the platform's port, and serves until the listener is closed.

    app: one ASGI app for all mounts; scheme and Host are the client's. environ: where the way out is read from.
    refusals: where to note what the private network refuses. is_batch: tells of an endpoint's host name whether app
    answers it; the gateway does any other.
    Raises BadRequest when an exposed port has no secret, Conflict (409) when the port is taken.
    """
    if settings.is_exposed and not settings.secret:
        raise BadRequest(
            f"{settings.host} can be reached from other machines, but there is no secret for clients to present.",
            target="LAZULITE_SECRET",
            hint="Set LAZULITE_SECRET, or listen on 127.0.0.1.",
        )
    _allow_many_files()
    listener = Listener(settings, authority, app, environ, await _bind(settings), refusals or Refusals(), is_batch)
    listener.begin()
    return listener


class Listener:
    """The open port. port: the number it got; refusals: what the private network refused."""

    def __init__(
        self,
        settings: Settings,
        authority: Authority,
        app: ASGIApp,
        environ: Mapping[str, str],
        servers: list[socket.socket],
        refusals: Refusals,
        is_batch: Callable[[str], bool],
    ) -> None:
        self.port: int = servers[0].getsockname()[1]
        settings = dataclasses.replace(settings, port=self.port)
        self.refusals = refusals
        self._servers = servers
        self._door = _open_door(settings.sockets, doors.path(settings.sockets))
        self._scoring_door = _open_door(settings.sockets, doors.scoring_path(settings.sockets))
        self._authority = authority
        own_names = (settings.host,) if settings.is_exposed and hosts.is_address(settings.host) else ()
        self._direct = authority.server_context(_is_ours, *own_names)
        self._proxy = Proxy(settings, Upstream.of(environ, self.port), self.refusals, self._serve_proxied, is_batch)
        self._config = uvicorn.Config(
            gate.guard(app, settings),
            http=Connection,
            interface="asgi3",
            lifespan="off",
            log_config=None,
            # Nobody stands between: a client that says so is not to be believed.
            proxy_headers=False,
            access_log=False,  # http.stack logs, with more to say
            timeout_keep_alive=_KEEP_ALIVE_S,
        )
        self._config.load()
        self._state = ServerState()
        self._background: set[asyncio.Task[None]] = set()
        self._greetings: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """Starts to accept."""
        for server in self._servers:
            self._spawn(self._background, self._accept(server))
        for door in (self._door, self._scoring_door):
            self._spawn(self._background, self._accept(door))
        self._spawn(self._background, self._watch())

    async def close(self, grace_s: float = 10.0) -> None:
        """Stops accepting, lets requests under way finish for `grace_s`, then ends them and all tunnels."""
        await _end(self._background)
        for door in (self._door, self._scoring_door):
            Path(door.getsockname()).unlink(missing_ok=True)
        for server in (*self._servers, self._door, self._scoring_door):
            server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace_s
        while self._is_answering() and loop.time() < deadline:
            await asyncio.sleep(0.02)
        for connection in list(self._state.connections):
            connection.transport.abort()
        await _end(self._state.tasks)
        await _end(self._greetings)

    def _is_answering(self) -> bool:
        """Tells whether an answer is being made or sent. TLS clients that are idle may take long to say goodbye."""
        unsent = (connection.transport.get_write_buffer_size() for connection in self._state.connections)
        return bool(self._state.tasks) or any(unsent)

    async def _accept(self, server: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, peer = await loop.sock_accept(server)
            except OSError as error:
                # Out of files, or a client gone before it was accepted: the next may fare better.
                log.warning("a connection could not be accepted: %s", error)
                await asyncio.sleep(0.1)
                continue
            if server in (self._door, self._scoring_door):
                self._spawn(self._greetings, self._let_in(connection, server is self._scoring_door))
            else:
                self._spawn(self._greetings, self._greet(connection, peer[0]))

    async def _let_in(self, connection: socket.socket, to_gateway: bool) -> None:
        """Serves one who came through a door, and has said who he is."""
        with connection, contextlib.suppress(OSError, asyncio.TimeoutError, sockets.HeadRefused):
            sockets.prepare(connection)
            who = await asyncio.wait_for(sockets.read_line(connection), _GREETING_S)
            if to_gateway:
                await self._proxy.lead_to_gateway(connection)
            else:
                await self._greet(connection, who, is_apart=True)

    async def _greet(self, connection: socket.socket, client: str, is_apart: bool = False) -> None:
        with connection, contextlib.suppress(OSError, asyncio.TimeoutError, sockets.HeadRefused):
            sockets.prepare(connection)
            kind = await asyncio.wait_for(_first_kind(connection), _GREETING_S)
            if kind == "proxy":
                await self._proxy.answer(connection, client, is_apart)
            elif kind:
                await self._serve(connection, self._direct if kind == "tls" else None)

    async def _serve_proxied(self, connection: socket.socket, host: str | None) -> None:
        context = None
        if host:
            kind = await asyncio.wait_for(_first_kind(connection), _GREETING_S)
            context = self._authority.context_for(host) if kind == "tls" else None
        await self._serve(connection, context, {gate.AUTHORIZED: True})

    async def _serve(
        self, connection: socket.socket, context: ssl.SSLContext | None, state: Mapping[str, Any] | None = None
    ) -> None:
        """Gives a connection to the HTTP protocol, which owns it from then on; returns after the TLS handshake."""
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(
            lambda: Connection(self._config, self._state, dict(state or {}), loop),
            sockets.moved(connection),
            ssl=context,
            ssl_handshake_timeout=_GREETING_S if context else None,
        )

    async def _watch(self) -> None:
        """Once a second: dates the headers to come, and cuts off those who owe bytes."""
        loop = asyncio.get_running_loop()
        while True:
            date = format_datetime(clock.now(), usegmt=True)
            self._state.default_headers = [(b"date", date.encode())]
            for connection in list(self._state.connections):
                if isinstance(connection, Connection) and connection.is_stalled(loop.time()):
                    connection.transport.abort()
            await asyncio.sleep(1)

    def _spawn(self, tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(_report)


async def _first_kind(connection: socket.socket) -> Kind | None:
    """Waits for the bytes that tell; None when the client finishes before they have come."""
    seen = b""
    while True:
        first = await sockets.peek(connection, len(seen))
        if len(first) <= len(seen):
            return None
        kind = kind_of(first)
        if kind:
            return kind
        seen = first


def _is_ours(name: str) -> bool:
    return hosts.azure_mount(name) is not None


async def _bind(settings: Settings) -> list[socket.socket]:
    """Opens a socket for each address of the host, all on one port."""
    port, servers, failures = settings.port, list[socket.socket](), list[OSError]()
    try:
        addresses = await asyncio.get_running_loop().getaddrinfo(
            settings.host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise _cannot_listen(settings, error) from error
    for family, _, _, _, address in addresses:
        try:
            servers.append(_listening(family, (address[0], port, *address[2:])))
            port = servers[0].getsockname()[1]
        except OSError as error:
            failures.append(error)
    # A name may have an IPv6 address on a machine without IPv6; a port that is taken is taken, on whichever address.
    taken = [error for error in failures if error.errno == errno.EADDRINUSE]
    if taken or not servers:
        for server in servers:
            server.close()
        raise _cannot_listen(settings, (taken or failures)[0])
    return servers


def _listening(family: int, address: tuple[Any, ...]) -> socket.socket:
    server = socket.socket(family, socket.SOCK_STREAM)
    try:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address[0] != "::")
        server.bind(address)
        server.listen(_BACKLOG)
        server.setblocking(False)
    except OSError:
        server.close()
        raise
    return server


def _open_door(folder: Path, at: Path) -> socket.socket:
    """Opens a socket by which processes without a network reach the platform."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    at.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(at))
    at.chmod(0o600)
    server.listen(_BACKLOG)
    server.setblocking(False)
    return server


def _cannot_listen(settings: Settings, error: OSError) -> LazuliteError:
    if error.errno == errno.EADDRINUSE:
        return Conflict(
            f"Port {settings.port} of {settings.host} is taken by another program.",
            target="LAZULITE_PORT",
            hint="Choose another with `lazulite up --port`.",
        )
    return BadRequest(f"{settings.host} cannot be listened on: {error.strerror}.", target="LAZULITE_HOST")


def _allow_many_files() -> None:
    """Raises this process's limit of open files as far as it may: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _end(tasks: set[asyncio.Task[None]]) -> None:
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)


def _report(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and task.exception():
        log.error("a connection failed", exc_info=task.exception())
