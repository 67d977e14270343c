"""Registries: which there are, and what is in each."""

from lazulite.http.call import JsonObject
from lazulite.ids import PROVIDER
from lazulite.studio import shown as s
from lazulite.studio.html import Html, a, div, join, strong
from lazulite.studio.inside import segment
from lazulite.studio.layout import shown
from lazulite.studio.visit import Visit

_KINDS = ("models", "components", "environments", "data")
_NONE = "No registry yet. One comes into being when a program names it."


def _all(visit: Visit) -> list[JsonObject]:
    subscriptions = visit.api.ask("arm", "GET", "/subscriptions")["value"]
    return [
        one
        for each in subscriptions
        for one in visit.api.ask(
            "arm", "GET", f"/subscriptions/{segment(each['subscriptionId'])}/providers/{PROVIDER}/registries"
        )["value"]
    ]


def show_all(visit: Visit) -> tuple[str, Html]:
    """Lists the registries."""
    rows = []
    for one in _all(visit):
        link = visit.link(f"/registries/{segment(one['name'])}")
        rows.append(
            s.row(a(strong(one["name"]), href=link), one["location"], s.mono(one["id"]), key=one["name"], link=link)
        )
    nothing = s.empty(_NONE, "lazulite model create --name m --path ./model --registry-name shared")
    table = s.grid(["Name", "Region", "Id"], rows, empty=nothing)
    return "Registries", join(s.title("Registries"), s.card(None, table, class_="flush"))


def show(visit: Visit) -> tuple[str, Html]:
    """Shows what is in a registry."""
    name = visit.call.ids["name"]
    known = next((one for one in _all(visit) if one["name"].lower() == name.lower()), None)
    where = str(known["id"]) if known else f"/subscriptions/s/resourceGroups/g/providers/{PROVIDER}/registries/{name}"
    cards = [_kind(visit, where, kind) for kind in _KINDS] if known else []
    shown_cards = [card for card in cards if card]
    nothing = s.empty("This registry is empty.")
    return name, join(
        s.title(name, s.muted("registry"), above=a("Registries", href=visit.link("/registries"))),
        div(*shown_cards, class_="stack") if shown_cards else nothing,
    )


def _kind(visit: Visit, where: str, kind: str) -> Html | None:
    found = visit.api.ask("dataplane", "GET", f"/mferp/managementfrontend{where}/{kind}")["value"]
    rows = [
        s.row(
            strong(one["name"]),
            one["properties"].get("latestVersion") or "–",
            s.muted(one["properties"].get("description") or ""),
        )
        for one in found[-200:][::-1]
    ]
    table = s.grid(["Name", "Latest version", "Description"], rows)
    return s.card(kind.capitalize(), table, class_="flush") if rows else None


ROUTES = (shown("/registries", show_all), shown("/registries/{name}", show))
