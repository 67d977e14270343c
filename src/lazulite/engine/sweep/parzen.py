"""Bayesian sampling: a tree-structured Parzen estimator, which tries what good trials have and bad ones have not.

Plain Python: docs/decisions/0020-parzen-estimator.md says why. The same trials and seed give the
same. Source of the method: J. Bergstra et al., Algorithms for Hyper-Parameter Optimization, NeurIPS 2011, and Making a
Science of Model Search, ICML 2013.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist

from lazulite.engine.sweep.space import Dimension, Value

STARTUP_TRIALS = 10
_CANDIDATES = 24
_GOOD_SHARE, _MOST_GOOD = 0.1, 25


def propose(space: Sequence[Dimension], ranked: Sequence[Sequence[float]], rng: random.Random) -> list[Value]:
    """Returns the next trial's values.

    ranked: the places in the unit cube of the trials that there were, the best first; those that still run come last.
    """
    count = min(math.ceil(_GOOD_SHARE * len(ranked)), _MOST_GOOD)
    good, bad = ranked[:count], ranked[count:]
    return [
        _best(one, [place[at] for place in good], [place[at] for place in bad], rng) for at, one in enumerate(space)
    ]


def _best(dimension: Dimension, good: Sequence[float], bad: Sequence[float], rng: random.Random) -> Value:
    """Draws candidates from what good trials have, and returns the one that bad trials have least."""
    likes, dislikes = _density(dimension, good), _density(dimension, bad)
    drawn = [likes.draw(rng) for _ in range(_CANDIDATES)]
    return dimension.at(max(drawn, key=lambda unit: likes.log(unit) - dislikes.log(unit)))


def _density(dimension: Dimension, seen: Sequence[float]) -> "_Shares | _Bells":
    # What has an order is a matter of near and far, even where it has steps; what was listed is not.
    return _Shares.of(len(dimension.options), seen) if dimension.kind == "choice" else _Bells.of(seen)


@dataclass(frozen=True)
class _Shares:
    """How likely each of some options is: one more than how often it was seen."""

    weights: Sequence[float]

    @classmethod
    def of(cls, count: int, seen: Sequence[float]) -> "_Shares":
        weights = [1.0] * count
        for unit in seen:
            weights[min(int(unit * count), count - 1)] += 1
        return cls([weight / sum(weights) for weight in weights])

    def draw(self, rng: random.Random) -> float:
        (option,) = rng.choices(range(len(self.weights)), self.weights)
        return (option + 0.5) / len(self.weights)

    def log(self, unit: float) -> float:
        return math.log(self.weights[int(unit * len(self.weights))])


@dataclass(frozen=True)
class _Bells:
    """A bell around each place that was seen, as wide as its neighbours are far, and a flat one over all."""

    bells: Sequence[tuple[float, float]]  # middle and width

    @classmethod
    def of(cls, seen: Sequence[float]) -> "_Bells":
        places = sorted(seen)
        least = 1 / min(100, 1 + len(seen))
        gaps = [1.0] if len(places) == 1 else [after - before for before, after in pairwise(places)]
        widths = [max(near) for near in zip([gaps[0], *gaps], [*gaps, gaps[-1]], strict=True)] if places else []
        return cls([(middle, max(width, least)) for middle, width in zip(places, widths, strict=False)])

    def draw(self, rng: random.Random) -> float:
        chosen = rng.randrange(len(self.bells) + 1)
        if chosen == len(self.bells):
            return rng.random()
        bell = NormalDist(*self.bells[chosen])
        low, high = bell.cdf(0), bell.cdf(1)
        return min(max(bell.inv_cdf(min(max(low + rng.random() * (high - low), 1e-12), 1 - 1e-12)), 0.0), 1.0)

    def log(self, unit: float) -> float:
        total = 1.0
        for middle, width in self.bells:
            bell = NormalDist(middle, width)
            total += bell.pdf(unit) / (bell.cdf(1) - bell.cdf(0))
        return math.log(total / (len(self.bells) + 1))
