"""The way in: Studio's pages ask the platform's API as any client does, but in this process. Knows no page."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote_plus, urlencode

from lazulite.edge.hosts import Mount
from lazulite.edge.refusals import Refusals
from lazulite.errors import NotFound
from lazulite.http import scopes
from lazulite.http.call import Call, Caller, JsonObject
from lazulite.http.parts import Parts
from lazulite.http.routes import Router
from lazulite.identity.environment import CLIENT, TENANT
from lazulite.ids import WorkspaceId
from lazulite.store import resources
from lazulite.studio.builds import Builds
from lazulite.studio.samples import Samples
from lazulite.studio.visitors import Visitors

# Who Studio's user is to the API: nobody signs in on loopback.
WHO = Caller(oid=CLIENT, tid=TENANT, name="Studio")
# What Azure's clients call the control plane: replies then name accounts and hosts as they do for these.
_ARM = "https://management.azure.com"
_MOST_PAGES = 200

Query = Mapping[str, str | int | list[str]]


@dataclass(frozen=True)
class StudioParts(Parts):
    """What Studio's pages may use: the parts of every handler, and the routers of the mounts that they ask.

    samples: what the gateway counted, kept while somebody looks. visitors: how many look.
    refusals: what the private network refused. builds: of environments, by a button.
    """

    routers: Mapping[Mount, Router]
    samples: Samples
    visitors: Visitors
    refusals: Refusals
    builds: Builds


@dataclass(frozen=True)
class Api:
    """The platform's API for one visit. workspace: whose resources short paths are about."""

    call: Call
    parts: StudioParts
    workspace: WorkspaceId | None

    def get(self, path: str, query: Query | None = None) -> JsonObject:
        """Asks ARM for something of the workspace: `models/m/versions/1`. Raises what its handler raises."""
        return _object(self.ask("arm", "GET", f"{self._root}/{path}", query=query))

    def list(self, path: str, query: Query | None = None) -> list[JsonObject]:
        """Asks ARM for a list of the workspace, all pages of it."""
        return [item for page in self.pages(path, query) for item in page["value"]]

    def pages(self, path: str, query: Query | None = None) -> Iterator[JsonObject]:
        """Asks ARM for a list of the workspace page by page, each as it comes: `{value, nextLink}`."""
        link = f"{self._root}/{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")
        for _ in range(_MOST_PAGES):
            reply = _object(self.ask("arm", "GET", link))
            yield reply
            if not reply.get("nextLink"):
                return
            link = str(reply["nextLink"]).removeprefix(_ARM)

    def put(self, path: str, body: JsonObject) -> JsonObject:
        """Makes or replaces something of the workspace."""
        return _object(self.ask("arm", "PUT", f"{self._root}/{path}", body))

    def patch(self, path: str, body: JsonObject) -> JsonObject:
        """Changes something of the workspace."""
        return _object(self.ask("arm", "PATCH", f"{self._root}/{path}", body))

    def post(self, path: str, body: JsonObject | None = None) -> JsonObject:
        """Has something done with a resource of the workspace: `onlineEndpoints/e/listKeys`."""
        return _object(self.ask("arm", "POST", f"{self._root}/{path}", body))

    def delete(self, path: str) -> None:
        """Deletes something of the workspace."""
        self.ask("arm", "DELETE", f"{self._root}/{path}")

    def history(self, path: str, method: str = "GET", body: JsonObject | None = None) -> JsonObject:
        """Asks run history: `runs/r/details`."""
        return _object(self.ask("dataplane", method, f"/history/v1.0{self._root}/{path}", body))

    def mlflow(self, path: str, query: Query | None = None, body: JsonObject | None = None) -> JsonObject:
        """Asks MLflow's API, with a body by POST: `runs/get`."""
        where = f"/mlflow/v2.0{self._root}/api/2.0/mlflow/{path}"
        return _object(self.ask("mlflow", "POST" if body is not None else "GET", where, body, query))

    def ask(
        self,
        mount: Mount,
        method: str,
        link: str,
        body: JsonObject | None = None,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Calls the handler of a route, as the stack would, and returns the body of its reply."""
        path, _, given = link.partition("?")
        route, ids = self.parts.routers[mount].find(method, path)
        pairs = [*_pairs(given), *_pairs(urlencode(query or {}, doseq=True))]
        asked = Call(
            method=method,
            path=path,
            ids=ids,
            query=dict(pairs),
            headers=headers or {},
            raw=json.dumps(body or {}).encode(),
            who=WHO,
            now=self.call.now,
            base_url=_ARM,
            pairs=tuple(pairs),
        )
        return route.handler(asked, self.parts).body

    @property
    def _root(self) -> str:
        if not self.workspace:
            raise NotFound("There is no workspace yet.", hint="One comes into being when a program names it.")
        return str(self.workspace)


def _object(body: Any) -> JsonObject:
    return body if isinstance(body, dict) else {}


def segment(name: str) -> str:
    """Returns a name as a path's segment."""
    return quote(name, safe="")


def _pairs(query: str) -> list[tuple[str, str]]:
    from_text = (part.partition("=") for part in query.split("&") if part)
    return [(unquote_plus(name).lower(), unquote_plus(value)) for name, _, value in from_text]


def workspaces(parts: StudioParts) -> tuple[WorkspaceId, ...]:
    """Lists every workspace of the platform, the ones made last first."""
    with parts.db.read() as connection:
        rows = resources.everywhere(connection, "workspaces")
    return tuple(map(scopes.id_of, reversed(rows)))
