"""Deploys a model to a real-time endpoint: the form, and what it does through the API."""

import hashlib
import re
from urllib.parse import quote

from lazulite.artifacts.files import full_disk_is_an_error
from lazulite.catalog import vm_sizes
from lazulite.errors import BadRequest, LazuliteError, NotFound
from lazulite.http.call import JsonObject
from lazulite.studio import places, records
from lazulite.studio import shown as s
from lazulite.studio.html import Html, div, input_, label, span
from lazulite.studio.inside import segment
from lazulite.studio.visit import Visit, act, sheet

_DEFAULT_SIZE = "Standard_DS3_v2"
_SCRIPT = "score.py"
_TEMPLATE = '''\
import json
import os


def init():
    """Runs once, before the first request. AZUREML_MODEL_DIR is the folder that holds the model."""
    global folder
    folder = os.environ.get("AZUREML_MODEL_DIR", "")


def run(raw_data):
    """Answers a request: takes its body as text, returns what JSON can say."""
    return {"echo": json.loads(raw_data), "model": os.listdir(folder) if folder else []}
'''
_SHORTEST = 3
_OFFERED = 200
_NAME = re.compile(r"[^a-z0-9-]+")


def button(visit: Visit, model: str, *, primary: bool = False, endpoint: str = "") -> Html:
    """Returns the button that opens the form. model: `name:version`, "" to choose one; endpoint: as it will stand."""
    address = visit.link("/_studio/deploy", model=model, endpoint=endpoint)
    return s.opens("Deploy", address, tone="primary" if primary else "")


def show_deploy(visit: Visit) -> Html:
    """Shows the form that deploys a model."""
    model, endpoint = visit.asked("model"), visit.asked("endpoint")
    models = _models(visit)
    models = models if not model or model in models else [model, *models]
    chosen = model or (models[0] if models else "")
    guess = _NAME.sub("-", (endpoint or chosen.partition(":")[0] or "endpoint").lower()).strip("-")[:24]
    suggested = guess if len(guess) >= _SHORTEST else f"{guess}-endpoint"
    sizes = [one.name for one in vm_sizes.sizes() if one.is_online]
    return s.form_sheet(
        visit.link("/_studio/deploy"),
        div(
            s.field("Endpoint", "endpoint", suggested, required=True, hint="A new one, or one that is there."),
            s.field("Deployment", "deployment", "blue", required=True),
            class_="pair",
        ),
        s.choice("Model", "model", [("", "none"), *((one, one) for one in models)], chosen),
        _choice_of_environments(visit),
        s.area(
            "Scoring script", "script", _script_for(visit, chosen), rows=9, hint="score.py. MLflow models need none."
        ),
        div(
            s.choice("Size", "size", sizes, _DEFAULT_SIZE),
            s.field("Instances", "instances", "1", type="number", min=1, max=20),
            class_="pair",
        ),
        label(input_(type="checkbox", name="traffic", value="1", checked=True), span(" Give it all traffic")),
        heading="Deploy a model",
        press="Deploy",
    )


def _models(visit: Visit) -> list[str]:
    found = records.assets(visit, "models", limit=_OFFERED)
    return [f"{one['name']}:{one['latest']}" for one in found if one["latest"]]


def _choice_of_environments(visit: Visit) -> Html:
    found = visit.api.list("environments")
    names = [f"{one['name']}@latest" for one in found if not one["name"].startswith("CliV2")]
    options = [("", "none: the model is served by its type"), *((one, one) for one in names)]
    return s.choice("Environment", "environment", options, names[0] if names else "")


def _script_for(visit: Visit, model: str) -> str:
    """Returns the scoring script that came with the model or with the code of the job that made it, or a beginning."""
    if not model:
        return _TEMPLATE
    name, _, version = model.partition(":")
    try:
        properties = visit.api.get(f"models/{segment(name)}/versions/{segment(version)}")["properties"]
        if properties["modelType"] == "mlflow_model":
            return ""
        found = [str(properties["modelUri"]), *_code_of(visit, properties.get("jobName"))]
    except LazuliteError:
        return _TEMPLATE
    for uri in found:
        try:
            return places.find(visit, places.below(uri, _SCRIPT)).read_text(encoding="utf-8")
        except (LazuliteError, OSError, UnicodeDecodeError):
            continue
    return _TEMPLATE


def _code_of(visit: Visit, job: str | None) -> list[str]:
    """Returns where the code of a job is, [] of one that has none."""
    if not job:
        return []
    code = str(visit.api.get(f"jobs/{segment(job)}")["properties"].get("codeId") or "")
    if not code:
        return []
    name, version = code.rstrip("/").split("/")[-3], code.rstrip("/").split("/")[-1]
    return [str(visit.api.get(f"codes/{name}/versions/{version}")["properties"]["codeUri"])]


def do_deploy(visit: Visit) -> JsonObject:
    """Makes the endpoint if need be, the deployment, and gives it the traffic. The platform then goes on by itself."""
    endpoint, name = visit.field("endpoint", required=True), visit.field("deployment", required=True)
    model, environment = visit.field("model"), visit.field("environment")
    where = f"onlineEndpoints/{segment(endpoint)}"
    region = visit.parts.settings.region
    body: JsonObject = {
        "endpointComputeType": "Managed",
        "instanceType": visit.field("size") or _DEFAULT_SIZE,
        "model": f"{visit.workspace}/models/{_versioned(model)}" if model else None,
        "environmentId": _environment_id(visit, environment),
        "codeConfiguration": _code(visit),
    }
    instances = visit.field("instances") or "1"
    if not instances.isdecimal():
        raise BadRequest(f"Instances must be a whole number, but is {instances!r}.", target="instances")
    try:
        before = visit.api.get(where)["properties"]["traffic"]
    except NotFound:
        before = {}
        visit.api.put(where, {"location": region, "properties": {"authMode": "Key"}})
    sku = {"name": "Default", "capacity": int(instances)}
    visit.api.put(f"{where}/deployments/{segment(name)}", {"location": region, "sku": sku, "properties": body})
    if visit.field("traffic"):
        traffic = {**dict.fromkeys(before, 0), name.lower(): 100}
        visit.api.patch(where, {"properties": {"traffic": traffic}})
    return {"to": visit.link(f"/endpoints/realtime/{segment(endpoint)}/detail", deployment=name)}


def _versioned(reference: str) -> str:
    name, _, version = reference.partition(":")
    return f"{name}/versions/{version}"


def _environment_id(visit: Visit, reference: str) -> str | None:
    if not reference:
        return None
    name, _, _ = reference.partition("@")
    latest = visit.api.get(f"environments/{segment(name)}")["properties"]["latestVersion"]
    return f"{visit.workspace}/environments/{name}/versions/{latest}"


def _code(visit: Visit) -> JsonObject | None:
    """Stores the script that was written as a code asset, the same one for the same text; None where there is none."""
    text = visit.form.get("script")
    if not isinstance(text, str) or not text.strip():
        return None
    content = text.replace("\r\n", "\n").encode()
    digest = hashlib.sha256(content).hexdigest()
    store = visit.api.get("datastores/workspaceblobstore")["properties"]
    path = f"LocalUpload/{digest}/code"
    folder = places.find(visit, "azureml://datastores/workspaceblobstore/paths") / path
    with full_disk_is_an_error():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _SCRIPT).write_bytes(content)
    uri = f"https://{store['accountName']}.blob.core.windows.net/{store['containerName']}/{quote(path)}"
    asset = f"codes/studio-{digest[:24]}/versions/1"
    visit.api.put(asset, {"properties": {"codeUri": uri, "isAnonymous": True, "properties": {"hash_sha256": digest}}})
    return {"codeId": f"{visit.workspace}/{asset}", "scoringScript": _SCRIPT}


ROUTES = (sheet("/_studio/deploy", show_deploy), act("/_studio/deploy", do_deploy))
