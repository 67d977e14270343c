"""The parts that pages are made of: moments, sizes, states, facts, tables, forms. Each takes values, none asks."""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from lazulite.http.call import JsonObject
from lazulite.studio.html import (
    NOTHING,
    Child,
    Html,
    a,
    button,
    code,
    dd,
    details,
    dialog,
    div,
    dl,
    dt,
    form,
    h1,
    h2,
    input_,
    join,
    label,
    nav,
    option,
    p,
    pre,
    section,
    select,
    span,
    strong,
    summary,
    table,
    tbody,
    td,
    textarea,
    th,
    thead,
    time,
    tr,
    wbr,
)
from lazulite.studio.icons import icon

# A state of a job, a deployment or an operation, and how it is coloured.
_TONES = {
    **dict.fromkeys(("Completed", "Succeeded", "Healthy"), "good"),
    **dict.fromkeys(("Failed", "NotResponding", "Unhealthy"), "bad"),
    **dict.fromkeys(("Running", "Finalizing", "Starting", "Preparing", "Provisioning", "Creating", "Updating"), "live"),
    **dict.fromkeys(("Queued", "NotStarted", "Paused", "Scheduled"), "wait"),
}
ENDED = ("Completed", "Failed", "Canceled")
_UNITS = ("B", "KB", "MB", "GB", "TB")
_PARTS = re.compile(r"[^/]*/+|[^/]+")


def badge(state: str) -> Html:
    """Shows a state as a coloured word."""
    return span(state, class_=f"badge {_TONES.get(state, 'off')}")


def size(number: int | float) -> str:
    """Prints a number of bytes: `1.2 MB`."""
    power = 0
    while number >= 1000 and power < len(_UNITS) - 1:
        number, power = number / 1000, power + 1
    return f"{number:.0f} {_UNITS[power]}" if number >= 100 or not power else f"{number:.1f} {_UNITS[power]}"


def number(value: float) -> str:
    """Prints a metric's value: short, and exact enough to compare."""
    return f"{value:.6g}"


def duration(seconds: float) -> str:
    """Prints a time span: `0.4 s`, `12 s`, `3 m 20 s`, `2 h 5 m`, `3 d 4 h`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    steps = ((86_400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s"))
    for large, one, small, other in steps:
        if whole >= large:
            rest = whole % large // small
            return f"{whole // large} {one} {rest} {other}" if rest else f"{whole // large} {one}"
    return f"{whole} s"


def moment(iso: str | None) -> Html:
    """Shows when something was, as time gone by; the page keeps it true, and the exact time is its title."""
    return time(iso[:19].replace("T", " "), datetime=iso, data_ago=True) if iso else span("–", class_="muted")


def span_of(began: str | None, ended: str | None) -> Html:
    """Shows how long something took, or has taken so far; the page counts on."""
    if not began:
        return span("–", class_="muted")
    if not ended:
        return time("…", datetime=began, data_since=True)
    took = (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
    return span(duration(max(took, 0.0)))


def title(words: Child, *beside: Child, above: Child = None, actions: Child = None) -> Html:
    """Heads a page: its name, what stands beside it, the way back above, buttons at the right."""
    crumbs = div(above, class_="crumbs") if above else None
    return div(crumbs, div(h1(words), *beside, class_="name"), div(actions, class_="actions"), class_="title")


def card(heading: Child, *content: Child, class_: str = "", beside: Child = None, id: str | None = None) -> Html:
    """Boxes something under a heading."""
    head = div(h2(heading), beside, class_="head") if heading else None
    return section(head, *content, class_=f"card {class_}".strip(), id=id)


def facts(*pairs: tuple[str, Child]) -> Html:
    """Lists what is known, name by name; what is empty is left out."""
    return dl([join(dt(name), dd(value)) for name, value in pairs if value not in (None, "", NOTHING)], class_="facts")


def grid(headings: Sequence[Child], rows: Iterable[Html], *, empty: Html = NOTHING, class_: str = "") -> Html:
    """Shows a table; rows come from `row`. empty stands there where there are none."""
    body = list(rows)
    if not body:
        return empty
    head = thead(tr([th(heading) for heading in headings]))
    return div(table(head, tbody(body), class_=class_), class_="scroll")


def row(*cells: Child, key: str = "", link: str = "") -> Html:
    """Makes a table's row. key: what it is known by while the table changes; link: where a click on it leads."""
    return tr([td(cell) for cell in cells], data_key=key or None, data_href=link or None)


def tabs(entries: Sequence[tuple[str, str]], current: str) -> Html:
    """Shows the parts of a page to choose from: (words, address), the current one by its words."""
    links = [a(words, href=link, aria_current="true" if words == current else None) for words, link in entries]
    return nav(*links, class_="tabs", aria_label="Parts of this page")


def empty(words: str, command: str = "", *more: Child) -> Html:
    """Says that there is nothing yet, and what to type."""
    return div(p(words, class_="lead"), shell(command) if command else None, *more, class_="empty")


def shell(command: str) -> Html:
    """Shows a command to copy."""
    return div(pre(code(command)), copy(command), class_="shell")


def copy(text: str) -> Html:
    """Makes a button that copies a text."""
    return button(icon("copy"), class_="quiet copy", data_copy=text, aria_label="Copy", title="Copy", type="button")


def mono(text: Child) -> Html:
    """Shows a name that machines read; a long path breaks after its slashes."""
    if isinstance(text, Html) or not isinstance(text, str):
        return code(text)
    return code([join(part, wbr()) for part in _PARTS.findall(text)])


def figure(value: Child) -> Html:
    """Shows a number in a table, so that its column stands at the right."""
    return span(value, class_="num")


def muted(text: Child) -> Html:
    """Shows what matters less."""
    return span(text, class_="muted")


def tags(values: JsonObject | None) -> Html | None:
    """Shows tags as chips; None where there are none."""
    chips = [span(strong(name), f" {value}" if value else "", class_="chip") for name, value in (values or {}).items()]
    return div(chips, class_="chips") if chips else None


def does(words: Child, action: str, *fields: Child, tone: str = "", sure: str = "") -> Html:
    """Makes a button that has something done. sure: what is asked first; fields: hidden inputs and the like."""
    press = button(words, class_=tone or None)
    return form(*fields, press, method="post", action=action, data_act=True, data_sure=sure or None, class_="inline")


def opens(words: Child, address: str, *, tone: str = "") -> Html:
    """Makes a button that fetches a sheet when it is pressed, and opens it: what a sheet shows may be slow to find."""
    return button(words, class_=tone or None, data_sheet=address, type="button")


def form_sheet(action: str, *fields: Child, heading: str, press: str) -> Html:
    """Returns a sheet with a form, as `opens` fetches it."""
    return dialog(_form(action, *fields, heading=heading, press=press), aria_label=heading)


def sheet(words: Child, action: str, *fields: Child, heading: str, press: str, tone: str = "", name: str = "") -> Html:
    """Makes a button that opens a form in a sheet of its own. name: by which a link can open it."""
    body = _form(action, *fields, heading=heading, press=press)
    known = name or heading.lower().replace(" ", "-")
    return join(
        button(words, class_=tone or None, data_open=known, type="button"),
        dialog(body, id=known, data_keep=True, aria_label=heading),
    )


def _form(action: str, *fields: Child, heading: str, press: str) -> Html:
    cancel = button("Cancel", type="button", class_="quiet", data_close=True)
    buttons = div(cancel, button(press, class_="primary"), class_="buttons")
    return form(h2(heading), *fields, buttons, method="post", action=action, data_act=True)


def popup(words: Child, name: str, *content: Child, heading: str) -> Html:
    """Makes a button that opens a sheet without a form."""
    close = div(button("Close", type="button", class_="quiet", data_close=True), class_="buttons")
    return join(
        button(words, data_open=name, type="button"),
        dialog(div(h2(heading), *content, close, class_="stack"), id=name, data_keep=True, aria_label=heading),
    )


def field(words: str, name: str, value: str = "", *, hint: str = "", required: bool = False, **more: Any) -> Html:
    """Makes a labelled input of a form."""
    given = input_(name=name, value=value, required=required, autocomplete="off", spellcheck="false", **more)
    return label(span(words), given, span(hint, class_="hint") if hint else None, class_="field")


def area(words: str, name: str, value: str = "", *, hint: str = "", rows: int = 8) -> Html:
    """Makes a labelled input of several lines."""
    given = textarea("\n" + value, name=name, rows=rows, spellcheck="false")
    return label(span(words), given, span(hint, class_="hint") if hint else None, class_="field")


def choice(
    words: str,
    name: str,
    options: Sequence[str | tuple[str, str]],
    chosen: str = "",
    *,
    hint: str = "",
    again: str | None = None,
) -> Html:
    """Makes a labelled choice: values, or (value, words). again: where its sheet is fetched anew for another value."""
    pairs = [(one, one) if isinstance(one, str) else one for one in options]
    listed = [option(shown, value=value, selected=value == chosen) for value, shown in pairs]
    given = select(listed, name=name, data_again=again)
    return label(span(words), given, span(hint, class_="hint") if hint else None, class_="field")


def hidden(name: str, value: str) -> Html:
    """Makes an input that is not seen."""
    return input_(type="hidden", name=name, value=value)


def source(text: str, heading: str = "", *, copied: str = "") -> Html:
    """Shows text as it is: code, YAML, a lock. copied: what its button copies, if not that."""
    return div(muted(heading) if heading else None, pre(code(text)), copy(copied or text), class_="source")


def fold(words: Child, *content: Child, is_open: bool = False, id: str | None = None) -> Html:
    """Folds something away under its heading."""
    return details(summary(words), *content, open=is_open, id=id)


def json_source(body: JsonObject) -> Html:
    """Shows an object as JSON."""
    return source(json.dumps(body, indent=2, ensure_ascii=False, default=str))
