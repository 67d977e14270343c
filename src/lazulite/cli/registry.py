"""`lazulite registry`: as az ml registry."""

from lazulite.cli import changes
from lazulite.cli.az.flags import group_path, subscription
from lazulite.cli.entities import REGISTRY, entity
from lazulite.cli.grammar import SCOPE, Arguments, Command, Group, Json, flag
from lazulite.cli.rest import Arm
from lazulite.cli.session import arm, default
from lazulite.cli.verbs import COMMON, FILE, MAX_RESULTS, NEW_NAME, NO_WAIT, SET, TAGS, YES, overrides, sdk
from lazulite.errors import BadRequest, NotFound
from lazulite.ids import PROVIDER

_COMMON = tuple(one for one in COMMON if one is not SCOPE[0])
_NAME = flag("--name", "-n", help="The registry; the configured one if not given.")
_FIELDS = (
    NEW_NAME,
    flag("--display-name", help="Its name for people."),
    flag(
        "--public-network-access", metavar="WORD", help="Whether it can be reached from outside: Enabled or Disabled."
    ),
    TAGS,
)
_LOCATION = flag("--location", "-l", help="Its region, if not the file's; this platform's if not given.")
_COLUMNS = (("Name", "name"), ("Location", "location"), ("Description", "description"))


def _rows(line: Arm, arguments: Arguments) -> list[Json]:
    everywhere = f"/subscriptions/{subscription(line, arguments)}"
    scope = group_path(line, arguments) if arguments.resource_group else everywhere
    return line.all(f"{scope}/providers/{PROVIDER}/registries")


def _find(line: Arm, arguments: Arguments) -> Json:
    name = arguments.name or default(line.settings, "registry")
    if not name:
        raise BadRequest("It is not said which registry is meant.", hint="Name it by --name.")
    if arguments.resource_group or default(line.settings, "group"):
        return line.get(f"{group_path(line, arguments)}/providers/{PROVIDER}/registries/{name}")
    match = next((row for row in _rows(line, arguments) if row["name"].lower() == name.lower()), None)
    if not match:
        raise NotFound(
            f'There is no registry "{name}".', hint="Make one with `lazulite registry create -n NAME -g GROUP`."
        )
    return match


def _list(arguments: Arguments) -> Json:
    return [entity(row, REGISTRY) for row in _rows(arm(), arguments)[: arguments.max_results]]


def _show(arguments: Arguments) -> Json:
    return entity(_find(arm(), arguments), REGISTRY)


def _create(arguments: Arguments) -> Json:
    line = arm()
    given = overrides(arguments, _FIELDS)
    if not arguments.file:  # a file says where, and az needs one
        given.setdefault("location", arguments.location or default(line.settings, "location") or line.settings.region)
        given.setdefault("replication_locations", [{"location": given["location"]}])
    body, name = sdk().registry_body(arguments.file, given)
    path = f"{group_path(line, arguments)}/providers/{PROVIDER}/registries/{name}"
    answer = line.call("PUT", path, body)
    if not arguments.no_wait:
        line.finish(answer)
    return entity(line.get(path), REGISTRY)


def _update(arguments: Arguments) -> Json:
    line = arm()
    row = _find(line, arguments)
    shown = entity(row, REGISTRY)
    if arguments.tags is not None:
        shown["tags"] = dict(arguments.tags)
    changes.apply(shown, arguments)
    properties = {
        **row["properties"],
        "description": shown.get("description"),
        "publicNetworkAccess": arguments.public_network_access or shown.get("public_network_access"),
    }
    body = {"location": row["location"], "tags": shown.get("tags") or {}, "properties": properties}
    line.finish(line.call("PUT", row["id"], body))
    return entity(line.get(row["id"]), REGISTRY)


def _delete(arguments: Arguments) -> None:
    line = arm()
    line.finish(line.call("DELETE", _find(line, arguments)["id"]))


GROUPS = (
    Group(
        "registry",
        (
            Command("list", "List the registries.", _list, (MAX_RESULTS, *_COMMON), columns=_COLUMNS),
            Command("show", "Show one registry.", _show, (_NAME, *_COMMON), columns=_COLUMNS),
            Command(
                "create",
                "Create a registry: components, environments, models and data for several workspaces.",
                _create,
                (FILE, *_FIELDS, _LOCATION, SET, NO_WAIT, *_COMMON),
                "lazulite registry create -f registry.yml -g team",
            ),
            Command(
                "update",
                "Change fields of a registry.",
                _update,
                (_NAME, *_FIELDS[2:], *changes.FLAGS, NO_WAIT, *_COMMON),
            ),
            Command("delete", "Delete a registry with all that lies in it.", _delete, (_NAME, YES, *_COMMON)),
        ),
    ),
)
