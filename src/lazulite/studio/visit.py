"""One visit of a page: who comes with what, in which workspace; and the routes that pages are made of."""

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from lazulite.errors import BadRequest, Forbidden, LazuliteError, NotFound
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.ids import WorkspaceId, parse_workspace
from lazulite.studio import inside, pulse
from lazulite.studio.html import Html
from lazulite.studio.inside import Api, StudioParts

THEME, WORKSPACE = "lazulite-theme", "lazulite-workspace"
# How the SDK names a workspace in addresses. Source: azure-ai-ml 1.35.2 entities/_job/_studio_url_from_job_id.py.
_SHORT = re.compile(r"/subscriptions/([^/]+)/resourcegroups/([^/]+)/workspaces/([^/]+)", re.IGNORECASE)
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Visit:
    """A request to Studio. workspace: the one that is shown, None where there is none yet; workspaces: all of them.

    state: of the platform before anything was looked at, so that a page knows when it is behind.
    """

    call: Call
    parts: StudioParts
    api: Api
    workspace: WorkspaceId | None
    workspaces: tuple[WorkspaceId, ...]
    cookies: Mapping[str, str]
    state: str

    def link(self, path: str, /, **query: str | int | None) -> str:
        """Returns the address of a page in this workspace, `wsid` in it, as Azure has it, where there are several."""
        pairs = {name.rstrip("_"): value for name, value in query.items() if value not in (None, "")}
        if len(self.workspaces) > 1 and self.workspace:
            pairs["wsid"] = str(self.workspace)
        return f"{path}?{urlencode(pairs, safe='/:,')}" if pairs else path

    def here(self, **changes: str | int | None) -> str:
        """Returns the address of this very page with some of its query changed; None leaves a parameter out."""
        query = {**{name: value for name, value in self.call.query.items() if name != "wsid"}, **changes}
        return self.link(self.call.path, **query)

    def asked(self, name: str, default: str = "") -> str:
        """Returns a parameter of the address."""
        return self.call.query.get(name, default)

    @property
    def form(self) -> JsonObject:
        """Returns what a form was filled in with: its names and values."""
        if self.call.headers.get("content-type", "").startswith(_FORM):
            return dict(parse_qsl(self.call.raw.decode("utf-8", "replace"), keep_blank_values=True))
        return self.call.body

    def field(self, name: str, *, required: bool = False) -> str:
        """Returns a field of the form, stripped. Raises BadRequest (400) where it must be filled in and is not."""
        value = self.form.get(name)
        value = value.strip() if isinstance(value, str) else ""
        if required and not value:
            raise BadRequest(f"Please fill in {name}.", target=name)
        return value


# What a page's function gives back: its title and its content, or a whole reply.
Shown = Reply | tuple[str, Html]
Trouble = Callable[[LazuliteError], Html]
Frame = Callable[[Visit, str, Html, int], Reply]


def visit_of(call: Call, parts: Parts) -> Visit:
    """Reads a request. Raises NotFound (404) when it names a workspace that does not exist: looking makes none."""
    studio, state = cast(StudioParts, parts), pulse.state(parts)
    known = inside.workspaces(studio)
    cookies = cookies_of(call.headers)
    workspace = _chosen(known, call.query.get("wsid", ""), cookies.get(WORKSPACE, ""))
    return Visit(call, studio, Api(call, studio, workspace), workspace, known, cookies, state)


def _chosen(known: tuple[WorkspaceId, ...], asked: str, last: str) -> WorkspaceId | None:
    if asked:
        short = _SHORT.fullmatch(asked)
        wanted = WorkspaceId(*short.groups()) if short else parse_workspace(asked)[0]
        found = next((one for one in known if one.scope == wanted.scope), None)
        if not found:
            raise NotFound(f'There is no workspace "{wanted.workspace}" here.', target="wsid")
        return found
    return next((one for one in known if one.scope == last), known[0] if known else None)


def cookies_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Reads the cookies of a request; what cannot be read is no cookie."""
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def data(method: str, template: str, answer: Callable[[Visit], Reply], *, takes_file: bool = False) -> Route:
    """Makes the route of what scripts ask for; errors are ARM's. What changes something takes only our own pages."""

    @functools.wraps(answer)
    def handler(call: Call, parts: Parts) -> Reply:
        if method != "GET":
            refuse_other_sites(call)
        return answer(visit_of(call, parts))

    return Route(method, template, handler, takes_file=takes_file)


def sheet(template: str, show: Callable[[Visit], Html]) -> Route:
    """Makes the route of a sheet that a page fetches when its button is pressed."""

    @functools.wraps(show)
    def handler(call: Call, parts: Parts) -> Reply:
        headers = {"content-type": "text/html; charset=utf-8", "content-security-policy": "sandbox"}
        return Reply(show(visit_of(call, parts)).encode(), 200, headers)

    return Route("GET", template, handler)


def act(template: str, do: Callable[[Visit], Any]) -> Route:
    """Makes the route that a form posts to. What it answers tells the page what to do next: `{to, said}`."""

    @functools.wraps(do)
    def handler(call: Call, parts: Parts) -> Reply:
        refuse_other_sites(call)
        told = do(visit_of(call, parts))
        return told if isinstance(told, Reply) else Reply(told or {})

    return Route("POST", template, handler)


def page(
    template: str, show: Callable[[Visit], Shown], frame: Frame, trouble: Callable[[LazuliteError], Html]
) -> Route:
    """Makes the route of a page: its content in the frame, or what went wrong in the same frame."""

    @functools.wraps(show)
    def handler(call: Call, parts: Parts) -> Reply:
        visit = None
        try:
            visit = visit_of(call, parts)
            shown = show(visit)
            return shown if isinstance(shown, Reply) else frame(visit, *shown, 200)
        except LazuliteError as error:
            visit = visit or _lost(call, parts)
            return frame(visit, error.message, trouble(error), error.status)

    return Route("GET", template, handler)


def _lost(call: Call, parts: Parts) -> Visit:
    """Returns a visit of no workspace, for a page that says that there is none of that name."""
    studio = cast(StudioParts, parts)
    known = inside.workspaces(studio)
    return Visit(call, studio, Api(call, studio, None), None, known, cookies_of(call.headers), pulse.state(parts))


def refuse_other_sites(call: Call) -> None:
    """Raises Forbidden (403) for a request that another site's page, or a sandboxed file, made a browser send.

    Source: owasp.org, Cross-Site Request Forgery Prevention, verifying origin with standard headers and fetch metadata.
    """
    origin, site = call.headers.get("origin"), call.headers.get("sec-fetch-site", "same-origin")
    is_ours = origin is None or urlsplit(origin).netloc == call.headers.get("host", "")
    if not is_ours or site not in ("same-origin", "none"):
        raise Forbidden("Only Studio's own pages may do this.")
