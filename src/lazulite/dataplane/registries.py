"""Discovery of registries: where a registry that a client knows by its name alone has its assets."""

from lazulite.http import addresses, registries
from lazulite.http.call import Call, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.store import resources


def discover(call: Call, parts: Parts) -> Reply:
    """Answers the registry's resource group and the addresses of its front end, with a slash at the end.

    `registryFqdns` has every region in which there is a workspace: the SDK looks up that of the workspace from which
    it uses the registry. Source: azure-ai-ml 1.35.2 _utils/_registry_utils.py, RegistryDiscovery.
    """
    row = registries.found(call, parts)
    region = row.body["location"]
    with parts.db.read() as connection:
        regions = {one.body["location"] for one in resources.everywhere(connection, "workspaces")} | {region}
    base = f"{addresses.data_plane(call, parts.settings, region)}/"
    return Reply(
        {
            "registryName": row.place.name,
            "tenantId": call.who.tid,
            "primaryRegion": region,
            "regions": sorted(regions),
            "subscriptionId": row.body["subscription"],
            "resourceGroup": row.body["resourceGroup"],
            "primaryRegionResourceProviderUri": base,
            "registryFqdns": {one: {"registryFqdn": base, "uri": base} for one in sorted(regions)},
        }
    )


ROUTES = (Route("GET", "/registrymanagement/v1.0/registries/{registry}/discovery", discover),)
