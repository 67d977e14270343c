"""What the pages of versioned assets share: lists of containers, versions to choose from, archiving, lineage."""

from collections.abc import Sequence

from lazulite.errors import NotFound
from lazulite.http.call import JsonObject
from lazulite.studio import shown as s
from lazulite.studio.html import Child, Html, a, div, form, input_, join, option, select, strong
from lazulite.studio.inside import segment
from lazulite.studio.visit import Visit, act

PAGE = 100


def listing(visit: Visit, kind: str, path: str, *, empty: Html, heading: str, actions: Child = None) -> Html:
    """Shows the assets of a kind, those made last first, a page at a time; `q` narrows by name."""
    words = visit.asked("q").lower()
    page = int(visit.asked("page")) if visit.asked("page").isdecimal() else 0
    found = visit.api.list(kind)[::-1] if visit.workspace else []
    fitting = [one for one in found if words in one["name"].lower()]
    some = fitting[page * PAGE : (page + 1) * PAGE]
    rows = [_row(visit, one, path) for one in some]
    nothing = s.empty("Nothing of that name.") if words else empty
    field = input_(type="search", name="q", value=visit.asked("q"), placeholder="Filter by name", data_filter=True)
    pager = [
        a("Before", href=visit.here(page=page - 1 or None)) if page else None,
        s.muted(f"{page * PAGE + 1:,} to {page * PAGE + len(some):,} of {len(fitting):,}"),
        a("Next", href=visit.here(page=page + 1)) if len(fitting) > (page + 1) * PAGE else None,
    ]
    return join(
        s.title(heading, actions=actions),
        div(form(field, _wsid(visit), action=path), class_="filters") if found else None,
        s.card(
            None,
            s.grid(["Name", "Latest version", "Description", "Made"], rows, empty=nothing),
            div(pager, class_="pager") if len(fitting) > PAGE else None,
            class_="flush",
        ),
    )


def _wsid(visit: Visit) -> Html | None:
    return s.hidden("wsid", str(visit.workspace)) if len(visit.workspaces) > 1 else None


def _row(visit: Visit, one: JsonObject, path: str) -> Html:
    properties = one["properties"]
    link = visit.link(f"{path}/{segment(one['name'])}")
    cells = [
        a(strong(one["name"]), href=link),
        properties.get("latestVersion") or s.muted("–"),
        s.muted(properties.get("description") or ""),
        s.moment((one.get("systemData") or {}).get("createdAt")),
    ]
    return s.row(*cells, key=one["name"], link=link)


def versions(visit: Visit, kind: str, name: str) -> list[JsonObject]:
    """Lists an asset's versions, the newest first. Raises NotFound (404)."""
    return visit.api.list(f"{kind}/{segment(name)}/versions")


def chosen(found: Sequence[JsonObject], asked: str, kind: str, name: str) -> JsonObject:
    """Returns the version that is asked for, or the newest. Raises NotFound (404) naming those that there are."""
    if not found:
        raise NotFound(f'{kind} "{name}" has no version that is not archived.')
    if not asked:
        return found[0]
    match = next((one for one in found if one["name"] == asked), None)
    if not match:
        known = ", ".join(one["name"] for one in found[:10])
        raise NotFound(f'{kind} "{name}" has no version "{asked}". It has {known}.')
    return match


def version_choice(visit: Visit, found: Sequence[JsonObject], current: str) -> Html:
    """Shows the versions to choose from."""
    options = [option(f"version {one['name']}", value=one["name"], selected=one["name"] == current) for one in found]
    box = select(options, name="version", data_submit=True, aria_label="Version")
    return form(box, _wsid(visit), action=visit.call.path, class_="inline")


def about(visit: Visit, version: JsonObject, *pairs: tuple[str, Child]) -> Html:
    """Boxes what every version of an asset has."""
    properties, system = version["properties"], version.get("systemData") or {}
    return s.card(
        "About",
        s.facts(
            *pairs,
            ("Made", s.moment(system.get("createdAt"))),
            ("Description", properties.get("description")),
            ("Id", s.mono(version["id"])),
        ),
        s.tags(properties.get("tags")),
    )


def archive(visit: Visit, kind: str, name: str, version: str) -> Html:
    """Returns the button that archives a version."""
    fields = [s.hidden("kind", kind), s.hidden("name", name), s.hidden("version", version)]
    return s.does("Archive", visit.link("/_studio/archive"), *fields, sure=f"Archive {name}:{version}?")


def do_archive(visit: Visit) -> JsonObject:
    """Archives a version of an asset: it stays, and is in no list."""
    kind, name, version = (visit.field(each, required=True) for each in ("kind", "name", "version"))
    where = f"{kind}/{segment(name)}/versions/{segment(version)}"
    properties = visit.api.get(where)["properties"]
    visit.api.put(where, {"properties": {**properties, "isArchived": True}})
    return {"to": visit.link({"data": "/assets/data"}.get(kind, f"/{kind}")), "said": "Archived."}


ROUTES = (act("/_studio/archive", do_archive),)
