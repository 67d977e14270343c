"""`lazulite connection`: as az ml connection."""

from lazulite.cli.entities import CONNECTION, entity
from lazulite.cli.grammar import Arguments, Command, Group, Json, flag, required
from lazulite.cli.session import Session, open_workspace
from lazulite.cli.verbs import COMMON, FILE, MAX_RESULTS, NAME, NEW_NAME, SET, Noun, deleting, overrides, sdk, updating

_CONNECTION = Noun("connection", "connections", CONNECTION)
_SECRETS = flag("--populate-secrets", "-p", action="store_true", help="Show the secret as well.")


def _list(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    kind = {"category": arguments.type} if arguments.type else {}
    rows = session.arm.all(session.path(_CONNECTION.kind), kind, arguments.max_results)
    return [_shown(session, row, arguments.populate_secrets) for row in rows]


def _show(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    return _shown(session, session.arm.get(session.path(_CONNECTION.kind, arguments.name)), arguments.populate_secrets)


def _shown(session: Session, row: Json, has_secrets: bool) -> Json:
    if has_secrets:
        row = session.arm.call("POST", session.path(_CONNECTION.kind, row["name"], "listsecrets")).json()
    return entity(row, CONNECTION)


def _create(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    made = sdk().create(session, _CONNECTION.word, arguments.file, overrides(arguments, (NEW_NAME,)), wait=True)
    return _shown(session, session.arm.get(session.path(_CONNECTION.kind, made.name)), arguments.populate_secrets)


GROUPS = (
    Group(
        "connection",
        (
            Command(
                "list",
                "List the connections of a workspace.",
                _list,
                (flag("--type", "-t", help="Only those of this type."), _SECRETS, MAX_RESULTS, *COMMON),
                columns=(("Name", "name"), ("Target", "target")),
            ),
            Command("show", "Show one connection.", _show, (NAME, _SECRETS, *COMMON)),
            Command(
                "create",
                "Create a connection from a YAML file: an address, and how to log in there.",
                _create,
                (required(FILE), NEW_NAME, _SECRETS, SET, *COMMON),
                "lazulite connection create -f search.yml",
            ),
            updating(_CONNECTION),
            deleting(_CONNECTION),
        ),
    ),
)
