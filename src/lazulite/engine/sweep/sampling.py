"""Which values a sweep's next trial has. Pure: the sampler, the seed and the trials that there were decide."""

import itertools
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lazulite.engine.sweep import parzen, sobol, space
from lazulite.engine.sweep.space import Dimension, Values
from lazulite.errors import BadRequest

_TRIES = 100


@dataclass(frozen=True)
class Tried:
    """A trial as samplers see it. score: the higher the better; None of one that has not told any, yet or ever."""

    values: Values
    score: float | None = None


@dataclass(frozen=True)
class Sampler:
    """How values are found. kind: Random, Sobol, Grid or Bayesian; seed: what makes a sweep the same again."""

    kind: str
    space: Sequence[Dimension]
    seed: str

    def propose(self, number: int, tried: Sequence[Tried]) -> Values | None:
        """Returns the values of the trial of that number, from 0, and None when there is nothing left to try."""
        if self.kind == "Grid":
            found = next(itertools.islice(itertools.product(*(one.options for one in self.space)), number, None), None)
            return None if found is None else self._named(found)
        size = space.size_of(self.space)
        if size is None:
            return self._fresh(number, tried, 0)
        seen = {tuple(one.values.values()) for one in tried}
        if len(seen) >= size:
            return None
        for attempt in range(_TRIES):  # none of so few values is tried twice
            values = self._fresh(number, tried, attempt)
            if tuple(values.values()) not in seen:
                return values
        every = itertools.product(*(one.options for one in self.space))
        return self._named(next(one for one in every if one not in seen))

    def _fresh(self, number: int, tried: Sequence[Tried], attempt: int) -> Values:
        rng = random.Random(f"{self.seed}/{number}/{attempt}")
        if self.kind == "Bayesian" and number >= parzen.STARTUP_TRIALS and any(one.score is not None for one in tried):
            return self._named(parzen.propose(self.space, self._ranked(tried), rng))
        if self.kind == "Sobol" and not attempt:
            shifting = random.Random(self.seed)
            units = sobol.place(number, [shifting.getrandbits(30) for _ in self.space])
        else:
            units = [rng.random() for _ in self.space]
        return self._named([one.at(unit) for one, unit in zip(self.space, units, strict=True)])

    def _ranked(self, tried: Sequence[Tried]) -> list[list[float]]:
        """Returns where trials lie in the unit cube, the best first; one without a score is taken for bad."""
        ordered = sorted(tried, key=lambda one: -math.inf if one.score is None else one.score, reverse=True)
        return [[one.unit(trial.values[one.name]) for one in self.space] for trial in ordered]

    def _named(self, values: Sequence[Any]) -> Values:
        return {one.name: value for one, value in zip(self.space, values, strict=True)}


def sampler_of(given: Any, searched: Any, name: str) -> Sampler:
    """Reads `{"samplingAlgorithmType": "Random", "rule": "Sobol", "seed": 7, "logbase": 10}`, or the type alone.

    searched: the searchSpace. name: of the sweep, which is its seed where none is given. Raises BadRequest.
    """
    given = {"samplingAlgorithmType": given} if isinstance(given, str) else given
    if not isinstance(given, Mapping):
        raise BadRequest("samplingAlgorithm must be an object.", target="properties.samplingAlgorithm")
    kind = str(given.get("samplingAlgorithmType", given.get("type", ""))).capitalize()
    if kind not in ("Random", "Grid", "Bayesian"):
        raise BadRequest(
            f"samplingAlgorithm is {kind!r}, but must be Random, Grid or Bayesian.",
            target="properties.samplingAlgorithm.samplingAlgorithmType",
        )
    rule = str(given.get("rule") or "random").capitalize()
    if rule not in ("Random", "Sobol"):
        raise BadRequest(f"rule is {rule!r}, but must be random or sobol.", target="properties.samplingAlgorithm.rule")
    dimensions = space.space_of(searched, _base(given.get("logbase")))
    kind = "Sobol" if kind == "Random" and rule == "Sobol" else kind
    _check(kind, dimensions)
    seed = given.get("seed")
    return Sampler(kind, dimensions, name if seed is None else str(seed))


def _check(kind: str, dimensions: Sequence[Dimension]) -> None:
    """Source of both rules on grids: learn.microsoft.com/azure/machine-learning/how-to-tune-hyperparameters."""
    endless = [one.name for one in dimensions if one.kind != "choice"]
    if kind == "Grid" and endless:
        raise BadRequest(
            f"Grid sampling takes choice only, but of the parameters {', '.join(endless)} are not.",
            target=f"properties.searchSpace.{endless[0]}",
            hint="Use random or bayesian sampling, or list the values.",
        )
    if kind == "Sobol" and len(dimensions) > sobol.MOST_DIMENSIONS:
        raise BadRequest(
            f"Sobol's rule takes {sobol.MOST_DIMENSIONS} parameters at most, and there are {len(dimensions)}.",
            target="properties.samplingAlgorithm.rule",
            hint="Use the rule random.",
        )


def _base(given: Any) -> float:
    """Returns of what logarithmic distributions are powers. Source: guess."""
    if given is None or given == "e":
        return math.e
    try:
        found = float(given)
    except (TypeError, ValueError):
        found = 0.0
    if not (math.isfinite(found) and found > 0 and found != 1):
        raise BadRequest(
            f'logbase is {given!r}, but must be "e" or a number above 0.', target="properties.samplingAlgorithm.logbase"
        )
    return found
