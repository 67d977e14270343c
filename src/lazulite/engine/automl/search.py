"""What AutoML tries next: each algorithm once, then those that did best with other parameters, then ensembles. Pure."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lazulite.engine.automl.spec import AutoMLSpec
from lazulite.engine.sweep import space
from lazulite.engine.sweep.sampling import Sampler, Tried

_MEMBERS = 5  # of an ensemble
# Source: learn.microsoft.com/azure/machine-learning/how-to-configure-auto-train, Exit criteria: the first 20 trials are
# never the last, and then 10 without a better score are.
_LANDMARKS, _PATIENCE = 20, 10


@dataclass(frozen=True)
class Attempt:
    """One model that is tried. parameters: of the algorithm; members: of an ensemble."""

    algorithm: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    members: Sequence[Mapping[str, Any]] = ()

    def wire(self) -> dict[str, Any]:
        """Returns how a trial's body and its guest have it."""
        return {"algorithm": self.algorithm, "parameters": dict(self.parameters), "members": list(self.members)}


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt. score: the higher the better, None of one that runs or has failed."""

    attempt: Attempt
    score: float | None


def next_attempt(asked: AutoMLSpec, seed: str, before: Sequence[Outcome]) -> Attempt:
    """Returns the next model to be tried; the first of each algorithm has the parameters that scikit-learn gives it."""
    names = list(asked.spaces)
    if len(before) < len(names):
        return Attempt(names[len(before)])
    rng = random.Random(f"{seed}/{len(before)}")
    best = {
        name: max(
            (one.score for one in before if one.attempt.algorithm == name and one.score is not None), default=None
        )
        for name in names
    }
    ranked = sorted((name for name in names if best[name] is not None), key=lambda name: -(best[name] or 0)) or names
    (chosen,) = rng.choices(ranked, [1 / (2**place) for place in range(len(ranked))])
    dimensions = space.space_of({name: list(one) for name, one in asked.spaces[chosen].items()})
    tried = [
        Tried(one.attempt.parameters, one.score)
        for one in before
        if one.attempt.algorithm == chosen and one.attempt.parameters
    ]
    values = Sampler("Bayesian", dimensions, f"{seed}/{chosen}").propose(len(tried), tried)
    return Attempt(chosen, dict(values or {}))


def is_enough(asked: AutoMLSpec, before: Sequence[Outcome]) -> bool:
    """Tells whether no more attempts are to be begun: the limit, the exit score, or no progress."""
    scores = [one.score for one in before if one.score is not None]
    if len(before) >= max(1, asked.total - len(asked.ensembles)):
        return True
    wanted = asked.exit_score if asked.exit_score is None or asked.maximizes else -asked.exit_score
    if wanted is not None and any(score >= wanted for score in scores):
        return True
    last = len(scores) - _PATIENCE
    return asked.stops_early and last >= _LANDMARKS and max(scores[last:]) <= max(scores[:last])


def ensembles(asked: AutoMLSpec, before: Sequence[Outcome]) -> list[Attempt]:
    """Returns the ensembles of the best attempts, none where fewer than two have succeeded or no trials are left."""
    done = sorted((one for one in before if one.score is not None), key=lambda one: -(one.score or 0))
    room = asked.total - len(before)
    members = [one.attempt.wire() for one in done[:_MEMBERS]]
    return [Attempt(name, members=members) for name in asked.ensembles[: max(0, room)]] if len(members) > 1 else []
