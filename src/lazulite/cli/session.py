"""What a command about resources works with: the running platform, a token for it, and the workspace that is meant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from lazulite import settings
from lazulite.cli import lock, profile, rest
from lazulite.cli.grammar import Arguments
from lazulite.cli.rest import Arm
from lazulite.errors import BadRequest, NotFound
from lazulite.identity.environment import secret_of
from lazulite.ids import PROVIDER, WorkspaceId, parse_workspace

Json = Any

# The subscription of a workspace that is named without one. Source: guess; any GUID does.
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"


@dataclass(frozen=True)
class Registry:
    """A registry, and where discovery says that it lies."""

    name: str
    subscription: str
    resource_group: str

    def __str__(self) -> str:
        """Prints the path under which its assets are managed. Source: azure-ai-ml 1.35.2, _ml_client.py."""
        where = f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
        return f"/mferp/managementfrontend{where}/providers/{PROVIDER}/registries/{self.name}"


@dataclass(frozen=True)
class Session:
    """An open line to the platform, and one workspace there, or one registry, or both when assets are shared."""

    arm: Arm
    workspace: WorkspaceId
    registry: Registry | None = None

    def path(self, *segments: str) -> str:
        """Returns the path of something in the registry or else the workspace, whatever characters the names hold."""
        return "/".join((quote(str(self.registry or self.workspace)), *(quote(one, safe="") for one in segments)))


def arm() -> Arm:
    """Connects to the platform of LAZULITE_HOME. Raises NotFound when none is up."""
    found = lock.found(settings.read())
    return Arm(found, token(found, "https://management.azure.com"))


def token(found: settings.Settings, resource: str) -> str:
    """Returns a token for a resource."""
    return str(grant(found, resource)["access_token"])


def grant(found: settings.Settings, resource: str) -> Json:
    """Returns `{access_token, expires_on, ...}` from where every program here gets tokens by managed identity."""
    query = urlencode({"api-version": "2019-08-01", "resource": resource})
    answer = rest.send("GET", f"{found.url}/_identity/token?{query}", headers={"X-IDENTITY-HEADER": secret_of(found)})
    return answer.json()


def open_workspace(arguments: Arguments) -> Session:
    """Connects, and decides which workspace is meant. Raises as `arm` and `choose` do."""
    line = arm()
    return Session(line, choose(line, arguments))


def open_assets(arguments: Arguments) -> Session:
    """Connects, and decides whose assets are meant: a registry's, with --registry-name, or a workspace's."""
    if not arguments.registry_name:
        return open_workspace(arguments)
    line = arm()
    found = line.data_plane("GET", f"/registrymanagement/v1.0/registries/{quote(arguments.registry_name)}/discovery")
    where = found.json()
    registry = Registry(where["registryName"], where["subscriptionId"], where["resourceGroup"])
    return Session(line, WorkspaceId(registry.subscription, registry.resource_group, ""), registry)


def choose(line: Arm, arguments: Arguments) -> WorkspaceId:
    """Returns the workspace that flags, AZURE_DEFAULTS_*, or `az configure` name; else the only one there is.

    A subscription that is not named is that of the workspace, if one exists; the one that `az account show` shows, if
    several have a group and a workspace of the names that are meant. Raises BadRequest when several workspaces fit or
    none does.
    """
    subscription = subscription_of(line.settings, arguments)
    group = arguments.resource_group or default(line.settings, "group")
    name = arguments.workspace_name or default(line.settings, "workspace")
    if subscription and group and name:
        return WorkspaceId(subscription, group, name)
    fitting = [one for one in workspaces(line) if _fits(one, subscription, group, name)]
    if len(fitting) == 1:
        return fitting[0]
    current = next((one for one in fitting if group and name and one.subscription == _current(line)), None)
    if current:
        return current
    if group and name and not fitting:
        return WorkspaceId(subscription or SUBSCRIPTION, group, name)
    raise _unclear(fitting)


def _current(line: Arm) -> str:
    """Returns the subscription that `az account show` shows where none was set."""
    return next((str(row["subscriptionId"]) for row in line.all("/subscriptions")), SUBSCRIPTION)


def default(found: settings.Settings, name: str) -> str:
    """Returns a default that AZURE_DEFAULTS_* or `az configure` has set, "" where neither has."""
    return profile.get(found.home, "defaults", name)


def subscription_of(found: settings.Settings, arguments: Arguments) -> str:
    """Returns the id of the subscription that a flag or `az account set` names, "" where neither does."""
    if arguments.subscription:
        return profile.subscription_id(arguments.subscription)
    return profile.subscription(found.home)


def workspaces(line: Arm) -> Sequence[WorkspaceId]:
    """Lists every workspace of the platform, whatever its subscription."""
    return [parse_workspace(row["id"])[0] for row in workspace_rows(line, None)]


def workspace_rows(line: Arm, subscription: str | None) -> Sequence[Json]:
    """Returns ARM's bodies of the workspaces of one subscription, or of all."""
    owners = [subscription] if subscription else [row["subscriptionId"] for row in line.all("/subscriptions")]
    lists = (line.all(f"/subscriptions/{owner}/providers/{PROVIDER}/workspaces") for owner in owners)
    return [row for rows in lists for row in rows]


def _fits(one: WorkspaceId, subscription: str, group: str, name: str) -> bool:
    wanted = ((one.subscription, subscription), (one.resource_group, group), (one.workspace, name))
    return all(not asked or asked.lower() == has.lower() for has, asked in wanted)


def _unclear(fitting: Sequence[WorkspaceId]) -> BadRequest | NotFound:
    hint = "Name it with -g and -w, or once for all with `lazulite az configure --defaults group=G workspace=W`."
    if not fitting:
        return NotFound("It is not said which workspace is meant, and none that exists fits.", hint=hint)
    names = ", ".join(f"{one.resource_group}/{one.workspace}" for one in fitting)
    return BadRequest(f"It is not said which workspace is meant; these could be: {names}.", hint=hint)
