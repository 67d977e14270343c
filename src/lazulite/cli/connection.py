"""`lazulite connection`: as az ml connection."""

from lazulite.cli import changes
from lazulite.cli.entities import CONNECTION, entity
from lazulite.cli.grammar import Arguments, Command, Group, Json, flag, required
from lazulite.cli.session import Session, open_workspace
from lazulite.cli.verbs import COMMON, FILE, MAX_RESULTS, NAME, NEW_NAME, SET, Noun, deleting, overrides, sdk
from lazulite.errors import BadRequest

_CONNECTION = Noun("connection", "connections", CONNECTION)
_CHANGEABLE = ("tags", "metadata", "target", "credentials")
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


def _update(arguments: Arguments) -> Json:
    """Changes a connection in ARM's own body, its secret included, which an update would else lose."""
    session = open_workspace(arguments)
    path = session.path(_CONNECTION.kind, arguments.name)
    row = session.arm.call("POST", f"{path}/listsecrets").json()
    shown, was = entity(row, CONNECTION), entity(row, CONNECTION)
    changes.apply(shown, arguments)
    if fixed := [name for name in {**was, **shown} if was.get(name) != shown.get(name) and name not in _CHANGEABLE]:
        hint = f"What can: {', '.join(_CHANGEABLE)}. For all else create it again."
        raise BadRequest(f"{', '.join(fixed)} of a connection cannot be changed.", hint=hint)
    texts = {**changes.texts(shown, "metadata"), **changes.texts(shown, "tags")}
    properties = {**row["properties"], "target": shown.get("target"), "metadata": texts}
    if key := (shown.get("credentials") or {}).get("key"):
        properties["credentials"] = {**(properties.get("credentials") or {}), "key": key}
    session.arm.call("PUT", path, {"properties": properties})
    return _shown(session, session.arm.get(path), arguments.populate_secrets)


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
            Command(
                "update",
                "Change tags, target or key of a connection.",
                _update,
                (NAME, _SECRETS, *changes.FLAGS, *COMMON),
            ),
            deleting(_CONNECTION),
        ),
    ),
)
