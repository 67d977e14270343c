"""By the mouse alone: a model is trained, registered, deployed and asked; pictures are drawn and browsed."""

import re
import uuid
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.studio.conftest import WITHIN_S, Place

# Names of endpoints are unique on a platform; this one is what the forms suggest all the way.
NAME = "digits-by-mouse"
# Logs by MLflow's REST API, as its client does; writes a model.
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
os.makedirs("outputs/model")
open("outputs/model/weights.json", "w").write("[3]")
print("last epoch", flush=True)
"""
# What the form finds beside the code of the job that made the model, and offers; and what it is asked.
SCORE = """
import glob, json, os
def init():
    global weights
    weights = json.load(open(glob.glob(os.environ["AZUREML_MODEL_DIR"] + "/**/weights.json", recursive=True)[0]))
def run(raw_data):
    return {"tripled": [number * weights[0] for number in json.loads(raw_data)["data"]]}
"""
REQUEST = '{"data": [14]}'
DRAW = """
import base64, os
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
def init():
    global folder
    folder = os.environ["AZUREML_BI_OUTPUT_PATH"]
def run(mini_batch):
    for path in mini_batch:
        open(f"{folder}/{os.path.basename(path)}.png", "wb").write(base64.b64decode(PIXEL))
    return [os.path.basename(path) for path in mini_batch]
"""


def test_a_model_is_trained_registered_deployed_and_asked_by_the_mouse_alone(
    place: Place, by_mouse: Page, tmp_path: Path
) -> None:
    page, go = by_mouse, tmp_path / "go"
    code = place.code(train_py=TRAIN, score_py=SCORE, request_json=REQUEST)
    place.job("python train.py", codeId=code, displayName=NAME, environmentVariables={"GO": str(go)})
    watch(place, page, go)
    register(page)
    deploy(page)
    ask_it(page)


def test_a_batch_run_is_started_and_its_pictures_are_browsed_by_the_mouse_alone(place: Place, by_mouse: Page) -> None:
    page, endpoint = by_mouse, batch_endpoint(place)
    page.goto(place.address("/"))
    page.get_by_role("link", name="Endpoints", exact=True).first.click()
    page.get_by_role("link", name=endpoint).click()
    page.get_by_role("button", name="Make it the default").click()
    expect(page.locator("table", has_text="default").first).to_be_visible()
    page.get_by_role("button", name="Start a run").click()
    page.locator("dialog[open]").get_by_role("button", name="Start").click()
    expect(page.locator(".title .badge")).to_have_text("Completed", timeout=1000 * WITHIN_S)
    expect(page.locator(".facts", has_text="Mini-batches")).to_contain_text("2 of 2 done")
    expect(page.locator("td", has_text="prompt-3.txt").first).to_be_visible()
    expect(page.locator(".gallery img")).to_have_count(4)
    page.locator(".gallery a").first.click()
    look_through(page)
    browse(page)


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
    """Deploys the model as the form offers: in the environment of its job, with the script that came with the code."""
    page.get_by_role("button", name="Deploy").click()
    sheet = page.locator("dialog[open]")
    expect(sheet.get_by_label("Scoring script")).to_have_value(re.compile("tripled"))
    expect(sheet.get_by_label("Environment").locator("option:checked")).to_contain_text("of the job that made")
    expect(sheet.get_by_label("Endpoint")).to_have_value(NAME)
    sheet.get_by_role("button", name="Deploy").click()
    expect(page).to_have_url(re.compile(f"/endpoints/realtime/{NAME}/detail"))
    expect(page.locator("#main .badge", has_text="Succeeded")).to_be_visible(timeout=1000 * WITHIN_S)
    expect(page.get_by_text("100 %")).to_be_visible()


def ask_it(page: Page) -> None:
    """Sends the endpoint what the form suggests, and looks at what is counted."""
    page.get_by_role("link", name="Test", exact=True).click()
    expect(page.get_by_label("Body", exact=True)).to_have_value(REQUEST)
    page.get_by_role("button", name="Send").click()
    answer = page.locator("lz-score .answer")
    expect(answer.locator(".badge")).to_have_text("200")
    expect(answer).to_contain_text("42")
    page.get_by_role("link", name="Traffic", exact=True).click()
    expect(page.locator("tr", has_text="blue")).to_contain_text("200")
    page.get_by_role("link", name="Environment", exact=True).click()
    expect(page.locator("tr", has_text="AZUREML_MODEL_DIR")).to_contain_text("Azure's contract")


def batch_endpoint(place: Place) -> str:
    """Makes what the story's script makes: data, an endpoint, a deployment. Returns the endpoint's name."""
    prompts = place.folder("prompts")
    for number in range(4):
        (prompts / f"prompt-{number}.txt").write_text("a picture")
    uri = "azureml://datastores/workspaceblobstore/paths/prompts/"
    place.ask("PUT", "data/prompts/versions/1", {"properties": {"dataUri": uri, "dataType": "uri_folder"}})
    place.ask("PUT", "models/drawer/versions/1", {"properties": {"modelUri": uri, "modelType": "custom_model"}})
    endpoint = f"pictures-{uuid.uuid4().hex[:8]}"
    place.ask("PUT", f"batchEndpoints/{endpoint}", {"location": "eastus", "properties": {"authMode": "AADToken"}})
    deployment = {
        "model": {"referenceType": "Id", "assetId": f"{place.id}/models/drawer/versions/1"},
        "environmentId": f"{place.id}/environments/plain/versions/1",
        "codeConfiguration": {"codeId": place.code(score_py=DRAW), "scoringScript": "score.py"},
        "miniBatchSize": 2,
        "outputAction": "AppendRow",
    }
    place.ask("PUT", f"batchEndpoints/{endpoint}/deployments/blue", {"location": "eastus", "properties": deployment})
    return endpoint


def look_through(page: Page) -> None:
    """Goes from one picture to the next."""
    for name in ("prompt-0.txt.png", "prompt-1.txt.png"):
        expect(page.locator(".preview img")).to_have_attribute("alt", name)
        expect(page.locator(".names a[aria-current]")).to_contain_text(name)
        page.get_by_role("link", name="Next", exact=True).click()
    page.wait_for_function("document.querySelector('.preview img')?.naturalWidth === 1")


def browse(page: Page) -> None:
    """Walks through a datastore's folders to the pictures, down the only folder there is besides the prompts."""
    page.get_by_role("link", name="Datastores", exact=True).click()
    page.get_by_role("link", name="workspaceblobstore").click()
    while not page.locator(".gallery img").count():
        page.locator(".names").get_by_text(re.compile("^(?!prompts)")).first.click()
        expect(page.locator(".names li").first).to_be_visible()
    expect(page.locator(".gallery img")).to_have_count(4)
