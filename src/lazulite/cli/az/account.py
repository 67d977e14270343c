"""`az login`, `az logout`, `az account`: nobody is kept out here, so a login only lists the subscriptions."""

from datetime import datetime

from lazulite import settings
from lazulite.cli import profile, rest, session
from lazulite.cli.az.flags import GLOBAL, NO_EFFECT, subscription
from lazulite.cli.grammar import Arguments, Command, Group, Json, flag
from lazulite.identity.environment import CLIENT, TENANT

# What `az account get-access-token --resource-type` may be. Source: azure-cli 2.77, profile/__init__.py and cloud.py.
_RESOURCES = {
    "aad-graph": "https://graph.windows.net/",
    "arm": "https://management.azure.com",
    "batch": "https://batch.core.windows.net/",
    "data-lake": "https://datalake.azure.net/",
    "media": "https://rest.media.azure.net",
    "ms-graph": "https://graph.microsoft.com",
    "oss-rdbms": "https://ossrdbms-aad.database.windows.net",
}


def _get_access_token(arguments: Arguments) -> Json:
    resource = (arguments.scope or [""])[0].removesuffix("/.default") or arguments.resource
    line = session.arm()
    grant = session.grant(line.settings, resource or _RESOURCES[arguments.resource_type or "arm"])
    epoch = int(grant["expires_on"])
    return {
        "accessToken": grant["access_token"],
        "expiresOn": datetime.fromtimestamp(epoch).strftime("%Y-%m-%d %H:%M:%S.%f"),  # local time, as az prints it
        "expires_on": epoch,
        "subscription": subscription(line, arguments),
        "tenant": arguments.tenant or TENANT,
        "tokenType": "Bearer",
    }


def _accounts() -> list[Json]:
    line = session.arm()
    stored = profile.subscription(line.settings.home)
    known = [row["subscriptionId"] for row in line.all("/subscriptions")]
    current = stored or next(iter(known), session.SUBSCRIPTION)
    return [_account(line, one, one == current) for one in sorted({current, *known})]


def _account(line: rest.Arm, id: str, is_default: bool) -> Json:
    return {
        "cloudName": "AzureCloud",
        "environmentName": "AzureCloud",
        "homeTenantId": TENANT,
        "id": id,
        "isDefault": is_default,
        "managedByTenants": [],
        "name": profile.subscription_name(line.settings.home, id),
        "state": "Enabled",
        "tenantDefaultDomain": "lazulite",
        "tenantDisplayName": "Lazulite",
        "tenantId": TENANT,
        "user": {"name": CLIENT, "type": "servicePrincipal"},
    }


def _show(arguments: Arguments) -> Json:
    line = session.arm()
    return _account(line, subscription(line, arguments), True)


def _list(arguments: Arguments) -> Json:
    return _accounts()


def _set(arguments: Arguments) -> None:
    profile.set_subscription(settings.read().home, arguments.subscription)


def _list_locations(arguments: Arguments) -> Json:
    """Lists the one region that there is: this platform's."""
    line = session.arm()
    region, here = line.settings.region, subscription(line, arguments)
    return [
        {
            "displayName": region,
            "id": f"/subscriptions/{here}/locations/{region}",
            "metadata": {"regionType": "Physical"},
            "name": region,
            "regionalDisplayName": region,
            "type": "Region",
        }
    ]


def _clear(arguments: Arguments) -> None:
    profile.set_subscription(settings.read().home, "")


def _login(arguments: Arguments) -> Json:
    return _accounts()


def _list_tenants(arguments: Arguments) -> Json:
    return [{"id": f"/tenants/{TENANT}", "tenantId": TENANT, "displayName": "Lazulite", "tenantCategory": "Home"}]


_SUBSCRIPTION = flag("--subscription", "--name", "-s", "-n", metavar="ID", help="The subscription, by id or name.")
_OWN = tuple(one for one in GLOBAL if "--subscription" not in one.names)
# How one may log in to Azure; here every way is as good as any.
_LOGIN_FLAGS = (
    flag("--username", "-u", "--client-id", "--object-id", "--resource-id", help=NO_EFFECT),
    flag("--password", "-p", "--federated-token", "--claims-challenge", help=NO_EFFECT),
    flag("--certificate", help=NO_EFFECT),
    flag("--tenant", "-t", help=NO_EFFECT),
    flag("--scope", nargs="+", help=NO_EFFECT),
    flag("--service-principal", action="store_true", help=NO_EFFECT),
    flag(
        "--identity",
        "-i",
        "--use-device-code",
        "--allow-no-subscriptions",
        "--use-cert-sn-issuer",
        action="store_true",
        help=NO_EFFECT,
    ),
)
_TOKEN_FLAGS = (
    flag("--resource", metavar="URL", help="What the token is for; Azure Resource Manager if not given."),
    flag("--resource-type", choices=tuple(_RESOURCES), help="The same, by a word."),
    flag("--scope", nargs="+", metavar="SCOPE", help="The same, as a scope: URL/.default."),
    flag("--tenant", "-t", help="The tenant to name in the answer."),
    _SUBSCRIPTION,
    *_OWN,
)

GROUPS = (
    Group(
        "login", (Command("", "List the subscriptions; nobody needs to log in here.", _login, (*_LOGIN_FLAGS, *_OWN)),)
    ),
    Group(
        "logout",
        (Command("", "Forget the current subscription.", _clear, (flag("--username", help=NO_EFFECT), *_OWN)),),
    ),
    Group(
        "account",
        (
            Command("get-access-token", "Get a token, as AzureCliCredential does.", _get_access_token, _TOKEN_FLAGS),
            Command("show", "Show the current subscription.", _show, (_SUBSCRIPTION, *_OWN)),
            Command(
                "list",
                "List the subscriptions that something lies in.",
                _list,
                (flag("--all", "--refresh", action="store_true", help=NO_EFFECT), *_OWN),
            ),
            Command(
                "set",
                "Set the current subscription.",
                _set,
                (
                    flag(*_SUBSCRIPTION.names, required=True, metavar="ID", help="The subscription, by id or name."),
                    *_OWN,
                ),
            ),
            Command("list-locations", "List the regions: this platform's.", _list_locations, GLOBAL),
            Command("tenant list", "List the tenants: there is one.", _list_tenants, _OWN),
            Command("clear", "Forget the current subscription.", _clear, _OWN),
        ),
    ),
)
