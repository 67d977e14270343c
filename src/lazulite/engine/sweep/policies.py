"""Early termination: which trials are worse than the policy suffers. Pure.

An interval is one value of the primary metric. Every policy looks at a trial when it has told a multiple of
evaluationInterval of them, and at least delayEvaluation.
Source: learn.microsoft.com/azure/machine-learning/how-to-tune-hyperparameters, Specify early termination policy.
"""

import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lazulite import fields
from lazulite.errors import BadRequest

Curves = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Policy:
    """When a trial is ended. kind: Bandit, MedianStopping or TruncationSelection."""

    kind: str
    interval: int = 1
    delay: int = 0
    slack_factor: float = 0.0
    slack_amount: float = 0.0
    percentage: int = 0

    def ends(self, curves: Curves, running: Collection[str]) -> list[str]:
        """Returns which of the running trials are to be ended.

        curves: what each trial has told of the primary metric, in order; the higher the better.
        """
        return [name for name in running if name in curves and self._ends(name, curves, running)]

    def _ends(self, name: str, curves: Curves, running: Collection[str]) -> bool:
        """Compares a trial with those that came as far, and with those that are over and will come no farther."""
        seen = len(curves[name]) // self.interval * self.interval
        if seen < max(self.interval, self.delay):
            return False
        reached = {other: one[:seen] for other, one in curves.items() if len(one) >= seen or other not in running}
        best = {other: max(curve) for other, curve in reached.items()}
        if self.kind == "Bandit":
            top = max(best.values())
            # 0.8 and a factor of 0.2 allow 0.8 / 1.2; written so that it is less than the best below 0, too.
            allowed = self.slack_amount or abs(top) * (1 - 1 / (1 + self.slack_factor))
            return best[name] < top - allowed
        if self.kind == "MedianStopping":
            averages = [statistics.fmean(curve) for curve in reached.values()]
            return best[name] < statistics.median(averages)
        worse = sum(one < best[name] for one in best.values())
        return worse < math.floor(len(best) * self.percentage / 100)


def policy_of(given: Mapping[str, Any]) -> Policy | None:
    """Reads `earlyTermination`; None when there is none. Raises BadRequest naming the field."""
    at = "properties.earlyTermination"
    kind = fields.text(given, f"{at}.policyType")
    if not kind:
        return None
    known = {one.lower(): one for one in ("Bandit", "MedianStopping", "TruncationSelection")}
    name = known.get(kind.replace("_", "").lower())
    if not name:
        raise BadRequest(f"{at}.policyType is {kind!r}, but must be one of {', '.join(known.values())}.", target=at)
    made = Policy(
        kind=name,
        interval=fields.count(given, f"{at}.evaluationInterval", 1, least=0) or 1,
        delay=fields.count(given, f"{at}.delayEvaluation", 0, least=0),
        slack_factor=_number(given, f"{at}.slackFactor"),
        slack_amount=_number(given, f"{at}.slackAmount"),
        percentage=fields.count(given, f"{at}.truncationPercentage", 0, least=0, most=99),
    )
    if name == "Bandit" and not (made.slack_factor or made.slack_amount):
        raise BadRequest(f"{at}: Bandit needs a slackFactor or a slackAmount above 0.", target=at)
    if name == "TruncationSelection" and not made.percentage:
        raise BadRequest(f"{at}.truncationPercentage must be from 1 to 99.", target=f"{at}.truncationPercentage")
    return made


def _number(given: Mapping[str, Any], path: str) -> float:
    value = given.get(path.rpartition(".")[2])
    if value is None:
        return 0.0
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < math.inf:
        raise BadRequest(f"{path} must be a number from 0, but is {value!r}.", target=path)
    return float(value)
