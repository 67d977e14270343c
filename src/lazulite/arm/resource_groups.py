"""Subscriptions, resource groups, and ARM template deployments as far as creating a workspace needs them."""

from typing import Any

from lazulite import clock, fields
from lazulite.arm import shapes
from lazulite.errors import BadRequest, NotFound
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.ids import PROVIDER, WorkspaceId
from lazulite.store import resources
from lazulite.store.resources import Place, Resource

_TENANT_NAME = "Lazulite"


def get_subscription(call: Call, parts: Parts) -> Reply:
    """Answers any subscription that is asked for: there is no bill. From then on it is listed.

    SDK v1 asks for nothing in a subscription before it has seen it in the list.
    """
    subscription = call.ids["subscription"]
    place = Place(subscription.lower(), "subscriptions", subscription)
    with parts.db.read() as connection:
        is_known = resources.get(connection, place)
    if not is_known:
        with parts.db.write() as connection:
            resources.put(connection, place, {}, now=call.now, who=call.who.name)
    return Reply(_subscription(subscription, call))


def list_subscriptions(call: Call, parts: Parts) -> Reply:
    """Lists the subscriptions that something lies in, and those that were asked for."""
    with parts.db.read() as connection:
        rows = [
            *resources.everywhere(connection, "resourceGroups"),
            *resources.everywhere(connection, "subscriptions"),
        ]
    return shapes.page([_subscription(name, call) for name in sorted({row.place.scope for row in rows})])


def get_group(call: Call, parts: Parts) -> Reply:
    """Answers a resource group; one that was never named comes into being unless strict."""
    subscription, group = call.ids["subscription"], call.ids["group"]
    with parts.db.write() as connection:
        row = resources.get(connection, Place(subscription.lower(), "resourceGroups", group))
        if not row and parts.settings.strict:
            raise NotFound(f"Resource group '{group}' could not be found.", code="ResourceGroupNotFound")
        row = row or scopes.ensure_group(connection, subscription, group, parts.settings.region, call)
    return Reply(_show_group(row, subscription))


def list_groups(call: Call, parts: Parts) -> Reply:
    """Lists a subscription's resource groups."""
    subscription = call.ids["subscription"]
    with parts.db.read() as connection:
        rows = resources.containers(connection, subscription.lower(), "resourceGroups")
    return shapes.page([_show_group(row, subscription) for row in rows])


def put_group(call: Call, parts: Parts) -> Reply:
    """Makes a resource group or replaces its tags."""
    subscription, group, body = call.ids["subscription"], call.ids["group"], call.body
    if not fields.text(body, "location"):
        raise BadRequest("A resource group needs a location.", target="location", code="LocationRequired")
    tags = fields.texts(body, "tags")
    with parts.db.write() as connection:
        before = resources.get(connection, Place(subscription.lower(), "resourceGroups", group))
        row = scopes.ensure_group(connection, subscription, group, body["location"], call)
        body = {**row.body, "tags": tags}
        row, _ = resources.put(connection, row.place, body, now=call.now, who=call.who.name)
    return Reply(_show_group(row, subscription), 200 if before else 201)


def delete_group(call: Call, parts: Parts) -> Reply:
    """Deletes an empty resource group."""
    subscription, group = call.ids["subscription"], call.ids["group"]
    with parts.db.write() as connection:
        scopes.refuse_used_group(connection, subscription, group)
        found = resources.remove(connection, Place(subscription.lower(), "resourceGroups", group))
    return Reply(status=200 if found else 204)


def put_deployment(call: Call, parts: Parts) -> Reply:
    """Deploys a template by its parameters: what they name is a workspace, and it is made.

    The template itself is not evaluated: the SDK sends one of two fixed ones. Reads
    properties.parameters.{workspaceName, location, kind, friendlyName, description, tagValues, ...}.value.
    Source: azure-ai-ml 1.35.2 operations/_workspace_operations_base.py, _populate_arm_parameters.
    """
    given = shapes.properties_of(call.body)
    asked = fields.nested(given, "properties.parameters")
    parameters = {name: fields.nested(asked, f"properties.parameters.{name}").get("value") for name in asked}
    name = parameters.get("workspaceName")
    if not isinstance(name, str):
        raise BadRequest(
            "This template deployment names no workspace: Lazulite deploys workspaces only.",
            target="properties.parameters.workspaceName",
        )
    body = _workspace_body(parameters)
    shapes.properties_of(body)
    workspace = WorkspaceId(call.ids["subscription"], call.ids["group"], name)
    place = Place(f"{call.ids['subscription']}/{call.ids['group']}".lower(), "deployments", call.ids["name"])
    with parts.db.write() as connection:
        scopes.ensure(connection, workspace, body, call, parts)
        record = {"properties": {**given, "workspace": name, "operationId": call.ids["name"]}}
        row, is_new = resources.put(connection, place, record, now=call.now, who=call.who.name)
    return Reply(_show_deployment(row, call), 201 if is_new else 200)


def get_deployment(call: Call, parts: Parts) -> Reply:
    """Answers a finished deployment."""
    return Reply(_show_deployment(_deployment(call, parts), call))


def list_deployment_operations(call: Call, parts: Parts) -> Reply:
    """Lists what a deployment made: the one workspace."""
    row = _deployment(call, parts)
    name = row.body["properties"]["workspace"]
    workspace = WorkspaceId(call.ids["subscription"], call.ids["group"], name)
    operation = {
        "operationId": row.place.name,
        "properties": {
            "provisioningOperation": "Create",
            "provisioningState": "Succeeded",
            "duration": "PT1S",
            "timestamp": clock.iso(row.modified_at),
            "statusCode": "OK",
            "targetResource": {
                "id": str(workspace),
                "resourceName": name,
                "resourceType": f"{PROVIDER}/workspaces",
            },
        },
    }
    return shapes.page([operation])


def _workspace_body(parameters: JsonObject) -> JsonObject:
    wanted = ("friendlyName", "description", "publicNetworkAccess", "systemDatastoresAuthMode", "imageBuildCompute")
    properties = {name: parameters[name] for name in wanted if parameters.get(name)}
    if parameters.get("workspace_hub"):
        properties["hubResourceId"] = parameters["workspace_hub"]
    body: dict[str, Any] = {"properties": properties, "tags": parameters.get("tagValues") or {}}
    for ours, theirs in (("location", "location"), ("kind", "kind"), ("identity", "identity")):
        if parameters.get(theirs):
            body[ours] = parameters[theirs]
    return body


def _deployment(call: Call, parts: Parts) -> Resource:
    place = Place(f"{call.ids['subscription']}/{call.ids['group']}".lower(), "deployments", call.ids["name"])
    with parts.db.read() as connection:
        row = resources.get(connection, place)
    if not row:
        raise NotFound(f"Deployment '{call.ids['name']}' could not be found.", code="DeploymentNotFound")
    return row


def _subscription(subscription: str, call: Call) -> JsonObject:
    return {
        "id": f"/subscriptions/{subscription}",
        "subscriptionId": subscription,
        "displayName": f"{_TENANT_NAME} {subscription[:8]}",
        "tenantId": call.who.tid,
        "state": "Enabled",
    }


def _show_group(row: Resource, subscription: str) -> JsonObject:
    name = row.place.name
    arm_id = f"/subscriptions/{subscription}/resourceGroups/{name}"
    return {"id": arm_id, "name": name, "type": "Microsoft.Resources/resourceGroups", **row.body}


def _show_deployment(row: Resource, call: Call) -> JsonObject:
    group = f"/subscriptions/{call.ids['subscription']}/resourceGroups/{call.ids['group']}"
    return {
        "id": f"{group}/providers/Microsoft.Resources/deployments/{row.place.name}",
        "name": row.place.name,
        "type": "Microsoft.Resources/deployments",
        "properties": {
            "provisioningState": "Succeeded",
            "duration": "PT1S",
            "timestamp": clock.iso(row.modified_at),
            "mode": "Incremental",
            "parameters": row.body["properties"].get("parameters") or {},
            "outputs": {},
        },
    }


_DEPLOYMENT = f"{scopes.GROUP}/providers/Microsoft.Resources/deployments/{{name}}"

ROUTES = (
    Route("GET", "/subscriptions", list_subscriptions),
    Route("GET", "/subscriptions/{subscription}", get_subscription),
    Route("GET", "/subscriptions/{subscription}/resourceGroups", list_groups),
    Route("GET", scopes.GROUP, get_group),
    Route("PUT", scopes.GROUP, put_group),
    Route("DELETE", scopes.GROUP, delete_group),
    Route("PUT", _DEPLOYMENT, put_deployment, partial="templates that create a workspace only"),
    Route("GET", _DEPLOYMENT, get_deployment),
    # The SDK asks without `providers/…` in this path. Source: wire observations, azure-ai-ml 1.35.2.
    Route("GET", f"{scopes.GROUP}/deployments/{{name}}/operations", list_deployment_operations),
    Route("GET", f"{_DEPLOYMENT}/operations", list_deployment_operations),
)
