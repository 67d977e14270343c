"""How many instances a deployment should have: from its settings and what the gateway counts. Pure."""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lazulite import clock, fields
from lazulite.errors import BadRequest

IDLE_TIMEOUT = "lazulite.idleTimeout"
"""A deployment's own property: after this long without a request it sleeps until the next."""

_DEFAULT_IDLE_S = 600.0
# How many polls in a row must wish for fewer instances before one goes.
_CALM_POLLS = 5


@dataclass(frozen=True)
class Scale:
    """Between how many instances a deployment moves, and by what.

    target: how busy an instance should be, 0 to 1. interval_s: how often that is looked at. idle_s: after so long
    without a request it sleeps; 0: never.
    """

    least: int
    most: int
    target: float = 0.7
    interval_s: float = 1.0
    idle_s: float = 0.0

    @property
    def is_fixed(self) -> bool:
        """Tells whether it moves by nothing of its own, so that Azure Monitor's autoscale may move it."""
        return self.least == self.most

    @property
    def first(self) -> int:
        """Returns how many instances it begins with: also one that may sleep has to prove its init()."""
        return max(1, self.least)


def scale_of(properties: Mapping[str, Any], instances: int) -> Scale:
    """Reads `scaleSettings`: `{scaleType: TargetUtilization, minInstances, maxInstances, pollingInterval,
    targetUtilizationPercentage}`, or Default, which keeps instances. Raises BadRequest naming the field.

    Source of defaults: learn.microsoft.com/rest/api/azureml, OnlineDeployments, TargetUtilizationScaleSettings. That
    minInstances 0 lets a deployment sleep: Source: guess; Azure's own autoscaling keeps one at least.
    """
    given = fields.nested(properties, "properties.scaleSettings")
    kind = fields.text(given, "properties.scaleSettings.scaleType") or "Default"
    told = fields.texts(properties, "properties.properties").get(IDLE_TIMEOUT)
    idle_s = clock.seconds(told, f"properties.{IDLE_TIMEOUT}", 0)
    if kind == "Default":
        return Scale(instances, instances, idle_s=idle_s)
    if kind != "TargetUtilization":
        raise BadRequest(
            f'scaleSettings.scaleType is "{kind}", but must be Default or TargetUtilization.',
            target="properties.scaleSettings.scaleType",
        )
    at = "properties.scaleSettings"
    least = fields.count(given, f"{at}.minInstances", 1, least=0)
    most = fields.count(given, f"{at}.maxInstances", max(1, least))
    if most < least:
        raise BadRequest(f"scaleSettings.maxInstances is {most}, less than minInstances, {least}.", target=at)
    interval_s = clock.seconds(given.get("pollingInterval"), "scaleSettings.pollingInterval", 1.0)
    target = fields.count(given, f"{at}.targetUtilizationPercentage", 70, most=100) / 100
    if not least and not told:
        idle_s = _DEFAULT_IDLE_S
    return Scale(least, most, target, max(interval_s, 1.0), idle_s)


@dataclass
class History:
    """What one deployment was asked for lately."""

    seen_at: float
    requests: int = 0
    busy_s: float = 0.0
    busy_at: float = 0.0
    wishes: deque[int] = field(default_factory=lambda: deque(maxlen=_CALM_POLLS))


class Scaler:
    """Remembers what every deployment was asked for, and says how many instances it should have."""

    def __init__(self) -> None:
        self._known: dict[str, History] = {}

    def forget(self, label: str) -> None:
        """Forgets a deployment that is gone, or begins anew."""
        self._known.pop(label, None)

    def wish(self, label: str, scale: Scale, concurrency: int, counts: Mapping[str, Any], now: float) -> int | None:
        """Returns how many instances there should be, 0 for sleep; None when it is too soon to say.

        concurrency: requests that an instance works on at a time. counts: the gateway's, of this deployment
        (`requests`, `busy_s`, `in_flight`, `waiting`). More are wished for at once, fewer when five looks agree.
        Source: learn.microsoft.com/azure/machine-learning/v1/how-to-deploy-azure-kubernetes-service, autoscaling:
        replicas = ceil(concurrent requests / (target * concurrency)).
        """
        present = counts["in_flight"] + counts["waiting"]
        before = self._known.get(label)
        if before is None or counts["requests"] < before.requests:  # the gateway is another one, and counts anew
            self._known[label] = History(now, counts["requests"], counts["busy_s"], now)
            return None
        if present or counts["requests"] > before.requests:
            before.busy_at, before.requests = now, counts["requests"]
        if scale.idle_s and now - before.busy_at >= scale.idle_s:
            return 0
        passed_s = now - before.seen_at
        if scale.is_fixed or passed_s < scale.interval_s:
            return None
        load = (counts["busy_s"] - before.busy_s) / passed_s
        before.seen_at, before.busy_s = now, counts["busy_s"]
        needed = math.ceil(load / (scale.target * concurrency) - 1e-9)
        before.wishes.append(min(max(needed, scale.first), scale.most))
        return max(before.wishes)
