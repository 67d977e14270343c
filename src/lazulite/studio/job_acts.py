"""What a job's page can do: cancel, run again, rename, archive, delete, register a model from what the job made."""

import secrets

from lazulite.catalog.run_names import ADJECTIVES, NOUNS
from lazulite.errors import NotFound
from lazulite.http.call import JsonObject
from lazulite.studio import places
from lazulite.studio import shown as s
from lazulite.studio.html import Html, join
from lazulite.studio.icons import icon
from lazulite.studio.inside import segment
from lazulite.studio.run import Run, find
from lazulite.studio.visit import Visit, act, sheet

MODEL_TYPES = (("custom_model", "custom: any files"), ("mlflow_model", "MLflow"), ("triton_model", "Triton"))
_LIKELY = ("model", "saved_model", "checkpoint")
_NOT_SENT_AGAIN = ("status", "services", "parentJobName", "displayName", "isArchived")


def buttons(found: Run) -> Html:
    """Returns what can be done with a run as it is now."""
    is_job, is_archived = bool(found.job), bool(found.record["hidden"])
    can_register = found.is_over and found.kind in ("Command", "Run")
    can_rerun = is_job and not found.record["parentRunId"]
    can_delete = is_job and found.is_over and is_archived
    archiving = s.hidden("archived", "" if is_archived else "1")
    again = join(icon("play"), "Run again")
    return join(
        s.does("Cancel", _action(found, "cancel"), tone="danger") if is_job and not found.is_over else None,
        register(found, "", found.artifacts) if can_register else None,
        s.does(again, _action(found, "rerun")) if can_rerun else None,
        s.does("Restore" if is_archived else "Archive", _action(found, "archive"), archiving),
        s.does("Delete", _action(found, "delete"), tone="danger", sure=f"Delete {found.name}?") if can_delete else None,
    )


def _action(found: Run, verb: str) -> str:
    return found.visit.link(f"/runs/{segment(found.name)}/{verb}")


def register(found: Run, output: str, uri: str) -> Html:
    """Returns the button that registers a model from something a run made."""
    address = found.visit.link(f"/runs/{segment(found.name)}/register", output=output, uri=uri)
    return s.opens(join(icon("models"), "Register model"), address)


def show_register(visit: Visit) -> Html:
    """Shows the form that registers a model, filled in as far as can be guessed."""
    found, asked, uri = find(visit, visit.call.ids["name"]), visit.asked("output"), visit.asked("uri")
    output, uri = (asked, uri) if asked or uri != found.artifacts else _made(found)
    return s.form_sheet(
        visit.link(f"/runs/{segment(found.name)}/register"),
        s.field("Name", "name", _model_name(found, asked), required=True, hint="A known name gets its next version."),
        s.choice("Type", "type", MODEL_TYPES, _guess(visit, uri)),
        s.field("From", "path", _path_of(found, output, uri), hint="A file or a folder that this job made."),
        s.field("Description", "description"),
        heading="Register a model",
        press="Register",
    )


def _model_name(found: Run, output: str) -> str:
    given = output or found.shown or found.name
    letters = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in given)
    return letters.strip("-_.") or "model"


def _path_of(found: Run, output: str, uri: str) -> str:
    """Returns a URI as `azureml://jobs/…`, by which the model remembers its job."""
    base = str((found.outputs.get(output) or {}).get("uri") or "")
    job = f"azureml://jobs/{found.name}/outputs"
    if output and base and uri.startswith(base.rstrip("/")):
        rest = uri[len(base.rstrip("/")) :].strip("/")
        return f"{job}/{output}/paths/{rest}" if rest else f"{job}/{output}"
    rest = uri.removeprefix(found.artifacts).strip("/")
    return f"{job}/artifacts/paths/{rest}"


def _made(found: Run) -> tuple[str, str]:
    """Returns what most likely holds a model: an output's name, "" for what was logged, and its URI.

    Of `outputs`, the folder of such a name, the one alone, or all; where nothing is there, a named output.
    """
    folder = places.below(found.artifacts, "outputs")
    try:
        names = [one.name for one in places.listed(places.find(found.visit, folder)).entries]
    except NotFound:
        names = []
    outputs = {name: str(one["uri"]) for name, one in found.outputs.items() if one.get("uri")}
    if outputs and not names:
        return next((one for one in outputs.items() if "model" in one[0].lower()), next(iter(outputs.items())))
    likely = next((name for name in names if name.lower() in _LIKELY), names[0] if len(names) == 1 else "")
    return "", places.below(folder, likely)


def _guess(visit: Visit, uri: str) -> str:
    try:
        path = places.find(visit, uri)
    except NotFound:
        return "custom_model"
    return "mlflow_model" if path.is_dir() and (path / "MLmodel").exists() else "custom_model"


def do_cancel(visit: Visit) -> JsonObject:
    """Cancels a job."""
    visit.api.post(f"jobs/{segment(visit.call.ids['name'])}/cancel")
    return {"said": "Being canceled."}


def do_rerun(visit: Visit) -> JsonObject:
    """Submits a job's body again, under a new name; its outputs go to places of their own."""
    found = find(visit, visit.call.ids["name"])
    body = {key: value for key, value in found.job.items() if key not in _NOT_SENT_AGAIN}
    default = f"/{found.name}/"
    body["outputs"] = {
        name: {key: value for key, value in one.items() if not (key == "uri" and default in str(value))}
        for name, one in found.outputs.items()
    }
    body["displayName"] = None if found.shown == found.name else found.shown
    name = f"{secrets.choice(ADJECTIVES.split())}_{secrets.choice(NOUNS.split())}_{secrets.token_hex(4)}"
    made = visit.api.put(f"jobs/{name}", {"properties": body})
    return {"to": visit.link(f"/runs/{segment(made['name'])}")}


def do_archive(visit: Visit) -> JsonObject:
    """Archives a run, or brings it back."""
    wanted = bool(visit.field("archived"))
    visit.api.history(f"runs/{segment(visit.call.ids['name'])}", "PATCH", {"hidden": wanted})
    return {"said": "Archived." if wanted else "Restored."}


def do_delete(visit: Visit) -> JsonObject:
    """Deletes a job that has ended."""
    visit.api.delete(f"jobs/{segment(visit.call.ids['name'])}")
    return {"to": visit.link("/jobs")}


def do_register(visit: Visit) -> JsonObject:
    """Registers what a job made as the next version of a model."""
    name = visit.field("name", required=True)
    properties = {
        "modelUri": visit.field("path", required=True),
        "modelType": visit.field("type") or "custom_model",
        "description": visit.field("description") or None,
    }
    version = next_version(visit, "models", name)
    visit.api.put(f"models/{segment(name)}/versions/{version}", {"properties": properties})
    return {"to": visit.link(f"/model/{segment(f'{name}:{version}')}/details")}


def next_version(visit: Visit, kind: str, name: str) -> str:
    """Returns the version that comes next of an asset, "1" of one that is not there yet."""
    try:
        return str(visit.api.get(f"{kind}/{segment(name)}")["properties"]["nextVersion"] or "1")
    except NotFound:
        return "1"


_ONE = "/runs/{name}"

ROUTES = (
    act(f"{_ONE}/cancel", do_cancel),
    act(f"{_ONE}/rerun", do_rerun),
    act(f"{_ONE}/archive", do_archive),
    act(f"{_ONE}/delete", do_delete),
    sheet(f"{_ONE}/register", show_register),
    act(f"{_ONE}/register", do_register),
)
