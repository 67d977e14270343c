"""`lazulite workspace`: as az ml workspace."""

from pathlib import Path
from typing import Any

from lazulite.cli import session
from lazulite.cli.entities import WORKSPACE, entity
from lazulite.cli.grammar import Arguments, Command, Group, Json, Misuse, flag
from lazulite.cli.session import Session
from lazulite.cli.verbs import COMMON, DESCRIPTION, FILE, NO_WAIT, SET, TAGS, YES, overrides, sdk

_NAME = flag("--name", "-n", dest="workspace_name", help="The workspace; the configured one, or the only one there is.")
_SCOPED = tuple(one for one in COMMON if "-w" not in one.names)
_FIELDS = (
    flag("--location", help="Its region; this platform's if not given."),
    flag("--display-name", help="Its name for people."),
    DESCRIPTION,
    TAGS,
)


def _list(arguments: Arguments) -> Json:
    rows = session.workspace_rows(session.arm(), arguments.subscription)
    group = (arguments.resource_group or "").lower()
    shown = [entity(row, WORKSPACE) for row in rows]
    return [one for one in shown if not group or one["resource_group"].lower() == group]


def _show(arguments: Arguments) -> Json:
    return _shown(session.open_workspace(arguments))


def _shown(opened: Session) -> Json:
    return entity(opened.arm.get(opened.path()), WORKSPACE)


def _create(arguments: Arguments) -> Json:
    given = {**_content(arguments.file), **overrides(arguments, _FIELDS)}
    arguments.workspace_name = arguments.workspace_name or given.get("name")
    opened = session.open_workspace(arguments)
    if given.get("location"):  # the client asks whether it is there first, and by that it comes into being elsewhere
        opened.arm.call("PUT", opened.path(), {"location": given["location"]})
    wanted = {"name": opened.workspace.workspace, **overrides(arguments, _FIELDS)}
    sdk().create(opened, "workspace", arguments.file, wanted, not arguments.no_wait)
    return _shown(opened)


def _content(path: str | None) -> dict[str, Any]:
    import yaml  # name and location decide where the request goes, before azure-ai-ml reads the file

    try:
        content = yaml.safe_load(Path(path).read_bytes()) if path else None
    except yaml.YAMLError as error:
        raise Misuse(f"{path} is not YAML: {error}.") from error
    return content if isinstance(content, dict) else {}


def _update(arguments: Arguments) -> Json:
    opened = session.open_workspace(arguments)
    sdk().update(opened, "workspace", {"name": opened.workspace.workspace}, dict(arguments.set), wait=True)
    return _shown(opened)


def _delete(arguments: Arguments) -> None:
    opened = session.open_workspace(arguments)
    answer = opened.arm.call("DELETE", opened.path())
    if not arguments.no_wait:
        opened.arm.finish(answer)


def _list_keys(arguments: Arguments) -> Json:
    opened = session.open_workspace(arguments)
    return opened.arm.call("POST", opened.path("listKeys")).json()


GROUPS = (
    Group(
        "workspace",
        (
            Command("list", "List the workspaces, of all subscriptions and groups or of those given.", _list, _SCOPED),
            Command("show", "Show one workspace.", _show, (_NAME, *_SCOPED)),
            Command(
                "create",
                "Create a workspace; one that is only named somewhere comes into being by itself.",
                _create,
                (FILE, _NAME, *_FIELDS, SET, NO_WAIT, *_SCOPED),
                "lazulite workspace create -n dev -g team",
            ),
            Command("update", "Change fields of a workspace.", _update, (_NAME, SET, *_SCOPED)),
            Command("delete", "Delete a workspace with all that lies in it.", _delete, (_NAME, YES, NO_WAIT, *_SCOPED)),
            Command("list-keys", "Show the keys of the workspace's storage.", _list_keys, (_NAME, *_SCOPED)),
        ),
    ),
)
