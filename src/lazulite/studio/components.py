"""Components: their list, and one with its inputs and outputs, what it is made of and who uses it."""

import json
import re

from lazulite.http.call import JsonObject
from lazulite.studio import assets, files, jobs, origins, records
from lazulite.studio import shown as s
from lazulite.studio.html import Html, a, div, join, strong
from lazulite.studio.inside import segment
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
            assets.reference(f"{name}:{version['name']}"),
            above=a("Components", href=visit.link("/components")),
            actions=assets.archive(visit, "components", name, version["name"]),
        ),
        div(
            assets.about(visit, version, ("Type", spec["type"]), ("Environment", _environment(spec))),
            _ports("Inputs", spec.get("inputs") or {}),
            _ports("Outputs", spec.get("outputs") or {}),
            s.card("Command", s.source(str(spec["command"]))) if spec.get("command") else None,
            _source(visit, name, version["name"], spec),
            s.card("Use", s.source(_use(name, version["name"], spec))),
            _users(visit, version["id"]),
            s.card("Specification", s.fold("As it was registered", s.json_source(spec), id="specification")),
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


def _environment(spec: JsonObject) -> Html | None:
    return s.mono(str(spec["environment"]).removeprefix("azureml:")) if spec.get("environment") else None


def _source(visit: Visit, name: str, version: str, spec: JsonObject) -> Html | None:
    """Shows the code that a component runs, as files."""
    code = origins.asset(visit, "codes", spec.get("code"))
    if not code:
        return None

    def link(path: str) -> str:
        return visit.link(f"/components/{segment(name)}", version=version, path=path)

    return files.safely(visit, str(code["codeUri"]), visit.asked("path"), link)


def _use(name: str, version: str, spec: JsonObject) -> str:
    """Returns the step of a pipeline's YAML that runs a component: what it must be given, and what it may be."""
    inputs = [
        f"      {port}: {json.dumps(one['default']) if one.get('default') is not None else '...'}"
        + ("  # optional" if one.get("optional") else "")
        for port, one in (spec.get("inputs") or {}).items()
        if isinstance(one, dict)
    ]
    lines = ["jobs:", f"  {re.sub(r'[^A-Za-z0-9_]', '_', name)}:", f"    type: {spec['type']}"]
    lines.append(f"    component: azureml:{name}:{version}")
    return "\n".join([*lines, *(["    inputs:", *inputs] if inputs else [])]) + "\n"


def _users(visit: Visit, identifier: str) -> Html:
    nothing = s.muted("No step has run it lately.")
    return s.card(
        "Ran in", jobs.table(visit, records.uses_of_component(visit, identifier), empty=nothing), class_="flush"
    )


ROUTES = (shown("/components", show_all), shown("/components/{name}", show))
