"""What autoscale settings wish for, by what was measured."""

from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest

from lazulite.errors import BadRequest, NotImplementedHere
from lazulite.serving import autoscale, figures
from lazulite.serving.autoscale import decide, profile_at, read
from lazulite.serving.figures import METRICS, Point
from lazulite.serving.measures import Gauge, Slice

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
BLUE = f"{WORKSPACE}/onlineEndpoints/ep/deployments/blue"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=timezone.utc)  # a Saturday


def rule(condition, way, amount=1, kind="ChangeCount", cooldown="PT5M", **more):
    metric, operator, threshold = condition.split()
    trigger = {
        "metricName": metric,
        "metricResourceUri": BLUE,
        "timeGrain": "PT1M",
        "statistic": "Average",
        "timeWindow": "PT5M",
        "timeAggregation": "Average",
        "operator": {">": "GreaterThan", "<": "LessThan"}[operator],
        "threshold": float(threshold),
        **more,
    }
    return {
        "metricTrigger": trigger,
        "scaleAction": {"direction": way, "type": kind, "value": str(amount), "cooldown": cooldown},
    }


def profile(*rules, name="default", least=1, most=5, default=1, **more):
    capacity = {"minimum": str(least), "maximum": str(most), "default": str(default)}
    return {"name": name, "capacity": capacity, "rules": list(rules), **more}


def setting(*profiles, **more):
    return {"enabled": True, "targetResourceUri": BLUE, "profiles": list(profiles), **more}


def wish(given, instances, scaled_at=None, now=NOW, **values):
    """Returns what is wished for when metrics have these values; None for one was not measured."""

    def points_of(trigger):
        value = values.get(trigger.metric.name)
        return [] if value is None else [Point(0, 1, value, value, value)]

    decision = decide(read(given), instances, now, scaled_at, points_of)
    return decision.instances if decision else instances


BUSY = rule("CpuUtilizationPercentage > 70", "Increase", 2)
IDLE = rule("CpuUtilizationPercentage < 25", "Decrease")
SLOW = rule("RequestLatency_P95 > 100", "Increase", 3)
QUICK = rule("RequestLatency_P95 < 10", "Decrease")


def test_any_rule_makes_more_and_only_all_make_fewer():
    given = setting(profile(BUSY, IDLE, SLOW, QUICK))
    assert wish(given, 1, CpuUtilizationPercentage=80, RequestLatency_P95=50) == 3
    assert wish(given, 1, CpuUtilizationPercentage=80, RequestLatency_P95=200) == 4, "the most that one wants"
    assert wish(given, 4, CpuUtilizationPercentage=90, RequestLatency_P95=1) == 5, "and no more than the most"
    assert wish(given, 3, CpuUtilizationPercentage=20, RequestLatency_P95=50) == 3
    assert wish(given, 3, CpuUtilizationPercentage=20) == 3, "what was not measured does not agree"
    assert wish(given, 3, CpuUtilizationPercentage=20, RequestLatency_P95=5) == 2


def test_who_would_come_back_at_once_does_not_go():
    given = setting(profile(rule("CpuUtilizationPercentage > 40", "Increase"), IDLE))
    assert wish(given, 2, CpuUtilizationPercentage=21) == 2, "one alone would be at 42 percent"
    assert wish(given, 2, CpuUtilizationPercentage=19) == 1


def test_after_a_change_rules_wait():
    given = setting(profile(BUSY, IDLE))
    assert wish(given, 1, NOW - timedelta(minutes=4), CpuUtilizationPercentage=80) == 1
    assert wish(given, 1, NOW - timedelta(minutes=5), CpuUtilizationPercentage=80) == 3


def test_bounds_hold_without_rules_and_the_default_when_nothing_is_measured():
    assert wish(setting(profile(least=2, most=4, default=3)), 1) == 2
    assert wish(setting(profile(least=2, most=4, default=3)), 9) == 4
    assert wish(setting(profile(BUSY, most=4, default=3)), 2) == 3
    assert wish(setting(profile(BUSY, most=4, default=3)), 4) == 4


@pytest.mark.parametrize(
    ("kind", "amount", "instances", "after"),
    [("PercentChangeCount", 50, 4, 6), ("PercentChangeCount", 10, 2, 3), ("ExactCount", 4, 1, 4)],
)
def test_kinds_of_change(kind, amount, instances, after):
    given = setting(profile(rule("CpuUtilizationPercentage > 70", "Increase", amount, kind), most=9))
    assert wish(given, instances, CpuUtilizationPercentage=80) == after


def test_a_metric_may_be_shared_between_instances():
    each = rule("RequestsPerMinute > 60", "Increase", dividePerInstance=True)
    assert wish(setting(profile(each)), 2, RequestsPerMinute=100) == 2
    assert wish(setting(profile(each)), 1, RequestsPerMinute=100) == 2


def at(days, hour, zone="UTC"):
    schedule = {"timeZone": zone, "days": days, "hours": [hour], "minutes": [0]}
    return {"frequency": "Week", "schedule": schedule}


def test_the_profile_that_began_last_counts_and_a_date_before_all():
    weekend = profile(name="weekend", recurrence=at(["Saturday", "Sunday"], 6))
    over = profile(name='{"name": "default", "for": "weekend"}', recurrence=at(["Saturday", "Sunday"], 19))
    today = {"start": "2026-11-21T04:00:00Z", "end": "2026-11-21T05:00:00Z", "timeZone": "Pacific Standard Time"}
    read_ = read(setting(profile(), weekend, over, profile(name="sale", fixedDate=today)))

    def named(moment):
        found = profile_at(read_, moment)
        return found.name if found else ""

    assert named(NOW.replace(hour=7)) == "weekend"
    assert named(NOW.replace(hour=20)).endswith('"weekend"}')
    assert named(NOW + timedelta(days=3)).endswith('"weekend"}'), "until something else begins"
    assert named(NOW.replace(hour=12, minute=30)) == "sale", "4:30 on that zone's clock"
    assert profile_at(read(setting(profile())), NOW).name == "default"


@pytest.mark.parametrize(
    ("given", "error", "reason"),
    [
        (setting(profile(), targetResourceUri=f"{WORKSPACE}/computes/c"), BadRequest, "no online endpoint"),
        (
            setting(profile(), targetResourceUri=BLUE.rpartition("/deployments")[0]),
            BadRequest,
            "must name a deployment",
        ),
        (setting(), BadRequest, "1 to 20 profiles"),
        (setting(profile(least=3, most=2)), BadRequest, "at least the one before"),
        (setting(profile(rule("GpuUtilizationPercentage > 5", "Increase"))), BadRequest, "not measured of an online"),
        (setting(profile(rule("RequestLatency > 5", "Increase"))), BadRequest, "There are CpuUtilizationPercentage"),
        (setting(profile(rule("DeploymentCapacity > 5", "None"))), BadRequest, "Increase or Decrease"),
        (setting(profile(rule("DeploymentCapacity > 5", "Increase", statistic="Mean"))), BadRequest, "one of Average"),
        (setting(profile(rule("DeploymentCapacity > 5", "Increase", timeWindow="5m"))), BadRequest, "a duration"),
        (setting(profile(rule("DeploymentCapacity > 5", "Increase", dimensions=[{}]))), NotImplementedHere, "whole"),
        (setting(profile(recurrence=at(["Caturday"], 6))), BadRequest, "Monday to Sunday"),
        (setting(profile(recurrence=at(["Monday"], 24))), BadRequest, "from 0 to 23"),
        (setting(profile(recurrence=at(["Monday"], 6, "Mars"))), BadRequest, "no time zone"),
        (setting(profile(), notifications=[{"webhooks": [{}]}]), NotImplementedHere, "Nobody is told"),
        (setting(profile(), predictiveAutoscalePolicy={"scaleMode": "Enabled"}), NotImplementedHere, "Predictive"),
    ],
)
def test_settings_that_cannot_be_are_refused(given, error, reason):
    with pytest.raises(error, match=reason):
        read(given)


def test_azures_own_limits_hold_in_strict_mode():
    short = rule("DeploymentCapacity > 5", "Increase", timeGrain="PT5S", timeWindow="PT10S", cooldown="PT1S")
    assert read(setting(profile(short))).profiles[0].rules[0].trigger.window_s == 10
    with pytest.raises(BadRequest, match="from 60 s"):
        read(setting(profile(short)), strict=True)


def test_figures_come_from_slices():
    blue = [
        Slice(0, 30, 10, 2.0, Counter({"200": 10}), Counter({"128": 9, "512": 1}), {"cpu": Gauge(2, 60, 20, 40)}),
        Slice(30, 30, 20, 1.0, Counter({"200": 20}), Counter({"64": 20}), {"cpu": Gauge(2, 100, 40, 60)}),
    ]
    green = [Slice(0, 30, 30, 0.0), Slice(60, 30, 0, 0.0)]

    def only(name, *slices):
        return figures.points(METRICS[name.lower()], slices, 0, 60)[0]

    assert (only("CpuUtilizationPercentage", blue).average, only("CpuUtilizationPercentage", blue).most) == (40, 60)
    assert only("RequestsPerMinute", blue).average == 30
    assert only("RequestsPerMinute", blue, green).average == 60, "an endpoint's are those of all its deployments"
    assert only("RequestLatency", blue).average == 100
    assert 32 < only("RequestLatency_P50", blue).average <= 64
    assert 256 < only("RequestLatency_P99", blue).average <= 512
    assert figures.points(METRICS["requestlatency_p50"], [green], 0, 60) == [], "nobody asked"
    assert autoscale.watched(BLUE, "id").label == "ep/blue"
