"""How the gateway asks the platform for a worker of a deployment that sleeps: a datagram with its name, no answer.

It is sent again with every sweep while somebody waits, so that a platform that starts late hears of it too.
"""

import contextlib
import socket
from pathlib import Path

_LONGEST_BYTES = 256


def path(sockets: Path) -> Path:
    """Returns where the platform of a home listens; sockets: `settings.sockets`."""
    return sockets / "wake.sock"


class Caller:
    """The gateway's side."""

    def __init__(self, sockets: Path) -> None:
        self._path = str(path(sockets))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def call(self, endpoint: str, name: str) -> None:
        """Asks for a worker. Nobody may listen just now: then the next call is heard."""
        with contextlib.suppress(OSError):
            self._socket.sendto(f"{endpoint}/{name}".encode(), self._path)


class Listener:
    """The platform's side. Closing it ends `next`."""

    def __init__(self, sockets: Path) -> None:
        self._path = path(sockets)
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self._path))
        self._path.chmod(0o600)

    def next(self) -> str | None:
        """Waits for a call and returns who is wanted, `endpoint/deployment`; None when the listener was closed."""
        try:
            return self._socket.recv(_LONGEST_BYTES).decode() or None
        except OSError:
            return None

    def close(self) -> None:
        """Ends the listening."""
        self._path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
