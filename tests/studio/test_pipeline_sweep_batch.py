"""Jobs that have others below them: pipelines as graphs, sweeps as lines, batch runs with progress and results."""

import uuid

from playwright.sync_api import Page, expect

from tests.studio.conftest import Place

# Logs its first argument by MLflow's REST API, as its client does.
LOG = """
import json, os, sys, urllib.request
uri, run, token = (os.environ[name] for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_TRACKING_TOKEN"))
point = {"key": "score", "value": float(sys.argv[1]), "timestamp": 1, "step": 0}
body = json.dumps({"run_id": run, "metrics": [point]}).encode()
headers = {"authorization": "Bearer " + token, "content-type": "application/json"}
urllib.request.urlopen(urllib.request.Request(uri + "/api/2.0/mlflow/runs/log-batch", body, headers)).read()
"""


def step(place: Place, name: str, command: str, **inputs: str) -> str:
    """Registers a command component with folders for inputs; returns its id."""
    spec = {
        "name": name,
        "type": "command",
        "command": command,
        "environment": f"azureml:{place.id}/environments/plain/versions/1",
        "inputs": {one: {"type": "uri_folder"} for one in inputs},
        "outputs": {"made": {"type": "uri_folder"}},
    }
    place.ask("PUT", f"components/{name}/versions/1", {"properties": {"componentSpec": spec}})
    return f"{place.id}/components/{name}/versions/1"


def node(component: str, **inputs: str) -> dict[str, object]:
    """Makes a step of a pipeline; inputs: bindings."""
    bound = {name: {"job_input_type": "literal", "value": value} for name, value in inputs.items()}
    return {"type": "command", "componentId": component, "inputs": bound, "outputs": {}, "computeId": ""}


def test_a_pipeline_is_drawn_while_it_runs_and_each_step_is_looked_into(place: Place, page: Page) -> None:
    first = step(place, "prepare", "echo made > ${{outputs.made}}/x")
    second = step(place, "train", "cat ${{inputs.data}}/x; exit 3", data="")
    jobs = {
        "prepare": node(first),
        "train": node(second, data="${{parent.jobs.prepare.outputs.made}}"),
        "again": node(second, data="${{parent.jobs.prepare.outputs.made}}"),
    }
    name = f"pipeline-{uuid.uuid4().hex[:8]}"
    body = {"jobType": "Pipeline", "displayName": "drawn", "jobs": jobs, "settings": {"continue_on_step_failure": True}}
    place.ask("PUT", f"jobs/{name}", {"properties": body})
    page.goto(place.address(f"/runs/{name}"))
    expect(page.locator(".graph .node")).to_have_count(3)
    expect(page.locator(".graph .edge")).to_have_count(2)
    expect(page.locator(".graph .node.bad").first).to_be_visible()
    expect(page.locator(".title .badge")).to_have_text("Failed")
    page.locator(".graph .node", has_text="train").locator("a").click()
    expect(page.locator(".facts", has_text="Why it ran")).to_be_visible()
    expect(page.locator("lz-log .text")).to_contain_text("made")


def test_a_sweep_shows_every_trial_as_a_line_through_its_parameters(place: Place, page: Page) -> None:
    environment = f"{place.id}/environments/plain/versions/1"
    trial = {
        "command": "python log.py ${{search_space.x}}",
        "codeId": place.code(log_py=LOG),
        "environmentId": environment,
    }
    name = f"sweep-{uuid.uuid4().hex[:8]}"
    body = {
        "jobType": "Sweep",
        "trial": trial,
        "searchSpace": {"x": ["choice", [[1, 2, 3]]], "kind": ["choice", [["a", "b"]]]},
        "samplingAlgorithm": {"samplingAlgorithmType": "Grid"},
        "objective": {"goal": "Maximize", "primaryMetric": "score"},
        "limits": {"jobLimitsType": "Sweep", "maxTotalTrials": 6, "maxConcurrentTrials": 2},
    }
    place.ask("PUT", f"jobs/{name}", {"properties": body})
    page.goto(place.address(f"/runs/{name}?tab=trials"))
    expect(page.locator(".title .badge")).to_have_text("Completed", timeout=60_000)
    expect(page.locator(".parallel .trial")).to_have_count(6)
    expect(page.locator(".parallel text.name")).to_have_text(["x", "kind", "score"])
    expect(page.locator("tr", has_text="best")).to_contain_text("3")


def test_a_batch_run_is_started_by_mouse_and_its_pictures_are_seen(place: Place, page: Page) -> None:
    score = """
import base64, os
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
def init():
    global folder
    folder = os.environ["AZUREML_BI_OUTPUT_PATH"]
def run(mini_batch):
    for path in mini_batch:
        name = os.path.basename(path)
        open(f"{folder}/{name}.png", "wb").write(base64.b64decode(PIXEL))
    return [os.path.basename(path) for path in mini_batch]
"""
    code = place.code(score_py=score)
    store = place.folder("prompts")
    for number in range(4):
        (store / f"prompt-{number}.txt").write_text("a picture")
    uri = "azureml://datastores/workspaceblobstore/paths/prompts/"
    place.ask("PUT", "data/prompts/versions/1", {"properties": {"dataUri": uri, "dataType": "uri_folder"}})
    place.ask("PUT", "models/drawer/versions/1", {"properties": {"modelUri": uri, "modelType": "custom_model"}})
    endpoint = f"pictures-{uuid.uuid4().hex[:8]}"
    place.ask("PUT", f"batchEndpoints/{endpoint}", {"location": "eastus", "properties": {"authMode": "AADToken"}})
    deployment = {
        "model": {"referenceType": "Id", "assetId": f"{place.id}/models/drawer/versions/1"},
        "environmentId": f"{place.id}/environments/plain/versions/1",
        "codeConfiguration": {"codeId": code, "scoringScript": "score.py"},
        "miniBatchSize": 2,
        "outputAction": "AppendRow",
    }
    place.ask("PUT", f"batchEndpoints/{endpoint}/deployments/blue", {"location": "eastus", "properties": deployment})
    page.goto(place.address("/endpoints"))
    page.get_by_role("link", name=endpoint).click()
    page.get_by_role("button", name="Make it the default").click()
    expect(page.locator("table", has_text="default").first).to_be_visible()
    page.get_by_role("button", name="Start a run").click()
    page.locator("dialog[open]").get_by_role("button", name="Start").click()
    expect(page.locator(".title .badge")).to_have_text("Completed", timeout=60_000)
    expect(page.locator(".facts", has_text="Mini-batches")).to_contain_text("2 of 2 done")
    expect(page.locator(".gallery img")).to_have_count(4)
    expect(page.locator("td", has_text="prompt-3.txt").first).to_be_visible()
