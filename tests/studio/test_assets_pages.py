"""What the pages of assets, schedules and computes say: where things come from, who uses them, what came of them."""

import html
import re
import uuid

import requests
from playwright.sync_api import Page, expect

from lazulite.ids import PROVIDER
from tests.conftest import GROUP, SUBSCRIPTION
from tests.studio.conftest import Place


def read(place: Place, path: str) -> str:
    """Returns the words of a page."""
    answer = requests.get(place.address(path), timeout=20)
    assert answer.ok, answer.text
    return html.unescape(re.sub(r"<[^>]*>", "", answer.text))


def test_a_component_shows_its_source_its_use_and_who_ran_it_here_and_in_a_registry(place: Place) -> None:
    code = place.code(prepare_py="print('prepared')")
    spec = {
        "name": "prepare",
        "type": "command",
        "command": "python prepare.py ${{inputs.rows}}",
        "code": f"azureml:{code}",
        "environment": f"azureml:{place.id}/environments/plain/versions/1",
        "inputs": {"rows": {"type": "integer", "default": 10}, "data": {"type": "uri_folder", "optional": True}},
    }
    place.ask("PUT", "components/prepare/versions/1", {"properties": {"componentSpec": spec}})
    step = {"type": "command", "componentId": f"{place.id}/components/prepare/versions/1", "inputs": {}, "outputs": {}}
    pipeline = {"jobType": "Pipeline", "jobs": {"a_step": {**step, "computeId": ""}}}
    place.ask("PUT", "jobs/uses-it", {"properties": pipeline})
    assert place.ended("uses-it") == "Completed"
    words = read(place, "/components/prepare?path=prepare.py")
    for seen in ("print('prepared')", "component: azureml:prepare:1", "rows: 10", "data: ...  # optional", "a_step"):
        assert seen in words, seen
    name = f"shared-{uuid.uuid4().hex[:6]}"
    registry = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/{PROVIDER}/registries/{name}"
    for method, path, body in (
        ("PUT", registry, {"location": "eastus", "properties": {}}),
        (
            "POST",
            f"/mferp/managementfrontend{registry}/import",
            {"properties": {"sourceAssetId": f"{place.id}/components/prepare/versions/1"}},
        ),
    ):
        headers = {"authorization": f"Bearer {place.token}"}
        assert requests.request(method, f"{place.platform.url}{path}", json=body, headers=headers, timeout=20).ok
    assert "prepare" in read(place, f"/registries/{name}")
    words = read(place, f"/registries/{name}/components/prepare")
    assert f"azureml://registries/{name}/components/prepare/versions/1" in words and "python prepare.py" in words
    assert requests.get(place.address(f"/registries/{name}/jobs/x"), timeout=20).status_code == 404


def test_a_model_leads_to_its_job_its_data_and_all_that_serves_it(place: Place) -> None:
    (place.folder("rows") / "rows.csv").write_text("1")
    uri = "azureml://datastores/workspaceblobstore/paths/rows/"
    place.ask("PUT", "data/rows/versions/1", {"properties": {"dataUri": uri, "dataType": "uri_folder"}})
    given = {"rows": {"jobInputType": "uri_folder", "uri": f"{place.id}/data/rows/versions/1"}}
    job = place.job("mkdir outputs; echo 3 > outputs/weights", displayName="the-maker", inputs=given)
    assert place.ended(job) == "Completed"
    made = {"modelUri": f"azureml://jobs/{job}/outputs/artifacts/paths/outputs", "modelType": "custom_model"}
    place.ask("PUT", "models/traced/versions/1", {"properties": made})
    endpoint = f"traced-{uuid.uuid4().hex[:8]}"
    place.ask("PUT", f"batchEndpoints/{endpoint}", {"location": "eastus", "properties": {"authMode": "AADToken"}})
    deployment = {
        "model": {"referenceType": "Id", "assetId": f"{place.id}/models/traced/versions/1"},
        "environmentId": f"{place.id}/environments/plain/versions/1",
        "codeConfiguration": {
            "codeId": place.code(score_py="def run(batch): return batch"),
            "scoringScript": "score.py",
        },
    }
    place.ask("PUT", f"batchEndpoints/{endpoint}/deployments/blue", {"location": "eastus", "properties": deployment})
    words = read(place, "/models/traced")
    for seen in ("the-maker", "rows:1", f"{endpoint} / blue", "azureml:traced:1", "version 1"):
        assert seen in words, seen
    started = requests.get(place.address(f"/endpoints/batch/{endpoint}/start"), timeout=20).text
    assert "rows:1" in started
    asked = {"path": "azureml://datastores/workspaceblobstore/paths/rows/rows.csv", "deployment": "blue"}
    told = requests.post(place.address(f"/endpoints/batch/{endpoint}/invoke"), json=asked, timeout=20).json()
    assert place.ended(told["to"].partition("/runs/")[2].partition("?")[0]) == "Completed"


def test_a_schedule_says_when_it_comes_and_what_came_of_it(place: Place, page: Page) -> None:
    job = {"jobType": "Command", "command": "true", "environmentId": f"{place.id}/environments/plain/versions/1"}
    trigger = {"triggerType": "Cron", "expression": "0 3 * * *", "startTime": "2100-01-01T00:00:00", "timeZone": "UTC"}
    action = {"actionType": "CreateJob", "jobDefinition": job}
    place.ask("PUT", "schedules/nightly", {"properties": {"trigger": trigger, "action": action}})
    page.goto(place.address("/schedules"))
    expect(page.locator("tr", has_text="nightly")).to_contain_text(re.compile(r"On.*in \d+ d"))
    page.get_by_role("link", name="nightly").click()
    expect(page.get_by_text("It has not come round yet.")).to_be_visible()
    page.get_by_role("button", name="Run it now").click()
    expect(page.get_by_role("link", name=re.compile("nightly-20"))).to_be_visible()
    page.get_by_role("button", name="Switch off").click()
    expect(page.locator(".title .badge")).to_have_text("Off")


def test_a_cluster_is_made_and_scaled(place: Place, page: Page) -> None:
    page.goto(place.address("/compute"))
    page.get_by_role("button", name="New cluster").click()
    sheet = page.locator("dialog[open]")
    sheet.get_by_label("Name").fill("cpu")
    sheet.get_by_role("button", name="Create").click()
    expect(page.locator("h1")).to_have_text("cpu")
    page.get_by_role("button", name="Scale").click()
    sheet = page.locator("dialog[open]")
    sheet.get_by_label("Most nodes").fill("3")
    sheet.get_by_role("button", name="Apply").click()
    expect(page.locator(".facts", has_text="Idle nodes stay")).to_contain_text("0 to 3")
    scale = place.ask("GET", "computes/cpu")["properties"]["properties"]["scaleSettings"]
    assert (scale["minNodeCount"], scale["maxNodeCount"]) == (0, 3)
