"""Role assignments: kept as they are told. Nobody is denied anything here, whatever roles he has."""

from collections.abc import Mapping

from lazulite import fields
from lazulite.arm import shapes
from lazulite.errors import NotFound
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.ids import check_name
from lazulite.store import resources
from lazulite.store.resources import Place, Resource

_PROVIDER = "Microsoft.Authorization"
_PARTIAL = "nobody is denied anything, whatever roles he has"
# Source: learn.microsoft.com/azure/role-based-access-control/built-in-roles.
ROLES: Mapping[str, str] = {
    "Owner": "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Reader": "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    "User Access Administrator": "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
    "AzureML Data Scientist": "f6c7c914-8db3-469d-8ca1-694a8f32e121",
    "AzureML Compute Operator": "e503ece1-11d0-4e8e-8e2c-7a6c3bf38815",
    "AzureML Registry User": "1823dd4f-9b8c-4ab6-ab4e-7397a3684615",
    "AcrPull": "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "AcrPush": "8311e382-0749-4cb8-b61a-304f252e45ec",
    "Storage Account Contributor": "17d1049b-9a84-46fb-8f53-869881c3d3ab",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "Key Vault Administrator": "00482a5a-887f-4fb3-b363-3b7fe8e74483",
    "Key Vault Secrets Officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
}


def list_roles(call: Call, parts: Parts) -> Reply:
    """Lists the roles that programs for Azure ML give."""
    return shapes.page([_role(name, id) for name, id in ROLES.items()])


def _role(name: str, id: str) -> JsonObject:
    properties = {"roleName": name, "type": "BuiltInRole", "description": "", "assignableScopes": ["/"]}
    kind = f"{_PROVIDER}/roleDefinitions"
    return {"id": f"/providers/{kind}/{id}", "name": id, "type": kind, "properties": properties}


def put(call: Call, parts: Parts) -> Reply:
    """Notes that somebody has a role somewhere: `properties: {roleDefinitionId, principalId, principalType}`."""
    given = fields.nested(call.body, "properties")
    body = {
        "at": _scope(call),
        "properties": {
            "roleDefinitionId": fields.text(given, "properties.roleDefinitionId", required=True),
            "principalId": fields.text(given, "properties.principalId", required=True),
            "principalType": fields.text(given, "properties.principalType") or "ServicePrincipal",
        },
    }
    place = _place(check_name(call.ids["name"], "roleAssignments"))
    with parts.db.write() as connection:
        row, is_new = resources.put(connection, place, body, now=call.now, who=call.who.name)
    return Reply(_show(row), 201 if is_new else 200)


def get(call: Call, parts: Parts) -> Reply:
    """Answers one assignment."""
    with parts.db.read() as connection:
        row = resources.get(connection, _place(call.ids["name"]))
    if not row:
        raise NotFound(f"The role assignment '{call.ids['name']}' is not found.", code="RoleAssignmentNotFound")
    return Reply(_show(row))


def list_assignments(call: Call, parts: Parts) -> Reply:
    """Lists the assignments at a scope and below."""
    scope = _scope(call).lower()
    with parts.db.read() as connection:
        rows = resources.containers(connection, _place("").scope, _place("").kind)
    return shapes.page([_show(row) for row in rows if f"{row.body['at'].lower()}/".startswith(f"{scope}/")])


def delete(call: Call, parts: Parts) -> Reply:
    """Forgets an assignment."""
    with parts.db.write() as connection:
        was_there = resources.remove(connection, _place(call.ids["name"]))
    return Reply(status=200 if was_there else 204)


def _place(name: str) -> Place:
    return Place("", "roleAssignments", name)


def _scope(call: Call) -> str:
    """Returns what the path names before the assignments: a subscription, a group, a resource."""
    path = f"/subscriptions/{call.ids['subscription']}"
    if "group" in call.ids:
        path += f"/resourceGroups/{call.ids['group']}"
    if "namespace" in call.ids:
        path += f"/providers/{call.ids['namespace']}/{call.ids['kind']}/{call.ids['resource']}"
    return path + (f"/{call.ids['kinds']}/{call.ids['child']}" if "child" in call.ids else "")


def _show(row: Resource) -> JsonObject:
    kind = f"{_PROVIDER}/roleAssignments"
    properties = {**row.body["properties"], "scope": row.body["at"]}
    name = row.place.name
    return {"id": f"{row.body['at']}/providers/{kind}/{name}", "name": name, "type": kind, "properties": properties}


_SUBSCRIPTION = "/subscriptions/{subscription}"
_GROUP = f"{_SUBSCRIPTION}/resourceGroups/{{group}}"
_RESOURCE = f"{_GROUP}/providers/{{namespace}}/{{kind}}/{{resource}}"
_SCOPES = (_SUBSCRIPTION, _GROUP, _RESOURCE, f"{_RESOURCE}/{{kinds}}/{{child}}")

ROUTES = (
    *(Route("GET", f"{scope}/providers/{_PROVIDER}/roleDefinitions", list_roles, _PARTIAL) for scope in _SCOPES),
    *(Route("GET", f"{scope}/providers/{_PROVIDER}/roleAssignments", list_assignments, _PARTIAL) for scope in _SCOPES),
    *(Route("GET", f"{scope}/providers/{_PROVIDER}/roleAssignments/{{name}}", get, _PARTIAL) for scope in _SCOPES),
    *(Route("PUT", f"{scope}/providers/{_PROVIDER}/roleAssignments/{{name}}", put, _PARTIAL) for scope in _SCOPES),
    *(
        Route("DELETE", f"{scope}/providers/{_PROVIDER}/roleAssignments/{{name}}", delete, _PARTIAL)
        for scope in _SCOPES
    ),
)
