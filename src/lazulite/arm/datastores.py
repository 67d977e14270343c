"""Datastores: where bytes are. The four of every workspace are folders on this machine."""

from lazulite import fields
from lazulite.arm import shapes
from lazulite.arm.families import Child, Context, one_of
from lazulite.errors import BadRequest, Forbidden
from lazulite.http import addresses, scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.identity import accounts
from lazulite.store import resources
from lazulite.store.resources import Place, Resource

_BLOB = ("AzureBlob", "AzureDataLakeGen2")
_NEEDS = {
    "AzureBlob": ("accountName", "containerName"),
    "AzureDataLakeGen2": ("accountName", "filesystem"),
    "AzureFile": ("accountName", "fileShareName"),
    "AzureDataLakeGen1": ("storeName",),
    "OneLake": ("oneLakeWorkspaceName",),
    "Hdfs": ("nameNodeAddress",),
}


def accept(given: JsonObject, context: Context) -> JsonObject:
    """Checks type, the fields that the type needs, and the credentials."""
    kind = one_of(given, "datastoreType", _NEEDS)
    for field in _NEEDS[kind]:
        fields.text(given, f"properties.{field}", required=True)
    credentials = given.get("credentials")
    if not isinstance(credentials, dict) or not isinstance(credentials.get("credentialsType"), str):
        raise BadRequest(
            'A datastore needs credentials with a credentialsType; "None" stands for the caller\'s identity.',
            target="properties.credentials",
        )
    if given.get("isDefault"):
        _unset_default(context)
    return {"isDefault": False, "endpoint": "core.windows.net", "protocol": "https", **given, "datastoreType": kind}


def _unset_default(context: Context) -> None:
    scope, call = context.workspace.scope, context.call
    for row in resources.containers(context.connection, scope, "datastores"):
        if row.body["properties"].get("isDefault"):
            body = {**row.body, "properties": {**row.body["properties"], "isDefault": False}}
            resources.put(context.connection, row.place, body, now=call.now, who=call.who.name)


def show(row: Resource, call: Call, parts: Parts) -> JsonObject:
    """Prints the properties without secrets; the account's name leads the client back here."""
    properties = dict(row.body["properties"])
    credentials = {name: value for name, value in properties["credentials"].items() if name != "secrets"}
    properties["credentials"] = credentials
    if properties.pop("isLocal", False) and is_identity_only(call, parts):
        properties["credentials"] = {"credentialsType": "None"}
    if properties["datastoreType"] in _BLOB:
        properties["accountName"] = addresses.storage_account(call, properties["accountName"])
    return properties


def is_identity_only(call: Call, parts: Parts) -> bool:
    """Tells whether the workspace was told to reach its storage by the caller's identity, without keys.

    Source: learn.microsoft.com/azure/machine-learning/how-to-disable-local-auth-storage, systemDatastoresAuthMode.
    """
    with parts.db.read() as connection:
        row = resources.get(connection, scopes.workspace_place(scopes.named(call)))
    mode = row.body["properties"].get("systemDatastoresAuthMode") if row else None
    return str(mode).lower() == "identity"


def list_datastores(call: Call, parts: Parts) -> Reply:
    """Lists the datastores; `isDefault=true` narrows the list to one."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        rows = resources.containers(connection, workspace.scope, "datastores")
    if call.query.get("isdefault", "").lower() == "true":
        rows = [row for row in rows if row.body["properties"].get("isDefault")]
    return shapes.page([DATASTORE.show(workspace, row, call, parts) for row in rows])


def list_secrets(call: Call, parts: Parts) -> Reply:
    """Answers the account key of a datastore here, or the secrets that its owner had stored.

    An account key rather than a SAS: `jobs.stream` of the SDK signs its own URLs with it.
    Raises Forbidden when the workspace is identity-only or the datastore has no credentials.
    """
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        row = DATASTORE.find(connection, workspace, call.ids["name"])
    properties = row.body["properties"]
    if properties.get("isLocal"):
        if is_identity_only(call, parts):
            raise Forbidden(
                f'Workspace "{workspace.workspace}" has systemDatastoresAuthMode "identity": its storage has no keys.',
                code="KeyBasedAuthenticationNotPermitted",
                hint="Use a credential, or update the workspace with system_datastores_auth_mode='accesskey'.",
            )
        key = accounts.account_key(parts.signing_key, properties["accountName"])
        return Reply({"secretsType": "AccountKey", "key": key})
    secrets = properties["credentials"].get("secrets")
    if not secrets:
        raise BadRequest(f'Datastore "{row.place.name}" has no stored secrets: it is reached by identity.')
    return Reply(secrets)


def put(call: Call, parts: Parts) -> Reply:
    """Makes or replaces a datastore. Those that the workspace was born with keep their place on this machine."""
    workspace = scopes.workspace(call, parts)
    with parts.db.write() as connection:
        before = resources.get(connection, Place(workspace.scope, "datastores", call.ids["name"]))
        if before and before.body["properties"].get("isLocal"):
            given = shapes.properties_of(call.body)
            about = {name: given[name] for name in ("description", "tags", "isDefault") if name in given}
            if about.get("isDefault"):
                _unset_default(Context(workspace, before.place.name, "", call, parts, connection))
            body = {"properties": {**before.body["properties"], **about}}
            row, _ = resources.put(connection, before.place, body, now=call.now, who=call.who.name)
            return Reply(DATASTORE.show(workspace, row, call, parts))
    return DATASTORE.put(call, parts)


DATASTORE = Child("datastores", accept, show)

_ONE = f"{scopes.WORKSPACE}/datastores/{{name}}"

ROUTES = (
    Route("GET", f"{scopes.WORKSPACE}/datastores", list_datastores),
    Route("GET", _ONE, DATASTORE.get),
    Route("PUT", _ONE, put),
    Route("DELETE", _ONE, DATASTORE.delete),
    Route("POST", f"{_ONE}/listSecrets", list_secrets),
)
