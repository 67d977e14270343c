"""Registries: which there are, and what is in each."""

from lazulite.errors import NotFound
from lazulite.http.call import JsonObject
from lazulite.ids import PROVIDER
from lazulite.studio import assets, files
from lazulite.studio import shown as s
from lazulite.studio.html import Html, a, div, join, strong
from lazulite.studio.inside import segment
from lazulite.studio.layout import shown
from lazulite.studio.visit import Visit

_KINDS = ("models", "components", "environments", "data")
_MOST = 200
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


def _find(visit: Visit, name: str) -> str:
    """Returns the ARM id of a registry. Raises NotFound (404)."""
    found = next((one for one in _all(visit) if one["name"].lower() == name.lower()), None)
    if not found:
        raise NotFound(f'There is no registry "{name}" here.')
    return str(found["id"])


def _ask(visit: Visit, registry: str, path: str) -> JsonObject:
    found: JsonObject = visit.api.ask("dataplane", "GET", f"/mferp/managementfrontend{registry}/{path}")
    return found


def show(visit: Visit) -> tuple[str, Html]:
    """Shows what is in a registry."""
    name = visit.call.ids["name"]
    registry = _find(visit, name)
    cards = [card for kind in _KINDS if (card := _kind(visit, name, registry, kind))]
    nothing = s.empty(
        "This registry is empty.", f"lazulite component create --file component.yml --registry-name {name}"
    )
    return name, join(
        s.title(name, s.muted("registry"), above=a("Registries", href=visit.link("/registries"))),
        div(*cards, class_="stack") if cards else nothing,
    )


def _kind(visit: Visit, name: str, registry: str, kind: str) -> Html | None:
    rows = []
    for one in _ask(visit, registry, kind)["value"][-_MOST:][::-1]:
        link = visit.link(f"/registries/{segment(name)}/{kind}/{segment(one['name'])}")
        about = one["properties"]
        cells = [about.get("latestVersion") or "–", s.muted(about.get("description") or "")]
        rows.append(s.row(a(strong(one["name"]), href=link), *cells, key=one["name"], link=link))
    table = s.grid(["Name", "Latest version", "Description"], rows)
    return s.card(kind.capitalize(), table, class_="flush") if rows else None


def show_asset(visit: Visit) -> tuple[str, Html]:
    """Shows an asset of a registry: what it is, by what programs name it, its files or its specification."""
    name, kind, asset = (visit.call.ids[each] for each in ("name", "kind", "asset"))
    if kind not in _KINDS:
        raise NotFound(f'Registries have no "{kind}". They have {", ".join(_KINDS)}.')
    found = _ask(visit, _find(visit, name), f"{kind}/{segment(asset)}/versions")["value"]
    version = assets.chosen(found, visit.asked("version"), kind, asset)
    properties = version["properties"]
    uri = properties.get("modelUri") or properties.get("dataUri")

    def link(path: str) -> str:
        path_of_page = f"/registries/{segment(name)}/{kind}/{segment(asset)}"
        return visit.link(path_of_page, version=version["name"], path=path)

    return f"{asset}:{version['name']}", join(
        s.title(
            asset,
            assets.version_choice(visit, found, version["name"]),
            above=a(name, href=visit.link(f"/registries/{segment(name)}")),
        ),
        div(
            assets.about(
                visit,
                version,
                ("Registry", name),
                ("Image", s.mono(image) if (image := properties.get("image")) else None),
            ),
            s.card("Conda file", s.source(properties["condaFile"])) if properties.get("condaFile") else None,
            files.safely(visit, str(uri), visit.asked("path"), link) if uri else None,
            s.card("Specification", s.json_source(spec)) if (spec := properties.get("componentSpec")) else None,
            class_="stack",
        ),
    )


ROUTES = (
    shown("/registries", show_all),
    shown("/registries/{name}", show),
    shown("/registries/{name}/{kind}/{asset}", show_asset),
)
