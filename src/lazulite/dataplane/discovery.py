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
)


def get(call: Call, parts: Parts) -> Reply:
    """Answers `{api, history, ...}`: absolute URLs without a trailing slash, asked for without a token.

    `studio` is where a browser finds a run: by the platform's own address, as no proxy leads a browser here.
    """
    base = f"https://{call.base_url.partition('://')[2]}"
    return Reply({**dict.fromkeys(_SERVICES, base), "studio": parts.settings.url})


ROUTES = (Route("GET", "/discovery", get, is_open=True),)
