"""Deploys a model to a real-time endpoint: the form, and what it does through the API."""

import hashlib
import re
from urllib.parse import quote

from lazulite.artifacts.files import full_disk_is_an_error
from lazulite.catalog import curated_environments, vm_sizes
from lazulite.errors import BadRequest, LazuliteError, NotFound
from lazulite.http.call import JsonObject
from lazulite.studio import origins, places, records
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
_COLORS = ("blue", "green")
_ANONYMOUS = "CliV2"  # what the SDK calls an environment that was written into a job or a deployment
_NAME = re.compile(r"[^a-z0-9-]+")


def button(visit: Visit, model: str, *, primary: bool = False, endpoint: str = "") -> Html:
    """Returns the button that opens the form. model: `name:version`, "" to choose one; endpoint: as it will stand."""
    address = visit.link("/_studio/deploy", model=model, endpoint=endpoint)
    return s.opens("Deploy", address, tone="primary" if primary else "")


def show_deploy(visit: Visit) -> Html:
    """Shows the form that deploys a model."""
    models, endpoint = _models(visit), visit.asked("endpoint")
    chosen = visit.asked("model", models[0] if models else "")
    models = models if not chosen or chosen in models else [chosen, *models]
    guess = _NAME.sub("-", (endpoint or chosen.partition(":")[0] or "endpoint").lower()).strip("-")[:24]
    suggested = guess if len(guess) >= _SHORTEST else f"{guess}-endpoint"
    properties = origins.asset(visit, "models", chosen) if chosen else {}
    sizes = [one.name for one in vm_sizes.sizes() if one.is_online]
    again = visit.link("/_studio/deploy", endpoint=endpoint)  # another model has another script and environment
    taken, has_traffic = _there_is(visit, suggested)
    name = next(one for one in (*_COLORS, f"deployment-{len(taken) + 1}") if one not in taken)
    return s.form_sheet(
        visit.link("/_studio/deploy"),
        div(
            s.field("Endpoint", "endpoint", suggested, required=True, hint="A new one, or one that is there."),
            s.field("Deployment", "deployment", name, required=True),
            class_="pair",
        ),
        s.choice("Model", "model", [("", "none"), *((one, one) for one in models)], chosen, again=again),
        _choice_of_environments(visit, properties),
        s.area("Scoring script", "script", _script_for(visit, properties), rows=9, hint="MLflow models need none."),
        div(
            s.choice("Size", "size", sizes, _DEFAULT_SIZE),
            s.field("Instances", "instances", "1", type="number", min=1, max=20),
            class_="pair",
        ),
        label(
            input_(type="checkbox", name="traffic", value="1", checked=not has_traffic), span(" Give it all traffic")
        ),
        heading="Deploy a model",
        press="Deploy",
    )


def _there_is(visit: Visit, endpoint: str) -> tuple[set[str], bool]:
    """Returns the names of an endpoint's deployments, none where it is not there yet, and whether it has traffic."""
    where = f"onlineEndpoints/{segment(endpoint)}"
    try:
        traffic = visit.api.get(where)["properties"]["traffic"]
        return {str(one["name"]).lower() for one in visit.api.list(f"{where}/deployments")}, any(traffic.values())
    except LazuliteError:
        return set(), False


def _models(visit: Visit) -> list[str]:
    found = records.assets(visit, "models", limit=_OFFERED)
    return [f"{one['name']}:{one['latest']}" for one in found if one["latest"]]


def _choice_of_environments(visit: Visit, model: JsonObject) -> Html:
    """Offers the environment of the job that made the model first, then the workspace's own, then Azure's."""
    made_in = str(origins.job(visit, model).get("environmentId") or "")
    found = records.assets(visit, "environments", limit=_OFFERED)
    own = [f"{one['name']}@latest" for one in found if not one["name"].startswith(_ANONYMOUS)]
    every = curated_environments.curated_environments()
    curated = [f"azureml://registries/azureml/environments/{one.name}/versions/{one.latest}" for one in every]
    options = [
        *([(made_in, f"{_label(made_in)}, of the job that made the model")] if made_in else []),
        *((one, one) for one in own),
        ("", "none: the model is served by its type"),
        *((one, f"{_label(one)}, Azure's own") for one in curated),
    ]
    needs_none = model.get("modelType") in ("mlflow_model", "triton_model")
    return s.choice("Environment", "environment", options, "" if needs_none else options[0][0])


def _label(reference: str) -> str:
    name, _, version = reference.rpartition("/environments/")[2].partition("/versions/")
    return f"{name}:{version}"


def _script_for(visit: Visit, model: JsonObject) -> str:
    """Returns the scoring script that came with the model or with the code of the job that made it, or a beginning."""
    if model.get("modelType") == "mlflow_model":
        return ""
    for uri in origins.folders(visit, model):
        try:
            return places.find(visit, places.below(uri, _SCRIPT)).read_text(encoding="utf-8")
        except (LazuliteError, OSError, UnicodeDecodeError):
            continue
    return _TEMPLATE


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
    if "/" in reference or not reference:
        return reference or None
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
