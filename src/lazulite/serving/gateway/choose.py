"""Which deployment of an endpoint answers: the one that the request names, else by traffic weights."""

from collections.abc import Mapping
from itertools import accumulate

# Its multiples, fractions only, spread more evenly than chance: of any ten requests at 90:10, one goes to the 10.
_GOLDEN = 0.6180339887498949


class Shares:
    """Picks names in proportion to their weights, evenly in time. Never blocks, remembers one number."""

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._names = [name for name, weight in weights.items() if weight]
        self._bounds = list(accumulate(weights[name] for name in self._names))
        self._at = 0.5

    def pick(self, of: int = 0) -> str | None:
        """Returns the next name, or None when no name has weight.

        of: what the weights are parts of; picks None for the part that no name has. 0 means their sum.
        """
        if not self._names:
            return None
        if len(self._names) == 1 and not of:
            return self._names[0]
        self._at = (self._at + _GOLDEN) % 1
        mark = self._at * (of or self._bounds[-1])
        return next((name for name, bound in zip(self._names, self._bounds, strict=True) if mark < bound), None)
