"""How many pages are open, by who asks, so that each asks more seldom where there are many."""

import threading

from lazulite import clock

_GONE_S = 40.0  # a hidden page asks every 15 seconds
_LEAST_MS, _EACH_MS = 1000, 400
_MOST = 1000


class Visitors:
    """Counts the pages that asked lately. For any thread."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}
        self._counting = threading.Lock()

    def pause_ms(self, page: str) -> int:
        """Notes that a page asked, by the name it has given itself; returns how many milliseconds it is to wait."""
        with self._counting:
            now = clock.monotonic()
            self._seen = {name: at for name, at in self._seen.items() if at > now - _GONE_S}
            if len(self._seen) < _MOST:
                self._seen[page] = now
            return max(_LEAST_MS, len(self._seen) * _EACH_MS)
