"""`az storage`: accounts by ARM; containers and blobs by Azure's own client, whose import takes most of a second."""

import os
from collections.abc import Callable
from types import ModuleType

from lazulite.cli import late, session
from lazulite.cli.az import neighbours
from lazulite.cli.az.flags import GLOBAL, GROUP, NO_EFFECT, YES
from lazulite.cli.az.neighbours import Neighbour
from lazulite.cli.grammar import Arguments, Command, Flag, Group, Json, Misuse, flag
from lazulite.cli.verbs import TAGS, pair, readable
from lazulite.identity.environment import client_environment

_ACCOUNT = Neighbour("Microsoft.Storage/storageAccounts", "storage account")


def _create_account(arguments: Arguments) -> Json:
    properties = {
        "isHnsEnabled": str(arguments.hns).lower() == "true",
        "allowSharedKeyAccess": str(arguments.shared_key).lower() != "false",
    }
    body = {"sku": {"name": arguments.sku}, "kind": arguments.kind, "properties": properties}
    return neighbours.put(session.arm(), arguments, _ACCOUNT, body)


def _keys(arguments: Arguments) -> list[Json]:
    line = session.arm()
    found = neighbours.find(line, arguments, _ACCOUNT)
    keys: list[Json] = line.call("POST", f"{found['id']}/listKeys").json()["keys"]
    return keys


def _list_keys(arguments: Arguments) -> Json:
    return _keys(arguments)


def _connection_string(arguments: Arguments) -> Json:
    key = _keys(arguments)[0]["value"]
    parts = {
        "DefaultEndpointsProtocol": "https",
        "EndpointSuffix": "core.windows.net",
        "AccountName": arguments.name,
        "AccountKey": key,
    }
    return {"connectionString": ";".join(f"{name}={value}" for name, value in parts.items())}


def _is_free(arguments: Arguments) -> Json:
    line = session.arm()
    taken = any(row["name"] == arguments.name for row in neighbours.rows(line, arguments, _ACCOUNT))
    why = f"The storage account named {arguments.name} is already taken." if taken else None
    return {"message": why, "nameAvailable": not taken, "reason": "AlreadyExists" if taken else None}


def _blobs(arguments: Arguments) -> tuple[ModuleType, Json]:
    """Loads Azure's client, led here, and opens the account that flags or variables name.

    Source: learn.microsoft.com/cli/azure/storage/blob: AZURE_STORAGE_ACCOUNT, _KEY, _CONNECTION_STRING, _SAS_TOKEN.
    """
    line = session.arm()
    os.environ.update(client_environment(line.settings))
    connection = arguments.connection_string or os.environ.get("AZURE_STORAGE_CONNECTION_STRING")
    account = arguments.account_name or os.environ.get("AZURE_STORAGE_ACCOUNT")
    secret = arguments.account_key or os.environ.get("AZURE_STORAGE_KEY")
    secret = secret or (arguments.sas_token or os.environ.get("AZURE_STORAGE_SAS_TOKEN", "")).lstrip("?") or None
    if not account and not connection:
        raise Misuse(
            "It is not said which storage account is meant.",
            hint="Name it by --account-name, AZURE_STORAGE_ACCOUNT or --connection-string.",
        )
    module = late.load("blobs")
    return module, module.open_account(line.settings, account, secret, connection)


def _on_blobs(action: str, *fields: str) -> Callable[[Arguments], Json]:
    """Makes what a command does: an action of blobs.py with these of its arguments."""

    def run(arguments: Arguments) -> Json:
        module, account = _blobs(arguments)
        with module.told():
            return getattr(module, action)(account, **{field: getattr(arguments, field) for field in fields})

    return run


_NAME = flag("--name", "-n", "--account-name", required=True, help="The storage account.")
_ACCESS: tuple[Flag, ...] = (
    flag("--account-name", metavar="NAME", help="The storage account; AZURE_STORAGE_ACCOUNT if not given."),
    flag("--account-key", metavar="KEY", help="Its key; a token of these commands' own serves without one."),
    flag("--sas-token", metavar="SAS", help="A shared access signature instead."),
    flag("--connection-string", metavar="TEXT", help="Account and key in one."),
    flag("--auth-mode", choices=("key", "login"), help=NO_EFFECT),
    flag("--timeout", "--blob-endpoint", help=NO_EFFECT),
    *GLOBAL,
)
_CONTAINER = flag("--container-name", "-c", dest="container", required=True, metavar="NAME", help="The container.")
_THIS_CONTAINER = flag("--name", "-n", dest="container", required=True, help="The container.")
_BLOB = flag("--name", "-n", dest="blob", required=True, help="The blob.")
_PREFIX = flag("--prefix", metavar="TEXT", help="Only those whose names begin so.")
_PATTERN = flag("--pattern", metavar="GLOB", help="Only those whose names fit: *.csv, data/*.")
_OVERWRITE = flag("--overwrite", nargs="?", const="true", default="false", help="Replace what is there.")
_SOURCE = flag("--source", "-s", required=True, metavar="DIR", help="The folder.")
_FILE = flag("--file", "-f", type=readable, required=True, metavar="FILE", help="The file.")
_QUIET = flag("--no-progress", action="store_true", help=NO_EFFECT)
_SHARED = (
    flag("--permissions", default="r", help="What it allows, in letters: racwdl."),
    flag("--expiry", metavar="TIME", help="Until when, in UTC: 2030-01-01T00:00Z. One hour if not given."),
    flag("--start", "--https-only", "--as-user", "--ip", nargs="?", const=True, help=NO_EFFECT),
)
_METADATA = flag("--metadata", nargs="+", type=pair, metavar="NAME=VALUE", help="Words to put on it.")
_KIND = flag("--content-type", dest="content_type", help="Its content type; by its name if not given.")
_TYPE = flag("--type", "-t", choices=("block", "append", "page"), help=NO_EFFECT)


def _command(name: str, help: str, action: str, flags: tuple[Flag, ...], example: str = "") -> Command:
    fields = [str(one.options.get("dest") or one.names[0].lstrip("-").replace("-", "_")) for one in flags]
    taken = [field for field, one in zip(fields, flags, strict=True) if one.options["help"] not in _UNUSED]
    return Command(name, help, _on_blobs(action, *taken), (*flags, *_ACCESS), example)


_UNUSED = (NO_EFFECT, YES.options["help"])
_ACCOUNT_COMMANDS = (
    Command(
        "account create",
        "Name a storage account.",
        _create_account,
        (
            _NAME,
            GROUP,
            neighbours.LOCATION,
            TAGS,
            flag("--sku", default="Standard_RAGRS", help="Its tier, which changes nothing."),
            flag("--kind", default="StorageV2", help="Its kind."),
            flag(
                "--hns",
                "--enable-hierarchical-namespace",
                nargs="?",
                const="true",
                default="false",
                help="Whether it has folders.",
            ),
            flag("--allow-shared-key-access", dest="shared_key", default="true", help="Whether keys open it."),
            flag("--access-tier", "--min-tls-version", "--allow-blob-public-access", "--https-only", help=NO_EFFECT),
            *GLOBAL,
        ),
    ),
    *(
        Command(f"account {one.name}", one.help, one.run, one.flags)
        for one in (
            neighbours.showing(_ACCOUNT, _NAME),
            neighbours.listing(_ACCOUNT),
            neighbours.deleting(_ACCOUNT, _NAME),
        )
    ),
    Command("account keys list", "Show an account's keys.", _list_keys, (_NAME, GROUP, *GLOBAL)),
    Command(
        "account show-connection-string",
        "Show account and key in one.",
        _connection_string,
        (_NAME, GROUP, *GLOBAL),
    ),
    Command("account check-name", "Say whether a name is free.", _is_free, (_NAME, GROUP, *GLOBAL)),
)
_CONTAINER_COMMANDS = (
    _command(
        "container create",
        "Make a container.",
        "create_container",
        (_THIS_CONTAINER, flag("--public-access", "--fail-on-exist", nargs="?", const=True, help=NO_EFFECT)),
    ),
    _command("container list", "List the containers.", "list_containers", (_PREFIX,)),
    _command("container exists", "Say whether a container is there.", "container_exists", (_THIS_CONTAINER,)),
    _command("container show", "Show a container.", "show_container", (_THIS_CONTAINER,)),
    _command("container delete", "Delete a container with its blobs.", "delete_container", (_THIS_CONTAINER, YES)),
    _command(
        "container generate-sas",
        "Print a signature that opens a container.",
        "container_sas",
        (_THIS_CONTAINER, *_SHARED),
    ),
)
_BLOB_COMMANDS = (
    _command(
        "blob upload",
        "Upload a file.",
        "upload",
        (
            flag("--container-name", "-c", dest="container", required=True, metavar="NAME", help="The container."),
            flag("--name", "-n", dest="blob", help="The blob; the file's name if not given."),
            _FILE,
            _OVERWRITE,
            _METADATA,
            _KIND,
            _TYPE,
            _QUIET,
        ),
        "az storage blob upload --account-name mine -c data -f rows.csv --auth-mode login",
    ),
    _command(
        "blob upload-batch",
        "Upload a folder.",
        "upload_folder",
        (
            flag("--destination", "-d", required=True, metavar="CONTAINER[/PATH]", help="Where to."),
            _SOURCE,
            flag("--destination-path", metavar="PATH", help="The folder in the container."),
            _PATTERN,
            _OVERWRITE,
            _METADATA,
            _KIND,
            flag("--max-connections", help=NO_EFFECT),
            _TYPE,
            _QUIET,
        ),
    ),
    _command(
        "blob download",
        "Download a blob.",
        "download",
        (
            _CONTAINER,
            _BLOB,
            flag("--file", "-f", metavar="FILE", help="Where to; printed if not given."),
            flag("--overwrite", nargs="?", const="true", help=NO_EFFECT),
            _QUIET,
        ),
    ),
    _command(
        "blob download-batch",
        "Download the blobs of a container.",
        "download_folder",
        (
            flag("--source", "-s", required=True, metavar="CONTAINER", help="The container."),
            flag("--destination", "-d", required=True, metavar="DIR", help="The folder to write into."),
            _PATTERN,
            flag("--overwrite", "--max-connections", nargs="?", const="true", help=NO_EFFECT),
            _QUIET,
        ),
    ),
    _command(
        "blob list",
        "List the blobs of a container.",
        "list_blobs",
        (
            _CONTAINER,
            _PREFIX,
            flag("--num-results", help="At most so many: 5000, or * for all.", default="5000"),
            flag("--include", "--marker", "--delimiter", help=NO_EFFECT),
        ),
    ),
    _command("blob exists", "Say whether a blob is there.", "blob_exists", (_CONTAINER, _BLOB)),
    _command("blob show", "Show a blob's properties.", "show_blob", (_CONTAINER, _BLOB)),
    _command("blob url", "Print a blob's address.", "blob_url", (_CONTAINER, _BLOB)),
    _command(
        "blob delete",
        "Delete a blob.",
        "delete_blob",
        (_CONTAINER, _BLOB, flag("--delete-snapshots", help=NO_EFFECT)),
    ),
    _command(
        "blob delete-batch",
        "Delete the blobs of a container that fit a pattern.",
        "delete_blobs",
        (flag("--source", "-s", required=True, metavar="CONTAINER", help="The container."), _PATTERN),
    ),
    _command("blob generate-sas", "Print a signature that opens a blob.", "blob_sas", (_CONTAINER, _BLOB, *_SHARED)),
)
_FOLDER_COMMANDS = (
    _command("fs create", "Make a file system: a container.", "create_container", (_THIS_CONTAINER,)),
    _command("fs list", "List the file systems: the containers.", "list_containers", (_PREFIX,)),
    _command("fs exists", "Say whether a file system is there.", "container_exists", (_THIS_CONTAINER,)),
    _command("fs delete", "Delete a file system.", "delete_container", (_THIS_CONTAINER, YES)),
    _command(
        "fs file upload",
        "Upload a file.",
        "upload",
        (
            flag("--file-system", "-f", dest="container", required=True, help="The file system."),
            flag("--path", "-p", dest="blob", required=True, help="Where to in it."),
            flag("--source", "-s", dest="file", type=readable, required=True, help="The file."),
            _OVERWRITE,
            _METADATA,
            _KIND,
        ),
    ),
)

GROUPS = (Group("storage", (*_ACCOUNT_COMMANDS, *_CONTAINER_COMMANDS, *_BLOB_COMMANDS, *_FOLDER_COMMANDS)),)
