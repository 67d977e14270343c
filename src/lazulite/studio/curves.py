"""Numbers over time, as the charts read them: metrics of runs, what a job used."""

import math
from itertools import pairwise
from typing import Any

from lazulite import clock
from lazulite.http.call import JsonObject, Reply
from lazulite.studio import inside, records
from lazulite.studio.html import Html, element
from lazulite.studio.visit import Visit, data

_PLOTS = element("lz-plots")
_MOST_POINTS = 800
_MOST_RUNS = 24
_MOST_PLOTS = 60
_COSTS = 60  # a page that watches curves may take that part of a processor


def plots(address: str, *, live: bool = False, empty: str = "", plain: bool = False) -> Html:
    """Shows the curves that an address answers. plain: without the choice of scales and smoothing."""
    return _PLOTS(src=address, live=live, empty=empty or None, plain=plain)


def metrics(visit: Visit) -> Reply:
    """Answers the metrics of runs: `{plots: [{title, curves: [{label, points: [[step, value, ms], …]}]}], pause_ms}`.

    A value is a number, or the word for what is none: `NaN`, `Infinity`, `-Infinity`. pause_ms: how long to wait
    before asking again, more where the answer took long.
    """
    began = clock.monotonic()
    names = [name for name in visit.asked("runs").split(",") if name][:_MOST_RUNS]
    labels: dict[str, str] = {}
    keys: dict[str, list[str]] = {}
    for name in names:
        run = visit.api.mlflow("runs/get", {"run_id": name})["run"]
        label = run["info"]["run_name"]
        labels[run["info"]["run_id"]] = label if label not in labels.values() else f"{label} ({name})"
        for point in run["data"]["metrics"]:
            keys.setdefault(point["key"], []).append(run["info"]["run_id"])
    shown = [_plot(visit, key, owners, labels) for key, owners in sorted(keys.items())[:_MOST_PLOTS]]
    return Reply({"plots": shown, "pause_ms": int(_COSTS * 1000 * (clock.monotonic() - began))})


def _plot(visit: Visit, key: str, owners: list[str], labels: dict[str, str]) -> JsonObject:
    query: inside.Query = {"run_ids": owners, "metric_key": key, "max_results": _MOST_POINTS}
    points: dict[str, list[Any]] = {name: [] for name in owners}
    for point in visit.api.mlflow("metrics/get-history-bulk-interval", query)["metrics"]:
        points[point["run_id"]].append([point["step"], _told(point["value"]), point["timestamp"]])
    curves = [{"label": labels[name], "points": _stepped(points[name])} for name in owners]
    return {"title": key, "curves": curves}


def _told(value: Any) -> float | str:
    """Returns a value as JSON can have it."""
    number = float(value)
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _stepped(points: list[Any]) -> list[Any]:
    """Returns points with a step each: what was logged without any, all at one step, is counted."""
    if len(points) > 1 and len({step for step, _, _ in points}) == 1:
        return [[number, value, at] for number, (_, value, at) in enumerate(points)]
    return points


def usage(visit: Visit) -> Reply:
    """Answers what a job used over its time: processors in percent of one, memory in bytes, processes."""
    samples = records.usage(visit, visit.asked("run"))
    if not samples:
        return Reply({"plots": []})
    began = samples[0]["at"]
    cpu = [
        [after["at"] - began, 100 * max(after["cpu_s"] - before["cpu_s"], 0) / max(after["at"] - before["at"], 1e-3)]
        for before, after in pairwise(samples)
    ]
    memory = [[one["at"] - began, one["memory_bytes"]] for one in samples]
    processes = [[one["at"] - began, one["processes"]] for one in samples]
    series = (("CPU", "%", cpu), ("Memory", "bytes", memory), ("Processes", "", processes))
    return Reply(
        {
            "plots": [
                {"title": title, "unit": unit, "x": "seconds", "curves": [{"label": title, "points": points}]}
                for title, unit, points in series
                if points
            ]
        }
    )


ROUTES = (data("GET", "/_studio/metrics", metrics), data("GET", "/_studio/usage", usage))
