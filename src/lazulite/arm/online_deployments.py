"""Online deployments: what an endpoint's requests are answered by. Made by serving/supervisor.py after the reply."""

from sqlalchemy import Connection

from lazulite import fields
from lazulite.arm import endpoints, operations, shapes
from lazulite.artifacts import lines
from lazulite.catalog import vm_sizes
from lazulite.errors import BadRequest, NotFound
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.ids import PROVIDER, WorkspaceId
from lazulite.serving import collecting, logs, mirrored, sources, stage, wanted
from lazulite.serving.sources import Sources
from lazulite.store import resources
from lazulite.store.operations import begin
from lazulite.store.resources import Place, Resource

_LOG_TAIL_LINES = 5000  # Source: learn.microsoft.com/rest/api/azureml, OnlineDeployments - Get Logs: the most it gives

_MIRROR_DIFFERENCES = 20

_DEFAULTS: JsonObject = {
    "endpointComputeType": "Managed",
    "appInsightsEnabled": False,
    "egressPublicNetworkAccess": "Enabled",
    "properties": {},
}
# The SDK cannot read a Kubernetes deployment without.
# Source: learn.microsoft.com/azure/machine-learning/how-to-manage-kubernetes-instance-types, the default instance type.
_KUBERNETES_DEFAULTS: JsonObject = {
    "containerResourceRequirements": {
        "containerResourceRequests": {"cpu": "100m", "memory": "2Gi"},
        "containerResourceLimits": {"cpu": "2", "memory": "2Gi"},
    }
}
_NESTED_DEFAULTS: dict[str, JsonObject] = {
    "requestSettings": wanted.REQUEST_DEFAULTS,
    "livenessProbe": wanted.PROBE_DEFAULTS,
    "readinessProbe": wanted.PROBE_DEFAULTS,
    "scaleSettings": {"scaleType": "Default"},
}


def list_deployments(call: Call, parts: Parts) -> Reply:
    """Lists an endpoint's deployments."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        _endpoint(connection, workspace, call.ids["endpoint"])
        rows = resources.children(connection, workspace.scope, wanted.DEPLOYMENTS, call.ids["endpoint"])
        return shapes.page([_show(connection, workspace, row) for row in rows])


def get(call: Call, parts: Parts) -> Reply:
    """Answers one deployment, with provisioningState as it is now."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        return Reply(_show(connection, workspace, _find(connection, workspace, call)))


def put(call: Call, parts: Parts) -> Reply:
    """Asks for a deployment; 201 or 200, and an operation to poll while environment and processes are made.

    Everything that can be checked now is: endpoint, names, references, durations, the VM size.
    """
    workspace, endpoint = scopes.workspace(call, parts), call.ids["endpoint"]
    name = wanted.check_endpoint_name(call.ids["name"], "deployment")
    body = _complete(call.body)
    with parts.db.read() as connection:
        _endpoint(connection, workspace, endpoint)
        path, spec = f"{endpoint}/{name}", wanted.spec_of(body)
        found = sources.find(connection, parts.settings.home, workspace, path, spec)
    _check_size(body, found)
    with parts.db.write() as connection:
        parent = _endpoint(connection, workspace, endpoint)
        reply = _ask(connection, workspace, f"{parent.place.name}/{name}", body, call)
    parts.supervisor.wake()
    return reply


def patch(call: Call, parts: Parts) -> Reply:
    """Changes tags, the number of instances, or the properties that the body names."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        row = _find(connection, workspace, call)
        given = shapes.patched(row.body, call.body)
        body = _complete({**given, "sku": {**row.body["sku"], **(given["sku"] or {})}})
        spec = wanted.spec_of(body)
        found = sources.find(connection, parts.settings.home, workspace, row.place.name, spec)
    _check_size(body, found)
    with parts.db.write() as connection:
        row = _find(connection, workspace, call)
        reply = _ask(connection, workspace, row.place.name, body, call)
    parts.supervisor.wake()
    return reply


def _ask(connection: Connection, workspace: WorkspaceId, path: str, body: JsonObject, call: Call) -> Reply:
    """Writes the body and asks for it to be made, also when it is the body that was there before."""
    endpoint, _, name = path.partition("/")
    place = Place(workspace.scope, wanted.DEPLOYMENTS, path)
    row, is_new = resources.put(connection, place, body, now=call.now, who=call.who.name)
    operation = begin(connection, endpoints.deployment_id(workspace, place), call.now)
    wanted.ask(connection, workspace.scope, endpoint, name, operation)
    address = operations.address(call, workspace.subscription, operation)
    shown = endpoints.with_operation(_show(connection, workspace, row), address)
    return operations.accepted(call, workspace.subscription, operation, shown, 201 if is_new else 200)


def _complete(given: JsonObject) -> JsonObject:
    """Fills in what Azure fills in. Scripts change `request_settings.request_timeout_ms` of what they got, and the SDK
    cannot read a deployment without sku, endpointComputeType and scaleSettings.scaleType.
    """
    properties = shapes.properties_of(given)
    sku = fields.nested(given, "sku")
    filled = {name: value for name, value in properties.items() if value is not None}
    kind = fields.text(filled, "properties.endpointComputeType") or "Managed"
    return {
        **given,
        "kind": kind,
        "sku": {"name": "Default", **sku, "capacity": fields.count(sku, "sku.capacity", 1)},
        "properties": {
            **_DEFAULTS,
            **(_KUBERNETES_DEFAULTS if kind == "Kubernetes" else {}),
            **filled,
            "properties": endpoints.without_operation(fields.nested(filled, "properties.properties")),
            **{name: defaults | _filled(properties, name) for name, defaults in _NESTED_DEFAULTS.items()},
            **({"dataCollector": collecting.shown(properties)} if properties.get("dataCollector") else {}),
            "environmentVariables": fields.texts(properties, "properties.environmentVariables"),
        },
    }


def _filled(properties: JsonObject, name: str) -> JsonObject:
    found = fields.nested(properties, f"properties.{name}")
    return {field: value for field, value in found.items() if value is not None}


def _check_size(body: JsonObject, found: Sources) -> None:
    """Refuses a VM size that Azure would refuse. Walks the model's folder, so no transaction may be open."""
    if body["properties"]["endpointComputeType"] != "Managed":
        return
    name = body["properties"].get("instanceType")
    if not name:
        raise BadRequest("A managed deployment needs an instance_type.", target="properties.instanceType")
    problem = vm_sizes.check_online_size(name)
    if not problem and found.model:
        problem = vm_sizes.check_memory(name, found.model.size_bytes)
    if problem and problem.is_refusal:
        raise BadRequest(problem.message, code=problem.code, target="properties.instanceType", hint=problem.hint)


def delete(call: Call, parts: Parts) -> Reply:
    """Deletes a deployment without live traffic; its processes stop soon after."""
    workspace, endpoint, name = scopes.workspace(call, parts), call.ids["endpoint"], call.ids["name"]
    with parts.db.write() as connection:
        parent = resources.get(connection, Place(workspace.scope, wanted.ENDPOINTS, endpoint))
        percent = parent.body["properties"]["traffic"].get(name.lower(), 0) if parent else 0
        if percent:
            raise BadRequest(
                f'Deployment "{name}" takes {percent} % of the traffic of endpoint "{endpoint}".',
                hint="Move its traffic to another deployment first, or delete the endpoint.",
            )
        found = resources.remove(connection, Place(workspace.scope, wanted.DEPLOYMENTS, f"{endpoint}/{name}"))
        wanted.forget(connection, workspace.scope, endpoint, name)
    parts.supervisor.publish()
    parts.supervisor.wake()
    return Reply(status=200 if found else 204)


def get_logs(call: Call, parts: Parts) -> Reply:
    """Answers `{content}`: the last lines of the server's console, or of what was prepared before it started."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        row = _find(connection, workspace, call)
    given = call.body
    kind, tail = given.get("containerType") or "InferenceServer", given.get("tail") or _LOG_TAIL_LINES
    if kind not in ("InferenceServer", "StorageInitializer"):
        raise BadRequest(
            f'containerType is "{kind}", but must be InferenceServer or StorageInitializer.', target="containerType"
        )
    if not isinstance(tail, int) or tail < 1:
        raise BadRequest(f"tail is {tail!r}, but must be a whole number above 0.", target="tail")
    folder = stage.folder_of(parts.settings.home, row.place.name)
    content = lines.tail(logs.console(folder) if kind == "InferenceServer" else logs.storage(folder), tail)
    return Reply({"content": content})


def mirror_report(call: Call, parts: Parts) -> Reply:
    """Answers how a deployment that gets mirrored traffic compares with the live one; Azure has no such thing.

    Shape: see serving/mirrored.py; the 20 latest differences.
    """
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        row = _find(connection, workspace, call)
    return Reply(mirrored.report(stage.folder_of(parts.settings.home, row.place.name), _MIRROR_DIFFERENCES))


def list_skus(call: Call, parts: Parts) -> Reply:
    """Lists how far a deployment can be scaled."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        _find(connection, workspace, call)
    capacity = {"minimum": 1, "maximum": 1000, "default": 1, "scaleType": "Manual"}
    return shapes.page(
        [{"resourceType": f"{PROVIDER}/endpoints/deployments", "sku": {"name": "Default"}, "capacity": capacity}]
    )


def _endpoint(connection: Connection, workspace: WorkspaceId, endpoint: str) -> Resource:
    row = resources.get(connection, Place(workspace.scope, wanted.ENDPOINTS, endpoint))
    if not row:
        raise NotFound(
            f'Endpoint "{endpoint}" was not found in workspace "{workspace.workspace}".',
            code="ParentResourceNotFound",
            hint="Create the endpoint first; it is there as soon as its request is answered.",
        )
    return row


def _find(connection: Connection, workspace: WorkspaceId, call: Call) -> Resource:
    endpoint, name = call.ids["endpoint"], call.ids["name"]
    parent = _endpoint(connection, workspace, endpoint)
    row = resources.get(connection, Place(workspace.scope, wanted.DEPLOYMENTS, f"{endpoint}/{name}"))
    if row:
        return row
    rows = resources.children(connection, workspace.scope, wanted.DEPLOYMENTS, endpoint)
    known = ", ".join(item.place.name.partition("/")[2] for item in rows)
    has = f"It has {known}." if known else "It has none yet."
    raise NotFound(f'Endpoint "{parent.place.name}" has no deployment "{name}". {has}', target="name")


def _show(connection: Connection, workspace: WorkspaceId, row: Resource) -> JsonObject:
    endpoint, _, name = row.place.name.partition("/")
    state, error = wanted.state(connection, workspace.scope, endpoint, name)
    properties = {**row.body["properties"], "provisioningState": state}
    if error:
        properties["provisioningError"] = error
    return shapes.envelope(row, endpoints.deployment_id(workspace, row.place), wanted.DEPLOYMENTS, properties)


_ALL = f"{scopes.WORKSPACE}/{wanted.ENDPOINTS}/{{endpoint}}/deployments"
_ONE = f"{_ALL}/{{name}}"

ROUTES = (
    Route("GET", _ALL, list_deployments),
    Route("GET", _ONE, get),
    Route("PUT", _ONE, put),
    Route("PATCH", _ONE, patch),
    Route("DELETE", _ONE, delete),
    Route("POST", f"{_ONE}/getLogs", get_logs),
    Route("GET", f"{_ONE}/skus", list_skus),
    Route("GET", f"{_ONE}/mirrorReport", mirror_report),
)
