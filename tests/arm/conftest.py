"""The control plane in this very process: no port, no supervisor's loop, no worker; requests in, replies out."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lazulite import clock, settings
from lazulite.app import mounts, open_parts
from lazulite.edge import hosts
from lazulite.edge.refusals import Refusals
from lazulite.identity import tokens

WORKSPACE = (
    "/subscriptions/10000000-0000-0000-0000-000000000001/resourceGroups/group"
    "/providers/Microsoft.MachineLearningServices/workspaces/ws"
)
AUDIENCE = "https://management.azure.com"


@dataclass(frozen=True)
class Answer:
    """One reply: body is what its JSON says, None for none."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def message(self) -> str:
        """Returns an error's words."""
        return str(self.body["error"]["message"])


class Arm:
    """The mounts that answer management.azure.com, and the data planes of a region, on a home of their own."""

    def __init__(self, home: Path, **told: Any) -> None:
        self.parts = open_parts(settings.read({}, home=home, **told))
        self.apps = mounts(self.parts, Refusals())
        self.token = tokens.issue(self.parts.signing_key, AUDIENCE, tenant="t", oid="o", name="tester", now=clock.now())

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Sends one request. path: below the test's workspace unless it begins with a slash; body: JSON, or bytes."""
        whole = path if path.startswith("/") else f"{WORKSPACE}/{path}"
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return asyncio.run(self._send(method, whole, raw, {"authorization": f"Bearer {self.token}", **headers}))

    async def _send(self, method: str, path: str, raw: bytes, headers: dict[str, str]) -> Answer:
        target, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "scheme": "https",
            "path": target,
            "raw_path": target.encode(),
            "query_string": query.encode(),
            "headers": [
                (name.encode(), value.encode()) for name, value in {"host": "management.azure.com", **headers}.items()
            ],
        }
        said: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": raw}

        async def send(message: Any) -> None:
            said.append(message)

        mount = hosts.mount_for("", target)
        await self.apps[mount](scope, receive, send)
        content = said[1]["body"]
        return Answer(
            said[0]["status"],
            {name.decode(): value.decode() for name, value in said[0]["headers"]},
            json.loads(content) if content else None,
        )


@pytest.fixture
def arm(tmp_path: Path) -> Iterator[Arm]:
    """A control plane that makes what is named, as it does by default."""
    made = Arm(tmp_path / "home")
    yield made
    made.parts.db.close()
