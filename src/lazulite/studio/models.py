"""Models: their list, and one with its files, where it came from and what serves it."""

from collections.abc import Sequence

from lazulite.http.call import JsonObject
from lazulite.studio import assets, deploy, files, jobs, upload
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
            above=a("Models", href=visit.link("/models")),
            actions=[deploy.button(visit, label, primary=True), assets.archive(visit, "models", name, version["name"])],
        ),
        div(
            div(
                assets.about(
                    visit,
                    version,
                    ("Type", _KINDS.get(properties["modelType"], properties["modelType"])),
                    ("Bytes", s.mono(uri)),
                ),
                _lineage(visit, name, version),
                class_="columns",
            ),
            shown_files,
            class_="stack",
        ),
    )


def _lineage(visit: Visit, name: str, version: JsonObject) -> Html:
    job = version["properties"].get("jobName")
    users = _served_by(visit, name, version["name"])
    links = [
        a(f"{endpoint} / {each}", href=visit.link(f"/endpoints/realtime/{segment(endpoint)}/detail", deployment=each))
        for endpoint, each in users
    ]
    return s.card(
        "Where it came from, where it went",
        s.facts(
            ("Made by", a(job, href=jobs.address(visit, job)) if job else s.muted("an upload")),
            ("Served by", join(*(div(one) for one in links)) if links else s.muted("no deployment")),
        ),
    )


def _served_by(visit: Visit, name: str, version: str) -> Sequence[tuple[str, str]]:
    """Lists the deployments that serve a version: (endpoint, deployment)."""
    wanted = f"/models/{name}/versions/{version}".lower()
    found = []
    for endpoint in visit.api.list("onlineEndpoints"):
        for one in visit.api.list(f"onlineEndpoints/{segment(endpoint['name'])}/deployments"):
            if str(one["properties"].get("model") or "").lower().endswith(wanted):
                found.append((endpoint["name"], one["name"]))
    return found


ROUTES = (
    shown("/models", show_all),
    shown("/models/{name}", show),
    shown("/model/{name}", show_versioned),
    shown("/model/{name}/details", show_versioned),
)
