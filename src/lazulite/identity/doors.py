"""Doors: how a process that has no network of its own reaches the platform, and who has none. See guest/apart.py."""

import functools
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from lazulite.settings import Settings

_GUEST = Path(__file__).parent.parent / "guest"
_TRIED_WITHIN_S = 20.0


def path(sockets: Path) -> Path:
    """Returns where the platform listens for those who come through a door; sockets: `settings.sockets`."""
    return sockets / "door.sock"


def of(settings: Settings) -> dict[str, str]:
    """Returns the doors of a process without a network: the platform's port leads to the platform."""
    return {str(settings.port): str(path(settings.sockets))}


def command(doors: dict[str, str], words: Sequence[str]) -> list[str]:
    """Returns the command that runs another without a network but for doors."""
    return [sys.executable, str(_GUEST), "apart", json.dumps(doors), *words]


@functools.cache
def are_possible() -> bool:
    """Tells whether this system lets a process leave its network, by trying it."""
    try:
        tried = subprocess.run(command({}, ["true"]), capture_output=True, timeout=_TRIED_WITHIN_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return tried.returncode == 0
