"""The platform's own word on itself, for programs."""

import os

import lazulite
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.serving import wanted
from lazulite.store import resources

_COUNTED = ("workspaces", "computes", "data", "environments", "models", wanted.ENDPOINTS, wanted.DEPLOYMENTS)


def get(call: Call, parts: Parts) -> Reply:
    """Answers `{version, pid, home, url, scoringUrl, strict, counts: {kind: number}}`."""
    return Reply(_status(parts))


def _status(parts: Parts) -> JsonObject:
    with parts.db.read() as connection:
        counts = {kind: resources.count(connection, kind) for kind in _COUNTED}
    return {
        "version": lazulite.__version__,
        "pid": os.getpid(),
        "home": str(parts.settings.home),
        "url": parts.settings.url,
        "scoringUrl": parts.settings.scoring_url,
        "strict": parts.settings.strict,
        "counts": counts,
    }


ROUTES = (Route("GET", "/_lazulite/status", get),)
