"""The verbs of what lies beside a workspace in a resource group: storage accounts, identities, registries."""

from dataclasses import dataclass
from urllib.parse import quote

from lazulite.cli import session
from lazulite.cli.az.flags import GLOBAL, GROUP, YES, group_path, subscription
from lazulite.cli.grammar import Arguments, Command, Flag, Json, flag
from lazulite.cli.rest import Arm
from lazulite.cli.session import default
from lazulite.errors import NotFound

LOCATION = flag("--location", "-l", help="Its region; this platform's if not given.")


def _flat(row: Json) -> Json:
    """Prints one as az does: its properties beside its name."""
    return {**{name: value for name, value in row.items() if name != "properties"}, **row["properties"]}


@dataclass(frozen=True)
class Neighbour:
    """A kind of resource. kind: ARM's type; title: for people."""

    kind: str
    title: str


def put(line: Arm, arguments: Arguments, neighbour: Neighbour, body: Json) -> Json:
    """Makes one in the resource group that is meant, and returns it as it is printed."""
    location = arguments.location or default(line.settings, "location") or line.settings.region
    path = f"{group_path(line, arguments)}/providers/{neighbour.kind}/{quote(arguments.name)}"
    tags = dict(getattr(arguments, "tags", None) or [])
    return _flat(line.call("PUT", path, {"location": location, "tags": tags, **body}).json())


def rows(line: Arm, arguments: Arguments, neighbour: Neighbour) -> list[Json]:
    """Lists those of the resource group that is named, or of the subscription."""
    whole = f"/subscriptions/{subscription(line, arguments)}"
    scope = group_path(line, arguments) if arguments.resource_group else whole
    return line.all(f"{scope}/providers/{neighbour.kind}")


def find(line: Arm, arguments: Arguments, neighbour: Neighbour) -> Json:
    """Returns the one that a name means. Raises NotFound: names are looked for in every group if none is named."""
    name = str(arguments.name).lower()
    match = next((row for row in rows(line, arguments, neighbour) if row["name"].lower() == name), None)
    if not match:
        raise NotFound(
            f'There is no {neighbour.title} "{arguments.name}" in '
            f"{arguments.resource_group or f'subscription {subscription(line, arguments)}'}.",
            code="ResourceNotFound",
        )
    return match


def showing(neighbour: Neighbour, name: Flag) -> Command:
    """Makes `show`."""

    def run(arguments: Arguments) -> Json:
        return _flat(find(session.arm(), arguments, neighbour))

    return Command("show", f"Show a {neighbour.title}.", run, (name, GROUP, *GLOBAL))


def listing(neighbour: Neighbour) -> Command:
    """Makes `list`."""

    def run(arguments: Arguments) -> Json:
        return [_flat(row) for row in rows(session.arm(), arguments, neighbour)]

    return Command("list", f"List what is named here as a {neighbour.title}.", run, (GROUP, *GLOBAL))


def deleting(neighbour: Neighbour, name: Flag, *more: Flag) -> Command:
    """Makes `delete`. more: flags that change nothing."""

    def run(arguments: Arguments) -> None:
        line = session.arm()
        line.call("DELETE", find(line, arguments, neighbour)["id"])

    return Command("delete", f"Delete a {neighbour.title}.", run, (name, GROUP, YES, *more, *GLOBAL))
