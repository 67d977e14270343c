"""Routes as literal data, and the tree that finds one. Literal segments ignore case, as ARM does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from lazulite.errors import BadRequest, MethodNotAllowed, NotImplementedHere
from lazulite.http.call import Call, Reply
from lazulite.http.parts import Parts

Handler = Callable[[Call, Parts], Reply]


@dataclass(frozen=True)
class Route:
    """One line of the route table.

    template: `/a/{name}/b`; `{name:path}`, last only, takes the rest, slashes included. partial: what of Azure's
    behaviour is missing, in words, for docs/coverage.md; "" when nothing known is. is_open: takes callers that
    present no token, where Azure does. takes_file: the body, of any size, goes into `Call.file`, a draft that the
    handler moves to its place or leaves to be discarded. is_quiet: asked so often that the log only tells of it when
    it tells everything.
    """

    method: str
    template: str
    handler: Handler
    partial: str = ""
    is_open: bool = False
    takes_file: bool = False
    is_quiet: bool = False


@dataclass
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    variable: _Node | None = None
    rest: dict[str, Route] = field(default_factory=dict)
    here: dict[str, Route] = field(default_factory=dict)


class Router:
    """Finds the route of a method and path in time proportional to the path's length. routes: all of them."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._root = _Node()
        for route in self.routes:
            self._add(route)

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]]:
        """Returns the route and the path's variables, percent-decoded and without `azureml:` prefixes.

        Raises MethodNotAllowed when the path is known by other methods only, NotImplementedHere when not at all,
        BadRequest when a variable decodes to something with a slash or a control character in it.
        """
        segments = path.strip("/").split("/")
        found = _walk(self._root, segments, 0)
        if not found:
            raise NotImplementedHere(
                f"Lazulite does not know {method} {path}.",
                hint="docs/coverage.md lists what it answers.",
            )
        by_method, at = found
        route = by_method.get(method)
        if not route:
            raise MethodNotAllowed(f"{path} takes {', '.join(sorted(by_method))}, not {method}.")
        return route, _variables(route.template, segments, at)

    def _add(self, route: Route) -> None:
        node = self._root
        for segment in route.template.strip("/").split("/"):
            if segment.endswith(":path}"):
                _claim(node.rest, route)
                return
            if segment.startswith("{"):
                node.variable = node.variable or _Node()
                node = node.variable
            else:
                node = node.literals.setdefault(segment.lower(), _Node())
        _claim(node.here, route)


def _claim(table: dict[str, Route], route: Route) -> None:
    if route.method in table:
        raise ValueError(f"two routes for {route.method} {route.template}")
    table[route.method] = route


def _walk(node: _Node, segments: list[str], at: int) -> tuple[dict[str, Route], int] | None:
    if at == len(segments):
        return (node.here, at) if node.here else None
    literal = node.literals.get(segments[at].lower())
    found = _walk(literal, segments, at + 1) if literal else None
    if not found and node.variable and segments[at]:
        found = _walk(node.variable, segments, at + 1)
    if not found and node.rest:
        return node.rest, at
    return found


def _variables(template: str, segments: list[str], at: int) -> dict[str, str]:
    values = {}
    for index, part in enumerate(template.strip("/").split("/")):
        if part.endswith(":path}"):
            values[part[1:-6]] = unquote("/".join(segments[at:]))
        elif part.startswith("{"):
            value = unquote(segments[index]).removeprefix("azureml:")
            if "/" in value or not value.isprintable() or value in (".", ".."):
                raise BadRequest(f"{part[1:-1]} is {value!r}, which no name may be.", target=part[1:-1])
            values[part[1:-1]] = value
    return values
