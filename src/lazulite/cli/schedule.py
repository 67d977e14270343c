"""`lazulite schedule`: as az ml schedule."""

from lazulite.cli import changes
from lazulite.cli.entities import SCHEDULE, entity
from lazulite.cli.grammar import Arguments, Command, Group, Json, Misuse, flag
from lazulite.cli.session import open_workspace
from lazulite.cli.verbs import (
    COMMON,
    MAX_RESULTS,
    NAME,
    NEW_NAME,
    NO_WAIT,
    Noun,
    creating,
    deleting,
    showing,
)

_SCHEDULE = Noun("schedule", "schedules", SCHEDULE)
# What ARM's body holds besides what one may change.
_KEPT = ("provisioningState",)


def _list(arguments: Arguments) -> Json:
    if arguments.include_disabled and arguments.disabled_only:
        raise Misuse("Cannot provide both disabled-only and include-disabled.")
    view = "All" if arguments.include_disabled else "DisabledOnly" if arguments.disabled_only else "EnabledOnly"
    session = open_workspace(arguments)
    rows = session.arm.all(session.path(_SCHEDULE.kind), {"listViewType": view}, arguments.max_results)
    return [entity(row, SCHEDULE) for row in rows]


def _switching(verb: str, is_enabled: bool) -> Command:
    def run(arguments: Arguments) -> Json:
        session = open_workspace(arguments)
        path = session.path(_SCHEDULE.kind, arguments.name)
        given = session.arm.get(path)["properties"]
        properties = {name: value for name, value in given.items() if name not in _KEPT}
        answer = session.arm.call("PUT", path, {"properties": {**properties, "isEnabled": is_enabled}})
        if not arguments.no_wait:
            session.arm.finish(answer)
        return _SCHEDULE.show(session, arguments.name)

    what = "Let a schedule start jobs again." if is_enabled else "Keep a schedule from starting jobs."
    return Command(verb, what, run, (NAME, NO_WAIT, *COMMON))


def _update(arguments: Arguments) -> Json:
    """Changes a schedule in ARM's own body: its job may be of any kind, which no file would print whole."""
    session = open_workspace(arguments)
    path = session.path(_SCHEDULE.kind, arguments.name)
    row = session.arm.get(path)
    shown = entity(row, SCHEDULE)
    changes.apply(shown, arguments)
    answer = session.arm.call("PUT", path, {"properties": _changed(row["properties"], shown)})
    if not arguments.no_wait:
        session.arm.finish(answer)
    return _SCHEDULE.show(session, arguments.name)


def _changed(before: Json, shown: Json) -> Json:
    """Puts what was changed as it is printed into ARM's body. Raises Misuse for what cannot be changed so."""
    trigger, given = dict(before["trigger"]), shown.get("trigger") or {}
    plain = {"expression": "expression", "interval": "interval", "time_zone": "timeZone", "start_time": "startTime"}
    for name, theirs in {**plain, "end_time": "endTime", "frequency": "frequency"}.items():
        if name in given:
            trigger[theirs] = given[name].capitalize() if name == "frequency" else given[name]
    if "schedule" in given:
        times = given["schedule"]
        days = {"hours": "hours", "minutes": "minutes", "week_days": "weekDays", "month_days": "monthDays"}
        trigger["schedule"] = {theirs: times.get(ours) for ours, theirs in days.items()}
    if shown.get("create_job") != entity({"properties": before}, SCHEDULE).get("create_job"):
        raise Misuse("The job of a schedule is not changed by --set.", hint="Change its file and create it again.")
    about = {"displayName": "display_name", "description": "description", "tags": "tags", "isEnabled": "is_enabled"}
    kept = {name: value for name, value in before.items() if name not in (*_KEPT, *about)}
    return {**kept, "trigger": trigger, **{theirs: shown[ours] for theirs, ours in about.items() if ours in shown}}


def _trigger(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    made = session.arm.call("POST", session.path(_SCHEDULE.kind, arguments.name, "trigger"), {}).json()
    return {"job_name": made.get("jobName"), "schedule_action_type": made.get("scheduleActionType")}


GROUPS = (
    Group(
        "schedule",
        (
            Command(
                "list",
                "List the schedules of a workspace that are enabled.",
                _list,
                (
                    flag("--include-disabled", action="store_true", help="Those that are disabled too."),
                    flag("--disabled-only", action="store_true", help="Only those that are disabled."),
                    MAX_RESULTS,
                    *COMMON,
                ),
                columns=(
                    ("Name", "name"),
                    ("Description", "description"),
                    ("Is_enabled", "is_enabled"),
                    ("Provisioning_state", "provisioning_state"),
                ),
            ),
            showing(_SCHEDULE),
            creating(_SCHEDULE, (NEW_NAME,), "lazulite schedule create -f nightly.yml"),
            Command("update", "Change fields of a schedule.", _update, (NAME, *changes.FLAGS, NO_WAIT, *COMMON)),
            _switching("enable", True),
            _switching("disable", False),
            deleting(_SCHEDULE),
            Command("trigger", "Start the schedule's job now.", _trigger, (NAME, *COMMON)),
        ),
    ),
)
