"""One endpoint: sliders, copies compared, programs to paste, bodies of every kind, what is deleted meanwhile."""

import json
import re
import shlex
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Platform
from tests.studio.conftest import WITHIN_S, Place

SCORE = """
import base64, json
from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
def init():
    pass
@rawhttp
def run(request):
    if request.files:
        return {name: len(file.read()) for name, file in request.files.items()}
    body = request.get_data()
    if request.headers.get("Content-Type") != "application/json":
        response = AMLResponse(base64.b64decode(PIXEL), 200)
        response.headers["Content-Type"] = "image/png"
        return response
    return {"times": [FACTOR * number for number in json.loads(body)["data"]]}
"""
SWAGGER = {
    "paths": {"/score": {"post": {"parameters": [{"in": "body", "schema": {"example": {"data": [7, 8]}}}]}}},
}


@pytest.fixture(scope="module")
def served(platform: Platform) -> Iterator[tuple[Place, str]]:
    """A workspace with an endpoint of two deployments, which answer otherwise."""
    place, name = Place(platform), f"twofold-{uuid.uuid4().hex[:8]}"
    environment = place.environment().replace(":", "/versions/")
    where = f"onlineEndpoints/{name}"
    place.ask("PUT", where, {"location": "eastus", "properties": {"authMode": "Key"}})
    for deployment, factor in (("blue", "2"), ("green", "3")):
        code = place.code(score_py=SCORE.replace("FACTOR", factor), swagger_json=json.dumps(SWAGGER))
        properties = {
            "endpointComputeType": "Managed",
            "instanceType": "Standard_DS3_v2",
            "environmentId": f"{place.id}/environments/{environment}",
            "codeConfiguration": {"codeId": code, "scoringScript": "score.py"},
        }
        sku = {"name": "Default", "capacity": 1}
        place.ask(
            "PUT", f"{where}/deployments/{deployment}", {"location": "eastus", "sku": sku, "properties": properties}
        )
    for deployment in ("blue", "green"):
        settled(place, f"{where}/deployments/{deployment}")
    yield place, name
    place.ask("DELETE", where)


def settled(place: Place, path: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while (state := place.ask("GET", path)["properties"]["provisioningState"]) != "Succeeded":
        assert state != "Failed" and time.monotonic() < deadline, state
        time.sleep(0.1)


def opened(page: Page, served: tuple[Place, str], tab: str = "") -> None:
    place, name = served
    page.goto(place.address(f"/endpoints/realtime/{name}/detail{f'?tab={tab}' if tab else ''}"))


def ask(served: tuple[Place, str], data: list[int]) -> object:
    place, name = served
    key = place.ask("POST", f"onlineEndpoints/{name}/listKeys")["primaryKey"]
    uri = place.ask("GET", f"onlineEndpoints/{name}")["properties"]["scoringUri"]
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(uri, json.dumps({"data": data}).encode(), headers)) as answer:
        return json.load(answer)


def test_sliders_are_always_100_together_and_copies_are_compared(served: tuple[Place, str], page: Page) -> None:
    place, name = served
    opened(page, served)
    expect(page.get_by_text("requests must name a deployment")).to_be_visible()
    blue, green = page.get_by_label("Traffic to blue"), page.get_by_label("Traffic to green")
    box = blue.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
    assert int(blue.input_value()) + int(green.input_value()) == 100 and 60 < int(blue.input_value()) < 90
    blue.focus()
    page.keyboard.press("End")
    assert (blue.input_value(), green.input_value()) == ("100", "0")
    page.get_by_label("Mirror to").select_option("green")
    page.get_by_label("Percent").fill("50")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("The gateway shares the traffic so")).to_be_visible()
    properties = place.ask("GET", f"onlineEndpoints/{name}")["properties"]
    assert (properties["traffic"]["blue"], properties["mirrorTraffic"]) == (100, {"green": 50})
    page.get_by_role("link", name="Mirror", exact=True).click()
    expect(page.get_by_text("No request was mirrored yet")).to_be_visible()
    for number in range(12):
        assert ask(served, [number + 1]) == {"times": [2 * number + 2]}
    expect(page.locator("tr", has_text="$.times[0]").first).to_be_visible()
    page.reload()
    expect(page.locator(".facts", has_text="Compared")).to_contain_text("100.0 %")
    row = page.locator("tr", has_text="$.times[0]").first
    row.locator("summary").last.click()
    expect(row).to_contain_text('{"times": [')


def test_programs_to_consume_an_endpoint_work_where_they_are_pasted(served: tuple[Place, str], page: Page) -> None:
    place, name = served
    place.ask(
        "PATCH", f"onlineEndpoints/{name}", {"properties": {"traffic": {"blue": 0, "green": 0}, "mirrorTraffic": {}}}
    )
    for asked, times in (("green", 3), ("blue", 2)):
        opened(page, served, f"consume&deployment={asked}")
        for language, command in (("Python", [sys.executable, "-c"]), ("curl", ["bash", "-c"])):
            card = page.locator(".card", has=page.get_by_role("heading", name=language, exact=True))
            expect(card).to_contain_text("•••")
            program = card.locator("[data-copy]").get_attribute("data-copy")
            assert program and "•" not in program
            run = subprocess.run([*command, program], capture_output=True, text=True, timeout=WITHIN_S)
            assert json.loads(run.stdout) == {"times": [7 * times, 8 * times]}, shlex.join(run.args) + run.stderr


def test_bodies_are_offered_from_swagger_and_files_are_sent_whole_or_in_a_form(
    served: tuple[Place, str], page: Page
) -> None:
    opened(page, served, "test")
    answer = page.locator("lz-score .answer")
    expect(page.get_by_label("Body", exact=True)).to_have_value(re.compile(r'"data": \[\s*7,\s*8'))
    page.get_by_label("Deployment").select_option("green")
    page.get_by_role("button", name="Send").click()
    expect(answer).to_contain_text("24")
    page.get_by_label("Or a file").set_input_files({"name": "x.bin", "mimeType": "", "buffer": b"\0" * 1000})
    expect(page.get_by_label("Content type")).to_have_value("application/octet-stream")
    page.get_by_role("button", name="Send").click()
    expect(answer.locator("img")).to_be_visible()
    assert page.evaluate("document.querySelector('lz-score img').naturalWidth") == 1
    page.get_by_label("As the form's field").fill("image")
    page.get_by_role("button", name="Send").click()
    expect(answer).to_contain_text('"image": 1000')


def test_a_page_says_when_what_it_shows_is_deleted(served: tuple[Place, str], page: Page) -> None:
    place, _ = served
    place.ask(
        "PUT", f"onlineEndpoints/{(name := f'gone-{uuid.uuid4().hex[:8]}')}", {"location": "eastus", "properties": {}}
    )
    opened(page, (place, name))
    expect(page.locator("h1")).to_have_text(name)
    place.ask("DELETE", f"onlineEndpoints/{name}")
    expect(page.locator(".trouble")).to_contain_text(name)
