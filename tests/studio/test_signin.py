"""Studio where other machines can reach the platform: its secret once, then a session."""

from pathlib import Path

import requests
from playwright.sync_api import BrowserContext, Page, expect

from tests.conftest import Platform

SECRET = "open sesame"


def test_other_machines_sign_in_once_and_a_wrong_secret_opens_nothing(
    tmp_path: Path, context: BrowserContext, page: Page, monkeypatch
) -> None:
    monkeypatch.setenv("LAZULITE_HOST", "0.0.0.0")
    monkeypatch.setenv("LAZULITE_SECRET", SECRET)
    platform = Platform(tmp_path / "home")
    try:
        start_exposed(platform)
        page.goto(f"{platform.url}/jobs?q=x")
        page.get_by_label("Secret").fill("guessed")
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator(".toast")).to_contain_text("not this platform's secret")
        page.get_by_label("Secret").fill(SECRET)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(f"{platform.url}/jobs?q=x")
        cookie = next(one for one in context.cookies() if one["name"] == "lazulite-session")
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
        assert page.evaluate("document.cookie").find("session") < 0
        forged = {"lazulite-session": cookie["value"][:-1] + "x"}
        assert requests.get(f"{platform.url}/_studio/pulse", cookies=forged, timeout=20).status_code == 401
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Secret")).to_be_visible()
    finally:
        platform.stop()


def start_exposed(platform: Platform) -> None:
    """Starts a platform whose status needs the secret."""
    platform.status = lambda: reached(platform)  # type: ignore[method-assign]
    platform.start()


def reached(platform: Platform) -> "dict[str, object] | None":
    try:
        answer = requests.get(f"{platform.url}/_lazulite/status", auth=("x", SECRET), timeout=5)
    except requests.ConnectionError:
        return None
    return answer.json() if answer.ok else None
