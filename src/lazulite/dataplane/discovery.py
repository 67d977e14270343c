"""The discovery document: where a workspace's other services are. All of them are here."""

from lazulite.http.call import Call, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route

_SERVICES = (
    "api",
    "history",
    "experimentation",
    "pipelines",
    "modelmanagement",
    "hyperdrive",
    "catalog",
    "gallery",
    "labeling",
    "studio",
)


def get(call: Call, parts: Parts) -> Reply:
    """Answers `{api, history, ...}`: absolute URLs without a trailing slash, asked for without a token."""
    base = f"https://{call.base_url.partition('://')[2]}"
    return Reply(dict.fromkeys(_SERVICES, base))


ROUTES = (Route("GET", "/discovery", get, is_open=True),)
