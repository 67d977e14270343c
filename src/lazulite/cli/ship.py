"""What of a workspace would fail on real Azure, as `lazulite doctor --ship` says it."""

from urllib.parse import quote

from lazulite.cli import rest
from lazulite.cli.grammar import Arguments, Json
from lazulite.cli.session import open_workspace
from lazulite.identity.environment import secret_of

_INDENT = " " * 10


def look(arguments: Arguments) -> list[Json]:
    """Returns what would not ship, what Azure would refuse first: `[{what, where, said, fix, source, is_refused}]`."""
    session = open_workspace(arguments)
    own = session.arm.settings
    session.arm.get(session.path())  # named for the first time, it comes into being
    headers = {"X-IDENTITY-HEADER": secret_of(own)}
    url = f"{own.url}/_lazulite/shipping?wsid={quote(str(session.workspace), safe='')}"
    found: list[Json] = rest.send("GET", url, headers=headers).json()
    return sorted(found, key=lambda one: not one["is_refused"])


def lines(found: list[Json]) -> list[str]:
    """Prints what was found, a few lines each."""
    if not found:
        return ["Nothing was found that works here and not on Azure."]
    return [
        f"{'refused' if one['is_refused'] else 'otherwise':9} {one['what']} {one['where']}: {one['said']}\n"
        f"{_INDENT}{one['fix']}\n{_INDENT}{one['source']}"
        for one in found
    ]
