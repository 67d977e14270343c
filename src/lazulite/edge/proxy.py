"""The forward proxy: CONNECT and absolute-form requests. Ours end here, scoring at the gateway, the rest go out."""

import asyncio
import base64
import binascii
import contextlib
import json
import re
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lazulite import clock
from lazulite.edge import hosts, sockets, upstream
from lazulite.edge.refusals import Refusals
from lazulite.errors import BadRequest, Forbidden, LazuliteError
from lazulite.identity import keys
from lazulite.settings import Settings, reachable

# Hands a connection to the platform's app; the name is that of the host whose certificate to show, None for plain HTTP.
Serve = Callable[[socket.socket, str | None], Awaitable[None]]

_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_AUTHORITY = re.compile(
    r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9_][A-Za-z0-9._-]{0,252}))(?::(?P<port>[0-9]{1,5}))?"
)
_ABSOLUTE = re.compile(r"http://(?:[^/?@]*@)?(?P<authority>[^/?@]+)(?P<rest>.*)", re.IGNORECASE)
_FAREWELL_S = 1.0
_DNS = 53
_HOP_BY_HOP = frozenset({"connection", "proxy-connection", "keep-alive", "proxy-authorization"})


class ProxyAuthenticationRequired(LazuliteError):
    """The port is exposed, and the client did not present the secret."""

    status = 407
    code = "ProxyAuthenticationRequired"


class BadGateway(LazuliteError):
    """A host that is not ours could not be reached."""

    status = 502
    code = "BadGateway"


@dataclass(frozen=True)
class Request:
    """The head of a proxy request. headers: (lower-case name, the line as it came), in order."""

    method: str
    target: str
    version: str
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str:
        """Returns a header's value, "" without one."""
        return next((line.partition(":")[2].strip() for key, line in self.headers if key == name), "")


class Proxy:
    """Answers what clients ask of a proxy, for the listener that told such a request from the others."""

    def __init__(
        self,
        settings: Settings,
        way_out: upstream.Upstream,
        refusals: Refusals,
        serve: Serve,
        is_batch: Callable[[str], bool],
    ) -> None:
        self._settings = settings
        self._is_batch = is_batch
        self._way_out = way_out
        self._refusals = refusals
        self._serve = serve

    async def answer(self, connection: socket.socket, client: str, is_apart: bool = False) -> None:
        """Takes one proxy request off a connection and sees it through; the connection is closed or handed on.

        is_apart: it came through a door, from one who may not leave this machine.
        """
        with connection:
            try:
                request = parse(await sockets.read_head(connection))
                who = self._admit(request, client, is_apart)
                if request.method == "CONNECT":
                    await self._connect(connection, request, who, is_apart)
                else:
                    await self._forward(connection, request, who, is_apart)
            except upstream.Unreachable as error:
                await _refuse(connection, BadGateway(f"{str(error)[:1].upper()}{str(error)[1:]}."))
            except LazuliteError as error:
                await _refuse(connection, error)

    async def lead_to_gateway(self, connection: socket.socket) -> None:
        """Joins a connection that came through a door with the gateway."""
        with contextlib.suppress(upstream.Unreachable), await self._gateway() as way:
            await sockets.join(connection, way)

    def _admit(self, request: Request, client: str, is_apart: bool) -> str:
        """Returns who is asking. Raises ProxyAuthenticationRequired (407) on an exposed port without the secret.

        A door is a file that this user alone can open, and who comes through one has said who he is.
        """
        credentials = request.header("proxy-authorization")
        if self._settings.is_exposed and not is_apart and not keys.presents(credentials, self._settings.secret):
            raise ProxyAuthenticationRequired(
                "This proxy is open to other machines, so clients must present its secret.",
                hint=f"Set HTTPS_PROXY to http://lazulite:SECRET@{self._settings.host}:{self._settings.port}.",
            )
        return client if is_apart else _user(credentials) or client

    async def _connect(self, connection: socket.socket, request: Request, who: str, is_apart: bool) -> None:
        host, port = target_of(request.target)
        mount = hosts.azure_mount(host)
        if mount and (mount != "scoring" or self._is_batch(host)):
            await _send(connection, _ESTABLISHED)
            await self._serve(connection, host)
            return
        if mount:
            way = await self._gateway()
        else:
            self._allow(host, port, who, is_apart)
            way = await self._way_out.tunnel(host, port)
        with way:
            await _send(connection, _ESTABLISHED)
            await sockets.join(connection, way)

    async def _forward(self, connection: socket.socket, request: Request, who: str, is_apart: bool) -> None:
        """Passes on one plain request; the answer says `Connection: close`, since the next may be for another host."""
        match = _ABSOLUTE.fullmatch(request.target)
        if not match:
            raise BadRequest(f'A proxy request for "{request.target[:200]}" must be a CONNECT, or have an http URL.')
        host, port = target_of(match["authority"], 80)
        mount, proxy = hosts.azure_mount(host), None
        if mount:
            way = await (self._gateway() if mount == "scoring" and not self._is_batch(host) else self._inside())
        else:
            self._allow(host, port, who, is_apart)
            way, proxy = await self._way_out.plain(host, port)
        target = request.target if proxy else "/" + match["rest"].removeprefix("/")
        with way:
            await _send(way, _rewritten(request, target, upstream.authorization(proxy)))
            await sockets.join(connection, way)

    async def _inside(self) -> socket.socket:
        """Opens a connection to the platform's own app."""
        outer, inner = socket.socketpair()
        sockets.prepare(outer)
        sockets.prepare(inner)
        await self._serve(inner, None)
        return outer

    async def _gateway(self) -> socket.socket:
        return await upstream.dial(reachable(self._settings.host).strip("[]"), self._settings.scoring_port)

    def _allow(self, host: str, port: int, who: str, is_apart: bool) -> None:
        is_private = self._settings.private_network
        leads_out = port == _DNS or self._way_out.is_proxy(host, port)  # it is here, but asks others
        if not (is_private or is_apart) or (hosts.is_loopback(host) and not leads_out) or self._settings.allows(host):
            return
        self._refusals.add(host, port, who, clock.now())
        if is_private:
            hint = "Name it in LAZULITE_ALLOWED_HOSTS if it belongs there, or start without --private-network."
        else:
            hint = "Set egress_public_network_access to enabled, or name the host in LAZULITE_ALLOWED_HOSTS."
        raise Forbidden(f"{host}:{port} is outside the private network.", code="PrivateNetworkRefused", hint=hint)


def parse(head: bytes) -> Request:
    """Reads the head of a proxy request. Raises BadRequest when it is none."""
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise BadRequest(f'"{first[:200]}" is no HTTP/1 request line.')
    method, target, version = words
    return Request(method, target, version, tuple((line.partition(":")[0].strip().lower(), line) for line in lines))


def target_of(authority: str, default_port: int = 0) -> tuple[str, int]:
    """Splits `host:port`, `[::1]:443`; the host lower-cased. Raises BadRequest when it is not that."""
    match = _AUTHORITY.fullmatch(authority)
    port = int(match["port"] or default_port) if match else 0
    if not match or not 0 < port < 65536 or (match["address"] and not hosts.is_address(match["address"])):
        raise BadRequest(f'"{authority[:200]}" does not name a host and a port.', target="host")
    return hosts.bare_name(match["address"] or match["name"]), port


def _rewritten(request: Request, target: str, authorization: str) -> bytes:
    kept = [line for name, line in request.headers if name not in _HOP_BY_HOP]
    lines = [f"{request.method} {target} {request.version}", *kept, "Connection: close"]
    return ("\r\n".join(lines) + f"\r\n{authorization}\r\n").encode("latin-1")


def _user(credentials: str) -> str:
    try:
        pair = base64.b64decode(credentials.partition(" ")[2], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return pair.partition(":")[0][:100]


async def _send(connection: socket.socket, content: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(connection, content)


async def _refuse(connection: socket.socket, error: LazuliteError) -> None:
    """Answers with an error and lets the client read it: closing on unread bytes would take the answer back."""
    body = json.dumps({"error": error.wire()}).encode()
    # Of a proxy's answer, clients show their user the reason phrase only.
    phrase = "".join(letter for letter in error.message if " " <= letter <= "~")
    challenge = 'Proxy-Authenticate: Basic realm="Lazulite"\r\n' if error.status == 407 else ""
    head = (
        f"HTTP/1.1 {error.status} {phrase}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"x-ms-error-code: {error.code}\r\n{challenge}Connection: close\r\n\r\n"
    )
    await _send(connection, head.encode() + body)
    connection.shutdown(socket.SHUT_WR)
    try:
        await asyncio.wait_for(_drain(connection), _FAREWELL_S)
    except asyncio.TimeoutError:
        return


async def _drain(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while await loop.sock_recv(connection, 65536):
        pass
