"""One batch endpoint: its deployments, a run over a data asset, how far its jobs are, what they made."""

from lazulite.http.call import JsonObject
from lazulite.studio import jobs, records
from lazulite.studio import shown as s
from lazulite.studio.html import Html, a, div, join, strong
from lazulite.studio.inside import segment
from lazulite.studio.layout import shown
from lazulite.studio.visit import Shown, Visit, act

_LATEST = 100


def show(visit: Visit) -> Shown:
    """Shows a batch endpoint with its deployments and jobs."""
    name = visit.call.ids["name"]
    where = f"batchEndpoints/{segment(name)}"
    body = visit.api.get(where)
    deployments = visit.api.list(f"{where}/deployments")
    default = (body["properties"].get("defaults") or {}).get("deploymentName")
    rows = [_deployment(visit, name, one, default) for one in deployments]
    nothing = s.empty("No deployment yet.", "lazulite batch-deployment create -f deployment.yml")
    table = s.grid(["Name", "", "Model", "Compute", ""], rows, empty=nothing)
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
                _start(visit, name, deployments) if deployments else None,
                s.does("Delete", visit.link(f"{path}/delete"), tone="danger", sure=sure),
            ],
        ),
        div(
            div(s.card("Deployments", table, class_="flush"), s.card("About", about), class_="columns"),
            _jobs(visit, name),
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
        str(properties.get("compute") or "").rpartition("/")[2] or s.muted("–"),
        s.muted("default") if is_default else make,
        key=one["name"],
    )


def _start(visit: Visit, name: str, deployments: list[JsonObject]) -> Html:
    found = records.assets(visit, "data", limit=_LATEST)
    assets = [f"{one['name']}:{one['latest']}" for one in found if one["latest"]]
    options = [("", "the default"), *((one["name"], one["name"]) for one in deployments)]
    return s.sheet(
        "Start a run",
        visit.link(f"/endpoints/batch/{segment(name)}/invoke"),
        s.choice("Data", "data", assets),
        s.choice("Deployment", "deployment", options),
        heading="Start a run",
        press="Start",
        tone="primary",
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
    """Starts a job over a data asset, as any client does."""
    name, data = visit.call.ids["name"], visit.field("data", required=True)
    asset, _, version = data.partition(":")
    found = visit.api.get(f"data/{segment(asset)}/versions/{segment(version)}")
    kind = found["properties"]["dataType"]
    uri = f"{visit.workspace}/data/{asset}/versions/{version}"
    body: JsonObject = {"properties": {"inputData": {"data": {"jobInputType": kind, "uri": uri}}}}
    path = f"/mferp/managementfrontend{visit.workspace}/batchEndpoints/{segment(name)}/jobs"
    headers = {"azureml-model-deployment": visit.field("deployment")} if visit.field("deployment") else {}
    made = visit.api.ask("dataplane", "POST", path, body, headers=headers)
    return {"to": jobs.address(visit, made["name"])}


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
    act(f"{_ONE}/invoke", do_invoke),
    act(f"{_ONE}/default", do_default),
    act(f"{_ONE}/delete", do_delete),
)
