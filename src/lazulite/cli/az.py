"""`lazulite az`: Azure's own command line as scripts for Azure ML use it; what it does not know goes to the real one.

`lazulite run` puts it first on PATH under the name az.
"""

import dataclasses
import os
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from lazulite import settings
from lazulite.cli import main, profile, rest, session
from lazulite.cli.grammar import OUTPUT, Arguments, Command, Flag, Group, Json, Misuse, flag, unknown
from lazulite.cli.verbs import pair
from lazulite.identity.environment import CLIENT, TENANT

_ARM_RESOURCE = "https://management.azure.com"
# What `az account get-access-token --resource-type` may be. Source: azure-cli 2.6x, profile/_help.py.
_RESOURCES = {
    "arm": _ARM_RESOURCE,
    "ms-graph": "https://graph.microsoft.com",
    "oss-rdbms": "https://ossrdbms-aad.database.windows.net",
}
# az configure's word -> the profile's field.
_DEFAULTS = {"group": "group", "workspace": "workspace", "location": "location"}


def _get_access_token(arguments: Arguments) -> Json:
    resource = (arguments.scope or [""])[0].removesuffix("/.default") or arguments.resource
    line = session.arm()
    grant = session.grant(line.settings, resource or _RESOURCES[arguments.resource_type or "arm"])
    epoch = int(grant["expires_on"])
    return {
        "accessToken": grant["access_token"],
        "expiresOn": datetime.fromtimestamp(epoch).strftime("%Y-%m-%d %H:%M:%S.%f"),  # local time, as az prints it
        "expires_on": epoch,
        "subscription": arguments.subscription or _subscription(line),
        "tenant": arguments.tenant or TENANT,
        "tokenType": "Bearer",
    }


def _subscription(line: rest.Arm) -> str:
    """Returns the subscription that was set, or the first that something lies in."""
    stored = profile.read(line.settings.home).subscription
    return stored or next((row["subscriptionId"] for row in line.all("/subscriptions")), session.SUBSCRIPTION)


def _accounts() -> list[Json]:
    line = session.arm()
    current = _subscription(line)
    known = {current, *(row["subscriptionId"] for row in line.all("/subscriptions"))}
    return [_account(one, one == current) for one in sorted(known)]


def _account(subscription: str, is_default: bool) -> Json:
    return {
        "cloudName": "AzureCloud",
        "environmentName": "AzureCloud",
        "homeTenantId": TENANT,
        "id": subscription,
        "isDefault": is_default,
        "managedByTenants": [],
        "name": f"Lazulite {subscription[:8]}",
        "state": "Enabled",
        "tenantId": TENANT,
        "user": {"name": CLIENT, "type": "servicePrincipal"},
    }


def _show_account(arguments: Arguments) -> Json:
    line = session.arm()
    return _account(arguments.subscription or _subscription(line), True)


def _list_accounts(arguments: Arguments) -> Json:
    return _accounts()


def _set_account(arguments: Arguments) -> None:
    _store(subscription=arguments.subscription)


def _login(arguments: Arguments) -> Json:
    return _accounts()


def _logout(arguments: Arguments) -> None:
    _store(subscription="")


def _configure(arguments: Arguments) -> Json:
    if arguments.list_defaults:
        stored = dataclasses.asdict(profile.read(settings.read().home))
        return [{"name": word, "value": stored[field]} for word, field in _DEFAULTS.items() if stored[field]]
    _store(**_defaults(dict(arguments.defaults)))
    return None


def _set_config(arguments: Arguments) -> None:
    given = dict(arguments.settings)
    _store(**_defaults({name.removeprefix("defaults."): value for name, value in given.items()}))


def _defaults(given: Mapping[str, str]) -> dict[str, str]:
    return {_DEFAULTS[word]: value for word, value in given.items() if word in _DEFAULTS}


def _store(**changes: str) -> None:
    home = settings.read().home
    profile.write(home, dataclasses.replace(profile.read(home), **changes))


def _extension(arguments: Arguments) -> None:
    """Does nothing: the extension ml is this program."""


def _show_extension(arguments: Arguments) -> Json:
    return _ML_EXTENSION


def _list_extensions(arguments: Arguments) -> Json:
    return [_ML_EXTENSION]


_ML_EXTENSION = {"name": "ml", "version": "2.37.0", "extensionType": "whl", "experimental": False, "preview": False}


def _other(words: Sequence[str]) -> None:
    """Answers `az ml ...` as `lazulite ...` does, and gives everything else to the real az."""
    if words[0] != "ml":
        _hand_over(words)
    if len(words) == 1 or words[1] in ("-h", "--help"):
        print(main.list_groups("az ml", main.NOUNS))
    elif words[1] not in main.NOUNS:
        raise unknown(words[1], "az ml", main.NOUNS)
    else:
        main.run_group("az ml", words[1:])


def _hand_over(words: Sequence[str]) -> NoReturn:
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    found = (shutil.which("az", path=folder) for folder in folders)
    real = next((program for program in found if program and not _is_ours(program)), None)
    if not real:
        raise Misuse(
            f"`az {words[0]}` is not answered here, and there is no other az on PATH to ask.",
            hint="Lazulite answers az ml, account, login, logout, configure, config and extension.",
        )
    os.execv(real, [real, *words])


def _is_ours(program: str) -> bool:
    """Tells our own az, of this home or of another one around it, from the real one."""
    with Path(program).open("rb") as file:
        return main.__name__.encode() in file.read(1024)


_SUBSCRIPTION = flag("--subscription", "--name", "-s", "-n", metavar="ID", help="The subscription.")
_NAME = flag("--name", "-n", choices=("ml",), default="ml", help="The extension: only ml is here.")
_EXTENSION_FLAGS = (
    _NAME,
    flag("--version", help="Taken, as az does; changes nothing."),
    flag("--yes", "-y", "--upgrade", "--allow-preview", action="store_true", help="The same."),
)
# How one may log in to Azure; here every way is as good as any.
_LOGIN_FLAGS = (
    flag("--username", "-u", "--client-id", "--object-id", "--resource-id", help="Taken, as az does; changes nothing."),
    flag("--password", "-p", "--certificate", "--federated-token", help="The same."),
    flag("--tenant", "-t", help="The same."),
    flag("--scope", help="The same."),
    flag(
        "--service-principal",
        "--identity",
        "-i",
        "--use-device-code",
        "--allow-no-subscriptions",
        action="store_true",
        help="The same.",
    ),
)

GROUPS = (
    Group(
        "az",
        (
            Command(
                "account get-access-token",
                "Get a token, as AzureCliCredential does.",
                _get_access_token,
                (
                    flag(
                        "--resource", metavar="URL", help="What the token is for; Azure Resource Manager if not given."
                    ),
                    flag("--resource-type", choices=tuple(_RESOURCES), help="The same, by a word."),
                    flag("--scope", nargs="+", metavar="SCOPE", help="The same, as a scope: URL/.default."),
                    flag("--tenant", "-t", help="The tenant to name in the answer."),
                    _SUBSCRIPTION,
                    *OUTPUT,
                ),
            ),
            Command("account show", "Show the current subscription.", _show_account, (_SUBSCRIPTION, *OUTPUT)),
            Command(
                "account list",
                "List the subscriptions that something lies in.",
                _list_accounts,
                (flag("--all", "--refresh", action="store_true", help="Taken, as az does; changes nothing."), *OUTPUT),
            ),
            Command(
                "account set",
                "Set the current subscription.",
                _set_account,
                (Flag(_SUBSCRIPTION.names, {**_SUBSCRIPTION.options, "required": True}),),
            ),
            Command("login", "List the subscriptions; nobody needs to log in here.", _login, (*_LOGIN_FLAGS, *OUTPUT)),
            Command("logout", "Forget the current subscription.", _logout),
            Command(
                "configure",
                "Set defaults: group, workspace, location.",
                _configure,
                (
                    flag(
                        "--defaults",
                        "-d",
                        nargs="+",
                        action="extend",
                        type=pair,
                        default=[],
                        metavar="NAME=VALUE",
                        help="The defaults to set; an empty value unsets one.",
                    ),
                    flag("--list-defaults", "-l", action="store_true", help="List them."),
                    *OUTPUT,
                ),
                "lazulite az configure --defaults group=team workspace=dev",
            ),
            Command(
                "config set",
                "Set defaults, as az configure does.",
                _set_config,
                (flag("settings", nargs="+", type=pair, metavar="defaults.NAME=VALUE", help="The defaults to set."),),
            ),
            Command("extension add", "Does nothing: the extension ml is here already.", _extension, _EXTENSION_FLAGS),
            Command("extension update", "Does nothing, as above.", _extension, _EXTENSION_FLAGS),
            Command("extension remove", "Does nothing, as above.", _extension, _EXTENSION_FLAGS),
            Command("extension show", "Show the extension ml.", _show_extension, (_NAME, *OUTPUT)),
            Command("extension list", "List the extension ml.", _list_extensions, OUTPUT),
        ),
        _other,
    ),
)
