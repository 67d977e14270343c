"""Models: their list, and one with its files, where it came from and what serves it."""

from lazulite.errors import BadRequest
from lazulite.http.call import JsonObject
from lazulite.ids import parse_asset
from lazulite.studio import assets, deploy, files, jobs, origins, records, upload
from lazulite.studio import shown as s
from lazulite.studio.html import Html, a, div, join
from lazulite.studio.inside import segment
from lazulite.studio.layout import shown
from lazulite.studio.visit import Shown, Visit

_NONE = "No model yet. Register one from a job's outputs, upload one, or let a script do it."
_KINDS = {"custom_model": "custom", "mlflow_model": "MLflow", "triton_model": "Triton"}


def show_all(visit: Visit) -> tuple[str, Html]:
    """Lists the models."""
    nothing = s.empty(_NONE, "lazulite model create --name my-model --path ./model")
    add = upload.button(visit, "models") if visit.workspace else None
    return "Models", assets.listing(visit, "models", "/models", empty=nothing, heading="Models", actions=add)


def show_versioned(visit: Visit) -> Shown:
    """Shows a model by Azure's own address, `/model/name:version/details`."""
    name, _, version = visit.call.ids["name"].partition(":")
    return _show(visit, name, version)


def show(visit: Visit) -> Shown:
    """Shows a model by its name, the newest version or the one asked for."""
    return _show(visit, visit.call.ids["name"], visit.asked("version"))


def _show(visit: Visit, name: str, asked: str) -> tuple[str, Html]:
    found = assets.versions(visit, "models", name)
    version = assets.chosen(found, asked, "Model", name)
    properties = version["properties"]
    label, uri = f"{name}:{version['name']}", str(properties["modelUri"])

    def link(path: str) -> str:
        return visit.link(f"/model/{segment(label)}/details", path=path)

    shown_files = files.safely(visit, uri, visit.asked("path"), link)
    return label, join(
        s.title(
            name,
            assets.version_choice(visit, found, version["name"]),
            assets.reference(label),
            above=a("Models", href=visit.link("/models")),
            actions=[deploy.button(visit, label, primary=True), assets.archive(visit, "models", name, version["name"])],
        ),
        div(
            div(
                assets.about(
                    visit,
                    version,
                    ("Type", _KINDS.get(properties["modelType"], properties["modelType"])),
                    ("Lies at", s.mono(uri)),
                ),
                _lineage(visit, name, version),
                class_="columns",
            ),
            shown_files,
            class_="stack",
        ),
    )


def _lineage(visit: Visit, name: str, version: JsonObject) -> Html:
    """Shows which job made a version, of which data, and which deployments serve it."""
    made_by = version["properties"].get("jobName")
    job = origins.job(visit, version["properties"])
    data = [
        div(a(label, href=visit.link(f"/data/{segment(asset)}/{segment(number)}/details")))
        for one in (job.get("inputs") or {}).values()
        for label, asset, number in _data(one)
    ]
    served = _served_by(visit, name, version["name"])
    links = [
        div(a(f"{endpoint} / {each}", href=visit.link(f"{path.format(segment(endpoint))}/detail", deployment=each)))
        for path, endpoint, each in served
    ]
    shown = job.get("displayName") or made_by
    return s.card(
        "Lineage",
        s.facts(
            ("Made by", a(shown, href=jobs.address(visit, made_by)) if made_by else s.muted("an upload")),
            ("Of data", join(*data) if data else None),
            ("Served by", join(*links) if links else s.muted("no deployment")),
        ),
    )


def _data(one: object) -> list[tuple[str, str, str]]:
    """Returns the data asset that an input of a job names, (name:version, name, version), [] where it names none."""
    uri = str(one.get("uri") or "") if isinstance(one, dict) else ""
    name, _, version = uri.rpartition("/data/")[2].partition("/versions/")
    return [(f"{name}:{version}", name, version)] if version and "/data/" in uri else []


def _served_by(visit: Visit, name: str, version: str) -> list[tuple[str, str, str]]:
    """Lists the deployments that serve a version: (where endpoints of its kind are shown, endpoint, deployment)."""
    wanted = (name.lower(), version)
    found = []
    for path, kind in (("/endpoints/realtime/{}", "onlineEndpoints"), ("/endpoints/batch/{}", "batchEndpoints")):
        for label, properties in records.children_of(visit, f"{kind}/deployments"):
            model = properties.get("model")
            model = model.get("assetId") if isinstance(model, dict) else model
            if wanted == _named(visit, model):
                endpoint, _, deployment = label.partition("/")
                found.append((path, endpoint, deployment))
    return found


def _named(visit: Visit, reference: object) -> tuple[str, str]:
    assert visit.workspace
    try:
        asset = parse_asset(str(reference or ""), "models", visit.workspace)
    except BadRequest:
        return "", ""
    return asset.name.lower(), asset.version or ""


ROUTES = (
    shown("/models", show_all),
    shown("/models/{name}", show),
    shown("/model/{name}", show_versioned),
    shown("/model/{name}/details", show_versioned),
)
