"""A job's page: its interactive services while it runs and after, and the model that is offered from what it made."""

import re
import sys
from pathlib import Path

from playwright.sync_api import Page, expect

from lazulite.environments import bind
from tests.studio.conftest import Place

SERVES = f"""#!{sys.executable}
import argparse
from http.server import HTTPServer, SimpleHTTPRequestHandler
asked = argparse.ArgumentParser()
for name in ("--logdir", "--host", "--port"):
    asked.add_argument(name)
given = asked.parse_args()
HTTPServer((given.host, int(given.port)), SimpleHTTPRequestHandler).serve_forever()
"""


def test_a_jobs_services_are_opened_from_its_page_while_it_runs(place: Place, page: Page, tmp_path: Path) -> None:
    name = job_with_services(place, tmp_path)
    page.goto(place.address(f"/runs/{name}"))
    card = page.locator(".card", has=page.get_by_role("heading", name="Services"))
    board = card.locator("tr", has_text="board")
    expect(board.locator(".badge")).to_have_text("Running")
    expect(card.locator("tr", has_text="lab").locator(".badge")).to_have_text("Not started")
    expect(page.locator(".notice.wait")).to_contain_text("the environment has no jupyter-lab")
    with page.context.expect_page() as opened:
        board.get_by_role("link", name="Open").click()
    expect(opened.value.locator("body")).to_contain_text("go-here.txt")
    (tmp_path / "go").touch()
    expect(board.locator(".badge")).to_have_text("Stopped")
    expect(board.get_by_role("link", name="Open")).to_have_count(0)


def test_the_model_that_is_offered_is_a_named_output_where_nothing_else_was_made(place: Place, page: Page) -> None:
    outputs = {name: {"jobOutputType": "uri_folder"} for name in ("report", "best_model")}
    name = place.job("echo 3 > ${{outputs.best_model}}/weights.txt", outputs=outputs)
    assert place.ended(name) == "Completed"
    page.goto(place.address(f"/runs/{name}"))
    page.locator(".title").get_by_role("button", name="Register model").click()
    sheet = page.locator("dialog[open]")
    expect(sheet.get_by_label("From")).to_have_value(f"azureml://jobs/{name}/outputs/best_model")
    sheet.get_by_label("Name").fill("offered")
    sheet.get_by_role("button", name="Register").click()
    expect(page).to_have_url(re.compile("/model/offered%3A1/details"))
    expect(page.locator(".names").get_by_text("weights.txt")).to_be_visible()


def job_with_services(place: Place, folder: Path) -> str:
    """Submits a job in an environment with a program of TensorBoard's name and none of JupyterLab's."""
    programs = folder / "venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    (programs / "tensorboard").write_text(SERVES)
    (programs / "tensorboard").chmod(0o755)
    place.ask("PUT", "environments/served/versions/1", {"properties": {"image": "python:3.11-slim"}})
    bind.bind(place.platform.home, "served", None, programs / "python")
    return place.job(
        f"touch go-here.txt; until [ -e {folder}/go ]; do sleep 0.1; done",
        environmentId="served:1",
        services={"board": {"jobServiceType": "TensorBoard"}, "lab": {"jobServiceType": "JupyterLab"}},
    )
