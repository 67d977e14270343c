"""Online endpoints: auth mode, traffic, keys and tokens. What answers them is in serving/."""

from sqlalchemy import Connection, delete

from lazulite import fields
from lazulite.arm import endpoints, operations
from lazulite.arm.families import Child, Context, one_of
from lazulite.errors import BadRequest
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.identity import keys, tokens
from lazulite.ids import WorkspaceId
from lazulite.serving import wanted
from lazulite.store import resources
from lazulite.store.resources import Place, Resource
from lazulite.store.tables import deployments

KIND = wanted.ENDPOINTS
AUDIENCE = "https://ml.azure.com"

_AUTH_MODES = ("Key", "AMLToken", "AADToken")
_MIRROR_LIMIT_PERCENT = 50  # Source: learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints
# Source: learn.microsoft.com/azure/machine-learning/how-to-autoscale-endpoints, a rule by a metric of the endpoint.
_OWN_ID = "azureml.onlineendpointid"
_TOKEN_LIFETIME_S = 12 * 3600
_REFRESH_AFTER_S = 10 * 3600


def accept(given: JsonObject, context: Context) -> JsonObject:
    """Checks the name, the auth mode, and that traffic names deployments and adds up."""
    wanted.check_endpoint_name(context.name, "endpoint")
    endpoints.refuse_taken(context, KIND, "An endpoint")
    names = {name.lower() for name in _deployment_names(context.connection, context.workspace, context.name)}
    traffic = _weights(given, "traffic", names)
    if traffic and sum(traffic.values()) not in (0, 100):
        raise BadRequest(
            f"The traffic {traffic} adds up to {sum(traffic.values())}, but must add up to 100, or to 0 for none.",
            target="properties.traffic",
        )
    mirror = _mirror(given, traffic, names)
    _store_keys(given, context)
    kept = {name: value for name, value in given.items() if name != "keys"}
    return {
        "publicNetworkAccess": "Enabled",
        **kept,
        "authMode": one_of({"authMode": "Key", **_filled(given)}, "authMode", _AUTH_MODES),
        "traffic": traffic,
        "mirrorTraffic": mirror,
        "properties": endpoints.without_operation(fields.nested(given, "properties.properties")),
    }


def _filled(given: JsonObject) -> JsonObject:
    return {name: value for name, value in given.items() if value is not None}


def _deployment_names(connection: Connection, workspace: WorkspaceId, endpoint: str) -> list[str]:
    rows = resources.children(connection, workspace.scope, wanted.DEPLOYMENTS, endpoint)
    return [row.place.name.partition("/")[2] for row in rows]


def _weights(given: JsonObject, field: str, names: set[str]) -> dict[str, int]:
    weights = {}
    given_weights = fields.nested(given, f"properties.{field}")
    for name in given_weights:
        wanted.check_endpoint_name(name, "deployment")
        percent = fields.count(given_weights, f"properties.{field}.{name}", 0, least=0, most=100)
        weights[name.lower()] = percent
        if percent and name.lower() not in names:
            known = f"There are {', '.join(sorted(names))}." if names else "There are none yet."
            raise BadRequest(
                f'properties.{field} names the deployment "{name}", which this endpoint does not have. {known}',
                target=f"properties.{field}.{name}",
            )
    return weights


def _mirror(given: JsonObject, traffic: dict[str, int], names: set[str]) -> dict[str, int]:
    mirror = {name: percent for name, percent in _weights(given, "mirrorTraffic", names).items() if percent}
    if len(mirror) > 1 or sum(mirror.values()) > _MIRROR_LIMIT_PERCENT:
        raise BadRequest(
            f"The mirror traffic {mirror} must name one deployment and be at most {_MIRROR_LIMIT_PERCENT} percent.",
            target="properties.mirrorTraffic",
        )
    live = [name for name in mirror if traffic.get(name)]
    if live:
        raise BadRequest(
            f'Deployment "{live[0]}" has live traffic, so none can be mirrored to it.',
            target="properties.mirrorTraffic",
        )
    return mirror


def _store_keys(given: JsonObject, context: Context) -> None:
    owner = wanted.secret_owner(context.workspace, context.name)
    sent = fields.nested(given, "properties.keys")
    for name in ("primaryKey", "secondaryKey"):
        key = fields.text(sent, f"properties.keys.{name}")
        if key or not wanted.secret(context.connection, owner, name):
            wanted.put_secret(context.connection, owner, name, key or keys.new_key())


def show(row: Resource, call: Call, parts: Parts) -> JsonObject:
    """Prints the properties with the addresses where the endpoint answers."""
    base = f"{parts.settings.scoring_url}/{row.place.name}"
    properties = row.body["properties"]
    return {
        **properties,
        "properties": {**properties["properties"], _OWN_ID: f"{scopes.workspace(call, parts)}/{KIND}/{row.place.name}"},
        "scoringUri": f"{base}/score",
        "swaggerUri": f"{base}/swagger.json",
        "provisioningState": "Succeeded",
    }


def show_beside(row: Resource, call: Call) -> JsonObject:
    """Prints kind and identity."""
    kind = "Kubernetes" if row.body["properties"].get("compute") else "Managed"
    return {"kind": kind, "identity": endpoints.identity(row, call)}


def put(call: Call, parts: Parts) -> Reply:
    """Makes or changes an endpoint. When it answers, keys and traffic are in force."""
    return _over(call, parts, ENDPOINT.put(call, parts))


def patch(call: Call, parts: Parts) -> Reply:
    """Changes tags, identity or the properties that the body names; in force when it answers."""
    return _over(call, parts, ENDPOINT.patch(call, parts))


def _over(call: Call, parts: Parts, reply: Reply) -> Reply:
    parts.supervisor.publish()
    workspace = scopes.workspace(call, parts)
    with parts.db.write() as connection:
        operation = endpoints.operation_of(connection, call, workspace, reply.body["id"])
    return Reply(endpoints.with_operation(reply.body, operation), reply.status, operations.POLL_SOON)


def delete_endpoint(call: Call, parts: Parts) -> Reply:
    """Deletes an endpoint with its deployments; their processes stop soon after."""
    workspace, name = scopes.workspace(call, parts), call.ids["name"]
    with parts.db.write() as connection:
        found = resources.remove(connection, Place(workspace.scope, KIND, name))
        here = (deployments.c.scope == workspace.scope) & (deployments.c.endpoint == name.lower())
        connection.execute(delete(deployments).where(here))
        wanted.forget_secrets(connection, wanted.secret_owner(workspace, name))
    parts.supervisor.publish()
    parts.supervisor.wake()
    return Reply(status=200 if found else 204)


def list_keys(call: Call, parts: Parts) -> Reply:
    """Answers `{primaryKey, secondaryKey}`. Raises BadRequest when the endpoint takes tokens."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        row = ENDPOINT.find(connection, workspace, call.ids["name"])
        _refuse_other_auth(row, "Key")
        owner = wanted.secret_owner(workspace, row.place.name)
        found = {name: wanted.secret(connection, owner, name) for name in ("primaryKey", "secondaryKey")}
    return Reply(found)


def regenerate_keys(call: Call, parts: Parts) -> Reply:
    """Replaces one key, by the one sent or a new one; the old one is refused from the answer on."""
    workspace, given = scopes.workspace(call, parts), call.body
    choice = str(given.get("keyType", "")).lower()
    if choice not in ("primary", "secondary"):
        raise BadRequest(
            f'keyType is {given.get("keyType")!r}, but must be "Primary" or "Secondary".', target="keyType"
        )
    with parts.db.write() as connection:
        row = ENDPOINT.find(connection, workspace, call.ids["name"])
        _refuse_other_auth(row, "Key")
        owner, name = wanted.secret_owner(workspace, row.place.name), f"{choice}Key"
        # The SDK sends the *other* key's current value as keyValue; only a value that is new is taken as a wish.
        current = {wanted.secret(connection, owner, each) for each in ("primaryKey", "secondaryKey")}
        sent = fields.text(given, "keyValue")
        wanted.put_secret(connection, owner, name, sent if sent and sent not in current else keys.new_key())
    parts.supervisor.publish()
    return Reply(None, 200)


def get_token(call: Call, parts: Parts) -> Reply:
    """Answers a token for scoring: `{accessToken, tokenType, expiryTimeUtc, refreshAfterTimeUtc}`, epoch seconds."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        row = ENDPOINT.find(connection, workspace, call.ids["name"])
    _refuse_other_auth(row, "AMLToken")
    token = tokens.issue(
        parts.signing_key,
        wanted.token_audience(workspace, row.place.name),
        tenant=call.who.tid,
        oid=call.who.oid,
        name=call.who.name,
        now=call.now,
        lifetime_s=_TOKEN_LIFETIME_S,
    )
    epoch = int(call.now.timestamp())
    return Reply(
        {
            "accessToken": token,
            "tokenType": "Bearer",
            "expiryTimeUtc": epoch + _TOKEN_LIFETIME_S,
            "refreshAfterTimeUtc": epoch + _REFRESH_AFTER_S,
        }
    )


def _refuse_other_auth(row: Resource, mode: str) -> None:
    actual = row.body["properties"]["authMode"]
    if actual != mode:
        what = "keys" if mode == "Key" else "tokens"
        raise BadRequest(
            f'Endpoint "{row.place.name}" has auth mode {actual}, so it has no {what}.',
            hint="Ask your credential for a token for https://ml.azure.com/.default." if actual == "AADToken" else None,
        )


ENDPOINT = Child(KIND, accept, show, show_beside)

_ONE = f"{scopes.WORKSPACE}/{KIND}/{{name}}"

ROUTES = (
    Route("GET", f"{scopes.WORKSPACE}/{KIND}", ENDPOINT.list),
    Route("GET", _ONE, ENDPOINT.get),
    Route("PUT", _ONE, put),
    Route("PATCH", _ONE, patch),
    Route("DELETE", _ONE, delete_endpoint),
    Route("POST", f"{_ONE}/listKeys", list_keys),
    Route("POST", f"{_ONE}/regenerateKeys", regenerate_keys),
    Route("POST", f"{_ONE}/token", get_token),
)
