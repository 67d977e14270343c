"""By the mouse alone: a job is watched, its model registered, deployed and tested, its pictures looked at."""

import re
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from tests.studio.conftest import WITHIN_S, Place

# Names of endpoints are unique on a platform; this one is what the forms suggest all the way.
NAME = "digits-by-mouse"
# Logs by MLflow's REST API, as its client does; writes a model, and pictures as a batch job would.
TRAIN = """
import base64, json, os, time, urllib.request
uri, run, token = (os.environ[name] for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_TRACKING_TOKEN"))
def log(step, loss):
    body = {"run_id": run, "metrics": [{"key": "loss", "value": loss, "timestamp": 1000 * step, "step": step}]}
    headers = {"authorization": "Bearer " + token, "content-type": "application/json"}
    address = uri + "/api/2.0/mlflow/runs/log-batch"
    urllib.request.urlopen(urllib.request.Request(address, json.dumps(body).encode(), headers)).read()
for step in range(20):
    log(step, 1 / (step + 1))
    print("epoch", step, flush=True)
while not os.path.exists(os.environ["GO"]):
    time.sleep(0.05)
os.makedirs("outputs/model"), os.makedirs("outputs/images")
open("outputs/model/weights.json", "w").write("[3]")
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
for number in range(3):
    open(f"outputs/images/generated-image-{number}.png", "wb").write(base64.b64decode(PIXEL))
print("last epoch", flush=True)
"""
# What the form finds beside the code of the job that made the model, and offers.
SCORE = """
import base64, glob, json, os
def init():
    global weights
    weights = json.load(open(glob.glob(os.environ["AZUREML_MODEL_DIR"] + "/**/weights.json", recursive=True)[0]))
def run(raw_data):
    asked = json.loads(raw_data)
    if asked.get("picture"):
        from azureml.contrib.services.aml_response import AMLResponse
        response = AMLResponse(base64.b64decode(PIXEL), 200)
        response.headers["Content-Type"] = "image/png"
        return response
    return {"tripled": [number * weights[0] for number in asked.get("data", [2])]}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
"""


def test_a_job_is_watched_its_model_registered_deployed_and_tested_with_the_mouse(
    place: Place, context: BrowserContext, page: Page, tmp_path: Path
) -> None:
    context.tracing.start(screenshots=True, snapshots=True)
    go = tmp_path / "go"
    code = place.code(train_py=TRAIN, score_py=SCORE)
    job = place.job("python train.py", codeId=code, displayName=NAME, environmentVariables={"GO": str(go)})
    watch(place, page, go)
    register(page)
    deploy(page)
    ask_it(page)
    look_at_pictures(page, job)
    context.tracing.stop(path=tmp_path / "story.zip")
    assert (tmp_path / "story.zip").stat().st_size


def watch(place: Place, page: Page, go: Path) -> None:
    """Opens the job from the list and sees it run and end, without loading a page again."""
    page.goto(place.address("/"))
    page.get_by_role("link", name="Jobs", exact=True).click()
    page.get_by_role("link", name=NAME).click()
    expect(page.locator(".title .badge")).to_have_text("Running")
    page.get_by_role("link", name="Logs", exact=True).click()
    expect(page.locator("lz-log .text")).to_contain_text("epoch 19")
    go.touch()
    expect(page.locator("lz-log .text")).to_contain_text("last epoch")
    expect(page.locator(".title .badge")).to_have_text("Completed", timeout=1000 * WITHIN_S)
    page.get_by_role("link", name="Metrics", exact=True).click()
    expect(page.locator(".chart", has_text="loss").locator("path.curve")).to_be_visible()
    page.get_by_label("log scale").check()
    expect(page.locator(".chart .tick.y").first).to_be_visible()


def register(page: Page) -> None:
    """Registers the model from the job's page; the form knows where it is."""
    page.locator(".title").get_by_role("button", name="Register model").click()
    sheet = page.locator("dialog[open]")
    expect(sheet.get_by_label("From")).to_have_value(re.compile("outputs/model$"))
    sheet.get_by_role("button", name="Register").click()
    expect(page).to_have_url(re.compile(f"/model/{NAME}%3A1/details"))
    expect(page.locator(".names").get_by_text("weights.json")).to_be_visible()


def deploy(page: Page) -> None:
    """Deploys the model; the script that came with the job's code is offered."""
    page.get_by_role("button", name="Deploy").click()
    sheet = page.locator("dialog[open]")
    expect(sheet.get_by_label("Scoring script")).to_have_value(re.compile("tripled"))
    sheet.get_by_label("Environment").select_option("plain@latest")
    expect(sheet.get_by_label("Endpoint")).to_have_value(NAME)
    sheet.get_by_role("button", name="Deploy").click()
    expect(page).to_have_url(re.compile(f"/endpoints/realtime/{NAME}/detail"))
    expect(page.locator("#main .badge", has_text="Succeeded")).to_be_visible(timeout=1000 * WITHIN_S)
    expect(page.get_by_text("100 %")).to_be_visible()


def ask_it(page: Page) -> None:
    """Sends the endpoint what the form suggests, and then asks it for a picture, which is shown as one."""
    page.get_by_role("link", name="Test", exact=True).click()
    answer = page.locator("lz-score .answer")
    page.get_by_role("button", name="Send").click()
    expect(answer.locator(".badge")).to_have_text("200")
    expect(answer).to_contain_text("tripled")
    page.get_by_label("Body", exact=True).fill('{"picture": true}')
    page.get_by_role("button", name="Send").click()
    expect(answer.locator("img")).to_be_visible()
    assert page.evaluate("document.querySelector('lz-score img').naturalWidth") == 1
    page.get_by_role("link", name="Traffic", exact=True).click()
    expect(page.locator("tr", has_text="blue")).to_contain_text("200")
    page.get_by_role("link", name="Environment", exact=True).click()
    expect(page.locator("tr", has_text="AZUREML_MODEL_DIR")).to_contain_text("Azure's contract")


def look_at_pictures(page: Page, job: str) -> None:
    """Walks through a datastore's folders to the pictures that the job made."""
    page.get_by_role("link", name="Datastores", exact=True).click()
    page.get_by_role("link", name="workspaceartifactstore").click()
    for folder in ("ExperimentRun", f"dcid.{job}", "outputs", "images"):
        page.locator(".names").get_by_text(folder, exact=True).click()
    expect(page.locator(".gallery img")).to_have_count(3)
    page.locator(".gallery a").first.click()
    expect(page.locator(".preview img")).to_be_visible()
    assert page.evaluate("document.querySelector('.preview img').naturalWidth") == 1
