"""Jobs of batch endpoints: invoked by a POST to the endpoint's address, listed, looked at."""

import hashlib
import uuid
from collections.abc import Mapping

from sqlalchemy import Connection

from lazulite import fields
from lazulite.batch import deployments, invocation
from lazulite.engine import states, submit
from lazulite.engine.courses import NewJob
from lazulite.engine.states import Job
from lazulite.errors import BadRequest, Conflict, NotFound
from lazulite.http import addresses, scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.ids import PROVIDER, AssetId, WorkspaceId
from lazulite.serving import mlflow_models
from lazulite.store import assets
from lazulite.store.resources import Resource
from lazulite.tracking import entries

_PAGE = 100
_DIGITS = 18  # what fits a column of the database
# Azure's header by which one deployment is asked, and the one by which a client says that it sends a request again.
# Source: azure-ai-ml 1.35.2 constants/_endpoint.py, EndpointInvokeFields.
_DEPLOYMENT, _REQUEST = "azureml-model-deployment", "repeatability_request-id"
_REQUEST_PROPERTY = "azureml.repeatabilityRequestId"
_ANONYMOUS = "CliV2AnonymousEnvironment"


def invoke(call: Call, parts: Parts) -> Reply:
    """Makes a job; 201, `{id, name, type, properties: {status, ...}}`. It is there when the answer is.

    A request that is sent again with the same `repeatability_request-id` makes no second job: clients do so when the
    connection breaks.
    """
    workspace, who = scopes.workspace(call, parts), call.who.name
    with parts.db.write() as connection:
        endpoint = deployments.endpoint(connection, workspace, call.ids["endpoint"])
        asked = invocation.read(connection, parts.settings.home, workspace, call.body)
        request = call.headers.get(_REQUEST, "")
        name = asked.name or _job_name(endpoint, request)
        before = states.find(connection, workspace.scope, name)
        if before:
            _refuse_other(connection, before, request)
            return Reply(_show(connection, workspace, before), 200)
        deployed = _chosen(connection, workspace, endpoint, call)
        environment = _environment(connection, call, parts, workspace, deployed)
        work = invocation.work(connection, parts.settings.home, workspace, deployed, asked, environment)
        if work.component:
            spec = {"componentSpec": work.component_spec, "isAnonymous": True, "properties": {}, "tags": {}}
            assets.register(connection, work.component, spec, now=call.now, who=who)
        properties = {_REQUEST_PROPERTY: request} if request else {}
        new = NewJob(body=work.body, name=name, created_by=who, properties=properties)
        job = submit.submit(connection, parts.settings.home, workspace, new, call.now)
        shown = _show(connection, workspace, job)
    parts.engine.wake()
    return Reply(shown, 201)


def _job_name(endpoint: Resource, request: str) -> str:
    """Returns a name for a job; of the same request to the same endpoint always the same."""
    if not request:
        return f"batchjob-{uuid.uuid4()}"
    digest = hashlib.sha256(f"{endpoint.place.scope}/{endpoint.place.name}/{request}".lower().encode()).digest()
    return f"batchjob-{uuid.UUID(bytes=digest[:16], version=4)}"


def _refuse_other(connection: Connection, job: Job, request: str) -> None:
    if not request or entries.of_run(connection, job.number, "property").get(_REQUEST_PROPERTY) != request:
        raise Conflict(
            f'A job "{job.name}" exists already.', target="properties.name", hint="Choose another name, or give none."
        )


def _chosen(connection: Connection, workspace: WorkspaceId, endpoint: Resource, call: Call) -> Resource:
    """Returns the deployment that the header names, or else the endpoint's default."""
    name = call.headers.get(_DEPLOYMENT) or deployments.default_of(endpoint)
    if name:
        return deployments.deployment(connection, workspace, endpoint.place.name, name)
    names = ", ".join(deployments.deployment_names(connection, workspace, endpoint.place.name))
    raise BadRequest(
        f'Batch endpoint "{endpoint.place.name}" has no default deployment. It has {names or "no deployment at all"}.',
        hint=f"Set endpoint.defaults.deployment_name, or send the header {_DEPLOYMENT} (deployment_name=).",
    )


def _environment(connection: Connection, call: Call, parts: Parts, workspace: WorkspaceId, deployed: Resource) -> str:
    """Registers, without a name of its own, what an MLflow model asks for whose deployment names no environment.

    Returns its id, "" where none is needed.
    """
    properties = deployed.body["properties"]
    if deployments.is_pipeline(properties) or properties.get("environmentId"):
        return ""
    found = deployments.find_parts(connection, parts.settings.home, workspace, properties)
    place = found.model.place
    body = mlflow_models.environment(place.name, place.version, found.model_path).body
    version = hashlib.sha256(fields.text(body, "condaFile").encode()).hexdigest()
    asset = AssetId(workspace, "environments", _ANONYMOUS, version=version)
    assets.register(connection, asset, {**body, "isAnonymous": True}, now=call.now, who=call.who.name)
    return str(asset)


def list_of_endpoint(call: Call, parts: Parts) -> Reply:
    """Lists the jobs of an endpoint, newest first."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        endpoint = deployments.endpoint(connection, workspace, call.ids["endpoint"])
        return _listed(connection, call, workspace, f"{invocation.ENDPOINT_PROPERTY}={endpoint.place.name}")


def list_of_deployment(call: Call, parts: Parts) -> Reply:
    """Lists the jobs of one deployment, newest first."""
    workspace, name = scopes.workspace(call, parts), call.ids["deployment"]
    with parts.db.read() as connection:
        endpoint = deployments.endpoint(connection, workspace, call.ids["endpoint"])
        found = deployments.deployment(connection, workspace, endpoint.place.name, name)
        return _listed(connection, call, workspace, f"{invocation.DEPLOYMENT_PROPERTY}={found.place.name}")


def _listed(connection: Connection, call: Call, workspace: WorkspaceId, said: str) -> Reply:
    token = call.query.get("$skip", "0")
    if not token.isdecimal() or len(token) > _DIGITS:
        raise BadRequest(f"$skip is {token[:40]!r}, but must be one that was given out here.", target="$skip")
    found = states.listed(
        connection, workspace.scope, said=[("property", said)], archived=None, before=int(token), limit=_PAGE
    )
    more = addresses.next_link(call, **{"$skip": found[-1].number}) if len(found) == _PAGE else None
    told = entries.of_runs(connection, [job.number for job in found])
    return Reply({"value": [_shown(workspace, job, told) for job in found], "nextLink": more})


def get(call: Call, parts: Parts) -> Reply:
    """Answers one job of an endpoint, as scripts poll it at `{scoringUri}/{job}`."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        return Reply(_show(connection, workspace, _find(connection, workspace, call)))


def _find(connection: Connection, workspace: WorkspaceId, call: Call) -> Job:
    endpoint = deployments.endpoint(connection, workspace, call.ids["endpoint"]).place.name
    job = states.find(connection, workspace.scope, call.ids["job"])
    said = entries.of_run(connection, job.number, "property") if job else {}
    if not job or said.get(invocation.ENDPOINT_PROPERTY) != endpoint:
        raise NotFound(f'Batch endpoint "{endpoint}" has no job "{call.ids["job"]}".', target="job")
    return job


def _show(connection: Connection, workspace: WorkspaceId, job: Job) -> JsonObject:
    return _shown(workspace, job, entries.of_runs(connection, [job.number]))


def _shown(workspace: WorkspaceId, job: Job, said: Mapping[tuple[int, entries.Kind], dict[str, str]]) -> JsonObject:
    properties = said[job.number, "property"]
    endpoint, _, deployment = properties[invocation.DEPLOYMENT_PROPERTY].partition("/")
    kind = f"{deployments.ENDPOINTS}/deployments/jobs"
    return {
        "id": f"{workspace}/{deployments.ENDPOINTS}/{endpoint}/deployments/{deployment}/jobs/{job.name}",
        "name": job.name,
        "type": f"{PROVIDER}/workspaces/{kind}",
        "properties": {
            "status": job.state,
            "displayName": job.run.name,
            "inputData": job.body.get("inputs") or {},
            "outputData": job.body.get("outputs") or {},
            "tags": said[job.number, "tag"],
            "properties": properties,
            "error": job.run.error,
        },
    }


_ENDPOINT = f"/mferp/managementfrontend{scopes.WORKSPACE}/{deployments.ENDPOINTS}/{{endpoint}}"

ROUTES = (
    Route("POST", f"{_ENDPOINT}/jobs", invoke),
    Route("GET", f"{_ENDPOINT}/jobs", list_of_endpoint),
    Route("GET", f"{_ENDPOINT}/jobs/{{job}}", get),
    Route("GET", f"{_ENDPOINT}/deployments/{{deployment}}/jobs", list_of_deployment),
)
