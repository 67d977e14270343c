"""What a deployment has answered so far, counted. Starts at nothing with each gateway."""

from collections import Counter
from typing import Any

CLIENT_GONE = 499
"""In place of a status: the client hung up first. Source: nginx, which made the number customary."""

# Bucket i counts answers within 2^i ms; the last one those that took longer than all.
_BUCKETS = 20


class Counts:
    """Counts answers by status, and how long they took, waiting included."""

    def __init__(self) -> None:
        self.requests = 0
        self.mirrored = 0
        self.not_mirrored = 0
        self._statuses: Counter[int] = Counter()
        self._latencies = [0] * _BUCKETS

    def note(self, status: int, seconds: float) -> None:
        """Counts one request that has come to its end."""
        self.requests += 1
        self._statuses[status] += 1
        self._latencies[min(int(seconds * 1000).bit_length(), _BUCKETS - 1)] += 1

    def wire(self) -> dict[str, Any]:
        """Returns `{requests, statuses: {"200": n}, latency_ms: {"1": n, "2": n, ...}, mirrored, not_mirrored}`.

        latency_ms counts answers that took less than so many ms and no less than half of it.
        """
        bounds = [*(str(2**exponent) for exponent in range(_BUCKETS - 1)), "inf"]
        return {
            "requests": self.requests,
            "statuses": {str(status): count for status, count in sorted(self._statuses.items())},
            "latency_ms": {bound: count for bound, count in zip(bounds, self._latencies, strict=True) if count},
            "mirrored": self.mirrored,
            "not_mirrored": self.not_mirrored,
        }
