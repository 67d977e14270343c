"""Data assets: their list, and one with its files."""

from lazulite.studio import assets, files, upload
from lazulite.studio import shown as s
from lazulite.studio.html import Html, a, div, join
from lazulite.studio.inside import segment
from lazulite.studio.layout import shown
from lazulite.studio.visit import Shown, Visit

_NONE = "No data yet. Upload some, or let a script do it."


def show_all(visit: Visit) -> tuple[str, Html]:
    """Lists the data assets."""
    nothing = s.empty(_NONE, "lazulite data create --name my-data --path ./data --type uri_folder")
    add = upload.button(visit, "data") if visit.workspace else None
    return "Data", assets.listing(visit, "data", "/assets/data", empty=nothing, heading="Data", actions=add)


def show(visit: Visit) -> Shown:
    """Shows a data asset, the newest version or the one asked for."""
    return _show(visit, visit.call.ids["name"], visit.asked("version"))


def show_versioned(visit: Visit) -> Shown:
    """Shows a data asset by Azure's own address, `/data/name/version/details`."""
    return _show(visit, visit.call.ids["name"], visit.call.ids["version"])


def _show(visit: Visit, name: str, asked: str) -> tuple[str, Html]:
    found = assets.versions(visit, "data", name)
    version = assets.chosen(found, asked, "Data", name)
    properties = version["properties"]

    def link(path: str) -> str:
        return visit.link(f"/assets/data/{segment(name)}", version=version["name"], path=path)

    uri = str(properties["dataUri"])
    return f"{name}:{version['name']}", join(
        s.title(
            name,
            assets.version_choice(visit, found, version["name"]),
            assets.reference(f"{name}:{version['name']}"),
            above=a("Data", href=visit.link("/assets/data")),
            actions=assets.archive(visit, "data", name, version["name"]),
        ),
        div(
            files.safely(visit, uri, visit.asked("path"), link),
            assets.about(visit, version, ("Type", properties["dataType"]), ("Lies at", s.mono(uri))),
            class_="stack",
        ),
    )


ROUTES = (
    shown("/assets/data", show_all),
    shown("/assets/data/{name}", show),
    shown("/data/{name}/{version}/details", show_versioned),
)
