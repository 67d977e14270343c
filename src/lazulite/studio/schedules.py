"""Schedules: when they come next, what came of them, and switches for each."""

from lazulite.http.call import JsonObject
from lazulite.studio import jobs, records
from lazulite.studio import shown as s
from lazulite.studio.html import Html, a, div, join, span, strong
from lazulite.studio.inside import segment
from lazulite.studio.layout import shown
from lazulite.studio.visit import Shown, Visit, act

_NONE = "No schedule yet. Schedules submit jobs at times that they name."
_TOLD = "lazulite."
_TICKS = {"triggered": "Succeeded"}


def show_all(visit: Visit) -> tuple[str, Html]:
    """Lists the schedules, those that are switched off too."""
    found = visit.api.list("schedules", {"listViewType": "All"}) if visit.workspace else []
    rows = []
    for one in found[::-1]:
        link = visit.link(f"/schedules/{segment(one['name'])}")
        told = one["properties"]["properties"]
        rows.append(
            s.row(
                a(strong(one["properties"].get("displayName") or one["name"]), href=link),
                _state(one["properties"]["isEnabled"]),
                _when(one["properties"]["trigger"]),
                s.moment(told.get(f"{_TOLD}nextAt")),
                key=one["name"],
                link=link,
            )
        )
    nothing = s.empty(_NONE, "lazulite schedule create --file schedule.yml")
    table = s.grid(["Name", "State", "When", "Next"], rows, empty=nothing)
    return "Schedules", join(s.title("Schedules"), s.card(None, table, class_="flush"))


def _state(is_on: bool) -> Html:
    return span("On" if is_on else "Off", class_=f"badge {'good' if is_on else 'off'}")


def _when(trigger: JsonObject) -> Html:
    if trigger.get("triggerType") == "Cron":
        return s.mono(trigger.get("expression"))
    return join(f"every {trigger.get('interval') or 1} {str(trigger.get('frequency') or '').lower()}")


def show(visit: Visit) -> Shown:
    """Shows one schedule."""
    name = visit.call.ids["name"]
    body = visit.api.get(f"schedules/{segment(name)}")
    properties = body["properties"]
    told = {key.removeprefix(_TOLD): value for key, value in properties["properties"].items() if key.startswith(_TOLD)}
    where = f"/schedules/{segment(name)}"
    is_on = properties["isEnabled"]
    return name, join(
        s.title(
            properties.get("displayName") or name,
            _state(is_on),
            above=a("Schedules", href=visit.link("/schedules")),
            actions=[
                s.does("Run it now", visit.link(f"{where}/trigger")),
                s.does("Switch off" if is_on else "Switch on", visit.link(f"{where}/switch")),
                s.does("Delete", visit.link(f"{where}/delete"), tone="danger", sure=f"Delete {name}?")
                if not is_on
                else None,
            ],
        ),
        div(
            s.card("When", s.facts(("Trigger", _when(properties["trigger"])), ("Next", s.moment(told.get("nextAt"))))),
            _came_of_it(visit, name),
            s.card("Definition", s.json_source(body)),
            class_="stack",
        ),
    )


def _came_of_it(visit: Visit, name: str) -> Html:
    rows = [
        s.row(
            s.moment(one.at.isoformat()),
            s.badge(_TICKS.get(one.kind, one.kind.capitalize())),
            a(one.job, href=jobs.address(visit, one.job)) if one.job else s.muted("–"),
            one.note,
            key=f"{one.at.isoformat()}/{one.job}",
        )
        for one in records.ticks(visit, name)
    ]
    nothing = s.muted("It has not come round yet.")
    return s.card("What came of it", s.grid(["When", "", "Job", ""], rows, empty=nothing), class_="flush")


def do_trigger(visit: Visit) -> JsonObject:
    """Submits a schedule's job at once."""
    visit.api.post(f"schedules/{segment(visit.call.ids['name'])}/trigger", {})
    return {"said": "Its job is being submitted."}


def do_switch(visit: Visit) -> JsonObject:
    """Switches a schedule on or off."""
    where = f"schedules/{segment(visit.call.ids['name'])}"
    properties = visit.api.get(where)["properties"]
    visit.api.put(where, {"properties": {**properties, "isEnabled": not properties["isEnabled"]}})
    return {"said": "Switched off." if properties["isEnabled"] else "Switched on."}


def do_delete(visit: Visit) -> JsonObject:
    """Deletes a schedule."""
    visit.api.delete(f"schedules/{segment(visit.call.ids['name'])}")
    return {"to": visit.link("/schedules")}


ROUTES = (
    shown("/schedules", show_all),
    shown("/schedules/{name}", show),
    act("/schedules/{name}/trigger", do_trigger),
    act("/schedules/{name}/switch", do_switch),
    act("/schedules/{name}/delete", do_delete),
)
