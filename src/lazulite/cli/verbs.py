"""The verbs that nouns share: list, show, create, update, delete; each is made from a Noun as one Command."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from lazulite.cli import changes, late
from lazulite.cli.entities import Field, entity
from lazulite.cli.grammar import OUTPUT, SCOPE, Arguments, Command, Flag, Json, flag
from lazulite.cli.session import Session, open_workspace


def pair(text: str) -> tuple[str, str]:
    """Reads `NAME=VALUE`, for argparse."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} must be NAME=VALUE")
    return name, value


def assignment(text: str) -> tuple[str, Any]:
    """Reads `FIELD=VALUE`, for argparse: text, of which azure-ai-ml makes what the field is, or JSON's {} and []."""
    name, value = pair(text)
    if value[:1] in ("{", "["):
        with suppress(ValueError):
            return name, json.loads(value)
    return name, value


def readable(text: str) -> str:
    """Checks, for argparse, that a file is there to be read: azure-ai-ml would say so seconds later."""
    try:
        with Path(text).open("rb"):
            return text
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text} cannot be read: {error.strerror}") from error


COMMON = (*SCOPE, *OUTPUT)
NAME = flag("--name", "-n", required=True, help="Its name.")
NEW_NAME = flag("--name", "-n", help="Its name, if not the file's.")
FILE = flag("--file", "-f", type=readable, metavar="YAML", help="The YAML file that describes it.")
SET = flag(
    "--set",
    nargs="+",
    action="extend",
    type=assignment,
    metavar="FIELD=VALUE",
    default=[],
    help="Fields to set, as in the YAML file; a dot goes a level down: tags.team=vision.",
)
REGISTRY = flag("--registry-name", metavar="NAME", help="A registry, whose assets are meant instead of a workspace's.")
WEB = flag("--web", "-e", action="store_true", help="Show its page in the browser.")
SKIP_VALIDATION = flag("--skip-validation", action="store_true", help="Leave out what the client checks beforehand.")
NO_WAIT = flag("--no-wait", action="store_true", help="Return as soon as the request is accepted.")
YES = flag("--yes", "-y", action="store_true", help="Taken, as az does; nothing is asked here.")
DESCRIPTION = flag("--description", help="What it is, for people.")
TAGS = flag("--tags", nargs="+", action="extend", type=pair, metavar="NAME=VALUE", help="Tags to put on it.")
MAX_RESULTS = flag("--max-results", "-r", type=int, metavar="N", help="At most so many.")


# Flags that stand for a field within another.
_NESTED = {"identity_type": "identity.type", "user_assigned_identities": "identity.user_assigned_identities"}


@dataclass(frozen=True)
class Noun:
    """A named child of a workspace. word: az's noun; kind: ARM's plural; fields: how it is printed."""

    word: str
    kind: str
    fields: Sequence[Field]

    def show(self, session: Session, name: str) -> Json:
        """Returns one, as it is printed."""
        return entity(session.arm.get(session.path(self.kind, name)), self.fields)


def sdk() -> ModuleType:
    """Returns what makes entities of YAML files. Raises late.Wanted, which main sees to, before that is loaded."""
    for name in ("azure", "azure.ai.ml._utils._experimental"):  # its remarks on its own experimental classes
        logging.getLogger(name).setLevel(logging.ERROR)
    return late.sdk()


def show_page(address: str) -> None:
    """Shows a page in the browser, and says where it is; without a screen it is only said."""
    print(f"Its page: {address}", file=sys.stderr)
    if os.environ.get("BROWSER") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        import webbrowser  # as long to load as half of a list

        webbrowser.open(address)


def listing(noun: Noun) -> Command:
    """Makes `list`."""

    def run(arguments: Arguments) -> Json:
        session = open_workspace(arguments)
        rows = session.arm.all(session.path(noun.kind))
        return [entity(row, noun.fields) for row in rows[: arguments.max_results]]

    return Command("list", f"List the {noun.word}s of a workspace.", run, (MAX_RESULTS, *COMMON))


def showing(noun: Noun) -> Command:
    """Makes `show`."""

    def run(arguments: Arguments) -> Json:
        return noun.show(open_workspace(arguments), arguments.name)

    return Command("show", f"Show one {noun.word}.", run, (NAME, *COMMON))


def creating(noun: Noun, own: tuple[Flag, ...], example: str) -> Command:
    """Makes `create`. own: flags that stand for fields of the YAML file, and win over it."""

    def run(arguments: Arguments) -> Json:
        session = open_workspace(arguments)
        made = sdk().create(session, noun.word, arguments.file, overrides(arguments, own), not arguments.no_wait)
        return noun.show(session, made.name)

    what = f"Create a {noun.word} from a YAML file, or change it to what the file says."
    return Command("create", what, run, (FILE, *own, SET, NO_WAIT, *COMMON), example)


def updating(noun: Noun, own: tuple[Flag, ...] = ()) -> Command:
    """Makes `update`. own: flags that stand for fields."""

    def run(arguments: Arguments) -> Json:
        session = open_workspace(arguments)
        alter(session, noun.word, {"name": arguments.name}, arguments, own)
        return noun.show(session, arguments.name)

    return Command("update", f"Change fields of a {noun.word}.", run, (NAME, *own, *changes.FLAGS, NO_WAIT, *COMMON))


def alter(
    session: Session, word: str, which: Mapping[str, str], arguments: Arguments, own: Sequence[Flag] = ()
) -> None:
    """Changes what is there as `--set`, `--add`, `--remove` and flags of its own say, or a file, if one is given."""
    given = fields(arguments, own)

    def change(shown: Json) -> None:
        for field, value in given.items():
            changes.put(shown, field, value)
        changes.apply(shown, arguments)

    wait = not getattr(arguments, "no_wait", False)
    sdk().alter(session, word, which, change, wait, file=getattr(arguments, "file", None))


def deleting(noun: Noun) -> Command:
    """Makes `delete`."""

    def run(arguments: Arguments) -> None:
        session = open_workspace(arguments)
        answer = session.arm.call("DELETE", session.path(noun.kind, arguments.name))
        if not arguments.no_wait:
            session.arm.finish(answer)

    return Command("delete", f"Delete a {noun.word}.", run, (NAME, YES, NO_WAIT, *COMMON))


def overrides(arguments: Arguments, own: Sequence[Flag]) -> dict[str, Any]:
    """Returns what the flags and `--set` say instead of the YAML file: `{"min_instances": 2, "tags.a": "b"}`."""
    return fields(arguments, own) | dict(arguments.set)


def fields(arguments: Arguments, own: Sequence[Flag]) -> dict[str, Any]:
    """Returns what the flags that stand for fields say: `{"min_instances": 2}`."""
    given = {}
    for one in own:
        field = one.options.get("dest") or one.names[0].removeprefix("--").replace("-", "_")
        value = getattr(arguments, field)
        if value is not None:
            given[_NESTED.get(field, field)] = dict(value) if one is TAGS else value
    return given
