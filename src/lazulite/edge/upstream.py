"""The way out: to a host directly, or through the proxy that the platform's own environment names."""

import asyncio
import base64
import logging
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from lazulite.edge import hosts, sockets

log = logging.getLogger(__name__)

_DIAL_S = 20.0


class Unreachable(Exception):
    """No connection to a host could be made; says why."""


@dataclass(frozen=True)
class Upstream:
    """The proxies of the environment, by scheme, and the hosts that go without: `urllib.request`'s own shape."""

    proxies: Mapping[str, str]

    @classmethod
    def of(cls, environ: Mapping[str, str], own_port: int) -> "Upstream":
        """Reads HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, in either case.

        A proxy that is this platform itself (it was started inside `lazulite env`) is left out, as is one that is not
        spoken to in plain HTTP, which is logged.
        """
        proxies = {"no": _variable(environ, "no_proxy")}
        for scheme in ("https", "http"):
            address = _variable(environ, f"{scheme}_proxy") or _variable(environ, "all_proxy")
            if address and _is_usable(address, own_port):
                proxies[scheme] = address if "://" in address else f"http://{address}"
        return cls(proxies)

    def proxy_for(self, scheme: str, host: str, port: int) -> SplitResult | None:
        """Returns the proxy that leads to a host, None when the way is direct."""
        address = self.proxies.get(scheme)
        if not address or hosts.is_loopback(host):
            return None
        if proxy_bypass_environment(f"{host}:{port}", dict(self.proxies)):
            return None
        return urlsplit(address)

    def is_proxy(self, host: str, port: int) -> bool:
        """Tells whether a place is one of the environment's proxies, by which anything could be reached."""
        ways = (urlsplit(address) for scheme, address in self.proxies.items() if scheme != "no")
        return any((way.hostname or "", way.port or 80) == (host, port) for way in ways)

    async def tunnel(self, host: str, port: int) -> socket.socket:
        """Opens a connection to a host whose bytes nobody reads on the way. Raises Unreachable."""
        proxy = self.proxy_for("https", host, port)
        if not proxy:
            return await dial(host, port)
        connection = await dial(proxy.hostname or "", proxy.port or 80)
        try:
            await asyncio.wait_for(_ask(connection, proxy, _authority(host, port)), _DIAL_S)
        except (OSError, asyncio.TimeoutError, sockets.HeadRefused) as error:
            connection.close()
            raise Unreachable(f"the proxy {proxy.hostname} did not open a way to {host}: {reason(error)}") from error
        except BaseException:
            connection.close()
            raise
        return connection

    async def plain(self, host: str, port: int) -> tuple[socket.socket, SplitResult | None]:
        """Opens a connection for a plain HTTP request, and says which proxy it leads to, if any. Raises Unreachable."""
        proxy = self.proxy_for("http", host, port)
        if not proxy:
            return await dial(host, port), None
        return await dial(proxy.hostname or "", proxy.port or 80), proxy


def authorization(proxy: SplitResult | None) -> str:
    """Returns the `Proxy-Authorization` header line that a proxy's address asks for, or ""."""
    if proxy is None or proxy.username is None:
        return ""
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"


async def dial(host: str, port: int) -> socket.socket:
    """Connects to the first of a host's addresses that answers. Raises Unreachable."""
    try:
        return await asyncio.wait_for(_first_that_answers(host, port), _DIAL_S)
    except (OSError, asyncio.TimeoutError, UnicodeError) as error:
        raise Unreachable(f"{host} port {port} cannot be reached: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """Says in words why a connection failed."""
    if isinstance(error, asyncio.TimeoutError):
        return f"no answer within {_DIAL_S:.0f} s"
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return getattr(error, "strerror", None) or str(error)


async def _first_that_answers(host: str, port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    failure: OSError = OSError("it has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        try:
            sockets.prepare(connection)
            await loop.sock_connect(connection, address)
        except OSError as error:
            connection.close()
            failure = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise failure


async def _ask(connection: socket.socket, proxy: SplitResult, target: str) -> None:
    loop = asyncio.get_running_loop()
    request = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{authorization(proxy)}\r\n"
    await loop.sock_sendall(connection, request.encode())
    head = await sockets.read_head(connection)
    status = head.split(b"\r\n", 1)[0].decode("latin-1")
    if not re.match(r"HTTP/1\.[01] 200\b", status):
        raise sockets.HeadRefused(f'it answered "{status}"')


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.upper()) or ""


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_usable(address: str, own_port: int) -> bool:
    parts = urlsplit(address if "://" in address else f"http://{address}")
    try:
        host, port = parts.hostname or "", parts.port or 80
    except ValueError as error:
        log.warning("the environment's proxy %r is left out: %s", parts.hostname, error)
        return False
    if parts.scheme != "http":
        log.warning("the environment's %s proxy at %s is left out: only http ones are spoken to", parts.scheme, host)
        return False
    return not (hosts.is_loopback(host) and port == own_port)
