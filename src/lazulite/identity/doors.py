"""Doors: how a process that has no network of its own reaches the platform, and who has none. See guest/apart.py.

Whoever comes through one says first who he is, on a line; then all is as at the platform's own ports.
"""

import functools
import json
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lazulite.settings import Settings

_GUEST = Path(__file__).parent.parent / "guest"
_TRIED_WITHIN_S = 20.0

# What guest/apart.py is told: {"ports": {port: path of a unix socket}, "open": [port], "who": text}.
Doors = Mapping[str, Any]


def path(sockets: Path) -> Path:
    """Returns where the platform listens for those who come through a door; sockets: `settings.sockets`."""
    return sockets / "door.sock"


def scoring_path(sockets: Path) -> Path:
    """Returns where the platform takes those to its gateway who come through a door."""
    return sockets / "scoring-door.sock"


def of(settings: Settings, who: str, opened: Sequence[int] = ()) -> Doors:
    """Returns the doors of a process without a network: the platform's two ports lead to the platform.

    who: as whom the process is listed when it asks for a host that it is refused. opened: its own ports that programs
    of this machine may reach.
    """
    ports = {
        str(settings.port): str(path(settings.sockets)),
        str(settings.scoring_port): str(scoring_path(settings.sockets)),
    }
    return {"ports": ports, "open": list(opened), "who": who}


def command(doors: Doors, words: Sequence[str]) -> list[str]:
    """Returns the command that runs another without a network but for doors."""
    return [sys.executable, str(_GUEST), "apart", json.dumps(doors), *words]


def lets_out(settings: Settings, who: str, host: str, port: int) -> bool:
    """Tells whether the private network lets somebody reach a host, and has it listed when it does not.

    False, too, while no platform listens.
    """
    request = f"{who}\nCONNECT {host}:{port} HTTP/1.1\r\n\r\n"
    try:
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(_TRIED_WITHIN_S)
            door.connect(str(path(settings.sockets)))
            door.sendall(request.encode())
            return b" 403 " not in door.makefile("rb").readline()
    except OSError:
        return False


@functools.cache
def are_possible() -> bool:
    """Tells whether this system lets a process leave its network, by trying it."""
    try:
        tried = subprocess.run(
            command({"ports": {}, "open": [], "who": ""}, ["true"]),
            capture_output=True,
            timeout=_TRIED_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return tried.returncode == 0
