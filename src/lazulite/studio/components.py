"""Components: their list, and one with its inputs and outputs, what it is made of and who uses it."""

from lazulite.http.call import JsonObject
from lazulite.studio import assets
from lazulite.studio import shown as s
from lazulite.studio.html import Html, a, div, join, strong
from lazulite.studio.layout import shown
from lazulite.studio.visit import Shown, Visit

_NONE = "No component yet. Components are steps that pipelines share."


def show_all(visit: Visit) -> tuple[str, Html]:
    """Lists the components."""
    nothing = s.empty(_NONE, "lazulite component create --file component.yml")
    return "Components", assets.listing(visit, "components", "/components", empty=nothing, heading="Components")


def show(visit: Visit) -> Shown:
    """Shows a component, the newest version or the one asked for."""
    name = visit.call.ids["name"]
    found = assets.versions(visit, "components", name)
    version = assets.chosen(found, visit.asked("version"), "Component", name)
    spec = version["properties"]["componentSpec"]
    return f"{name}:{version['name']}", join(
        s.title(
            spec.get("display_name") or name,
            assets.version_choice(visit, found, version["name"]),
            above=a("Components", href=visit.link("/components")),
            actions=assets.archive(visit, "components", name, version["name"]),
        ),
        div(
            assets.about(
                visit, version, ("Type", spec["type"]), ("Use it", s.mono(f"azureml:{name}:{version['name']}"))
            ),
            _ports("Inputs", spec.get("inputs") or {}),
            _ports("Outputs", spec.get("outputs") or {}),
            s.card("Command", s.source(str(spec["command"]))) if spec.get("command") else None,
            s.card("Specification", s.json_source(spec)),
            class_="stack",
        ),
    )


def _ports(heading: str, ports: JsonObject) -> Html | None:
    rows = [
        s.row(
            strong(name),
            s.muted(one.get("type")),
            s.mono(one["default"])
            if one.get("default") is not None
            else s.muted("optional" if one.get("optional") else "–"),
            one.get("description") or "",
            key=name,
        )
        for name, one in ports.items()
        if isinstance(one, dict)
    ]
    return s.card(heading, s.grid(["Name", "Type", "Default", "Description"], rows), class_="flush") if rows else None


ROUTES = (shown("/components", show_all), shown("/components/{name}", show))
