"""The file browser: a folder's names beside a preview of what is chosen, or a gallery of its pictures."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

from lazulite.errors import LazuliteError
from lazulite.studio import logs, places, tabular
from lazulite.studio import shown as s
from lazulite.studio.html import Child, Html, a, audio, div, form, iframe, img, input_, join, li, pre, span, ul, video
from lazulite.studio.html import code as code_
from lazulite.studio.icons import icon
from lazulite.studio.places import Entry, Listing
from lazulite.studio.visit import Visit

_TEXT_BYTES = 256 << 10  # what is larger is read by ranges, as logs are
_PEEK_BYTES = 4096
_ROWS = 200
_MANY = 20  # so many names are seen at a glance
_NO_TEXT = frozenset({*range(9), 11, *range(14, 27), *range(28, 32), 127})
_VIDEO, _AUDIO = (".mp4", ".webm", ".mov"), (".mp3", ".wav", ".ogg", ".flac")

Link = Callable[[str], str]


def browser(
    visit: Visit, root: str, path: str, link: Link, *, empty: Html, beside: Callable[[str], Child] | None = None
) -> Html:
    """Shows what is at a path below a root URI. link: makes the address of this page for another path; beside: what
    is offered for a path, besides saving it.
    """
    path = path.strip("/")
    found = places.find(visit, root)
    if found.is_file():
        return s.card(
            found.name, preview(visit, found, root), beside=_offers(visit, root, found, beside and beside(""))
        )
    here = places.find(visit, places.below(root, path)) if path else found
    folder, chosen = (here, "") if here.is_dir() else (here.parent, here.name)
    above = path.rpartition("/")[0] if chosen else path
    listing = _listed(visit, folder, chosen)
    if not listing.total and not path and not visit.asked("find"):
        return empty
    names = s.card(
        _crumbs(above, link),
        _finder(visit, listing),
        ul([_name(one, above, chosen, link) for one in listing.entries], class_="names"),
        _pager(visit, listing),
        class_="flush",
    )
    if chosen:
        uri = places.below(root, path)
        offers = _offers(visit, uri, here, join(_neighbours(listing, above, chosen, link), beside and beside(path)))
        shown = s.card(chosen, preview(visit, here, uri), beside=offers)
    else:
        shown = _folder(visit, root, above, listing, link, beside and beside(above))
    return div(names, shown, class_="browser")


def _listed(visit: Visit, folder: Path, chosen: str) -> Listing:
    words, start = visit.asked("find").lower(), visit.asked("from")
    at = int(start) if start.isdecimal() else 0
    keep = (lambda name: words in name.lower()) if words else bool
    return places.listed(folder, keep, start=at, around=chosen)


def _finder(visit: Visit, listing: Listing) -> Html | None:
    """Shows a field that narrows the names, where there are many."""
    words = visit.asked("find")
    if listing.total <= _MANY and not words:
        return None
    kept = [s.hidden(name, value) for name, value in visit.call.query.items() if name not in ("find", "from")]
    hint = f"Find among {listing.total:,}"
    field = input_(type="search", name="find", value=words, placeholder=hint, data_filter=True, aria_label="Find")
    return form(field, kept, action=visit.call.path, class_="finder")


def _pager(visit: Visit, listing: Listing) -> Html | None:
    if listing.total <= places.PAGE:
        return None
    before, after = listing.start - places.PAGE, listing.start + places.PAGE
    last = min(after, listing.total)
    return div(
        a("Before", href=visit.here(from_=max(before, 0))) if listing.start else None,
        s.muted(f"{listing.start + 1:,} to {last:,} of {listing.total:,}"),
        a("After", href=visit.here(from_=after)) if after < listing.total else None,
        class_="pager",
    )


def _neighbours(listing: Listing, above: str, chosen: str, link: Link) -> Html:
    """Returns the ways to the files before and after the one that is shown."""
    names = [one.name for one in listing.entries if not one.is_folder]
    at = names.index(chosen) if chosen in names else 0
    ways = (("Previous", names[at - 1] if at else ""), ("Next", names[at + 1] if at + 1 < len(names) else ""))
    return join(*(a(words, href=link(f"{above}/{name}".strip("/"))) for words, name in ways if name))


def safely(visit: Visit, uri: str, path: str, link: Link) -> Html:
    """Shows what is at a URI as `browser` does, or says why it cannot be shown: an asset may point anywhere."""
    try:
        return browser(visit, uri, path, link, empty=s.empty("An empty folder."))
    except LazuliteError as error:
        return s.card("Files", s.muted(f"{error.message} {error.hint or ''}"))


def _crumbs(path: str, link: Link) -> Html:
    parts = [part for part in path.split("/") if part]
    links = [a(part, href=link("/".join(parts[: place + 1]))) for place, part in enumerate(parts)]
    return div(a("all", href=link("")), [join(" / ", one) for one in links], class_="path")


def _name(one: Entry, above: str, chosen: str, link: Link) -> Html:
    target = link(f"{above}/{one.name}".strip("/"))
    detail = s.muted("" if one.is_folder else s.size(one.size_bytes))
    words = [icon("folder" if one.is_folder else "file"), span(one.name), detail]
    return li(a(words, href=target, aria_current="true" if one.name == chosen else None), data_key=one.name)


def _folder(visit: Visit, root: str, above: str, listing: Listing, link: Link, offers: Child) -> Html:
    pictures = [one for one in listing.entries if one.is_image]
    size = sum(one.size_bytes for one in listing.entries)
    names = f"{listing.total:,} {'name' if listing.total == 1 else 'names'}"
    about = s.muted(f"{names}, {s.size(size)} in {'these' if listing.total > places.PAGE else 'files'}")
    packed = visit.link("/_studio/zip", uri=places.below(root, above))
    save = a(icon("download"), "Save all", href=packed, class_="button", download=True)
    shown = gallery(visit, root, above, pictures, link) if pictures else s.muted("Choose a file to look at it.")
    return s.card(about, shown, beside=div(offers, save, class_="actions"))


def gallery(visit: Visit, root: str, above: str, pictures: list[Entry], link: Link) -> Html:
    """Shows pictures side by side; each leads to its own page."""
    shown = []
    for one in pictures:
        path = f"{above}/{one.name}".strip("/")
        source = places.raw(visit, places.below(root, path))
        picture = img(src=source, alt=one.name, loading="lazy", decoding="async")
        shown.append(a(picture, span(one.name), href=link(path), title=one.name, data_key=one.name))
    return div(shown, class_="gallery")


def _offers(visit: Visit, uri: str, path: Path, more: Child) -> Html:
    save = a(icon("download"), "Save", href=places.raw(visit, uri, save="1"), class_="button", download=True)
    return div(s.muted(s.size(path.stat().st_size)), more, save, class_="actions")


def preview(visit: Visit, path: Path, uri: str, *, may_name: bool = True) -> Html:
    """Shows a file as what it is, as far as that can be done without running anything of it.

    may_name: whether the first row of a table may be its columns' names.
    """
    name, source = path.name.lower(), places.raw(visit, uri)
    if places.is_image(name):
        return div(img(src=source, alt=path.name), class_="preview")
    if name.endswith((".html", ".htm")):
        return div(iframe(src=source, sandbox="allow-scripts", title=path.name, loading="lazy"), class_="preview")
    if name.endswith(_VIDEO):
        return div(video(src=source, controls=True), class_="preview")
    if name.endswith(_AUDIO):
        return div(audio(src=source, controls=True), class_="preview")
    if name.endswith(".parquet"):
        return _table(tabular.parquet(visit.parts.settings.home, path, _ROWS))
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_TEXT_BYTES + 1)
    encoding = _encoding(head[:_PEEK_BYTES])
    if not encoding:
        return _hexadecimal(head[:512])
    if name.endswith((".csv", ".tsv")):
        rows = _csv(head[:_TEXT_BYTES].decode(encoding, "replace"), name, is_all=size <= _TEXT_BYTES)
        return _table(rows, may_name=may_name)
    if size > _TEXT_BYTES or name.endswith(".log") or "log" in Path(name).stem:
        return logs.viewer(logs.of_file(visit, uri))
    text = head.decode(encoding, "replace")
    return s.source(_pretty(text) if name.endswith(".json") else text) if text else s.muted("An empty file.")


def _pretty(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _encoding(head: bytes) -> str:
    """Tells what a text is written in, "" of what only programs read: UTF-8 but for a letter that was cut off, or any
    bytes without those that no text has.
    """
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3 or len(head) < _PEEK_BYTES:
            return "" if _NO_TEXT & set(head) else "cp1252"
    return "" if b"\0" in head else "utf-8"


def _csv(text: str, name: str, *, is_all: bool) -> tabular.Rows:
    delimiter = "\t" if name.endswith(".tsv") else ","
    try:
        rows = []
        for row in csv.reader(io.StringIO(text), delimiter=delimiter):
            rows.append(row)
            if len(rows) > _ROWS:
                break
    except csv.Error as error:
        return tabular.Rows([], [[line] for line in text.splitlines()[:_ROWS]], f"This is no whole table: {error}.")
    rows = rows if is_all or len(rows) == 1 else rows[:-1]  # the last one may be cut off
    note = "" if is_all and len(rows) <= _ROWS else f"The first {min(_ROWS, len(rows))} rows."
    return tabular.Rows([], rows[:_ROWS], note)


def _table(rows: tabular.Rows, *, may_name: bool = True) -> Html:
    if not rows.rows and not rows.names:
        return join(s.muted(rows.note or "No rows."), s.shell(rows.command) if rows.command else None)
    names, body = rows.names, rows.rows
    if may_name and not names and not any(map(_is_number, body[0])):  # a first row of words alone names the columns
        names, body = body[0], body[1:]
    names = names or [str(number + 1) for number in range(max(map(len, body)))]
    figures = {at for at in range(len(names)) if body and all(_is_number(row[at]) for row in body if at < len(row))}

    def cells(row: list[str]) -> list[Child]:
        return [s.figure(cell) if at in figures else cell for at, cell in enumerate(row)]

    nothing = s.muted(f"Columns: {', '.join(names)}; no rows.")
    table = s.grid(cells(names), [s.row(*cells(row)) for row in body], class_="dense data", empty=nothing)
    return join(s.muted(rows.note) if rows.note else None, table)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _hexadecimal(head: bytes) -> Html:
    lines = []
    for at in range(0, len(head), 16):
        some = head[at : at + 16]
        letters = "".join(chr(one) if 32 <= one < 127 else "." for one in some)
        lines.append(f"{at:06x}  {some.hex(' '):<48} {letters}")
    return join(s.muted("No text; this is how it begins."), div(pre(code_("\n".join(lines))), class_="source"))
