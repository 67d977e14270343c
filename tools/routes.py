"""The whole route table, as the platform would serve it: one line per method and path, with its handler."""

import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lazulite import app
from lazulite.http.routes import Route


def tables() -> dict[str, tuple[Route, ...]]:
    """Returns the routes of every mount that is made of routes; blobs and scoring are not."""
    mounts = {"arm": app.ARM, "dataplane": app.DATAPLANE, "login": app.ENTRA, "studio": app.STUDIO}
    return {mount: tuple(_routes(listed)) for mount, listed in mounts.items()}


def _routes(listed: Iterable[Any]) -> Iterator[Route]:
    for entry in listed:
        if isinstance(entry, Route):
            yield entry
        else:
            yield from entry.ROUTES


def text() -> str:
    """Returns tests/routes.txt: `mount method template handler`, mounts in order, templates sorted."""
    lines = []
    for mount, routes in tables().items():
        lines += sorted(f"{mount} {route.template} {route.method} {handler(route)}" for route in routes)
    return "\n".join(lines) + "\n"


def handler(route: Route) -> str:
    """Returns where a route leads, `arm/models.py:put`; the method of a family with the resource it is about."""
    function = route.handler
    owner: Any = getattr(function, "__self__", None)
    file = Path(inspect.getsourcefile(inspect.unwrap(function)) or "").relative_to(Path(app.__file__).parent)
    kind = f"({owner.kind})" if hasattr(owner, "kind") else ""
    return f"{file.as_posix()}:{function.__qualname__}{kind}"


if __name__ == "__main__":
    print(text(), end="")
