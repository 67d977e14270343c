"""Azure Monitor's autoscale settings: what one says, and how many instances it wishes for. Pure."""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from lazulite import clock, fields
from lazulite.catalog import time_zones
from lazulite.errors import BadRequest, NotImplementedHere
from lazulite.ids import WorkspaceId, parse_workspace
from lazulite.serving import figures
from lazulite.serving.figures import DEPLOYMENT, ENDPOINT, Metric, Point
from lazulite.serving.measures import SLICE_S

KIND = "Microsoft.Insights/autoscaleSettings"
MOST_INSTANCES = 1000
_MOST_PROFILES = 20
_MOST_RULES = 10
_LONGEST_S = 12 * 3600.0
# Source: learn.microsoft.com/rest/api/monitor/autoscale-settings/create-or-update, MetricTrigger and ScaleAction.
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "Equals": operator.eq,
    "NotEquals": operator.ne,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqual": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqual": operator.le,
}
_STATISTICS: Mapping[str, Callable[[Point], float]] = {
    "Average": lambda point: point.average,
    "Min": lambda point: point.least,
    "Max": lambda point: point.most,
    "Sum": lambda point: point.total,
    "Count": lambda point: point.count,
}
_AGGREGATIONS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Average": lambda values: sum(values) / len(values),
    "Minimum": min,
    "Maximum": max,
    "Total": sum,
    "Count": len,
    "Last": lambda values: values[-1],
}
_DIRECTIONS = ("None", "Increase", "Decrease")
_TYPES = ("ChangeCount", "PercentChangeCount", "ExactCount")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Watched:
    """An online endpoint, or one of its deployments. deployment: "" for the endpoint."""

    workspace: WorkspaceId
    endpoint: str
    deployment: str = ""

    @property
    def label(self) -> str:
        """Returns `endpoint/deployment`, or the endpoint's name alone, in lower case."""
        return f"{self.endpoint}/{self.deployment}".rstrip("/").lower()

    @property
    def kind(self) -> str:
        """Returns which metrics it has."""
        return DEPLOYMENT if self.deployment else ENDPOINT


@dataclass(frozen=True)
class Trigger:
    """A metric of something, read grain by grain over a window, and what it is compared with."""

    metric: Metric
    watched: Watched
    grain_s: float
    window_s: float
    statistic: str
    aggregation: str
    comparison: str
    threshold: float
    is_per_instance: bool

    def value(self, points: Sequence[Point], instances: int) -> float | None:
        """Returns what the metric was over the window, None where nothing was measured."""
        if not points:
            return None
        found = _AGGREGATIONS[self.aggregation]([_STATISTICS[self.statistic](point) for point in points])
        return found / instances if self.is_per_instance else found

    def holds(self, value: float) -> bool:
        """Tells whether a value is one that it waits for."""
        return _OPERATORS[self.comparison](value, self.threshold)


@dataclass(frozen=True)
class Rule:
    """Changes the number of instances when its trigger holds, no sooner after the last change than cooldown_s."""

    trigger: Trigger
    direction: str
    kind: str
    amount: int
    cooldown_s: float

    def wish(self, instances: int) -> int:
        """Returns how many there should be instead of so many. A percentage changes one instance at least."""
        if self.kind == "ExactCount":
            return self.amount
        change = self.amount if self.kind == "ChangeCount" else max(1, math.floor(instances * self.amount / 100))
        return instances + change if self.direction == "Increase" else instances - change


@dataclass(frozen=True)
class Profile:
    """Between how many instances a deployment moves, by which rules, and when that counts.

    window: from when to when, of one that has a fixed date. starts: when one that recurs begins each week.
    """

    name: str
    least: int
    most: int
    default: int
    rules: tuple[Rule, ...]
    window: tuple[datetime, datetime] | None = None
    starts: Callable[[datetime], datetime] | None = None


@dataclass(frozen=True)
class Setting:
    """One autoscale setting, read."""

    target: Watched
    is_enabled: bool
    profiles: tuple[Profile, ...]


@dataclass(frozen=True)
class Decision:
    """How many instances there should be, and why, in words."""

    instances: int
    reason: str


def read(properties: Mapping[str, Any], *, strict: bool = False) -> Setting:
    """Reads the properties of a setting. Raises BadRequest naming the field, NotImplementedHere for what Azure has and
    this has not: notifications, predictions, rules by a metric's dimensions.

    strict: windows and cooldowns are as long as Azure wants them; else from one slice of 5 s on.
    """
    target = watched(fields.text(properties, "properties.targetResourceUri", required=True), "targetResourceUri")
    if not target.deployment:
        raise BadRequest(
            f'properties.targetResourceUri names the endpoint "{target.endpoint}", but must name a deployment.',
            target="properties.targetResourceUri",
        )
    _refuse_what_is_not_here(properties)
    given = _list(properties, "properties.profiles")
    if not 0 < len(given) <= _MOST_PROFILES:
        raise BadRequest(f"properties.profiles must hold 1 to {_MOST_PROFILES} profiles.", target="properties.profiles")
    found = tuple(_profile(one, f"properties.profiles[{n}]", strict) for n, one in enumerate(given))
    return Setting(target, fields.flag(properties, "properties.enabled"), found)


def watched(text: str, field: str) -> Watched:
    """Reads the ARM id of an online endpoint or a deployment. Raises BadRequest for any other."""
    workspace, rest = parse_workspace(text)
    match rest.rstrip("/").split("/"):
        case [kind, endpoint] if kind.lower() == "onlineendpoints":
            return Watched(workspace, endpoint)
        case [kind, endpoint, below, name] if (kind.lower(), below.lower()) == ("onlineendpoints", "deployments"):
            return Watched(workspace, endpoint, name)
    raise BadRequest(f'{field} is "{text}", which is no online endpoint or deployment.', target=f"properties.{field}")


def _refuse_what_is_not_here(properties: Mapping[str, Any]) -> None:
    for notification in _list(properties, "properties.notifications"):
        email = fields.nested(notification, "properties.notifications.email")
        if notification.get("webhooks") or any(email.values()):
            raise NotImplementedHere(
                "Nobody is told here when instances come or go.",
                target="properties.notifications",
                hint="Leave e-mail and webhooks out; the deployment's storage-initializer log says each change.",
            )
    policy = fields.nested(properties, "properties.predictiveAutoscalePolicy")
    if (fields.text(policy, "properties.predictiveAutoscalePolicy.scaleMode") or "Disabled") != "Disabled":
        raise NotImplementedHere(
            "Predictive autoscale is not here; Azure has it for virtual machine scale sets alone.",
            target="properties.predictiveAutoscalePolicy",
        )


def _profile(given: Mapping[str, Any], at: str, strict: bool) -> Profile:
    name = fields.text(given, f"{at}.name", required=True)
    capacity = fields.nested(given, f"{at}.capacity")
    least, most, default = (_whole(capacity, f"{at}.capacity.{field}", 1) for field in _CAPACITY)
    if not least <= default <= most:
        raise BadRequest(
            f"{at}.capacity has minimum {least}, default {default} and maximum {most}, "
            "but each must be at least the one before.",
            target=f"{at}.capacity",
        )
    rules = _list(given, f"{at}.rules")
    if len(rules) > _MOST_RULES:
        raise BadRequest(f"{at} has {len(rules)} rules, but may have {_MOST_RULES}.", target=f"{at}.rules")
    window, recurrence = (fields.nested(given, f"{at}.{field}") for field in ("fixedDate", "recurrence"))
    if window and recurrence:
        raise BadRequest(f"{at} has both fixedDate and recurrence, but may have one.", target=at)
    return Profile(
        name,
        least,
        most,
        default,
        tuple(_rule(one, f"{at}.rules[{n}]", strict) for n, one in enumerate(rules)),
        _window(window, f"{at}.fixedDate") if window else None,
        _starts(recurrence, f"{at}.recurrence") if recurrence else None,
    )


_CAPACITY = ("minimum", "maximum", "default")


def _rule(given: Mapping[str, Any], at: str, strict: bool) -> Rule:
    action = fields.nested(given, f"{at}.scaleAction")
    kind = _one_of(action, f"{at}.scaleAction.type", _TYPES)
    direction = _one_of(action, f"{at}.scaleAction.direction", _DIRECTIONS)
    if direction == "None" and kind != "ExactCount":
        raise BadRequest(f"{at}.scaleAction.direction must be Increase or Decrease.", target=f"{at}.scaleAction")
    cooldown_s = _seconds(action, f"{at}.scaleAction.cooldown", 60 if strict else 0, 7 * 86400)
    least = 0 if kind == "ExactCount" else 1
    amount = _whole({"value": 1, **action}, f"{at}.scaleAction.value", least)
    return Rule(_trigger(fields.nested(given, f"{at}.metricTrigger"), at, strict), direction, kind, amount, cooldown_s)


def _trigger(given: Mapping[str, Any], rule: str, strict: bool) -> Trigger:
    at = f"{rule}.metricTrigger"
    of = watched(fields.text(given, f"{at}.metricResourceUri", required=True), f"{at}.metricResourceUri")
    if given.get("dimensions"):
        raise NotImplementedHere(
            f"{at}.dimensions: rules here look at the whole metric.",
            target=f"{at}.dimensions",
            hint="Name a deployment as metricResourceUri to look at that one alone.",
        )
    grain_s = _seconds(given, f"{at}.timeGrain", 60 if strict else SLICE_S, _LONGEST_S)
    window_s = _seconds(given, f"{at}.timeWindow", max(grain_s, 300 if strict else 0), _LONGEST_S)
    threshold = given.get("threshold")
    if not isinstance(threshold, int | float) or isinstance(threshold, bool):
        raise BadRequest(f"{at}.threshold must be a number, but is {threshold!r}.", target=f"{at}.threshold")
    return Trigger(
        metric_of(fields.text(given, f"{at}.metricName", required=True), of, f"{at}.metricName"),
        of,
        grain_s,
        window_s,
        _one_of(given, f"{at}.statistic", tuple(_STATISTICS)),
        _one_of(given, f"{at}.timeAggregation", tuple(_AGGREGATIONS)),
        _one_of(given, f"{at}.operator", tuple(_OPERATORS)),
        float(threshold),
        fields.flag(given, f"{at}.dividePerInstance"),
    )


def metric_of(name: str, of: Watched, field: str) -> Metric:
    """Returns a metric of an endpoint or deployment by its name. Raises BadRequest naming those that it has."""
    metric = figures.METRICS.get(name.lower())
    if not metric or of.kind not in metric.of:
        raise BadRequest(
            f'{field} is "{name}", which is not measured of an online {of.kind} here. '
            f"There are {', '.join(figures.names(of.kind))}.",
            target=field,
        )
    return metric


def _window(given: Mapping[str, Any], at: str) -> tuple[datetime, datetime]:
    """Reads `{start, end, timeZone}`. Where a zone is named, the times are its clock's, whatever offset they carry.

    Source: guess; `az monitor autoscale profile create` sends `Z` with any zone that it is given.
    """
    start, end = (_moment(given, f"{at}.{field}", at) for field in ("start", "end"))
    if start >= end:
        raise BadRequest(f"{at} ends before it starts.", target=at)
    return start, end


def _moment(given: Mapping[str, Any], path: str, at: str) -> datetime:
    text, zone = fields.text(given, path, required=True), fields.text(given, f"{at}.timeZone")
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise BadRequest(f'{path} is "{text}", but must be a time such as 2026-01-31T08:00:00Z.', target=path) from None
    if zone:
        return moment.replace(tzinfo=time_zones.zone(zone))
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _starts(given: Mapping[str, Any], at: str) -> Callable[[datetime], datetime]:
    """Reads `{frequency: "Week", schedule: {timeZone, days, hours, minutes}}`; returns when it last began, before now.

    Source: learn.microsoft.com/azure/azure-monitor/autoscale/autoscale-understanding-settings, recurrence profile.
    """
    if _one_of(given, f"{at}.frequency", ("Week",)) and not given.get("schedule"):
        raise BadRequest(f"{at}.schedule is missing.", target=f"{at}.schedule")
    schedule = fields.nested(given, f"{at}.schedule")
    zone = time_zones.zone(fields.text(schedule, f"{at}.schedule.timeZone") or "UTC")
    named = [str(day).capitalize() for day in schedule.get("days") or []]
    if not named or not set(named) <= set(_DAYS):
        raise BadRequest(f"{at}.schedule.days must hold days from Monday to Sunday.", target=f"{at}.schedule.days")
    days = [_DAYS.index(day) for day in named]
    hour, minute = (_first(schedule, f"{at}.schedule.{field}", most) for field, most in _CLOCK)

    def began(now: datetime) -> datetime:
        here = now.astimezone(zone)
        found = [(here - timedelta(days=back)).replace(hour=hour, minute=minute, second=0) for back in range(8)]
        return max(one.replace(microsecond=0) for one in found if one.weekday() in days and one <= here)

    return began


_CLOCK = (("hours", 23), ("minutes", 59))


def _first(schedule: Mapping[str, Any], path: str, most: int) -> int:
    values = schedule.get(path.rpartition(".")[2]) or []
    if not isinstance(values, list) or len(values) != 1:
        raise BadRequest(f"{path} must hold one number, but is {values!r}.", target=path)
    return fields.count({"value": values[0]}, f"{path}.value", 0, least=0, most=most)


def _list(given: Mapping[str, Any], path: str) -> list[dict[str, Any]]:
    found = given.get(path.rpartition(".")[2]) or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise BadRequest(f"{path} must be a list of objects.", target=path)
    return found


def _one_of(given: Mapping[str, Any], path: str, choices: Sequence[str]) -> str:
    told = fields.text(given, path, required=True)
    match = next((choice for choice in choices if choice.lower() == told.lower()), None)
    if not match:
        raise BadRequest(f'{path} is "{told}", but must be one of {", ".join(choices)}.', target=path)
    return match


def _whole(given: Mapping[str, Any], path: str, least: int) -> int:
    """Reads a whole number that may be text, as this service's are."""
    value = given.get(path.rpartition(".")[2])
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    if number is None:
        raise BadRequest(f"{path} is missing.", target=path)
    return fields.count({"value": number}, f"{path}.value", 0, least=least, most=MOST_INSTANCES)


def _seconds(given: Mapping[str, Any], path: str, least: float, most: float) -> float:
    value = given.get(path.rpartition(".")[2])
    if value is None:
        raise BadRequest(f"{path} is missing.", target=path)
    found = clock.seconds(value, path.removeprefix("properties."), 0)
    if not least <= found <= most:
        raise BadRequest(f"{path} is {value}, but must be from {least:g} s to {most:g} s.", target=path)
    return found


def profile_at(setting: Setting, now: datetime) -> Profile | None:
    """Returns the profile that counts: one whose date is now, else the one that began last, else one without a time.

    Source: learn.microsoft.com/azure/azure-monitor/autoscale/autoscale-understanding-settings, profile evaluation.
    """
    for profile in setting.profiles:
        if profile.window and profile.window[0] <= now < profile.window[1]:
            return profile
    began = [(profile.starts(now), n) for n, profile in enumerate(setting.profiles) if profile.starts]
    if began:
        latest = max(at for at, _ in began)
        return next(setting.profiles[n] for at, n in began if at == latest)
    return next((one for one in setting.profiles if not one.window), None)


def decide(
    setting: Setting,
    instances: int,
    now: datetime,
    scaled_at: datetime | None,
    points_of: Callable[[Trigger], Sequence[Point]],
) -> Decision | None:
    """Returns how many instances there should be instead of so many; None where they are right.

    points_of: what was measured for a trigger. Any rule that wants more wins, by the most that one wants; fewer are
    there only when every rule that takes away agrees, and when none would at once want more again.
    Source: learn.microsoft.com/azure/azure-monitor/autoscale/autoscale-understanding-settings, and autoscale-flapping.
    """
    profile = profile_at(setting, now)
    if not profile:
        return None
    inside = min(max(instances, profile.least), profile.most)
    if inside != instances:
        return Decision(inside, f'profile "{profile.name}" has {profile.least} to {profile.most}')
    values = [rule.trigger.value(points_of(rule.trigger), instances) for rule in profile.rules]
    if values and all(value is None for value in values):
        reason = f'nothing was measured, and profile "{profile.name}" has {profile.default} then'
        return Decision(profile.default, reason) if instances < profile.default else None
    since_s = (now - scaled_at).total_seconds() if scaled_at else math.inf
    wishes = [
        (min(max(rule.wish(instances), profile.least), profile.most), rule, value)
        for rule, value in zip(profile.rules, values, strict=True)
        if value is not None and rule.trigger.holds(value) and since_s >= rule.cooldown_s
    ]
    more = [one for one in wishes if one[0] > instances]
    if more:
        return _decision(max(more, key=lambda one: one[0]))
    fewer = [one for one in wishes if one[0] < instances]
    takers = sum(rule.wish(instances) < instances for rule in profile.rules)
    if not fewer or len(fewer) < takers:
        return None
    best = max(fewer, key=lambda one: one[0])
    return None if _flaps(profile, values, instances, best[0]) else _decision(best)


def _decision(wish: tuple[int, Rule, float]) -> Decision:
    instances, rule, value = wish
    trigger = rule.trigger
    return Decision(
        instances,
        f"{trigger.metric.name} of {trigger.watched.label} was {value:.4g} "
        f"({trigger.aggregation.lower()} of {trigger.window_s:g} s; {trigger.comparison} {trigger.threshold:g})",
    )


def _flaps(profile: Profile, values: Sequence[float | None], instances: int, fewer: int) -> bool:
    """Tells whether fewer instances would make a rule want more at once: what they share is more for each, then."""
    return any(
        value is not None
        and rule.wish(fewer) > fewer
        and (rule.trigger.metric.is_of_instance or rule.trigger.is_per_instance)
        and rule.trigger.holds(value * instances / max(fewer, 1))
        for rule, value in zip(profile.rules, values, strict=True)
    )
