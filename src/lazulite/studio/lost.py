"""What no page has: a page that says so to people, and the API's own answer to programs."""

from lazulite.errors import NotFound, NotImplementedHere
from lazulite.http.call import Call, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.studio.layout import shown
from lazulite.studio.visit import Shown, Visit


def _nothing(visit: Visit) -> Shown:
    raise NotFound("There is no such page.", hint="Press / to search for what you look for.")


_PAGE = shown("/{path:path}", _nothing)


def get(call: Call, parts: Parts) -> Reply:
    """Answers a page to browsers. Raises NotImplementedHere (501) for programs, as for any unknown path."""
    if "text/html" in call.headers.get("accept", ""):
        return _PAGE.handler(call, parts)
    raise NotImplementedHere(f"Lazulite does not know GET {call.path}.", hint="docs/coverage.md lists what it answers.")


ROUTES = (Route("GET", "/{path:path}", get),)
