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


def test_loops_hold_their_rounds_and_are_closed_and_opened_in_place(place: Place, page: Page) -> None:
    made = step(place, "make", "echo ${{inputs.n}} > ${{outputs.made}}/n")
    jobs = {
        "part": node(made),
        "each": {
            "type": "parallel_for",
            "body": "${{parent.jobs.part}}",
            "items": '[{"n": 1}, {"n": 2}]',
        },
    }
    spec = place.ask("GET", "components/make/versions/1")["properties"]["componentSpec"]
    spec["inputs"] = {"n": {"type": "integer"}}
    place.ask("PUT", "components/make/versions/2", {"properties": {"componentSpec": {**spec, "version": "2"}}})
    jobs["part"]["componentId"] = f"{place.id}/components/make/versions/2"
    name = f"pipeline-{uuid.uuid4().hex[:8]}"
    place.ask("PUT", f"jobs/{name}", {"properties": {"jobType": "Pipeline", "jobs": jobs}})
    page.goto(place.address(f"/runs/{name}"))
    expect(page.locator(".graph .frame .node.good")).to_have_count(2, timeout=60_000)
    expect(page.locator(".graph .frame > a").first).to_contain_text("each")
    page.locator(".graph .node", has_text="part.1").locator("a").click()
    expect(page.locator(".card", has_text="Why it ran")).to_contain_text("part.1")
    page.locator(".graph .toggle").click()
    expect(page.locator(".graph .frame")).to_have_count(0)
    expect(page.locator(".graph .node")).to_contain_text("2 steps")
    page.go_back()
    expect(page.locator(".graph .frame .node.chosen")).to_contain_text("part.1")


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
