"""Azure Monitor's metrics of online endpoints and deployments, made of what serving/measures.py has measured. Pure."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lazulite.serving.measures import MINUTE_S, Slice


@dataclass(frozen=True)
class Point:
    """What a metric was in one grain of time: of the values in it, how many, their sum, the least and the most."""

    at: float
    count: float
    total: float
    least: float
    most: float

    @property
    def average(self) -> float:
        """Returns the mean."""
        return self.total / self.count


@dataclass(frozen=True)
class Metric:
    """One metric. of: whose it is. point: makes one of what all deployments did in a grain, None where there is no
    value. is_of_instance: more instances make it less.
    """

    name: str
    title: str
    unit: str
    of: tuple[str, ...]
    point: Callable[[float, Slice], Point | None]
    is_of_instance: bool = False


def _gauge(name: str) -> Callable[[float, Slice], Point | None]:
    def point(at: float, slice_: Slice) -> Point | None:
        gauge = slice_.gauges.get(name)
        return Point(at, gauge.count, gauge.total, gauge.least, gauge.most) if gauge and gauge.count else None

    return point


def _requests(at: float, slice_: Slice) -> Point | None:
    """A rate by the minute; its sum and count are of requests and minutes."""
    minutes = slice_.seconds / MINUTE_S
    rate = slice_.requests / minutes if minutes else 0.0
    return Point(at, minutes, slice_.requests, rate, rate) if minutes else None


def _latency(at: float, slice_: Slice) -> Point | None:
    """The mean time of an answer: seconds times requests that were there, over requests (Little's law)."""
    if not slice_.requests:
        return None
    mean = 1000 * slice_.busy_s / slice_.requests
    return Point(at, slice_.requests, 1000 * slice_.busy_s, mean, mean)


def _percentile(percent: int) -> Callable[[float, Slice], Point | None]:
    def point(at: float, slice_: Slice) -> Point | None:
        value = percentile(slice_.latency_ms, percent)
        return None if value is None else Point(at, 1, value, value, value)

    return point


def percentile(latency_ms: Counter[str], percent: int) -> float | None:
    """Returns how long the quickest so many percent of answers took at most, None where there were none.

    latency_ms: the gateway's buckets, within which answers are taken as evenly spread.
    """
    bounds = sorted((math.inf if bound == "inf" else float(bound), count) for bound, count in latency_ms.items())
    wanted, seen = sum(count for _, count in bounds) * percent / 100, 0.0
    for bound, count in bounds:
        if seen + count >= wanted and count:
            least = 0.0 if bound == 1 else bound / 2
            return float(2**18) if bound == math.inf else least + (bound - least) * (wanted - seen) / count
        seen += count
    return None


ENDPOINT, DEPLOYMENT = "endpoint", "deployment"
_BOTH = (ENDPOINT, DEPLOYMENT)

# Source: learn.microsoft.com/azure/azure-monitor/reference/supported-metrics,
# microsoft-machinelearningservices-workspaces-onlineendpoints and -deployments.
METRICS: Mapping[str, Metric] = {
    metric.name.lower(): metric
    for metric in (
        Metric("CpuUtilizationPercentage", "CPU Utilization Percentage", "Percent", (DEPLOYMENT,), _gauge("cpu"), True),
        Metric(
            "CpuMemoryUtilizationPercentage",
            "CPU Memory Utilization Percentage",
            "Percent",
            (DEPLOYMENT,),
            _gauge("memory"),
            True,
        ),
        Metric("DiskUtilization", "Disk Utilization", "Percent", (DEPLOYMENT,), _gauge("disk")),
        Metric("DeploymentCapacity", "Deployment Capacity", "Count", (DEPLOYMENT,), _gauge("instances")),
        Metric("RequestsPerMinute", "Requests Per Minute", "Count", _BOTH, _requests),
        Metric("RequestLatency", "Request Latency", "Milliseconds", (ENDPOINT,), _latency),
        *(
            Metric(f"RequestLatency_P{n}", f"Request Latency P{n}", "Milliseconds", _BOTH, _percentile(n))
            for n in (50, 90, 95, 99)
        ),
    )
}


def names(of: str) -> list[str]:
    """Returns the metrics that an endpoint or a deployment has here."""
    return [metric.name for metric in METRICS.values() if of in metric.of]


def points(metric: Metric, slices: Sequence[Sequence[Slice]], since: float, grain_s: float) -> list[Point]:
    """Returns a metric's points, grain by grain from since on. slices: of each deployment that it is about."""
    grains: dict[int, Slice] = {}
    covered: dict[int, list[float]] = {}
    for number, deployment in enumerate(slices):
        for one in deployment:
            grain = int((one.at - since) // grain_s)
            grains.setdefault(grain, Slice(since + grain * grain_s)).add(one)
            covered.setdefault(grain, [0.0] * len(slices))[number] += one.seconds
    for grain, slice_ in grains.items():
        slice_.seconds = max(covered[grain])
    found = (metric.point(slice_.at, slice_) for _, slice_ in sorted(grains.items()))
    return [point for point in found if point]
