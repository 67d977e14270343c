"""Turns URIs that name what a job made, or a registered asset, into URIs of datastores."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from lazulite import fields
from lazulite.artifacts.locate import locate
from lazulite.engine import states
from lazulite.engine.states import Job
from lazulite.errors import BadRequest, NotFound
from lazulite.ids import AssetId, WorkspaceId, parse_asset, parse_datastore
from lazulite.store import assets, datastores
from lazulite.tracking import runs

ARTIFACT_STORE = "workspaceartifactstore"
BLOB_STORE = "workspaceblobstore"
# What stands for a job's own artifacts where an output's name could be. Source: learn.microsoft.com/azure/
# machine-learning/reference-yaml-job-command; azureml-examples cli/jobs/basics/hello-pipeline-default-artifacts.yml.
ARTIFACTS = ("artifacts", "default")

_JOB = re.compile(
    r"azureml://(?:subscriptions/[^/]+/resourcegroups/[^/]+/workspaces/[^/]+/)?jobs/(?P<job>[^/]+)"
    r"/outputs/(?P<output>[^/]+)(?:/(?P<path>.*))?",
    re.IGNORECASE,
)
_RUN = re.compile(r"runs:/(?P<job>[^/]+)/(?P<path>.*)")
_ASSET = re.compile(r"azureml://locations/[^/]+/workspaces/[^/]+/(?P<kind>data|models)/(?P<rest>.+)", re.IGNORECASE)
_REGISTRY = re.compile(r"azureml://registries/[^/]+/(?P<kind>data|models)/", re.IGNORECASE)
_ARM = re.compile(r"(?:azureml:)?/?subscriptions/.*/(?P<kind>data|models)/[^/]+/(?:versions|labels)/", re.IGNORECASE)
_SHORT = re.compile(r"azureml:[^/:@]+[:@][^/]+|[^/:@]+[:@][^/:@]+")
_USUAL = re.compile(r"azureml://datastores/[^/]+/paths/azureml/[^/]+/[^/]+/")
_FIELD = {"data": "dataUri", "models": "modelUri"}


def folder_uri(name: str) -> str:
    """Returns where a job's artifacts are, in the form that `jobs.stream` reads.

    Source: wire observations, azure-ai-ml 1.35.2 ARTIFACTS_REGEX in _utils/_storage_utils.py.
    """
    return f"azureml://datastores/{ARTIFACT_STORE}/ExperimentRun/dcid.{name}"


def artifacts_uri(job: str) -> str:
    """Returns where a job's artifacts are, as the URI of a folder."""
    return f"azureml://datastores/{ARTIFACT_STORE}/paths/ExperimentRun/dcid.{job}/"


def output_uri(job: str, output: str) -> str:
    """Returns where an output goes whose job says nothing about it; one called `artifacts` is what the job logs.

    Source: learn.microsoft.com/azure/machine-learning/how-to-read-write-data-v2.
    """
    if output in ARTIFACTS:
        return artifacts_uri(job)
    return f"azureml://datastores/{BLOB_STORE}/paths/azureml/{job}/{output}/"


def is_usual(uri: str) -> bool:
    """Tells whether a place is one that an output has whose user named none."""
    return bool(_USUAL.fullmatch(uri))


def placed(job: str, body: Mapping[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Returns the outputs of a parent's body, each with its place until a child's turns out to be it.

    kind: the type of one that says none. Raises BadRequest naming the output that can have no place.
    """
    found = {}
    outputs = fields.nested(body, "properties.outputs")
    for name in outputs:
        sent = fields.nested(outputs, f"properties.outputs.{name}")
        if name == "default" or outputs[name] is None:
            continue
        uri = fields.text(sent, f"properties.outputs.{name}.uri") or output_uri(job, name)
        for key, value in (("name", job), ("output_name", name), ("default_datastore", BLOB_STORE)):
            uri = uri.replace(f"${{{{{key}}}}}", value)
        if not parse_datastore(uri):
            target = f"properties.outputs.{name}.uri"
            raise BadRequest(f'outputs.{name}: "{uri}" is not the URI of a path in a datastore.', target=target)
        found[name] = {"jobOutputType": kind, "mode": "ReadWriteMount", **sent, "uri": uri}
    return found


def long_form(uri: str, workspace: WorkspaceId) -> str:
    """Returns a datastore's URI with its workspace, the form in which registered assets keep it."""
    here = (
        f"azureml://subscriptions/{workspace.subscription}/resourcegroups/{workspace.resource_group}"
        f"/workspaces/{workspace.workspace}/datastores/"
    )
    return re.sub(r"^azureml://datastores/", lambda match: here, uri)


def resolve(connection: Connection, workspace: WorkspaceId, uri: str, kind: str = "uri_folder") -> str:
    """Returns the URI of the bytes that a URI means.

    Forms that are followed: `azureml://jobs/{job}/outputs/{output}[/paths]/{path}`, where the output `artifacts` is
    all that the job logged; `runs:/{job}/{path}`; an asset by ARM id, `azureml:NAME:VERSION`, `NAME@latest` or in a
    registry. All others are returned as they are. kind: the type of the input, which tells data from models.
    Raises NotFound naming the jobs, outputs or versions that there are instead.
    """
    made = _JOB.fullmatch(uri) or _RUN.fullmatch(uri)
    if made:
        return _of_job(connection, workspace, **{"output": "artifacts", **made.groupdict()})
    asset = asset_of(uri, kind, workspace)
    if not asset:
        return uri
    row = assets.resolve(connection, asset)
    return resolve(connection, workspace, str(row.body["properties"][_FIELD[asset.kind]]), kind)


def is_made(uri: str) -> bool:
    """Tells whether a URI names what a job or a run made."""
    return bool(_JOB.fullmatch(uri) or _RUN.fullmatch(uri))


def of_made(connection: Connection, home: Path, workspace: WorkspaceId, uri: str) -> tuple[str, str]:
    """Returns where what a job or a run made lies, and the name of that job; any other URI as it is, and "".

    Clients cannot download from `azureml://jobs/…` or `runs:/…`, so assets are registered with what these mean.
    Raises NotFound when there is no such job, output or file.
    """
    made = _JOB.fullmatch(uri) or _RUN.fullmatch(uri)
    if not made:
        return uri, ""
    place = resolve(connection, workspace, uri)
    locate(home, place, datastores.reader(connection, workspace))
    return long_form(place, workspace), made["job"]


def asset_of(uri: str, kind: str, workspace: WorkspaceId) -> AssetId | None:
    """Returns the data asset or model that a URI names, of this workspace or a registry; None for any other URI.

    kind: the type of the input, which tells data from models where the URI does not.
    """
    own = _ASSET.fullmatch(uri)
    if own:
        return parse_asset(f"{workspace}/{own['kind']}/{own['rest']}", own["kind"].lower(), workspace)
    named = _REGISTRY.match(uri) or _ARM.match(uri)
    if named:
        return parse_asset(uri, named["kind"].lower(), workspace)
    if _SHORT.fullmatch(uri) and not uri.startswith(("runs:", "models:")):
        return parse_asset(uri, "models" if kind.endswith("_model") else "data", workspace)
    return None


def _of_job(connection: Connection, workspace: WorkspaceId, job: str, output: str, path: str | None) -> str:
    run = runs.get(connection, workspace.scope, job)
    if not run:
        raise NotFound(f'Job "{job}" was not found in workspace "{workspace.workspace}".', target="job")
    path = re.sub(r"^paths(/|$)", "", path or "")
    if output.lower() in ARTIFACTS:
        return f"azureml://datastores/{ARTIFACT_STORE}/paths/{run.folder}/{path}"
    found = states.get(connection, run.number)
    places = outputs_of(found) if found else {}
    if output not in places:
        names = ", ".join([*places, "artifacts"])
        raise NotFound(f'Job "{run.id}" has no output "{output}". It has {names}.', target="output")
    return f"{places[output].rstrip('/')}/{path}" if path else places[output]


def outputs_of(job: Job) -> Mapping[str, str]:
    """Returns where each named output of a job is, by its name: a datastore's URI."""
    outputs = job.body.get("outputs") or {}
    return {name: str(one["uri"]) for name, one in outputs.items() if name != "default"}
