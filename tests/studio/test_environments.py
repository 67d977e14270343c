"""An environment is written in the editor, built with its log live, and shown with its lock."""

import uuid

from playwright.sync_api import Page, expect

from tests.studio.conftest import WITHIN_S, Place


def test_an_environment_is_written_built_and_its_failure_told(place: Place, page: Page) -> None:
    name = f"mine-{uuid.uuid4().hex[:6]}"
    page.goto(place.address("/environments"))
    page.get_by_role("button", name="New environment").click()
    sheet = page.locator("dialog[open]")
    sheet.locator("[name=name]").fill(name)
    sheet.locator("[name=image]").fill("python:3.11-slim")
    sheet.locator("[name=conda]").fill("dependencies: [python=3.11]\n")
    sheet.get_by_role("button", name="Create").click()
    expect(page.locator("h1")).to_have_text(name)
    page.get_by_role("button", name="Build now").click()
    expect(page.locator("lz-log .text")).to_contain_text("Ready: Python at", timeout=1000 * WITHIN_S)
    expect(page.locator("summary", has_text="packages")).to_be_visible()
    page.get_by_role("button", name="New version").click()
    sheet = page.locator("dialog[open]")
    sheet.locator("[name=conda]").fill("dependencies: [python=3.11, pip, {pip: [no-such-package-anywhere==9]}]\n")
    sheet.get_by_role("button", name="Create").click()
    expect(page.get_by_text(f"azureml:{name}:2")).to_be_visible()
    page.get_by_role("button", name="Build now").click()
    expect(page.locator("lz-log .text .err").last).to_contain_text("could not be built", timeout=1000 * WITHIN_S)
    expect(page.locator("lz-log .text")).to_contain_text("no-such-package-anywhere")
