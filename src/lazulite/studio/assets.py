"""What the pages of versioned assets share: lists of containers, versions to choose from, archiving, lineage."""

from collections.abc import Sequence

from lazulite.errors import NotFound
from lazulite.http.call import JsonObject
from lazulite.studio import records
from lazulite.studio import shown as s
from lazulite.studio.html import Child, Html, a, div, form, input_, join, option, select, span, strong
from lazulite.studio.inside import segment
from lazulite.studio.visit import Visit, act

PAGE = 100
_CHOICE = 2
_GUID_LETTERS = 36  # of one that says nothing to people: what a program signs in as


def listing(visit: Visit, kind: str, path: str, *, empty: Html, heading: str, actions: Child = None) -> Html:
    """Shows the assets of a kind, those made last first, a page at a time; `q` narrows by name."""
    words, before = visit.asked("q"), visit.asked("before")
    start = int(before) if before.isdecimal() else 0
    found = records.assets(visit, kind, words=words, before=start, limit=PAGE)
    field = input_(type="search", name="q", value=words, placeholder="Filter by name", data_filter=True)
    pager = [
        a("Newest", href=visit.here(before=None)) if start else None,
        a("Older", href=visit.here(before=found[-1]["sequence"])) if len(found) == PAGE else None,
    ]
    is_empty = not found and not words and not start
    nothing = empty if is_empty else s.empty("Nothing of that name.")
    table = s.grid(
        ["Name", "Latest version", "Description", "Made"], [_row(visit, one, path) for one in found], empty=nothing
    )
    return join(
        s.title(heading, actions=actions),
        None if is_empty else div(form(field, _wsid(visit), action=path), class_="filters"),
        s.card(None, table, div(pager, class_="pager") if any(pager) else None, class_="flush"),
    )


def _wsid(visit: Visit) -> Html | None:
    return s.hidden("wsid", str(visit.workspace)) if len(visit.workspaces) > 1 else None


def _row(visit: Visit, one: JsonObject, path: str) -> Html:
    link = visit.link(f"{path}/{segment(one['name'])}")
    cells = [
        a(strong(one["name"]), href=link),
        one["latest"] or s.muted("–"),
        s.muted(one["description"]),
        s.moment(one["created"]),
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
    """Shows the versions to choose from, or the only one."""
    if len(found) < _CHOICE:
        return s.muted(f"version {current}")
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
            ("Made", join(s.moment(system.get("createdAt")), _by(system)) if system.get("createdAt") else None),
            ("Description", properties.get("description")),
            ("Id", join(s.mono(version["id"]), s.copy(version["id"]))),
        ),
        s.tags(properties.get("tags")),
    )


def _by(system: JsonObject) -> str:
    who = str(system.get("createdBy") or "")
    return f" by {who}" if 0 < len(who) < _GUID_LETTERS else ""


def reference(label: str) -> Html:
    """Shows by what programs name a version, `azureml:name:version`, to copy."""
    return span(s.mono(f"azureml:{label}"), s.copy(f"azureml:{label}"), class_="chips wide-only")


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
