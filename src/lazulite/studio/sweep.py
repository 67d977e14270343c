"""A sweep's trials: each a line through its parameters and its metric, and a table with the best one first."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from lazulite.http.call import JsonObject
from lazulite.studio import curves, jobs, records
from lazulite.studio import shown as s
from lazulite.studio.html import Html, a, circle, div, g, h2, join, path_, strong, svg, text_, title_
from lazulite.studio.run import Run

_WIDTH, _HEIGHT, _TOP, _SIDE = 1000, 300, 34, 70
_TAG = "hyperparameters"  # Source: azureml-core's HyperDrive runs, whose children have their values in this tag
_MOST = 1000
_COMPARED = 12
_MOST_KINDS = 24  # words beside an axis
_RATIO = 100  # from here on values are told apart by their magnitude


@dataclass(frozen=True)
class Trial:
    """One trial: its values by name, and what came of it; result: None until its metric is logged."""

    name: str
    state: str
    values: dict[str, object]
    result: float | None


def show(found: Run) -> Html:
    """Shows a sweep's trials."""
    objective = found.job.get("objective") or {}
    metric, maximizes = (
        str(objective.get("primaryMetric") or ""),
        str(objective.get("goal") or "").lower() == "maximize",
    )
    trials = _trials(found, metric)
    if not trials:
        return s.empty("No trial has started yet.")
    names = list(dict.fromkeys(name for one in trials for name in one.values))
    ranked = sorted(trials, key=lambda one: _rank(one, maximizes))
    best = found.record["properties"].get("best_child_run_id") or (
        ranked[0].name if ranked[0].result is not None else ""
    )
    compared = ",".join(one.name for one in ranked[:_COMPARED])
    return div(
        s.card(f"{len(trials)} trials", _lines(found, trials, names, metric, best, maximizes=maximizes)),
        s.card(None, _table(found, ranked, names, metric, best), class_="flush"),
        h2("The best, over time"),
        curves.plots(found.visit.link("/_studio/metrics", runs=compared), live=not found.is_over),
        class_="stack",
    )


def _rank(one: Trial, maximizes: bool) -> float:
    if one.result is None or math.isnan(one.result):
        return math.inf
    return -one.result if maximizes else one.result


def _trials(found: Run, metric: str) -> list[Trial]:
    query: JsonObject = {
        "experiment_ids": [found.record["experimentId"]],
        "filter": f"tags.mlflow.parentRunId = '{found.name}'",
        "max_results": _MOST,
    }
    children = {one["name"]: one for one in records.children(found.visit, found.name)}
    trials = []
    for one in found.visit.api.mlflow("runs/search", body=query).get("runs", []):
        name = one["info"]["run_id"]
        tags = {each["key"]: each["value"] for each in one["data"]["tags"]}
        results = {each["key"]: float(each["value"]) for each in one["data"]["metrics"]}
        values = _values(tags.get(_TAG, ""))
        if name in children and values:
            trials.append(Trial(name, children[name]["status"], values, results.get(metric)))
    return sorted(trials, key=lambda each: list(children).index(each.name))


def _values(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _table(found: Run, ranked: Sequence[Trial], names: Sequence[str], metric: str, best: str) -> Html:
    rows = []
    for one in ranked:
        link = jobs.address(found.visit, one.name)
        result = s.number(one.result) if one.result is not None else s.muted("–")
        label = a(strong(one.name) if one.name == best else one.name, href=link)
        mark = s.muted("best") if one.name == best else None
        cells = [_shown(one.values.get(name)) for name in names]
        rows.append(s.row(label, s.badge(one.state), *cells, result, mark, key=one.name, link=link))
    return s.grid(["Trial", "State", *names, metric, ""], rows)


def _shown(value: object) -> str:
    return s.number(value) if isinstance(value, float) else str(value)


def _lines(
    found: Run, trials: Sequence[Trial], names: Sequence[str], metric: str, best: str, *, maximizes: bool
) -> Html:
    """Draws an axis for each parameter and one for the metric, and each trial as a line through its values."""
    axes = [*names, metric]
    columns = [[one.values.get(name) for one in trials] for name in names] + [[_finite(one) for one in trials]]
    placed = [_places(column) for column in columns]
    apart = (_WIDTH - 2 * _SIDE) / max(1, len(axes) - 1)
    xs = [_SIDE + apart * index for index in range(len(axes))]
    lines = []
    for number, one in enumerate(trials):
        points = [(x, heights[number]) for x, heights in zip(xs, placed, strict=True)]
        known = [(x, y) for x, y in points if y is not None]
        d = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in known)
        words = ", ".join(f"{name} {_shown(one.values.get(name))}" for name in names)
        told = f"{one.name}: {words}, {metric} {_shown(one.result)}"
        shade = "best" if one.name == best else f"q{_quarter(placed[-1][number], maximizes)}"
        link = jobs.address(found.visit, one.name)
        lines.append(a(path_(title_(told), d=d, class_=f"trial {shade}"), path_(d=d, class_="near"), href=link))
    drawn = [_axis(x, name, column) for x, name, column in zip(xs, axes, columns, strict=True)]
    dots = [circle(cx=xs[-1], cy=y, r=3, class_="end") for y in placed[-1] if y is not None]
    box = f"0 0 {_WIDTH} {_HEIGHT}"
    drawing = svg(drawn, lines, dots, viewBox=box, class_="parallel", role="img", aria_label="The trials' parameters")
    return div(drawing, class_="scroll")


def _finite(one: Trial) -> float | None:
    return one.result if one.result is not None and math.isfinite(one.result) else None


def _quarter(height: float | None, maximizes: bool) -> int:
    """Returns how good a trial is by how high its metric stands: 3 in the best quarter, 0 in the worst, or of none."""
    if height is None:
        return 0
    quarter = min(3, int(4 * (_HEIGHT - _TOP - height) / (_HEIGHT - 2 * _TOP + 1)))
    return quarter if maximizes else 3 - quarter


def _numbers(column: Sequence[object]) -> list[float] | None:
    known = [one for one in column if one is not None]
    if not known or not all(isinstance(one, int | float) and not isinstance(one, bool) for one in known):
        return None
    return [float(one) for one in known if isinstance(one, int | float)]


def _places(column: Sequence[object]) -> list[float | None]:
    """Returns how high each value stands on its axis: numbers by size, all else one above the other."""
    low, high = _HEIGHT - _TOP, _TOP
    known = _numbers(column)
    if known is None:
        kinds = list(dict.fromkeys(str(one) for one in column if one is not None))
        step = (low - high) / max(1, len(kinds) - 1)
        return [None if one is None else low - step * kinds.index(str(one)) for one in column]
    is_wide = min(known) > 0 and max(known) / min(known) >= _RATIO
    scaled = [math.log(one) if is_wide else one for one in known]
    least, most = min(scaled), max(scaled)
    found: list[float | None] = []
    values = iter(scaled)
    for one in column:
        part = 0.5 if most == least else (next(values) - least) / (most - least) if one is not None else 0.0
        found.append(None if one is None else low - part * (low - high))
    return found


def _axis(x: float, name: str, column: Sequence[object]) -> Html:
    known = _numbers(column)
    line = path_(d=f"M{x:.1f} {_TOP}V{_HEIGHT - _TOP}", class_="grid")
    if known:
        marks = [text_(_shown(max(known)), x=x, y=28), text_(_shown(min(known)), x=x, y=_HEIGHT - 14)]
    else:
        at = {str(one): y for one, y in zip(column, _places(column), strict=True) if y is not None}
        marks = [text_(one[:18], x=x + 8, y=y + 4, class_="kind") for one, y in list(at.items())[:_MOST_KINDS]]
    return g(line, text_(name, x=x, y=14, class_="name"), marks)


def about(found: Run) -> Html | None:
    """Shows what a sweep searches and for what; None of another job."""
    if found.kind != "Sweep":
        return None
    objective, limits = found.job.get("objective") or {}, found.job.get("limits") or {}
    best = found.record["properties"].get("best_child_run_id")
    searched = [
        div(s.mono(name), " ", s.muted(_space(one))) for name, one in (found.job.get("searchSpace") or {}).items()
    ]
    return s.card(
        "Sweep",
        s.facts(
            ("Goal", f"{objective.get('goal')} {objective.get('primaryMetric')}"),
            ("Searched", join(*searched)),
            ("Trials", limits.get("maxTotalTrials")),
            ("At once", limits.get("maxConcurrentTrials")),
            ("Sampling", (found.job.get("samplingAlgorithm") or {}).get("samplingAlgorithmType")),
            ("Best", a(best, href=jobs.address(found.visit, best)) if best else None),
            ("Score", found.record["properties"].get("score")),
        ),
    )


def _space(one: object) -> str:
    """Prints a distribution, `["uniform", [0.1, 0.4]]`, as `uniform 0.1, 0.4`."""
    if isinstance(one, list) and one:
        flat = [each for part in one[1:] for each in (part if isinstance(part, list) else [part])]
        values = [each for part in flat for each in (part if isinstance(part, list) else [part])]
        return f"{one[0]} {', '.join(map(str, values))}"
    return str(one)
