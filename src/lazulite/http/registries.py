"""Registries: what several workspaces share. They come into being when first named, as workspaces do."""

from sqlalchemy import Connection

from lazulite.environments.registered import AZUREML
from lazulite.errors import Forbidden, NotFound
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject
from lazulite.http.parts import Parts
from lazulite.ids import PROVIDER, Owner, RegistryId, check_name
from lazulite.store import resources
from lazulite.store.resources import Place, Resource

ARM = f"{scopes.GROUP}/providers/{PROVIDER}/registries/{{registry}}"
# Where the SDK asks for what is in a registry. Source: azure-ai-ml 1.35.2 _utils/_registry_utils.py, MFE_PATH_PREFIX.
FRONT_END = f"/mferp/managementfrontend{ARM}"

# Where a registry lies that was only ever named. Source: guess; any GUID does.
_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
_GROUP = "registries"


def place(name: str) -> Place:
    """Returns where a registry's row lives: names of registries are unique among all subscriptions."""
    return Place("azureml://registries", "registries", name)


def owner(call: Call, parts: Parts) -> Owner:
    """Returns the registry or the workspace that the path names, as `registry` and `scopes.workspace` do."""
    return registry(call, parts) if "registry" in call.ids else scopes.workspace(call, parts)


def registry(call: Call, parts: Parts) -> RegistryId:
    """Returns the registry that the path names, in the casing it was made with; makes it unless strict.

    Raises NotFound (404 ResourceNotFound) in strict mode, Forbidden for changes to Azure's own registry.
    """
    name = found(call, parts).place.name
    if call.method != "GET" and name.lower() == AZUREML:
        raise Forbidden(
            f'Registry "{name}" is Azure\'s own: it holds the curated environments, and nothing can be put there.',
            target="registry",
            hint="Name a registry of yours.",
        )
    return RegistryId(name)


def found(call: Call, parts: Parts) -> Resource:
    """Returns the row of the registry that the path names; makes it, or raises, as `registry` does."""
    name = call.ids["registry"]
    with parts.db.read() as connection:
        row = resources.get(connection, place(name))
    if row:
        return row
    if parts.settings.strict and name.lower() != AZUREML:
        raise NotFound(
            f'Registry "{name}" was not found.',
            target="registry",
            hint="Create the registry first, or start the platform without --strict.",
        )
    with parts.db.write() as connection:
        return ensure(connection, {}, call, parts)


def ensure(connection: Connection, body: JsonObject, call: Call, parts: Parts) -> Resource:
    """Returns the row of the registry that the path names; makes it if it is not there.

    body: ARM's `{location, identity, tags, properties}`, whatever is given of it.
    """
    name = check_name(call.ids["registry"], "registry")
    known = resources.get(connection, place(name))
    if known:
        return known
    location = str(body.get("location") or parts.settings.region)
    subscription, group = call.ids.get("subscription", _SUBSCRIPTION), call.ids.get("group", _GROUP)
    if "group" in call.ids:
        scopes.ensure_group(connection, subscription, group, location, call)
    complete = {
        "identity": {"type": "SystemAssigned"},
        "tags": {},
        **body,
        "location": location,
        "subscription": subscription,
        "resourceGroup": group,
        "properties": {
            "publicNetworkAccess": "Enabled",
            "regionDetails": [{"location": location, "acrDetails": [], "storageAccountDetails": []}],
            **body.get("properties", {}),
        },
    }
    row, _ = resources.put(connection, place(name), complete, now=call.now, who=call.who.name)
    return row
