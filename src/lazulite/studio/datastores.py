"""Datastores: their list, and one browsed as folders, with pictures as pictures and uploads into any folder."""

from lazulite.http.call import JsonObject
from lazulite.studio import files, places, upload
from lazulite.studio import shown as s
from lazulite.studio.html import Html, a, join, strong
from lazulite.studio.inside import segment
from lazulite.studio.layout import shown
from lazulite.studio.visit import Visit


def show_all(visit: Visit) -> tuple[str, Html]:
    """Lists the datastores."""
    found = visit.api.list("datastores") if visit.workspace else []
    rows = [_row(visit, one) for one in found]
    nothing = s.empty("No workspace yet, and so no datastore.", "lazulite run -- python your_script.py")
    return "Datastores", join(
        s.title("Datastores"),
        s.card(None, s.grid(["Name", "Type", "Where", ""], rows, empty=nothing), class_="flush"),
    )


def _row(visit: Visit, one: JsonObject) -> Html:
    properties = one["properties"]
    container = properties.get("containerName") or properties.get("fileShareName") or properties.get("filesystem") or ""
    link = visit.link(f"/datastores/{segment(one['name'])}")
    where = s.mono(f"{properties.get('accountName', '')}/{container}")
    default = s.muted("default") if properties.get("isDefault") else None
    return s.row(
        a(strong(one["name"]), href=link), properties["datastoreType"], where, default, key=one["name"], link=link
    )


def show(visit: Visit) -> tuple[str, Html]:
    """Shows what is in a datastore, a folder at a time."""
    name = visit.call.ids["name"]
    visit.api.get(f"datastores/{segment(name)}")
    root, path = f"azureml://datastores/{segment(name)}/paths", visit.asked("path").strip("/")

    def link(below: str) -> str:
        return visit.link(f"/datastores/{segment(name)}", path=below)

    place = places.find(visit, places.below(root, path))
    folder = path if place.is_dir() else path.rpartition("/")[0]
    nothing = s.empty("This datastore is empty.")
    return name, join(
        s.title(
            name,
            s.muted("datastore"),
            above=a("Datastores", href=visit.link("/datastores")),
            actions=upload.here(visit, name, folder),
        ),
        files.browser(visit, root, path, link, empty=nothing),
    )


ROUTES = (shown("/datastores", show_all), shown("/datastores/{name}", show))
