"""Whether anything has changed, for pages to ask every second: the cheapest question there is."""

import os

from lazulite.http.call import Call, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route

_PAUSE_MS = 1000


def state(parts: Parts) -> str:
    """Returns a text that differs after every change and every start of the platform."""
    return f"{os.getpid()}-{parts.db.changes}"


def get(call: Call, parts: Parts) -> Reply:
    """Answers `{state, pause_ms}`: how things stand, and how long to wait before asking again."""
    return Reply({"state": state(parts), "pause_ms": _PAUSE_MS})


ROUTES = (Route("GET", "/_studio/pulse", get),)
