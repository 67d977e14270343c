"""Connections of a workspace to services elsewhere: kept with their secrets, which only `listsecrets` gives out."""

from collections.abc import Mapping
from dataclasses import replace

from lazulite import fields
from lazulite.arm import shapes
from lazulite.arm.families import Child, Context, one_of
from lazulite.errors import BadRequest
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.store import resources
from lazulite.store.resources import Resource

# Source: azure-ai-ml 1.35.2 _restclient/arm_ml_service/models/_enums.py, ConnectionAuthType, as far as the SDK reads
# them again: entities/_credentials.py, _get_credential_class_from_rest_type.
_AUTH_TYPES = (
    "PAT",
    "ManagedIdentity",
    "UsernamePassword",
    "None",
    "SAS",
    "AccountKey",
    "ServicePrincipal",
    "AccessKey",
    "ApiKey",
    "AAD",
)
# What the SDK's class of a category cannot do without.
# Source: azure-ai-ml 1.35.2 entities/_workspace/connections/connection_subtypes.py, _get_required_metadata_fields.
_METADATA: Mapping[str, tuple[str, ...]] = {
    "azureblob": ("AccountName", "ContainerName"),
    "aiservices": ("ResourceId",),
}
# Those whose address everybody knows.
_WITHOUT_TARGET = ("openai", "serp")
# What a list leaves out unless `includeAll` is true. Source: azure-ai-ml 1.35.2, DATASTORE_CONNECTIONS.
_OF_DATA = ("azureblob", "adlsgen2", "azureonelake")


def accept(given: JsonObject, context: Context) -> JsonObject:
    """Checks category, target, authType, and what the SDK needs to read the connection again."""
    category = fields.text(given, "properties.category", required=True)
    fields.text(given, "properties.target", required=category.lower() not in _WITHOUT_TARGET)
    auth = one_of(given, "authType", _AUTH_TYPES)
    metadata = fields.texts(given, "properties.metadata")
    for name in _METADATA.get(category.lower(), ()):
        if not metadata.get(name):
            raise BadRequest(
                f"A connection of category {category} needs {name} in its metadata.",
                target=f"properties.metadata.{name}",
            )
    fields.texts(given, "properties.credentials")
    fields.flag(given, "properties.isSharedToAll")
    return {"isSharedToAll": True, **given, "authType": auth, "metadata": metadata}


def show(row: Resource, call: Call, parts: Parts) -> JsonObject:
    """Prints the properties without secrets."""
    return {**row.body["properties"], "credentials": None}


def put(call: Call, parts: Parts) -> Reply:
    """Makes or replaces a connection. Always 200: the SDK refuses 201 here. Source: wire observations, 1.35.2."""
    return replace(CONNECTION.put(call, parts), status=200)


def list_connections(call: Call, parts: Parts) -> Reply:
    """Lists the connections of a `category`, or all; those of datastores only where `includeAll` is true."""
    workspace = scopes.workspace(call, parts)
    category = call.query.get("category", "").lower()
    is_all = call.query.get("includeall", "").lower() == "true"
    with parts.db.read() as connection:
        rows = resources.containers(connection, workspace.scope, "connections")
    of = [(row.body["properties"]["category"].lower(), row) for row in rows]
    wanted = [row for one, row in of if (one == category if category else is_all or one not in _OF_DATA)]
    return shapes.page([CONNECTION.show(workspace, row, call, parts) for row in wanted])


def list_secrets(call: Call, parts: Parts) -> Reply:
    """Answers a connection with its credentials, as its owner had stored them."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        row = CONNECTION.find(connection, workspace, call.ids["name"])
    shown = CONNECTION.show(workspace, row, call, parts)
    secrets = {"credentials": row.body["properties"].get("credentials")}
    return Reply({**shown, "properties": {**shown["properties"], **secrets}})


CONNECTION = Child("connections", accept, show)

_ALL = f"{scopes.WORKSPACE}/connections"
_ONE = f"{_ALL}/{{name}}"

ROUTES = (
    Route("GET", _ALL, list_connections),
    Route("GET", _ONE, CONNECTION.get),
    Route("PUT", _ONE, put),
    Route("DELETE", _ONE, CONNECTION.delete),
    Route("POST", f"{_ONE}/listsecrets", list_secrets),
)
