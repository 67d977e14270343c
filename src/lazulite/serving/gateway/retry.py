"""When to try a connection again: soon, then less and less often."""

_FIRST_S = 0.02
_LONGEST_S = 1.0


class Retry:
    """Counts failures in a row."""

    def __init__(self) -> None:
        self.has_failed = False
        self._wait_s = _FIRST_S
        self._due_at = 0.0

    def failed(self, now: float) -> None:
        self.has_failed = True
        self._due_at = now + self._wait_s
        self._wait_s = min(2 * self._wait_s, _LONGEST_S)

    def succeeded(self) -> None:
        self.has_failed = False
        self._wait_s = _FIRST_S

    def is_due(self, now: float) -> bool:
        return now >= self._due_at
