"""The platform's own word on itself, for programs."""

import os
from typing import cast

import lazulite
from lazulite import clock
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.identity import doors
from lazulite.serving import wanted
from lazulite.store import resources
from lazulite.studio.inside import StudioParts

_COUNTED = ("workspaces", "computes", "data", "environments", "models", wanted.ENDPOINTS, wanted.DEPLOYMENTS)


def get(call: Call, parts: Parts) -> Reply:
    """Answers `{version, pid, home, url, scoringUrl, strict, privateNetwork, sealed, refused, counts: {kind: number}}`.

    sealed: whether the network's privacy is the system's, not only the proxy's.
    refused: `[{host, port, who, count, lastAt}]`, what was asked for outside, the latest first.
    """
    return Reply(_status(cast(StudioParts, parts)))


def _status(parts: StudioParts) -> JsonObject:
    with parts.db.read() as connection:
        counts = {kind: resources.count(connection, kind) for kind in _COUNTED}
    return {
        "version": lazulite.__version__,
        "pid": os.getpid(),
        "home": str(parts.settings.home),
        "url": parts.settings.url,
        "scoringUrl": parts.settings.scoring_url,
        "strict": parts.settings.strict,
        "privateNetwork": parts.settings.private_network,
        "sealed": parts.settings.private_network and doors.are_possible(),
        "refused": [
            {"host": one.host, "port": one.port, "who": one.who, "count": one.count, "lastAt": clock.iso(one.last_at)}
            for one in parts.refusals.latest()
        ],
        "counts": counts,
    }


ROUTES = (Route("GET", "/_lazulite/status", get),)
