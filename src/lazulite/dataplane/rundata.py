"""What a job's outputs are and where their bytes lie: the three calls of `jobs.download`."""

from pathlib import Path

from sqlalchemy import Connection

from lazulite import fields
from lazulite.artifacts.locate import DatastoreProperties, path_of
from lazulite.dataplane import run_shapes, sent
from lazulite.engine import references, states
from lazulite.errors import BadRequest, NotFound
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.ids import WorkspaceId
from lazulite.store import datastores
from lazulite.tracking import runs
from lazulite.tracking.runs import Run

# How outputs' types are written here; clients pass over any other spelling without a word. Models are said to be
# folders: asked for as models, azure-ai-ml 1.35.2 fails on its own request (BatchGetResolvedUrisDto takes no `values`).
# Source: azure-ai-ml 1.35.2 operations/_job_ops_helper.py, get_job_output_uris_from_dataplane.
_TYPES = {
    "uri_file": "uri_file",
    "uri_folder": "uri_folder",
    "mltable": "mltable",
    "custom_model": "uri_folder",
    "mlflow_model": "uri_folder",
    "triton_model": "uri_folder",
}


def get(call: Call, parts: Parts) -> Reply:
    """Answers `{runMetadata}`, the run with its outputs: `{name: {assetId, type}}`. The body names it: `{runId}`."""
    workspace, run_id = scopes.workspace(call, parts), fields.text(call.body, "runId", required=True)
    with parts.db.read() as connection:
        run = runs.find(connection, workspace.scope, run_id)
        shown = run_shapes.show(connection, run)
        job = states.get(connection, run.number) if run.is_job else None
        outputs = (job.body.get("outputs") or {}) if job else {}
    found = {
        name: _asset(run, name, one)
        for name, one in outputs.items()
        if name != "default" and one.get("jobOutputType") in _TYPES
    }
    return Reply({"runMetadata": {**shown, "outputs": found}, "runDefinition": None, "jobSpecification": None})


def _asset(run: Run, name: str, output: JsonObject) -> JsonObject:
    return {"assetId": f"azureml://jobs/{run.id}/outputs/{name}", "type": _TYPES[output["jobOutputType"]]}


def resolve_data(call: Call, parts: Parts) -> Reply:
    """Answers where data assets lie: `{values: [asset id]}` in, `{values: {asset id: {uri, type}}}` out.

    An id that leads nowhere is left out.
    """
    return Reply({"values": {one: {"uri": uri, "type": None} for one, uri in _resolve(call, parts, "uri_folder")}})


def resolve_models(call: Call, parts: Parts) -> Reply:
    """Answers where models lie: `{values: [asset id]}` in, `{values: {asset id: {path}}}` out."""
    return Reply({"values": {one: {"path": uri} for one, uri in _resolve(call, parts, "custom_model")}})


def _resolve(call: Call, parts: Parts, kind: str) -> list[tuple[str, str]]:
    workspace, wanted = scopes.workspace(call, parts), sent.names(call, "values")
    with parts.db.read() as connection:
        found = [(one, _place(connection, parts.settings.home, workspace, one, kind)) for one in wanted]
    return [(one, uri) for one, uri in found if uri]


def _place(connection: Connection, home: Path, workspace: WorkspaceId, asset_id: str, kind: str) -> str:
    try:
        uri = references.resolve(connection, workspace, asset_id, kind)
    except NotFound:
        return ""
    is_file = _is_file(home, uri, datastores.reader(connection, workspace))
    return references.long_form(uri.rstrip("/") if is_file else uri, workspace)


def _is_file(home: Path, uri: str, datastore: DatastoreProperties) -> bool:
    """Tells a file, which a client must not look for as a folder, from all else, bytes elsewhere among it."""
    try:
        return path_of(home, uri, datastore).is_file()
    except (NotFound, BadRequest):
        return False


ROUTES = (
    Route("POST", f"/history/v1.0{scopes.WORKSPACE}/rundata", get),
    Route("POST", f"/data/v1.0{scopes.WORKSPACE}/dataversion/batchGetResolvedUris", resolve_data),
    Route("POST", f"/modelregistry/v1.0{scopes.WORKSPACE}/models/batchGetResolvedUris", resolve_models),
)
