"""Whether a port is free, and if not, who has it."""

import errno
import socket

import psutil

from lazulite.cli import rest
from lazulite.errors import BadRequest, LazuliteError
from lazulite.settings import reachable


def is_free(host: str, port: int) -> bool:
    """Tells whether a server could listen here now. Raises BadRequest for an address that is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise BadRequest(f"{host} cannot be listened on: {error.strerror}.", target="LAZULITE_HOST") from error
    return True


def taken_by(host: str, port: int) -> str:
    """Says in words who listens on a port, as far as the system tells: `pid 123 (python server.py)`."""
    platform = _platform_at(host, port)
    if platform:
        return platform
    listeners = _listeners(port)
    if not listeners:
        return "a process that this user may not see, or a port below 1024"
    pid = listeners[0]
    try:
        return f"pid {pid} ({' '.join(psutil.Process(pid).cmdline())[:120]})"
    except psutil.Error:
        return f"pid {pid}"


def _platform_at(host: str, port: int) -> str:
    try:
        status = rest.send("GET", f"http://{reachable(host)}:{port}/_lazulite/status", timeout_s=1).json()
        return f"the platform of {status['home']}, pid {status['pid']}"
    except (LazuliteError, KeyError, TypeError):
        return ""


def _listeners(port: int) -> list[int]:
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:  # macOS shows other processes' connections to root only
        return []
    return [one.pid for one in connections if one.status == psutil.CONN_LISTEN and one.laddr[1:] == (port,) and one.pid]
