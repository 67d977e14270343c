"""tests/routes.txt: the whole route table, as the platform would serve it, each route with its handler."""

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lazulite import app
from lazulite.http import scopes
from lazulite.http.routes import Route


def tables() -> dict[str, tuple[Route, ...]]:
    """Returns the routes of every mount that is made of routes; blobs and scoring are not."""
    return {mount: tuple(app.routes(modules)) for mount, (modules, _) in app.MOUNTS.items() if modules}


def text() -> str:
    """Returns tests/routes.txt: for every mount its routes, `method template handler`, sorted by template."""
    return "\n".join(_section(mount, routes) for mount, routes in tables().items())


def _section(mount: str, routes: Iterable[Route]) -> str:
    rows = sorted((route.template.replace(scopes.WORKSPACE, "{W}"), route.method, handler(route)) for route in routes)
    width = min(80, max(len(template) for template, _, _ in rows))
    lines = [f"  {method:7} {template:{width}}  {leads_to}" for template, method, leads_to in rows]
    return "\n".join([f"{mount}:", *lines, ""])


def handler(route: Route) -> str:
    """Returns where a route leads, `arm/models.py:put`; the method of a family with the resource it is about."""
    function = route.handler
    owner: Any = getattr(function, "__self__", None)
    file = Path(inspect.getsourcefile(inspect.unwrap(function)) or "").relative_to(Path(app.__file__).parent)
    kind = f"({owner.kind})" if hasattr(owner, "kind") else ""
    return f"{file.as_posix()}:{function.__qualname__}{kind}"


if __name__ == "__main__":
    print(text(), end="")
