"""The gateway's counts as they were when somebody looked. Keeps them; draws nothing."""

import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lazulite import clock
from lazulite.serving.gateway import control

_KEPT = 900
_APART_S = 1.0


class Samples:
    """The gateway's counts as they were when somebody looked, the last quarter of an hour at most. For any thread."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, Mapping[str, Any]]] = deque(maxlen=_KEPT)
        self._taking = threading.Lock()

    def taken(self, sockets: Path) -> list[tuple[float, Mapping[str, Any]]]:
        """Takes a sample if the last one is a second old, and returns all: (seconds, endpoints' counts)."""
        with self._taking:
            now = clock.monotonic()
            if not self._kept or now - self._kept[-1][0] >= _APART_S:
                self._kept.append((now, control.ask(sockets, "stats")["endpoints"]))
            return list(self._kept)
