"""One batch endpoint: its deployments, a run over a data asset, how far its jobs are, what they made."""

from lazulite.http.call import JsonObject
from lazulite.studio import jobs, places, records
from lazulite.studio import shown as s
from lazulite.studio.html import NOTHING, Html, a, div, join, strong
from lazulite.studio.inside import segment
from lazulite.studio.layout import shown
from lazulite.studio.visit import Shown, Visit, act, sheet

_LATEST = 100
_ACTIONS = {"AppendRow": "rows, appended", "SummaryOnly": "files of its own"}


def show(visit: Visit) -> Shown:
    """Shows a batch endpoint with its deployments and jobs."""
    name = visit.call.ids["name"]
    where = f"batchEndpoints/{segment(name)}"
    body = visit.api.get(where)
    deployments = visit.api.list(f"{where}/deployments")
    default = (body["properties"].get("defaults") or {}).get("deploymentName")
    rows = [_deployment(visit, name, one, default) for one in deployments]
    nothing = s.empty("No deployment yet.", "lazulite batch-deployment create -f deployment.yml")
    headings = ["Name", "State", "Model", "Compute", s.figure("Mini-batch"), "Output", ""]
    table = s.grid(headings, rows, empty=nothing)
    sure = f"Delete {name} with all its deployments?"
    path = f"/endpoints/batch/{segment(name)}"
    about = s.facts(
        ("Invoke", join(s.mono(body["properties"]["scoringUri"]), s.copy(body["properties"]["scoringUri"]))),
        ("Made", s.moment((body.get("systemData") or {}).get("createdAt"))),
        ("Description", body["properties"].get("description")),
    )
    return name, join(
        s.title(
            name,
            s.muted("batch endpoint"),
            above=a("Endpoints", href=visit.link("/endpoints")),
            actions=[
                _start(visit, name, deployments),
                s.does("Delete", visit.link(f"{path}/delete"), tone="danger", sure=sure),
            ],
        ),
        div(
            s.card("Deployments", table, class_="flush"),
            _jobs(visit, name),
            s.card("About", about),
            class_="stack",
        ),
    )


def _deployment(visit: Visit, endpoint: str, one: JsonObject, default: str | None) -> Html:
    properties = one["properties"]
    model = str((properties.get("model") or {}).get("assetId") or "")
    label = ":".join(model.rpartition("/models/")[2].split("/versions/")) if "/models/" in model else ""
    is_default = one["name"] == default
    make = s.does(
        "Make it the default",
        visit.link(f"/endpoints/batch/{segment(endpoint)}/default"),
        s.hidden("deployment", one["name"]),
        tone="quiet",
    )
    return s.row(
        strong(one["name"]),
        s.badge(properties.get("provisioningState") or "Succeeded"),
        a(label, href=visit.link(f"/model/{segment(label)}/details")) if label else s.muted("–"),
        str(properties.get("compute") or "").rpartition("/")[2] or s.muted("this machine"),
        s.figure(properties.get("miniBatchSize") or "–"),
        s.muted(_ACTIONS.get(str(properties.get("outputAction")), "–")),
        s.muted("default") if is_default else make,
        key=one["name"],
    )


def _start(visit: Visit, name: str, deployments: list[JsonObject]) -> Html:
    address = visit.link(f"/endpoints/batch/{segment(name)}/start")
    return s.opens("Start a run", address, tone="primary") if deployments else NOTHING


def show_start(visit: Visit) -> Html:
    """Shows the form that starts a run, over a data asset or a path in a datastore."""
    name = visit.call.ids["name"]
    found = records.assets(visit, "data", limit=_LATEST)
    assets = [f"{one['name']}:{one['latest']}" for one in found if one["latest"]]
    deployments = visit.api.list(f"batchEndpoints/{segment(name)}/deployments")
    options = [("", "the default"), *((one["name"], one["name"]) for one in deployments)]
    hint = "Instead of a data asset: a folder of a datastore, or a file."
    return s.form_sheet(
        visit.link(f"/endpoints/batch/{segment(name)}/invoke"),
        s.choice("Data", "data", assets or [("", "none yet: upload some on the Data page")]),
        s.field("Or a path", "path", placeholder="azureml://datastores/workspaceblobstore/paths/folder/", hint=hint),
        s.choice("Deployment", "deployment", options),
        heading="Start a run",
        press="Start",
    )


def _jobs(visit: Visit, name: str) -> Html:
    names = {one["name"] for one in _of_endpoint(visit, name)["value"][:_LATEST]}
    listed = records.listed(visit, records.Wanted(names=names), limit=_LATEST)
    return s.card("Jobs", jobs.table(visit, listed, empty=s.muted("Nothing was run yet.")), class_="flush")


def _of_endpoint(visit: Visit, name: str) -> JsonObject:
    path = f"/mferp/managementfrontend{visit.workspace}/batchEndpoints/{segment(name)}/jobs"
    found: JsonObject = visit.api.ask("dataplane", "GET", path)
    return found


def do_invoke(visit: Visit) -> JsonObject:
    """Starts a job over a data asset or a path, as any client does."""
    name = visit.call.ids["name"]
    body: JsonObject = {"properties": {"inputData": {"data": _input(visit)}}}
    path = f"/mferp/managementfrontend{visit.workspace}/batchEndpoints/{segment(name)}/jobs"
    headers = {"azureml-model-deployment": visit.field("deployment")} if visit.field("deployment") else {}
    made = visit.api.ask("dataplane", "POST", path, body, headers=headers)
    return {"to": jobs.address(visit, made["name"])}


def _input(visit: Visit) -> JsonObject:
    if path := visit.field("path"):
        is_file = places.find(visit, path).is_file()
        return {"jobInputType": "uri_file" if is_file else "uri_folder", "uri": path}
    name, _, version = visit.field("data", required=True).partition(":")
    found = visit.api.get(f"data/{segment(name)}/versions/{segment(version)}")
    uri = f"{visit.workspace}/data/{name}/versions/{version}"
    return {"jobInputType": found["properties"]["dataType"], "uri": uri}


def do_default(visit: Visit) -> JsonObject:
    """Makes a deployment the default."""
    name, deployment = visit.call.ids["name"], visit.field("deployment", required=True)
    body: JsonObject = {"properties": {"defaults": {"deploymentName": deployment}}}
    visit.api.patch(f"batchEndpoints/{segment(name)}", body)
    return {"said": f"{deployment} is the default."}


def do_delete(visit: Visit) -> JsonObject:
    """Deletes the endpoint."""
    visit.api.delete(f"batchEndpoints/{segment(visit.call.ids['name'])}")
    return {"to": visit.link("/endpoints")}


_ONE = "/endpoints/batch/{name}"

ROUTES = (
    shown(_ONE, show),
    shown(f"{_ONE}/detail", show),
    sheet(f"{_ONE}/start", show_start),
    act(f"{_ONE}/invoke", do_invoke),
    act(f"{_ONE}/default", do_default),
    act(f"{_ONE}/delete", do_delete),
)
