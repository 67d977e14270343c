"""Studio's own scripts and styles, as files of this package; each has an address that changes with its content."""

import functools
import hashlib
from importlib import resources

from lazulite.errors import NotFound
from lazulite.http.call import Call, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route

MODULES = ("live.js", "palette.js", "log.js", "chart.js", "files.js", "score.js", "shares.js")
_KINDS = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}


@functools.cache
def _content(name: str) -> bytes:
    return (resources.files("lazulite.studio") / "assets" / name).read_bytes()


@functools.cache
def _build() -> str:
    files = [*MODULES, "shared.js", "ansi.js", "studio.css", "mark.svg"]
    return hashlib.sha256(b"".join(map(_content, files))).hexdigest()[:12]


def address(name: str) -> str:
    """Returns where a file is served: `/_studio/assets/{build}/studio.css`, cached for good.

    The build changes with any of them, so that a script and what it imports fit each other.
    """
    return f"/_studio/assets/{_build()}/{name}"


def get(call: Call, parts: Parts) -> Reply:
    """Answers a script or a style. Raises NotFound (404)."""
    name = call.ids["name"]
    kind = _KINDS.get(name.rpartition(".")[2], "")
    try:
        content = _content(name) if kind else b""
    except OSError as error:
        raise NotFound(f'Studio has no file "{name}".') from error
    headers = {"content-type": kind, "cache-control": "public, max-age=31536000, immutable"}
    return Reply(content, 200, {**headers, "x-content-type-options": "nosniff"})


ROUTES = (Route("GET", "/_studio/assets/{build}/{name}", get, is_open=True),)
