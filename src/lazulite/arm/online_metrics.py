"""Azure Monitor's metrics of online endpoints and deployments, from what serving/measures.py has measured."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from lazulite import clock
from lazulite.arm import shapes
from lazulite.errors import BadRequest, NotFound, NotImplementedHere
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.ids import PROVIDER
from lazulite.serving import autoscale, figures, stage, wanted
from lazulite.serving.autoscale import Watched
from lazulite.serving.figures import DEPLOYMENT, Metric, Point
from lazulite.serving.measures import KEPT_DAYS, MINUTE_S, Slice, kept
from lazulite.store import resources
from lazulite.store.resources import Place

# Source: learn.microsoft.com/rest/api/monitor/metrics/list, interval and timespan.
_INTERVALS = ("PT1M", "PT5M", "PT15M", "PT30M", "PT1H", "PT6H", "PT12H", "P1D")
_HOUR_S = 3600.0
_MOST_POINTS = 50_000
_FILTER = re.compile(r"^\s*deployment\s+eq\s+'([^']*)'\s*$", re.IGNORECASE)
_VALUES = {
    "average": lambda point: point.average,
    "minimum": lambda point: point.least,
    "maximum": lambda point: point.most,
    "total": lambda point: point.total,
    "count": lambda point: point.count,
}


def list_metrics(call: Call, parts: Parts) -> Reply:
    """Answers `{timespan, interval, namespace, resourceregion, value: [{name, unit, timeseries: [{data}]}]}`.

    Query: metricnames, timespan (`start/end`, or a duration until now; the last hour), interval (PT1M), aggregation,
    `$filter` of `deployment eq 'blue'` or `'*'` for an endpoint.
    Source: learn.microsoft.com/rest/api/monitor/metrics/list.
    """
    of, labels = _about(call, parts)
    names = call.query.get("metricnames") or figures.names(of.kind)[0]
    metrics = [autoscale.metric_of(name.strip(), of, "metricnames") for name in names.split(",")]
    since, until = _timespan(call)
    interval = call.query.get("interval") or "PT1M"
    if interval not in _INTERVALS:
        raise BadRequest(f'interval is "{interval}", but must be one of {", ".join(_INTERVALS)}.', target="interval")
    grain_s = clock.seconds(interval, "interval", MINUTE_S)
    if (until - since) / grain_s > _MOST_POINTS:
        raise BadRequest(f"{interval} over this timespan is more than {_MOST_POINTS} points.", target="interval")
    wanted_values = [one.strip().lower() for one in (call.query.get("aggregation") or "average").split(",")]
    unknown = [one for one in wanted_values if one not in _VALUES]
    if unknown:
        raise BadRequest(f'aggregation is "{unknown[0]}", but must be of {", ".join(_VALUES)}.', target="aggregation")
    series = {group: [_slices(parts, one, since, until) for one in group] for group in _groups(call, of, labels)}
    shown = [
        _metric(
            call,
            of,
            metric,
            [
                _series(figures.points(metric, slices, since, grain_s), wanted_values, _split(call, group))
                for group, slices in series.items()
            ],
        )
        for metric in metrics
    ]
    told = {"timespan": f"{_iso(since)}/{_iso(until)}", "interval": interval, "cost": 0}
    return Reply({**told, "namespace": _namespace(of), "resourceregion": parts.settings.region, "value": shown})


def list_definitions(call: Call, parts: Parts) -> Reply:
    """Lists which metrics an endpoint or a deployment has."""
    of, _ = _about(call, parts)
    found = [figures.METRICS[name.lower()] for name in figures.names(of.kind)]
    dimensions = [] if of.deployment else [_word("deployment")]
    return shapes.page(
        [
            {
                "id": f"{_id(of)}/providers/Microsoft.Insights/metricDefinitions/{metric.name}",
                "resourceId": _id(of),
                "namespace": _namespace(of),
                "name": {"value": metric.name, "localizedValue": metric.title},
                "isDimensionRequired": False,
                "unit": metric.unit,
                "primaryAggregationType": "Average",
                "supportedAggregationTypes": ["Average", "Minimum", "Maximum", "Total", "Count"],
                "metricAvailabilities": [
                    {"timeGrain": interval, "retention": f"P{KEPT_DAYS}D"} for interval in _INTERVALS
                ],
                "dimensions": dimensions,
            }
            for metric in found
        ]
    )


def list_namespaces(call: Call, parts: Parts) -> Reply:
    """Lists the one namespace that there is."""
    of, _ = _about(call, parts)
    name = _namespace(of)
    return shapes.page(
        [
            {
                "id": f"{_id(of)}/providers/microsoft.insights/metricNamespaces/{name}",
                "type": "Microsoft.Insights/metricNamespaces",
                "name": name.rpartition("/")[2],
                "classification": "Platform",
                "properties": {"metricNamespaceName": name},
            }
        ]
    )


def _about(call: Call, parts: Parts) -> tuple[Watched, list[str]]:
    """Returns what the path names, and the deployments that it is or has. Raises NotFound when it is not there."""
    workspace = scopes.workspace(call, parts)
    of = Watched(workspace, call.ids["endpoint"], call.ids.get("name", ""))
    kind = wanted.DEPLOYMENTS if of.deployment else wanted.ENDPOINTS
    with parts.db.read() as connection:
        row = resources.get(connection, Place(workspace.scope, kind, of.label))
        rows = resources.children(connection, workspace.scope, wanted.DEPLOYMENTS, of.endpoint)
    if not row:
        raise NotFound(f'There is no online {of.kind} "{of.label}" in {workspace.described}.')
    path = row.place.name.partition("/")
    found = Watched(workspace, path[0], path[2])
    return found, [of.label] if of.deployment else [one.place.name.lower() for one in rows]


def _groups(call: Call, of: Watched, labels: Sequence[str]) -> list[tuple[str, ...]]:
    """Returns the deployments that make one series each: all of them together, or as `$filter` splits them."""
    text = call.query.get("$filter")
    if not text:
        return [tuple(labels)]
    match = _FILTER.match(text)
    if not match or of.deployment:
        raise NotImplementedHere(
            f'$filter is "{text}", but metrics of endpoints are split by deployment here, and by nothing else.',
            target="$filter",
            hint="Say deployment eq '*', or the name of one.",
        )
    return [(one,) for one in labels if match[1] in ("*", "") or one == f"{of.endpoint}/{match[1]}".lower()]


def _split(call: Call, group: Sequence[str]) -> list[JsonObject]:
    named = [{"name": _word("deployment"), "value": label.partition("/")[2]} for label in group]
    return named if call.query.get("$filter") else []


def _slices(parts: Parts, label: str, since: float, until: float) -> list[Slice]:
    """Returns a deployment's minutes: those on disk, and what memory has of the minute that is not over."""
    minutes = kept(stage.folder_of(parts.settings.home, label), since, until)
    newest = minutes[-1].at + MINUTE_S if minutes else since
    return [*minutes, *parts.supervisor.measures.between(label, newest, until)]


def _timespan(call: Call) -> tuple[float, float]:
    text, until = call.query.get("timespan", ""), call.now
    start, _, end = text.partition("/")
    if not text:
        since = until - timedelta(seconds=_HOUR_S)
    elif not end:
        longest_s = until.timestamp()  # nothing was measured before 1970, nor can be said of the year 0
        since = until - timedelta(seconds=min(clock.seconds(text, "timespan", _HOUR_S), longest_s))
    else:
        since, until = _moment(start), _moment(end)
    if since >= until:
        raise BadRequest(f'timespan "{text}" ends before it starts.', target="timespan")
    return since.timestamp() // MINUTE_S * MINUTE_S, until.timestamp()


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00").replace(" ", "+"))
    except ValueError:
        raise BadRequest(f'timespan has "{text}", which is no time.', target="timespan") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _metric(call: Call, of: Watched, metric: Metric, series: list[JsonObject]) -> JsonObject:
    return {
        "id": f"{_id(of)}/providers/Microsoft.Insights/metrics/{metric.name}",
        "type": "Microsoft.Insights/metrics",
        "name": {"value": metric.name, "localizedValue": metric.title},
        "displayDescription": metric.title,
        "unit": metric.unit,
        "timeseries": series,
        "errorCode": "Success",
    }


def _series(points: Sequence[Point], values: Sequence[str], split: list[JsonObject]) -> JsonObject:
    data = [{"timeStamp": _iso(point.at), **{value: _VALUES[value](point) for value in values}} for point in points]
    return {"metadatavalues": split, "data": data}


def _id(of: Watched) -> str:
    below = f"/deployments/{of.deployment}" if of.deployment else ""
    return f"{of.workspace}/onlineEndpoints/{of.endpoint}{below}"


def _namespace(of: Watched) -> str:
    return f"{PROVIDER}/workspaces/onlineEndpoints{'/deployments' if of.kind == DEPLOYMENT else ''}"


def _word(name: str) -> JsonObject:
    return {"value": name, "localizedValue": name}


def _iso(at: float) -> str:
    return f"{datetime.fromtimestamp(at, timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


_PARTIAL = "no GPUs, network bytes or connections; split by deployment alone"
_OF = (
    f"{scopes.WORKSPACE}/onlineEndpoints/{{endpoint}}",
    f"{scopes.WORKSPACE}/onlineEndpoints/{{endpoint}}/deployments/{{name}}",
)

ROUTES = tuple(
    route
    for resource in _OF
    for route in (
        Route("GET", f"{resource}/providers/Microsoft.Insights/metrics", list_metrics, _PARTIAL),
        Route("GET", f"{resource}/providers/Microsoft.Insights/metricDefinitions", list_definitions),
        Route("GET", f"{resource}/providers/Microsoft.Insights/metricNamespaces", list_namespaces),
    )
)
