"""How many pages are open, by how often they ask, so that each asks more seldom where there are many."""

import threading
from collections import deque

from lazulite import clock

_OVER_S = 10.0
_LEAST_MS, _EACH_MS = 1000, 300


class Visitors:
    """Counts the pages that asked lately. For any thread."""

    def __init__(self) -> None:
        self._asked: deque[float] = deque(maxlen=1000)
        self._pause_ms = _LEAST_MS
        self._counting = threading.Lock()

    def pause_ms(self) -> int:
        """Counts one question, and returns for how many milliseconds whoever asked is to wait."""
        with self._counting:
            now = clock.monotonic()
            self._asked.append(now)
            while self._asked[0] < now - _OVER_S:
                self._asked.popleft()
            pages = len(self._asked) * self._pause_ms / 1000 / _OVER_S
            self._pause_ms = max(_LEAST_MS, int(pages * _EACH_MS))
            return self._pause_ms
