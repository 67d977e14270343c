"""The frame around every page: navigation, search, workspace and theme; the headers that keep user content out."""

from collections.abc import Callable

from lazulite.errors import LazuliteError
from lazulite.http.call import Reply
from lazulite.http.routes import Route
from lazulite.studio import static
from lazulite.studio.html import (
    Html,
    a,
    body,
    button,
    code,
    div,
    form,
    head,
    header,
    html,
    join,
    kbd,
    link,
    main,
    meta,
    nav,
    option,
    p,
    script,
    select,
    span,
    title_,
)
from lazulite.studio.icons import icon
from lazulite.studio.visit import THEME, Shown, Visit, page

# Scripts and styles are ours alone, and nothing is loaded from elsewhere.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_TOASTS = div(id="toasts", role="status", aria_live="polite")
_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}

# What the navigation leads to: group, then (icon, words, path).
_NAVIGATION = (
    ("", (("home", "Home", "/"),)),
    (
        "Work",
        (("jobs", "Jobs", "/jobs"), ("endpoints", "Endpoints", "/endpoints"), ("schedules", "Schedules", "/schedules")),
    ),
    (
        "Assets",
        (
            ("models", "Models", "/models"),
            ("data", "Data", "/assets/data"),
            ("environments", "Environments", "/environments"),
            ("components", "Components", "/components"),
        ),
    ),
    (
        "Machine",
        (
            ("compute", "Compute", "/compute"),
            ("datastores", "Datastores", "/datastores"),
            ("registries", "Registries", "/registries"),
        ),
    ),
    (
        "Know",
        (
            ("variables", "Variables", "/know/variables"),
            ("network", "Network", "/know/network"),
            ("ship", "Shipping", "/know/shipping"),
            ("coverage", "Coverage", "/know/coverage"),
        ),
    ),
)


def pages() -> list[tuple[str, str]]:
    """Lists what the navigation leads to: (words, path)."""
    return [(words, path) for _, entries in _NAVIGATION for _, words, path in entries]


def shown(template: str, show: Callable[[Visit], Shown]) -> Route:
    """Makes the route of a page: `show` returns its title and its content."""
    return page(template, show, frame, trouble)


def frame(visit: Visit, title: str, content: Html, status: int = 200) -> Reply:
    """Answers a page with its content in the frame."""
    whole = document(
        f"{title} · Lazulite",
        join(
            a("Skip to content", href="#main", class_="skip"),
            _navigation(visit),
            div(_bar(visit), main(content, id="main", tabindex="-1", data_live=visit.state), class_="column"),
            _TOASTS,
        ),
        visit.cookies.get(THEME, ""),
    )
    return Reply(whole.encode(), status, _HEADERS)


def document(title: str, content: Html, theme: str = "", **attributes: str) -> str:
    """Returns a whole document with Studio's styles and scripts."""
    top = head(
        meta(charset="utf-8"),
        title_(title),
        meta(name="viewport", content="width=device-width, initial-scale=1"),
        meta(name="color-scheme", content="light dark"),
        link(rel="icon", href=static.address("mark.svg")),
        link(rel="stylesheet", href=static.address("studio.css")),
        [script(type="module", src=static.address(name)) for name in static.MODULES],
    )
    known = theme if theme in ("light", "dark") else None
    return "<!doctype html>" + html(top, body(content, **attributes), lang="en", data_theme=known)


def bare(title: str, content: Html, status: int = 200) -> Reply:
    """Answers a page without navigation, for those who may not see more yet."""
    whole = document(f"{title} · Lazulite", join(main(content, class_="bare", id="main"), _TOASTS))
    return Reply(whole.encode(), status, _HEADERS)


def _sign_out(visit: Visit) -> Html | None:
    if not visit.parts.settings.is_exposed:
        return None
    press = button("Sign out", class_="quiet")
    return form(press, method="post", action="/_studio/signout", data_act=True, class_="inline")


def trouble(error: LazuliteError) -> Html:
    """Shows what went wrong, and what to do."""
    return div(
        div(str(error.status), class_="big"),
        p(error.message, class_="lead"),
        p(error.hint, class_="muted") if error.hint else None,
        p(a("Back to the start", href="/"), " · ", code(error.code)),
        class_="empty trouble",
    )


def _navigation(visit: Visit) -> Html:
    groups = [
        join(div(words, class_="group") if words else None, [_entry(visit, *entry) for entry in entries])
        for words, entries in _NAVIGATION
    ]
    brand = a(span(class_="mark"), "Lazulite", href=visit.link("/"), class_="brand")
    return nav(brand, _workspaces(visit), div(*groups, class_="entries"), id="nav", aria_label="Studio")


def _entry(visit: Visit, name: str, words: str, path: str) -> Html:
    here = visit.call.path
    first = "/" + here.strip("/").partition("/")[0]
    aliases = {"/runs": "/jobs", "/compare": "/jobs", "/model": "/models", "/data": "/assets/data"}
    is_here = here == path or aliases.get(first, first) == path or (path != "/" and here.startswith(path + "/"))
    return a(icon(name), span(words), href=visit.link(path), aria_current="page" if is_here else None)


def _workspaces(visit: Visit) -> Html:
    if len(visit.workspaces) < 2:
        words = visit.workspace.workspace if visit.workspace else "no workspace yet"
        return div(words, class_="workspace")
    options = [
        option(one.workspace, value=str(one), selected=one == visit.workspace, title=one.resource_group)
        for one in visit.workspaces
    ]
    return select(options, class_="workspace", data_workspace=True, aria_label="Workspace")


def _bar(visit: Visit) -> Html:
    return header(
        button(icon("menu"), class_="quiet menu", data_menu=True, aria_label="Menu", aria_controls="nav"),
        button(icon("search"), span("Search everything"), kbd("/"), class_="find", data_search=True),
        _sign_out(visit),
        button(
            icon("theme"), class_="quiet", data_theme_switch=True, aria_label="Light or dark", title="Light or dark"
        ),
        class_="bar",
    )
