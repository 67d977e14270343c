"""`lazulite workspace`: as az ml workspace."""

from pathlib import Path
from typing import Any

from lazulite.cli import changes, session
from lazulite.cli.entities import WORKSPACE, entity
from lazulite.cli.grammar import Arguments, Command, Group, Json, Misuse, flag
from lazulite.cli.session import Session
from lazulite.cli.verbs import COMMON, DESCRIPTION, FILE, MAX_RESULTS, NO_WAIT, SET, TAGS, YES, fields, overrides, sdk
from lazulite.errors import BadRequest

_NAME = flag("--name", "-n", dest="workspace_name", help="The workspace; the configured one, or the only one there is.")
_SCOPED = tuple(one for one in COMMON if "-w" not in one.names)
_FIELDS = (
    flag("--location", "-l", help="Its region; this platform's if not given."),
    flag("--display-name", help="Its name for people."),
    flag("--public-network-access", metavar="WORD", help="Whether others reach it: Enabled or Disabled."),
    flag("--image-build-compute", "-i", metavar="NAME", help="The compute to build images on, which none is here."),
    flag("--application-insights", "-a", metavar="ID", help="What it reports to."),
    flag("--container-registry", "-c", metavar="ID", help="Its container registry."),
    flag("--primary-user-assigned-identity", "-p", metavar="ID", help="Whom its jobs are."),
    flag(
        "--system-datastores-auth-mode",
        "-d",
        metavar="MODE",
        help="How its datastores open: accesskey, identity.",
    ),
    DESCRIPTION,
    TAGS,
)
_BORN = (
    flag("--storage-account", "-s", metavar="ID", help="Its storage account."),
    flag("--key-vault", "-k", metavar="ID", help="Its key vault."),
)
NO_EFFECT = "Taken, as az does; changes nothing."
_TAKEN = (
    flag("--update-dependent-resources", "-u", action="store_true", help=NO_EFFECT),
    flag("--managed-network", "-m", help=NO_EFFECT),
    flag("--provision-network-now", "--enable-data-isolation", nargs="?", const=True, help=NO_EFFECT),
)


def _list(arguments: Arguments) -> Json:
    rows = session.workspace_rows(session.arm(), arguments.subscription)
    group = (arguments.resource_group or "").lower()
    shown = [entity(row, WORKSPACE) for row in rows]
    return [one for one in shown if not group or one["resource_group"].lower() == group][: arguments.max_results]


def _show(arguments: Arguments) -> Json:
    return _shown(session.open_workspace(arguments))


def _shown(opened: Session) -> Json:
    return entity(opened.arm.get(opened.path()), WORKSPACE)


def _create(arguments: Arguments) -> Json:
    given = {**_content(arguments.file), **overrides(arguments, (*_FIELDS, *_BORN))}
    arguments.workspace_name = arguments.workspace_name or given.get("name")
    opened = session.open_workspace(arguments)
    if given.get("location"):  # the client asks whether it is there first, and by that it comes into being elsewhere
        opened.arm.call("PUT", opened.path(), {"location": given["location"]})
    wanted = {"name": opened.workspace.workspace, **overrides(arguments, (*_FIELDS, *_BORN))}
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
    """Changes a workspace in ARM's own body; all that is printed plainly can be set."""
    opened = session.open_workspace(arguments)
    before = opened.arm.get(opened.path())
    shown, was = entity(before, WORKSPACE), entity(before, WORKSPACE)
    given = _content(arguments.file) | fields(arguments, _FIELDS[1:])
    for field in (one for one in given if one not in ("name", "location", "resource_group", "$schema")):
        changes.put(shown, field, given[field])
    changes.apply(shown, arguments)
    names = [name for name in {**was, **shown} if was.get(name) != shown.get(name)]
    places = {name: path.partition("properties.")[2] for name, path, *_ in WORKSPACE if path.startswith("properties.")}
    if unknown := [name for name in names if name not in (*places, "tags")]:
        hint = f"What can: tags, {', '.join(places)}."
        raise BadRequest(f"{', '.join(unknown)} of a workspace cannot be changed.", hint=hint)
    properties = {places[name]: shown.get(name) for name in names if name in places}
    body = {"properties": properties, **({"tags": changes.texts(shown, "tags")} if "tags" in names else {})}
    opened.arm.finish(opened.arm.call("PATCH", opened.path(), body))
    return _shown(opened)


def _acting(verb: str, path: str, help: str) -> Command:
    def run(arguments: Arguments) -> Json:
        opened = session.open_workspace(arguments)
        answer = opened.arm.call("POST", opened.path(path), {})
        if not arguments.no_wait:
            opened.arm.finish(answer)
        return answer.json()

    return Command(verb, help, run, (_NAME, flag("--include-spark", help=NO_EFFECT), NO_WAIT, *_SCOPED))


def _delete(arguments: Arguments) -> None:
    opened = session.open_workspace(arguments)
    answer = opened.arm.call("DELETE", opened.path())
    if not arguments.no_wait:
        opened.arm.finish(answer)


def _list_keys(arguments: Arguments) -> Json:
    opened = session.open_workspace(arguments)
    return opened.arm.call("POST", opened.path("listKeys")).json()


_DELETED = (
    flag("--all-resources", action="store_true", help=NO_EFFECT),
    flag("--permanently-delete", "-p", action="store_true", help=NO_EFFECT),
)
_COLUMNS = (("Name", "name"), ("Location", "location"), ("Description", "description"))

GROUPS = (
    Group(
        "workspace",
        (
            Command(
                "list",
                "List the workspaces, of all subscriptions and groups or of those given.",
                _list,
                (MAX_RESULTS, *_SCOPED),
                columns=_COLUMNS,
            ),
            Command("show", "Show one workspace.", _show, (_NAME, *_SCOPED)),
            Command(
                "create",
                "Create a workspace; one that is only named somewhere comes into being by itself.",
                _create,
                (FILE, _NAME, *_FIELDS, *_BORN, *_TAKEN, SET, NO_WAIT, *_SCOPED),
                "lazulite workspace create -n dev -g team",
            ),
            Command(
                "update",
                "Change fields of a workspace.",
                _update,
                (_NAME, FILE, *_FIELDS[1:], *_TAKEN, *changes.FLAGS, NO_WAIT, *_SCOPED),
            ),
            Command(
                "delete",
                "Delete a workspace with all that lies in it.",
                _delete,
                (_NAME, *_DELETED, YES, NO_WAIT, *_SCOPED),
            ),
            _acting("sync-keys", "resyncKeys", "Does nothing: keys are always in step here."),
            _acting("provision-network", "provisionManagedNetwork", "Does nothing: there is no managed network here."),
            _acting("diagnose", "diagnose", "Look for what is wrong with a workspace."),
            Command("list-keys", "Show the keys of the workspace's storage.", _list_keys, (_NAME, *_SCOPED)),
        ),
    ),
)
