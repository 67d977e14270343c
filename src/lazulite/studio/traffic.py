"""What deployments answer: the gateway's counts, and how they grow while somebody looks."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from lazulite.errors import Unavailable
from lazulite.http.call import JsonObject, Reply
from lazulite.serving.gateway import control
from lazulite.studio.visit import Visit, data

_PAIR = 2


def counted(visit: Visit, endpoint: str) -> dict[str, JsonObject]:
    """Returns what an endpoint's deployments have answered, by name; {} while no gateway runs."""
    try:
        found = control.ask(visit.parts.settings.sockets, "stats")["endpoints"]
    except Unavailable:
        return {}
    return _deployments(found, endpoint)


def _deployments(endpoints: Mapping[str, Any], endpoint: str) -> dict[str, JsonObject]:
    one = endpoints.get(endpoint) or endpoints.get(endpoint.lower()) or {}
    found: dict[str, JsonObject] = one.get("deployments", one)
    return found


def percentiles(one: Mapping[str, Any]) -> tuple[str, str]:
    """Returns within how many milliseconds half and 95 % of the answers came, by the gateway's buckets."""
    counts = one["latency_ms"]
    total, seen, found = sum(counts.values()), 0, []
    for wanted in (0.5, 0.95):
        seen = 0
        for bound, count in counts.items():
            seen += count
            if seen >= wanted * total:
                found.append(f"{bound} ms")
                break
    return (found[0], found[1]) if len(found) == _PAIR else ("–", "–")


def get(visit: Visit) -> Reply:
    """Answers the rate, the share of errors and the middle latency of each deployment, as the charts read them."""
    try:
        samples = visit.parts.samples.taken(visit.parts.settings.sockets)
    except Unavailable:
        return Reply({"plots": []})
    endpoint = visit.asked("endpoint")
    curves: dict[str, dict[str, list[list[float]]]] = {"Requests per second": {}, "Errors": {}, "Latency, middle": {}}
    for at, name, requests, errors, middle in _steps(samples, endpoint):
        curves["Requests per second"].setdefault(name, []).append([at, requests])
        curves["Errors"].setdefault(name, []).append([at, errors])
        if middle is not None:
            curves["Latency, middle"].setdefault(name, []).append([at, middle])
    units = {"Errors": "%", "Latency, middle": "ms"}
    return Reply(
        {
            "plots": [
                {
                    "title": title,
                    "unit": units.get(title, ""),
                    "x": "seconds",
                    "curves": [{"label": name, "points": points} for name, points in by_name.items()],
                }
                for title, by_name in curves.items()
                if by_name
            ]
        }
    )


def _steps(
    samples: list[tuple[float, Mapping[str, Any]]], endpoint: str
) -> Iterator[tuple[float, str, float, float, float | None]]:
    """Yields what happened between samples: when, which deployment, requests a second, percent of errors, middle ms."""
    began = samples[0][0]
    for (before_at, before), (at, after) in pairwise(samples):
        earlier = _deployments(before, endpoint)
        for name, now in _deployments(after, endpoint).items():
            then = earlier.get(name)
            if not then or now["requests"] < then["requests"]:
                continue
            count = now["requests"] - then["requests"]
            bad = _errors(now) - _errors(then)
            yield (
                at - began,
                name,
                count / (at - before_at),
                100 * bad / count if count else 0.0,
                _middle(then, now, count),
            )


def _errors(one: Mapping[str, Any]) -> int:
    return sum(count for status, count in one["statuses"].items() if int(status) >= 400)


def _middle(then: Mapping[str, Any], now: Mapping[str, Any], count: int) -> float | None:
    if not count:
        return None
    seen = 0
    for bound, total in now["latency_ms"].items():
        seen += total - then["latency_ms"].get(bound, 0)
        if bound != "inf" and seen * 2 >= count:
            return float(bound)
    return None


ROUTES = (data("GET", "/_studio/traffic", get),)
