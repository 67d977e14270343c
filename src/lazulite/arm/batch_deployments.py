"""Batch deployments: what an endpoint's jobs are made of, a model with its script, or a pipeline component."""

from sqlalchemy import Connection

from lazulite.arm import endpoints, operations, shapes
from lazulite.batch import deployments
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.ids import WorkspaceId
from lazulite.serving import mlflow_models
from lazulite.serving.wanted import check_endpoint_name
from lazulite.store import resources
from lazulite.store.resources import Place, Resource

KIND = deployments.DEPLOYMENTS


def list_deployments(call: Call, parts: Parts) -> Reply:
    """Lists an endpoint's deployments."""
    workspace, endpoint = scopes.workspace(call, parts), call.ids["endpoint"]
    with parts.db.read() as connection:
        deployments.endpoint(connection, workspace, endpoint)
        rows = resources.children(connection, workspace.scope, KIND, endpoint)
    return shapes.page([_show(workspace, row) for row in rows])


def get(call: Call, parts: Parts) -> Reply:
    """Answers one deployment."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        return Reply(_show(workspace, _find(connection, workspace, call)))


def put(call: Call, parts: Parts) -> Reply:
    """Makes or changes a deployment; done when it answers. Its environment is built by the first job.

    Everything that can be checked now is: endpoint, names, model, environment, code and script, compute, settings.
    """
    workspace, endpoint = scopes.workspace(call, parts), call.ids["endpoint"]
    name = check_endpoint_name(call.ids["name"], "deployment")
    with parts.db.write() as connection:
        parent = deployments.endpoint(connection, workspace, endpoint)
        return _put(connection, call, parts, workspace, f"{parent.place.name}/{name}", call.body)


def patch(call: Call, parts: Parts) -> Reply:
    """Changes tags or the properties that the body names."""
    workspace = scopes.workspace(call, parts)
    with parts.db.write() as connection:
        row = _find(connection, workspace, call)
        return _put(connection, call, parts, workspace, row.place.name, shapes.patched(row.body, call.body))


def delete(call: Call, parts: Parts) -> Reply:
    """Deletes a deployment; an endpoint whose default it was has none then. Jobs that it made go on.

    Source: guess; nothing says whether Azure would keep the default's name, or refuse.
    """
    workspace, endpoint, name = scopes.workspace(call, parts), call.ids["endpoint"], call.ids["name"]
    with parts.db.write() as connection:
        found = resources.remove(connection, Place(workspace.scope, KIND, f"{endpoint}/{name}"))
        parent = resources.get(connection, Place(workspace.scope, deployments.ENDPOINTS, endpoint))
        if parent and deployments.default_of(parent).lower() == name.lower():
            properties = {**parent.body["properties"], "defaults": {"deploymentName": None}}
            body = {**parent.body, "properties": properties}
            resources.put(connection, parent.place, body, now=call.now, who=call.who.name)
    return Reply(status=200 if found else 204)


def _find(connection: Connection, workspace: WorkspaceId, call: Call) -> Resource:
    parent = deployments.endpoint(connection, workspace, call.ids["endpoint"])
    return deployments.deployment(connection, workspace, parent.place.name, call.ids["name"])


def _put(
    connection: Connection, call: Call, parts: Parts, workspace: WorkspaceId, path: str, given: JsonObject
) -> Reply:
    properties = _accept(connection, parts, workspace, shapes.properties_of(given))
    body = {**given, "properties": properties}
    place = Place(workspace.scope, KIND, path)
    row, is_new = resources.put(connection, place, body, now=call.now, who=call.who.name)
    operation = endpoints.operation_of(connection, call, workspace, endpoints.deployment_id(workspace, place))
    shown = endpoints.with_operation(_show(workspace, row), operation)
    return Reply(shown, 201 if is_new else 200, operations.POLL_SOON)


def _accept(connection: Connection, parts: Parts, workspace: WorkspaceId, given: JsonObject) -> JsonObject:
    """Returns the properties completed, once all that they name is there."""
    properties = deployments.complete(given)
    kept = endpoints.without_operation(properties.get("properties") or {})
    if deployments.is_pipeline(properties):
        deployments.component(connection, workspace, properties)
    else:
        found = deployments.find_parts(connection, parts.settings.home, workspace, properties)
        if not found.environment:
            mlflow_models.environment(found.model.place.name, found.model.place.version, found.model_path)
    return {**properties, "properties": kept}


def _show(workspace: WorkspaceId, row: Resource) -> JsonObject:
    properties = {**row.body["properties"], "provisioningState": "Succeeded"}
    return shapes.envelope(row, endpoints.deployment_id(workspace, row.place), KIND, properties)


_ALL = f"{scopes.WORKSPACE}/{deployments.ENDPOINTS}/{{endpoint}}/deployments"
_ONE = f"{_ALL}/{{name}}"

ROUTES = (
    Route("GET", _ALL, list_deployments),
    Route("GET", _ONE, get),
    Route("PUT", _ONE, put),
    Route("PATCH", _ONE, patch),
    Route("DELETE", _ONE, delete),
)
