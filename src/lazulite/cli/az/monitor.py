"""`az monitor autoscale` and `az monitor metrics`: rules that move online deployments, and what was measured of them.

Source of flags, defaults and shapes: azure-cli 2.77, command_modules/monitor.
"""

import json
import re
import sys
from collections.abc import Callable, Sequence
from urllib.parse import quote

from lazulite.catalog import time_zones
from lazulite.cli import session
from lazulite.cli.az.flags import GLOBAL, GROUP, NO_EFFECT, YES, group_path, subscription
from lazulite.cli.grammar import Arguments, Command, Flag, Group, Json, Misuse, flag, required, switch
from lazulite.cli.rest import Arm
from lazulite.cli.session import default
from lazulite.cli.verbs import TAGS
from lazulite.errors import NotFound, NotImplementedHere

_KIND = "Microsoft.Insights/autoscaleSettings"
_DEFAULT = "default"
_CONDITION = re.compile(
    r"^(?:(?P<namespace>\S+/\S+)\s+)?(?P<metric>\S.*?)\s+(?P<operator>==|!=|>=|>|<=|<)\s+(?P<threshold>-?(?:\d+\.?\d*|\.\d+))\s+"
    r"(?P<aggregation>avg|min|max|total|count)\s+(?P<window>\d+[smhd]\w*)(?P<where>\s+where\s+.*)?$"
)
_OPERATORS = {
    "==": "Equals",
    "!=": "NotEquals",
    ">": "GreaterThan",
    ">=": "GreaterThanOrEqual",
    "<": "LessThan",
    "<=": "LessThanOrEqual",
}
_AGGREGATIONS = {"avg": "Average", "min": "Minimum", "max": "Maximum", "total": "Total", "count": "Count"}
_STATISTICS = {"avg": "Average", "min": "Min", "max": "Max", "sum": "Sum", "count": "Count"}
_DIRECTIONS = {"out": "Increase", "in": "Decrease", "to": "None"}
_DAYS = {day[:3].lower(): day for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")}
_TIME = re.compile(r"^(?P<hour>\d{1,2}):(?P<minute>\d{2})")


def _path(line: Arm, arguments: Arguments, name: str) -> str:
    return f"{group_path(line, arguments)}/providers/{_KIND}/{quote(name)}"


def _flat(row: Json) -> Json:
    """Prints a setting as az does: its properties beside its name."""
    group = row["id"].split("/")[4]
    return {**{name: value for name, value in row.items() if name != "properties"}, **row["properties"]} | {
        "name": row["name"],
        "resourceGroup": group,
    }


def _create(arguments: Arguments) -> Json:
    line = session.arm()
    if arguments.count is None:
        raise Misuse("--count is missing: how many instances there should be.")
    resource = _resource_of(line, arguments)
    name = arguments.name or resource.rstrip("/").rpartition("/")[2]
    if arguments.action:
        raise NotImplementedHere(
            "Nobody is told here when instances come or go.", hint="Leave --action and the e-mail flags out."
        )
    capacity = _capacity(arguments)
    body = {
        "location": arguments.location or default(line.settings, "location") or line.settings.region,
        "tags": dict(arguments.tags or []),
        "properties": {
            "enabled": not arguments.disabled,
            "name": name,
            "targetResourceUri": resource,
            "profiles": [{"name": _DEFAULT, "capacity": capacity, "rules": []}],
            "notifications": [],
        },
    }
    if len(set(capacity.values())) > 1:
        print("Follow up with `az monitor autoscale rule create` to add scaling rules.", file=sys.stderr)
    return _flat(line.call("PUT", _path(line, arguments, name), body).json())


def _resource_of(line: Arm, arguments: Arguments) -> str:
    """Returns the ARM id that --resource names, whole or by its type and parent."""
    resource = str(arguments.resource)
    if resource.startswith("/"):
        return resource
    if not arguments.resource_type:
        raise Misuse(f'--resource is "{resource}", which is no ARM id, and there is no --resource-type.')
    namespace, _, kind = str(arguments.resource_type).partition("/")
    inside = f"{arguments.resource_parent}/" if arguments.resource_parent else ""
    provider = arguments.resource_namespace or namespace
    return f"{group_path(line, arguments)}/providers/{provider}/{inside}{kind or namespace}/{resource}"


def _capacity(arguments: Arguments) -> dict[str, str]:
    least, most = arguments.min_count or arguments.count, arguments.max_count or arguments.count
    return {"default": str(arguments.count), "minimum": str(least), "maximum": str(most)}


def _show(arguments: Arguments) -> Json:
    line = session.arm()
    return _flat(line.get(_path(line, arguments, arguments.name)))


def _list(arguments: Arguments) -> Json:
    line = session.arm()
    named = arguments.resource_group
    scope = group_path(line, arguments) if named else f"/subscriptions/{subscription(line, arguments)}"
    return [_flat(row) for row in line.all(f"{scope}/providers/{_KIND}")]


def _delete(arguments: Arguments) -> None:
    line = session.arm()
    line.call("DELETE", _path(line, arguments, arguments.name))


def _update(arguments: Arguments) -> Json:
    line, row = _found(arguments, arguments.name)
    if arguments.tags is not None:
        row["tags"] = dict(arguments.tags)
    if arguments.enabled is not None:
        row["properties"]["enabled"] = arguments.enabled
    given = {"default": arguments.count, "minimum": arguments.min_count, "maximum": arguments.max_count}
    for profile in row["properties"]["profiles"]:
        if not profile.get("fixedDate") and (not profile.get("recurrence") or _ends(profile["name"])):
            before = profile["capacity"]
            if arguments.count and len(set(before.values())) == 1:
                before = dict.fromkeys(before, str(arguments.count))
            profile["capacity"] = before | {name: str(value) for name, value in given.items() if value is not None}
    return _flat(_put(line, arguments, row))


def _found(arguments: Arguments, name: str) -> tuple[Arm, Json]:
    line = session.arm()
    return line, line.get(_path(line, arguments, name))


def _put(line: Arm, arguments: Arguments, row: Json) -> Json:
    body = {name: row[name] for name in ("location", "tags", "properties")}
    return line.call("PUT", _path(line, arguments, row["name"]), body).json()


def _profile(row: Json, name: str) -> Json:
    """Returns a profile by its name; "default" is one that has no time, or ends one that has."""
    profiles = row["properties"]["profiles"]
    match = next((one for one in profiles if one["name"].lower() == name.lower()), None)
    if not match and name.lower() == _DEFAULT:
        match = next((one for one in profiles if not one.get("fixedDate") and not one.get("recurrence")), None)
        match = match or next((one for one in profiles if _ends(one["name"])), None)
    if not match:
        known = ", ".join(one["name"] for one in profiles)
        raise NotFound(f'Autoscale setting "{row["name"]}" has no profile "{name}". It has {known}.')
    return match


def _ends(name: str) -> str:
    """Returns which profile one ends: its name is JSON, `{"name": "default", "for": "weekend"}`, as the portal's is."""
    try:
        return str(json.loads(name)["for"])
    except (ValueError, LookupError, TypeError):
        return ""


def _create_rule(arguments: Arguments) -> Json:
    line, row = _found(arguments, arguments.autoscale_name)
    profile = _profile(row, arguments.profile_name)
    statistic, _, grain = arguments.timegrain.partition(" ")
    if statistic not in _STATISTICS:
        raise Misuse(f'--timegrain is "{arguments.timegrain}", but must be such as "avg 1m".')
    trigger = {
        **_condition(arguments.condition),
        "metricResourceUri": _resource_of(line, arguments) if arguments.resource else row["properties"][_TARGET],
        "statistic": _STATISTICS[statistic],
        "timeGrain": _duration(grain),
    }
    action = {**_scale(arguments.scale), "cooldown": f"PT{arguments.cooldown}M"}
    rule = {"metricTrigger": trigger, "scaleAction": action}
    profile["rules"].append(rule)
    _put(line, arguments, row)
    ways = {one["scaleAction"]["direction"] for one in profile["rules"]} & {"Increase", "Decrease"}
    if len(ways) == 1:
        way, other = ("out", "in") if ways == {"Increase"} else ("in", "out")
        print(
            f"Profile '{profile['name']}' has rules to scale {way} but none to scale {other}. "
            f"Recommend creating at least 1 scale {other} rule.",
            file=sys.stderr,
        )
    return rule


_TARGET = "targetResourceUri"


def _condition(words: Sequence[str]) -> Json:
    """Reads `[NAMESPACE] METRIC OPERATOR THRESHOLD AGGREGATION PERIOD`, `CpuUtilizationPercentage > 70 avg 5m`."""
    text = " ".join(words)
    match = _CONDITION.match(text)
    if not match:
        raise Misuse(f'--condition is "{text}", but must be such as "CpuUtilizationPercentage > 70 avg 5m".')
    if match["where"]:
        raise NotImplementedHere("Rules here look at the whole metric.", hint="Leave `where` and what follows out.")
    return {
        "metricName": match["metric"].strip("'\""),
        "metricNamespace": match["namespace"],
        "operator": _OPERATORS[match["operator"]],
        "threshold": float(match["threshold"]),
        "timeAggregation": _AGGREGATIONS[match["aggregation"]],
        "timeWindow": _duration(match["window"]),
    }


def _duration(text: str) -> str:
    """Prints `5m` or `1h30m` as ISO 8601 does."""
    if not re.fullmatch(r"(\d+d)?(\d+h)?(\d+m)?(\d+s)?", text) or not text:
        raise Misuse(f'"{text}" is no period such as 5m or 1h30m.')
    days, d, rest = text.partition("d")
    if not d:
        return f"PT{text.upper()}"
    return f"P{days}D" + (f"T{rest.upper()}" if rest else "")


def _scale(words: Sequence[str]) -> Json:
    """Reads `{out,in,to} N[%]`."""
    if len(words) != 2 or words[0] not in _DIRECTIONS or not words[1].removesuffix("%").isdecimal():
        raise Misuse(f'--scale is "{" ".join(words)}", but must be such as "out 2", "in 25%" or "to 4".')
    way, amount = words
    kind = "ExactCount" if way == "to" else "PercentChangeCount" if amount.endswith("%") else "ChangeCount"
    return {"direction": _DIRECTIONS[way], "type": kind, "value": amount.removesuffix("%")}


def _list_rules(arguments: Arguments) -> Json:
    _, row = _found(arguments, arguments.autoscale_name)
    return [{**rule, "index": n} for n, rule in enumerate(_profile(row, arguments.profile_name)["rules"])]


def _delete_rules(arguments: Arguments) -> None:
    line, row = _found(arguments, arguments.autoscale_name)
    profile = _profile(row, arguments.profile_name)
    gone = _chosen(profile, arguments.index)
    profile["rules"] = [rule for n, rule in enumerate(profile["rules"]) if n not in gone]
    _put(line, arguments, row)


def _chosen(profile: Json, words: Sequence[str]) -> list[int]:
    rules = range(len(profile["rules"]))
    if "*" in words:
        return list(rules)
    found = [int(word) for word in words if word.isdecimal() and int(word) in rules]
    if len(found) < len(words):
        raise Misuse(f'--index is {" ".join(words)}, but profile "{profile["name"]}" has {len(rules)} rules, from 0.')
    return found


def _copy_rules(arguments: Arguments) -> None:
    line, row = _found(arguments, arguments.autoscale_name)
    source, target = _profile(row, arguments.source_schedule or _DEFAULT), _profile(row, arguments.dest_schedule)
    target["rules"] += [source["rules"][n] for n in _chosen(source, arguments.index)]
    _put(line, arguments, row)


def _create_profile(arguments: Arguments) -> Json:
    line, row = _found(arguments, arguments.autoscale_name)
    profiles = row["properties"]["profiles"]
    if arguments.count is None:
        raise Misuse("--count is missing: how many instances there should be.")
    rules = _profile(row, arguments.copy_rules)["rules"] if arguments.copy_rules else []
    new = {"name": arguments.profile_name, "capacity": _capacity(arguments), "rules": rules}
    if not arguments.recurrence:
        if not (arguments.start and arguments.end):
            raise Misuse("--recurrence, or --start and --end, are missing: when the profile counts.")
        new["fixedDate"] = {"start": arguments.start, "end": arguments.end, "timeZone": arguments.timezone or "UTC"}
        profiles.append(new)
    else:
        usual = _profile(row, _DEFAULT)
        named = json.dumps({"name": usual["name"], "for": arguments.profile_name})
        new["recurrence"] = _recurrence(arguments, arguments.start or "00:00")
        profiles += [
            new,
            {**usual, "name": named, "recurrence": _recurrence(arguments, arguments.end or "23:59")},
        ]
    return _profile(_put(line, arguments, row), arguments.profile_name)


def _recurrence(arguments: Arguments, at: str) -> Json:
    frequency, *days = arguments.recurrence
    match, unknown = _TIME.match(at), [day for day in days if day[:3].lower() not in _DAYS]
    if frequency.lower() != "week" or not days or unknown or not match:
        raise Misuse(
            f"--recurrence is {' '.join(arguments.recurrence)} at {at}, but must be such as `week sat sun`, "
            "from --start 06:00 to --end 19:00."
        )
    schedule = {
        "timeZone": arguments.timezone or "UTC",
        "days": [_DAYS[day[:3].lower()] for day in days],
        "hours": [int(match["hour"])],
        "minutes": [int(match["minute"])],
    }
    return {"frequency": "Week", "schedule": schedule}


def _list_profiles(arguments: Arguments) -> Json:
    return _found(arguments, arguments.autoscale_name)[1]["properties"]["profiles"]


def _show_profile(arguments: Arguments) -> Json:
    return _profile(_found(arguments, arguments.autoscale_name)[1], arguments.profile_name)


def _delete_profile(arguments: Arguments) -> None:
    line, row = _found(arguments, arguments.autoscale_name)
    name = _profile(row, arguments.profile_name)["name"].lower()
    usual = _profile(row, _DEFAULT)
    kept = [
        one for one in row["properties"]["profiles"] if name not in (one["name"].lower(), _ends(one["name"]).lower())
    ]
    if all(one.get("fixedDate") or one.get("recurrence") for one in kept):
        kept.append({"name": _DEFAULT, "capacity": usual["capacity"], "rules": usual["rules"]})
    row["properties"]["profiles"] = kept
    _put(line, arguments, row)


def _list_zones(arguments: Arguments) -> Json:
    words = (arguments.search_query or "").lower()
    return [{"name": name} for name in sorted(time_zones.WINDOWS) if words in name.lower()]


def _list_metrics(arguments: Arguments) -> Json:
    line = session.arm()
    query = {
        "metricnames": ",".join(arguments.metrics or []) or None,
        "aggregation": ",".join(arguments.aggregation or []) or None,
        "interval": _duration(arguments.interval) if not arguments.interval.startswith("P") else arguments.interval,
        "timespan": _timespan(arguments),
        "$filter": arguments.filter or (f"{arguments.dimension[0]} eq '*'" if arguments.dimension else None),
    }
    asked = {name: value for name, value in query.items() if value}
    return line.get(f"{_resource_of(line, arguments)}/providers/Microsoft.Insights/metrics", asked)


def _timespan(arguments: Arguments) -> str:
    if arguments.start_time and arguments.end_time:
        return f"{arguments.start_time}/{arguments.end_time}"
    if arguments.start_time or arguments.end_time:
        raise Misuse("--start-time and --end-time go together; --offset says how long before now.")
    return _duration(arguments.offset)


def _list_definitions(arguments: Arguments) -> Json:
    line = session.arm()
    return line.all(f"{_resource_of(line, arguments)}/providers/Microsoft.Insights/metricDefinitions")


_NAME = flag("--name", "-n", "--autoscale-name", help="The autoscale setting.")
_SETTING = flag("--autoscale-name", required=True, metavar="NAME", help="The autoscale setting.")
_PROFILE = flag("--profile-name", default=_DEFAULT, metavar="NAME", help="The profile: default, if not given.")
_THIS = flag("--name", "-n", "--profile-name", dest="profile_name", required=True, metavar="NAME", help="The profile.")
_RESOURCE = flag("--resource", metavar="ID", help="The ARM id of a deployment or an endpoint.")
_PLACE = (
    flag("--resource-type", help="Its type, where --resource is a name."),
    flag("--resource-parent", help="What it lies in: workspaces/dev/onlineEndpoints/churn."),
    flag("--resource-namespace", help="The first part of its type, if --resource-type leaves it out."),
)
_COUNTS = (
    flag("--count", type=int, metavar="N", help="How many instances if nothing can be measured, or always."),
    flag("--min-count", type=int, metavar="N", help="The fewest; --count if not given."),
    flag("--max-count", type=int, metavar="N", help="The most; --count if not given."),
)
_ACTION = flag("--action", "-a", nargs="+", help="Refused: nobody is told here.")
_INDEX = flag("--index", nargs="+", required=True, metavar="N", help="Which rules, from 0; * for all.")


def _verb(name: str, text: str, run: Callable[[Arguments], Json], *flags: Flag, example: str = "") -> Command:
    return Command(name, text, run, (*flags, GROUP, *GLOBAL), example)


GROUPS = (
    Group(
        "monitor",
        (
            _verb(
                "autoscale create",
                "Let Azure Monitor's rules move an online deployment.",
                _create,
                _NAME,
                required(_RESOURCE),
                *_PLACE,
                *_COUNTS,
                _ACTION,
                switch("--disabled", help="Keep it, without effect."),
                flag("--location", "-l", help=NO_EFFECT),
                TAGS,
                example="az monitor autoscale create -n busy --resource ID --min-count 1 --max-count 4 --count 1",
            ),
            _verb("autoscale show", "Show a setting.", _show, required(_NAME)),
            _verb("autoscale list", "List the settings.", _list),
            _verb("autoscale delete", "Delete a setting.", _delete, required(_NAME), YES),
            _verb(
                "autoscale update",
                "Change a setting: its counts, or whether it is in force.",
                _update,
                required(_NAME),
                *_COUNTS,
                switch("--enabled", help="Whether it is in force."),
                TAGS,
            ),
            _verb(
                "autoscale rule create",
                "Add a rule to a profile.",
                _create_rule,
                _SETTING,
                flag("--condition", nargs="+", required=True, help="When: CpuUtilizationPercentage > 70 avg 5m."),
                flag("--scale", nargs="+", required=True, help="What then: out 2, in 25%%, to 4."),
                flag("--cooldown", type=int, default=5, metavar="MINUTES", help="How long after the last change; 5."),
                flag("--timegrain", default="avg 1m", help="How the metric is read: avg 1m."),
                _PROFILE,
                _RESOURCE,
                *_PLACE,
                example='az monitor autoscale rule create --autoscale-name busy --condition "RequestsPerMinute > 600 '
                'avg 5m" --scale out 1',
            ),
            _verb("autoscale rule list", "List a profile's rules.", _list_rules, _SETTING, _PROFILE),
            _verb("autoscale rule delete", "Delete rules.", _delete_rules, _SETTING, _PROFILE, _INDEX),
            _verb(
                "autoscale rule copy",
                "Copy rules from one profile to another.",
                _copy_rules,
                _SETTING,
                _INDEX,
                flag("--source-schedule", metavar="PROFILE", help="Whose rules; those of default, if not given."),
                flag("--dest-schedule", required=True, metavar="PROFILE", help="Who gets them."),
            ),
            _verb(
                "autoscale profile create",
                "Add a profile that counts at times: on days of the week, or from a date to another.",
                _create_profile,
                _SETTING,
                _THIS,
                *_COUNTS,
                flag("--recurrence", "-r", nargs="+", help="On which days: week sat sun."),
                flag("--start", help="A time of day, 06:00, or a date and time."),
                flag("--end", help="As --start."),
                flag("--timezone", help="Whose clock: Pacific Standard Time; UTC if not given."),
                flag("--copy-rules", metavar="PROFILE", help="Whose rules it begins with; none if not given."),
            ),
            _verb("autoscale profile list", "List the profiles.", _list_profiles, _SETTING),
            _verb("autoscale profile show", "Show a profile.", _show_profile, _SETTING, _THIS),
            _verb("autoscale profile delete", "Delete a profile.", _delete_profile, _SETTING, _THIS),
            _verb(
                "autoscale profile list-timezones",
                "List the names of time zones.",
                _list_zones,
                flag("--search-query", "-q", metavar="WORDS", help="Only those with these words."),
            ),
            _verb(
                "metrics list",
                "Show what was measured of an online endpoint or deployment.",
                _list_metrics,
                required(_RESOURCE),
                *_PLACE,
                flag("--metrics", "--metric", nargs="+", help="Which: RequestsPerMinute RequestLatency_P95."),
                flag("--aggregation", nargs="+", help="average, minimum, maximum, total, count."),
                flag("--interval", default="1m", help="How fine: 1m, 5m, 1h."),
                flag("--offset", default="1h", help="How long before now."),
                flag("--start-time", help="From when, with --end-time."),
                flag("--end-time", help="Until when."),
                flag("--filter", metavar="TEXT", help="deployment eq 'blue', or '*' for each by itself."),
                flag("--dimension", nargs="+", help="deployment: each by itself."),
                example="az monitor metrics list --resource ID --metrics RequestsPerMinute --interval 5m",
            ),
            _verb(
                "metrics list-definitions",
                "List the metrics that there are.",
                _list_definitions,
                required(_RESOURCE),
                *_PLACE,
            ),
        ),
    ),
)
