"""The file browser: a folder's names beside a preview of what is chosen, or a gallery of its pictures."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

from lazulite.errors import LazuliteError
from lazulite.studio import logs, places, tabular
from lazulite.studio import shown as s
from lazulite.studio.html import Child, Html, a, audio, div, iframe, img, join, li, p, pre, span, ul, video
from lazulite.studio.html import code as code_
from lazulite.studio.icons import icon
from lazulite.studio.places import Entry
from lazulite.studio.visit import Visit

_TEXT_BYTES = 256 << 10  # what is larger is read by ranges, as logs are
_PEEK_BYTES = 4096
_ROWS = 200
_GALLERY = 200
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
    entries, is_all = places.listed(folder)
    if not entries and not path:
        return empty
    names = s.card(
        _crumbs(above, link),
        ul([_name(one, above, chosen, link) for one in entries], class_="names"),
        None if is_all else p(s.muted(f"The first {places.MOST_ENTRIES} names.")),
        class_="flush",
    )
    if chosen:
        uri = places.below(root, path)
        shown = s.card(chosen, preview(visit, here, uri), beside=_offers(visit, uri, here, beside and beside(path)))
    else:
        shown = _folder(visit, root, above, entries, link, beside and beside(above))
    return div(names, shown, class_="browser")


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


def _folder(visit: Visit, root: str, above: str, entries: list[Entry], link: Link, offers: Child) -> Html:
    pictures = [one for one in entries if one.is_image]
    size = sum(one.size_bytes for one in entries)
    about = s.muted(f"{len(entries)} names, {s.size(size)} in files")
    if not pictures:
        return s.card(about, offers or s.muted("Choose a file to look at it."))
    return s.card(about, gallery(visit, root, above, pictures[:_GALLERY], link), beside=offers)


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


def preview(visit: Visit, path: Path, uri: str) -> Html:
    """Shows a file as what it is, as far as that can be done without running anything of it."""
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
        return _table(tabular.parquet(path, _ROWS))
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_TEXT_BYTES + 1)
    if not _is_text(head[:_PEEK_BYTES]):
        return _hexadecimal(head[:512])
    if name.endswith((".csv", ".tsv")):
        return _table(_csv(head[:_TEXT_BYTES], name))
    if size > _TEXT_BYTES or name.endswith(".log") or "log" in Path(name).stem:
        return logs.viewer(logs.of_file(visit, uri))
    text = head.decode("utf-8", "replace")
    return s.source(_pretty(text) if name.endswith(".json") else text) if text else s.muted("An empty file.")


def _pretty(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _is_text(head: bytes) -> bool:
    """Tells text from what only programs read: no zero bytes, and UTF-8 but for a letter that was cut off."""
    if b"\0" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3 and len(head) == _PEEK_BYTES
    return True


def _csv(content: bytes, name: str) -> tabular.Rows:
    text = content.decode("utf-8", "replace")
    delimiter = "\t" if name.endswith(".tsv") else ","
    try:
        rows = []
        for row in csv.reader(io.StringIO(text), delimiter=delimiter):
            rows.append(row)
            if len(rows) > _ROWS:
                break
    except csv.Error as error:
        return tabular.Rows([], [[line] for line in text.splitlines()[:_ROWS]], f"This is no whole table: {error}.")
    has_more = len(rows) > _ROWS or len(content) == _TEXT_BYTES
    note = f"The first {min(_ROWS, len(rows))} rows." if has_more else ""
    return tabular.Rows([], rows[:_ROWS], note)


def _table(rows: tabular.Rows) -> Html:
    if not rows.rows and not rows.names:
        return s.muted(rows.note or "No rows.")
    names, body = rows.names, rows.rows
    if not names and not any(map(_is_number, body[0])):  # a first row of words alone names the columns
        names, body = body[0], body[1:]
    names = names or [str(number + 1) for number in range(max(map(len, body)))]
    return join(
        s.muted(rows.note) if rows.note else None,
        s.grid(
            names,
            [s.row(*one) for one in body],
            class_="dense",
            empty=s.muted(f"Columns: {', '.join(names)}; no rows."),
        ),
    )


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
