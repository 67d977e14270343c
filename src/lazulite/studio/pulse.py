"""Whether anything has changed, for pages to ask every second: the cheapest question there is."""

import os
from typing import cast

from lazulite.http.call import Call, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.studio.inside import StudioParts


def state(parts: Parts) -> str:
    """Returns a text that differs after every change and every start of the platform."""
    return f"{os.getpid()}-{parts.db.changes}"


def get(call: Call, parts: Parts) -> Reply:
    """Answers `{state, pause_ms}`: how things stand, and how long to wait before asking again. page: who asks."""
    pause_ms = cast(StudioParts, parts).visitors.pause_ms(call.query.get("page", "")[:40])
    return Reply({"state": state(parts), "pause_ms": pause_ms})


ROUTES = (Route("GET", "/_studio/pulse", get, is_quiet=True),)
