"""A browser that is there, a workspace with jobs in it, and an environment that needs no build."""

import json
import os
import shutil
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from lazulite.artifacts.refs import container_path
from lazulite.environments import bind
from lazulite.identity import accounts
from lazulite.ids import WorkspaceId
from tests.conftest import GROUP, SUBSCRIPTION, Platform

WITHIN_S = 60
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@pytest.fixture(scope="module")  # while it runs, nobody else in this process can have an event loop
def chromium() -> Iterator[Browser]:
    """The machine's own Chromium or Chrome; nothing is downloaded."""
    path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if not path:
        pytest.skip(f"no browser: none of {', '.join(_BROWSERS)} is installed")
    expect.set_options(timeout=1000 * WITHIN_S / 3)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@dataclass
class Place:
    """A workspace of its own on a platform, reached as a client without a proxy reaches it."""

    platform: Platform
    name: str = field(default_factory=lambda: f"ws-{uuid.uuid4().hex[:8]}")

    @property
    def id(self) -> WorkspaceId:
        return WorkspaceId(SUBSCRIPTION, GROUP, self.name)

    @cached_property
    def token(self) -> str:
        """Returns a bearer token for ARM."""
        asked = (
            "grant_type=client_credentials&client_id=tester&client_secret=x&scope=https://management.azure.com/.default"
        )
        address = f"{self.platform.url}/tenant/oauth2/v2.0/token"
        with urllib.request.urlopen(address, asked.encode(), timeout=20) as answer:
            return str(json.load(answer)["access_token"])

    def address(self, path: str) -> str:
        """Returns a page's address, its workspace in it."""
        return f"{self.platform.url}{path}{'&' if '?' in path else '?'}wsid={self.id}"

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Asks ARM for something of the workspace."""
        request = urllib.request.Request(
            f"{self.platform.url}{self.id}/{path}?api-version=2024-01-01",
            None if body is None else json.dumps(body).encode(),
            {"authorization": f"Bearer {self.token}", "content-type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"{}")

    def environment(self) -> str:
        """Makes the environment `plain`, which this very interpreter serves."""
        self.ask("PUT", "environments/plain/versions/1", {"properties": {"image": "python:3.11-slim"}})
        bind.bind(self.platform.home, "plain", None, Path(sys.executable))
        return "plain:1"

    def code(self, **files: str) -> str:
        """Registers code; the names of files are given with `_` for the dot."""
        digest = uuid.uuid4().hex
        account, container = accounts.account_name(self.id), f"code-{digest[:12]}"
        folder = container_path(self.platform.home, account, container) / "src"
        folder.mkdir(parents=True)
        for name, text in files.items():
            (folder / name.replace("_", ".")).write_text(text)
        uri = f"https://{account}.blob.core.windows.net/{container}/src"
        self.ask("PUT", f"codes/{digest}/versions/1", {"properties": {"codeUri": uri}})
        return f"{self.id}/codes/{digest}/versions/1"

    def folder(self, path: str) -> Path:
        """Makes a folder of the workspace's blob store and returns where it is on disk."""
        store = self.ask("GET", "datastores/workspaceblobstore")["properties"]
        account = accounts.account_name(self.id)
        made = container_path(self.platform.home, account, store["containerName"]) / path
        made.mkdir(parents=True)
        return made

    def job(self, command: str, **properties: Any) -> str:
        """Submits a job and returns its name."""
        name = f"job-{uuid.uuid4().hex[:10]}"
        body = {"jobType": "Command", "command": command, "environmentId": self.environment(), **properties}
        self.ask("PUT", f"jobs/{name}", {"properties": body})
        return name

    def ended(self, name: str) -> str:
        """Waits until a job is over and returns its state."""
        deadline = time.monotonic() + WITHIN_S
        while (state := self.ask("GET", f"jobs/{name}")["properties"]["status"]) not in (
            "Completed",
            "Failed",
            "Canceled",
        ):
            assert time.monotonic() < deadline, state
            time.sleep(0.1)
        return str(state)


@pytest.fixture
def place(platform: Platform) -> Place:
    """A workspace that no other test uses."""
    made = Place(platform)
    made.environment()
    return made


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser that has seen nothing yet."""
    made = chromium.new_context(viewport={"width": 1280, "height": 820})
    made.set_default_timeout(20_000)
    yield made
    made.close()


def is_ours(told: ConsoleMessage) -> bool:
    """Tells whether Studio itself did what its policy forbids; users' files may try."""
    return "Content Security Policy" in told.text and "/_studio/raw" not in told.location["url"]


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A tab whose scripts must not fail, and whose policy nothing may break."""
    tab, trouble = context.new_page(), []
    tab.on("pageerror", lambda error: trouble.append(str(error)))
    tab.on("console", lambda told: trouble.append(told.text) if is_ours(told) else None)
    yield tab
    assert not trouble


# Whoever types, or has a field filled in by other means than the mouse, is told of.
_ONLY_MOUSE = """
for (const kind of ["keydown", "input"]) addEventListener(kind, ({ target }) => {
  if (kind === "keydown" || target.matches("textarea, select, input:not([type=checkbox], [type=range])"))
    console.warn("not by the mouse: " + kind);
}, true);
"""


@pytest.fixture
def by_mouse(context: BrowserContext, page: Page, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Page]:
    """A tab that is used by nothing but the mouse, and recorded: `playwright show-trace` plays what it writes.

    The recording is kept in the folder that STUDIO_RECORDINGS names.
    """
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    context.add_init_script(_ONLY_MOUSE)
    context.tracing.start(screenshots=True, snapshots=True)
    yield page
    recording = Path(os.environ.get("STUDIO_RECORDINGS") or tmp_path) / f"{request.node.name}.zip"
    context.tracing.stop(path=recording)
    assert recording.stat().st_size
    assert not [line for line in told if line.startswith("not by the mouse")]
