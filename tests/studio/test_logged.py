"""What runs log besides numbers, by the routes that SDK v1 and MLflow use, and numbers that are none."""

import json
import re
import urllib.request

import pytest
from playwright.sync_api import Locator, Page, expect

from lazulite.artifacts.refs import container_path
from lazulite.identity import accounts
from tests.studio.conftest import Place

MATRIX = {"schema_type": "confusion_matrix", "data": {"class_labels": ["cat", "<b>"], "matrix": [[30, 1], [3, 25]]}}
CURVES = {"data": {"class_labels": ["0"], "probability_tables": [[[82, 118, 0, 0], [66, 9, 109, 16], [0, 0, 118, 82]]]}}
BROKEN = {"data": {"class_labels": ["a"], "matrix": "none"}}
TABLE = {"columns": ["prompt", "score"], "data": [["<i>a cat</i>", 0.25]]}
STEPPED = "images/noise+step+3+timestamp+1700000000000+40025a09-6771-43f2-9d70-9512b03a0dbf"
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c63600000000200015e"
)


def post(place: Place, path: str, body: object) -> None:
    """Says something to a data plane, as the clients in a job do."""
    headers = {"authorization": f"Bearer {place.token}", "content-type": "application/json"}
    address = f"{place.platform.url}{path}"
    urllib.request.urlopen(urllib.request.Request(address, json.dumps(body).encode(), headers), timeout=20).read()


def cell(name: str, kind: str, **data: object) -> dict[str, object]:
    """Makes a value as SDK v1 sends it. Source: azureml-core 1.61 core/_metrics.py, create_v2_dto."""
    return {"name": name, "columns": {}, "value": [{"data": data}], "properties": {"uxMetricType": kind}}


def card(page: Page, title: str) -> Locator:
    """Finds what stands under a heading."""
    return page.locator(".card", has=page.get_by_role("heading", name=title, exact=True))


@pytest.fixture
def run(place: Place) -> str:
    """A job that has logged something of every kind."""
    name = place.job("true", displayName="logger")
    place.ended(name)
    folder = (
        container_path(place.platform.home, accounts.account_name(place.id), "azureml") / f"ExperimentRun/dcid.{name}"
    )
    (folder / "images").mkdir()
    for path, content in (("my matrix", MATRIX), ("curves", CURVES), ("broken", BROKEN), ("eval.json", TABLE)):
        (folder / path).write_text(json.dumps(content))
    for path in ("plot.png", f"{STEPPED}.png", f"{STEPPED}+compressed.webp"):
        (folder / path).write_bytes(PIXEL)
    file = f"aml://artifactId/ExperimentRun/dcid.{name}/"
    values = [
        cell("row", "azureml.v1.table", x=1, y=0.5),
        cell("row", "azureml.v1.table", x=2, y="b"),
        cell("a plot", "azureml.v2.image", **{"a plot": f"{file}plot.png"}),
        cell("confusion", "azureml.v2.confusion_matrix", confusion=f"{file}my matrix"),
        cell("accuracy", "azureml.v2.accuracy_table", accuracy=f"{file}curves"),
        cell("odd", "azureml.v2.confusion_matrix", odd=f"{file}broken"),
    ]
    post(place, f"/metric/v2.0{place.id}/runs/{name}/batch", {"values": values})
    points = [{"key": "loss", "value": 1 / (step + 1), "timestamp": 1, "step": step} for step in range(900)]
    points[5]["value"] = "NaN"
    points += [{"key": "final", "value": "-Infinity", "timestamp": 1, "step": 0}]
    tags = [{"key": "mlflow.loggedArtifacts", "value": json.dumps([{"path": "eval.json", "type": "table"}])}]
    body = {"run_id": name, "metrics": points, "tags": tags}
    post(place, f"/mlflow/v2.0{place.id}/api/2.0/mlflow/runs/log-batch", body)
    return name


def test_all_that_was_logged_is_drawn_as_what_it_is(place: Place, run: str, page: Page) -> None:
    page.goto(place.address(f"/runs/{run}?tab=metrics"))
    expect(card(page, "final").locator(".figure")).to_have_text("−∞")
    expect(card(page, "loss").locator("path.curve")).to_be_visible()
    expect(card(page, "row").locator("td")).to_have_text(["1", "0.5", "2", "b"])
    expect(card(page, "confusion").locator("td")).to_have_text(["30", "1", "3", "25"])
    expect(card(page, "confusion").locator("td").first).to_have_class("h10")
    expect(card(page, "accuracy").locator("svg.square")).to_have_count(2)
    expect(card(page, "odd")).to_contain_text('"matrix": "none"')
    expect(card(page, "eval.json").locator("td")).to_have_text(["<i>a cat</i>", "0.25"])
    expect(card(page, "Images").locator("a")).to_have_text(["a plot", "noise · step 3"])
    page.goto(place.address(f"/runs/{run}"))
    expect(page.locator(".chips")).to_have_count(0)  # MLflow's own tags are nobody's


def test_curves_are_enlarged_looked_into_and_compared(place: Place, run: str, page: Page) -> None:
    page.goto(place.address(f"/compare?runs={run},{run}x"))
    expect(page.locator("#main")).to_contain_text(f"{run}x")  # a run that is gone is said to be
    page.goto(place.address(f"/runs/{run}?tab=metrics"))
    plot = page.locator(".chart", has_text="loss").locator(".plot")
    last = plot.locator(".tick.x").last
    expect(last).to_have_text("800")
    box = plot.bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 60, steps=3)
    page.mouse.up()
    expect(last).to_have_text(re.compile("^[34]"))
    plot.dblclick()
    expect(last).to_have_text("800")
    page.get_by_role("button", name="loss: larger or smaller").click()
    expect(page.locator(".chart.large")).to_have_count(1)
