"""`az group` and `az resource`: what ARM keeps, as ARM shows it."""

from urllib.parse import quote

from lazulite.cli import changes, session
from lazulite.cli.az.flags import GLOBAL, GROUP, NO_EFFECT, YES, group_path, subscription
from lazulite.cli.grammar import Arguments, Command, Group, Json, Misuse, flag, required
from lazulite.cli.rest import Arm
from lazulite.cli.session import default
from lazulite.cli.verbs import TAGS
from lazulite.ids import PROVIDER


def _create(arguments: Arguments) -> Json:
    line = session.arm()
    location = arguments.location or default(line.settings, "location") or line.settings.region
    body = {"location": location, "tags": dict(arguments.tags or [])}
    return line.call("PUT", group_path(line, arguments, arguments.name), body).json()


def _show(arguments: Arguments) -> Json:
    line = session.arm()
    return line.get(group_path(line, arguments, arguments.name))


def _groups(line: Arm, arguments: Arguments) -> list[Json]:
    return line.all(f"/subscriptions/{subscription(line, arguments)}/resourceGroups")


def _list(arguments: Arguments) -> Json:
    name, _, value = (arguments.tag or "").partition("=")
    rows = _groups(session.arm(), arguments)
    return [row for row in rows if not name or (row.get("tags") or {}).get(name) == value]


def _exists(arguments: Arguments) -> Json:
    rows = _groups(session.arm(), arguments)
    return any(row["name"].lower() == arguments.name.lower() for row in rows)


def _update(arguments: Arguments) -> Json:
    line = session.arm()
    path = group_path(line, arguments, arguments.name)
    row = line.get(path)
    if arguments.tags is not None:
        row["tags"] = dict(arguments.tags)
    changes.apply(row, arguments)
    return line.call("PUT", path, row).json()


def _delete(arguments: Arguments) -> None:
    """Deletes a group with the workspaces in it, as az does."""
    line = session.arm()
    path = group_path(line, arguments, arguments.name)
    for one in line.all(f"{path}/providers/{PROVIDER}/workspaces"):
        line.finish(line.call("DELETE", one["id"]))
    line.call("DELETE", path)


def _nothing(arguments: Arguments) -> None:
    """Returns at once: a group is there as soon as it is made."""


def _resource_path(line: Arm, arguments: Arguments) -> str:
    if arguments.ids:
        return str(arguments.ids)
    if not arguments.name or not arguments.resource_type:
        raise Misuse("A resource is named by --ids, or by -g, -n and --resource-type.")
    kind = (
        arguments.resource_type
        if "/" in arguments.resource_type
        else f"{arguments.namespace}/{arguments.resource_type}"
    )
    parent = f"/{arguments.parent}" if arguments.parent else ""
    namespace, _, last = kind.partition("/")
    return f"{group_path(line, arguments)}/providers/{namespace}{parent}/{last}/{quote(arguments.name)}"


def _show_resource(arguments: Arguments) -> Json:
    line = session.arm()
    return line.get(_resource_path(line, arguments), _version(arguments))


def _delete_resource(arguments: Arguments) -> None:
    line = session.arm()
    line.finish(line.call("DELETE", _resource_path(line, arguments), query=_version(arguments)))


def _list_resources(arguments: Arguments) -> Json:
    line = session.arm()
    scope = (
        group_path(line, arguments) if arguments.resource_group else f"/subscriptions/{subscription(line, arguments)}"
    )
    rows = line.all(f"{scope}/providers/{arguments.resource_type}")
    return [row for row in rows if arguments.name in (None, row["name"])]


def _version(arguments: Arguments) -> dict[str, str]:
    return {"api-version": arguments.api_version} if arguments.api_version else {}


_NAME = flag("--name", "--resource-group", "-n", "-g", required=True, help="The resource group.")
_THIS = flag("--name", "--resource-group", "-n", "-g", help="The resource group; the configured one if not given.")
_RESOURCE = (
    flag("--ids", metavar="ID", help="The resource's ARM id."),
    GROUP,
    flag("--name", "-n", help="The resource's name."),
    flag("--resource-type", metavar="TYPE", help="Its type: Microsoft.MachineLearningServices/workspaces."),
    flag("--namespace", help="The first part of its type, if --resource-type leaves it out."),
    flag("--parent", help="What it lies in: workspaces/dev."),
    flag("--api-version", help="The version of ARM's interface to ask by."),
    *GLOBAL,
)
_KIND = required(next(one for one in _RESOURCE if "--resource-type" in one.names))

GROUPS = (
    Group(
        "group",
        (
            Command(
                "create",
                "Make a resource group, or change its tags.",
                _create,
                (_NAME, flag("--location", "-l", help="Its region; this platform's if not given."), TAGS, *GLOBAL),
            ),
            Command("show", "Show a resource group.", _show, (_THIS, *GLOBAL)),
            Command(
                "list",
                "List the resource groups.",
                _list,
                (flag("--tag", metavar="NAME=VALUE", help="Only those with this tag."), *GLOBAL),
            ),
            Command("exists", "Say true or false.", _exists, (_NAME, *GLOBAL)),
            Command("update", "Change a resource group's tags.", _update, (_NAME, TAGS, *changes.FLAGS, *GLOBAL)),
            Command(
                "delete",
                "Delete a resource group with the workspaces in it.",
                _delete,
                (_NAME, YES, flag("--no-wait", action="store_true", help=NO_EFFECT), *GLOBAL),
            ),
            Command(
                "wait",
                "Return at once: nothing takes long here.",
                _nothing,
                (
                    _NAME,
                    flag("--created", "--deleted", "--exists", "--updated", action="store_true", help=NO_EFFECT),
                    flag("--interval", "--timeout", "--custom", help=NO_EFFECT),
                    *GLOBAL,
                ),
            ),
        ),
    ),
    Group(
        "resource",
        (
            Command("show", "Show any resource.", _show_resource, _RESOURCE),
            Command(
                "list",
                "List the resources of a type.",
                _list_resources,
                (_KIND, *(one for one in _RESOURCE if "--resource-type" not in one.names)),
            ),
            Command("delete", "Delete any resource.", _delete_resource, (*_RESOURCE, YES)),
        ),
    ),
)
