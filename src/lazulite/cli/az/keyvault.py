"""`az keyvault`: vaults are named, and hold secrets; keys and certificates are not here."""

from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from lazulite.cli import session
from lazulite.cli.az import neighbours
from lazulite.cli.az.flags import GLOBAL, GROUP, NO_EFFECT, YES
from lazulite.cli.az.neighbours import Neighbour
from lazulite.cli.grammar import Arguments, Command, Flag, Group, Json, Misuse, flag, required
from lazulite.cli.verbs import TAGS, readable
from lazulite.identity.environment import TENANT

_VAULT = Neighbour("Microsoft.KeyVault/vaults", "key vault")
_AUDIENCE = "https://vault.azure.net"


def _create(arguments: Arguments) -> Json:
    sku = {"family": "A", "name": arguments.sku}
    properties = {"tenantId": TENANT, "sku": sku, "accessPolicies": []}
    return neighbours.put(session.arm(), arguments, _VAULT, {"properties": properties})


def _set_policy(arguments: Arguments) -> Json:
    """Shows the vault: nobody is denied anything, whatever policies it has."""
    line = session.arm()
    return line.get(neighbours.find(line, arguments, _VAULT)["id"])


def _ask(arguments: Arguments, method: str, below: str, body: Json = None) -> Any:
    line = session.arm()
    host, path = f"{arguments.vault_name}.vault.azure.net", f"/secrets{below}"
    if getattr(arguments, "id", None):
        told = urlsplit(arguments.id)
        host, path = told.netloc, told.path
    elif not arguments.vault_name or (below and not arguments.name):
        raise Misuse("It is not said which secret is meant.", hint="Give --vault-name and --name, or --id.")
    token = session.token(line.settings, _AUDIENCE)
    return line.ask(method, host, f"{path}?api-version=7.4", token, body).json()


def _of(arguments: Arguments) -> str:
    version = getattr(arguments, "version", None)
    return f"/{quote(str(arguments.name))}" + (f"/{version}" if version else "")


def _flat(secret: Json) -> Json:
    """Prints a secret as az does."""
    name = urlsplit(secret["id"]).path.split("/")[2]
    return {"contentType": None, "value": None, **secret, "name": name}


def _set(arguments: Arguments) -> Json:
    if (arguments.value is None) == (arguments.file is None):
        raise Misuse("Give either --value or --file.")
    value = arguments.value if arguments.file is None else Path(arguments.file).read_text(encoding="utf-8")
    body = {"value": value, "contentType": arguments.description, "tags": dict(arguments.tags or [])}
    return _flat(_ask(arguments, "PUT", _of(arguments), body))


def _show(arguments: Arguments) -> Json:
    return _flat(_ask(arguments, "GET", _of(arguments)))


def _delete(arguments: Arguments) -> Json:
    return _flat(_ask(arguments, "DELETE", _of(arguments)))


def _list(arguments: Arguments) -> Json:
    return [_flat(one) for one in _ask(arguments, "GET", "")["value"]]


def _list_versions(arguments: Arguments) -> Json:
    return [_flat(one) for one in _ask(arguments, "GET", f"{_of(arguments)}/versions")["value"]]


_NAME = flag("--name", "-n", required=True, help="The vault.")
_OF_VAULT = flag("--vault-name", metavar="NAME", help="The vault.")
_SECRET = flag("--name", "-n", help="The secret.")
_ID = flag("--id", metavar="URL", help="The secret's address, in place of the two names.")
_VERSION = flag("--version", "-v", metavar="ID", help="Which version; the newest if not given.")
# What one may ask of a vault that changes nothing here.
_TAKEN: tuple[Flag, ...] = (
    flag("--enable-rbac-authorization", "--enable-purge-protection", "--retention-days", help=NO_EFFECT),
    flag("--enabled-for-deployment", "--enabled-for-template-deployment", "--public-network-access", help=NO_EFFECT),
)

GROUPS = (
    Group(
        "keyvault",
        (
            Command(
                "create",
                "Name a vault.",
                _create,
                (
                    _NAME,
                    GROUP,
                    neighbours.LOCATION,
                    flag("--sku", default="standard", help="Its tier, which changes nothing."),
                    TAGS,
                    *_TAKEN,
                    *GLOBAL,
                ),
            ),
            neighbours.showing(_VAULT, _NAME),
            neighbours.listing(_VAULT),
            neighbours.deleting(_VAULT, _NAME, flag("--no-wait", action="store_true", help=NO_EFFECT)),
            Command(
                "set-policy",
                "Changes nothing: nobody is denied anything here.",
                _set_policy,
                (
                    _NAME,
                    GROUP,
                    flag("--object-id", "--spn", "--upn", help=NO_EFFECT),
                    flag(
                        "--secret-permissions",
                        "--key-permissions",
                        "--certificate-permissions",
                        nargs="*",
                        help=NO_EFFECT,
                    ),
                    *GLOBAL,
                ),
            ),
            Command(
                "secret set",
                "Put a secret into a vault.",
                _set,
                (
                    required(_OF_VAULT),
                    required(_SECRET),
                    flag("--value", help="What is secret."),
                    flag("--file", "-f", type=readable, metavar="FILE", help="The file that holds it."),
                    flag("--description", "--content-type", help="What it is."),
                    TAGS,
                    *GLOBAL,
                ),
                "az keyvault secret set --vault-name mine -n token --value s3cret",
            ),
            Command("secret show", "Print a secret.", _show, (_OF_VAULT, _SECRET, _VERSION, _ID, *GLOBAL)),
            Command("secret list", "List a vault's secrets.", _list, (required(_OF_VAULT), *GLOBAL)),
            Command(
                "secret list-versions",
                "List a secret's versions.",
                _list_versions,
                (required(_OF_VAULT), required(_SECRET), *GLOBAL),
            ),
            Command("secret delete", "Delete a secret, for good.", _delete, (_OF_VAULT, _SECRET, _ID, YES, *GLOBAL)),
        ),
    ),
)
