"""The shape of the command line as data: groups of commands with their flags, and the parser made from them."""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from lazulite.errors import LazuliteError

Json = Any
Arguments = argparse.Namespace


class Misuse(LazuliteError):
    """The command line itself cannot be read. Exit code 2, as az has it."""


@dataclass(frozen=True)
class Flag:
    """One argument. names: `("--name", "-n")`, or one bare word for a positional. options: argparse's own."""

    names: tuple[str, ...]
    options: dict[str, Any]


def flag(*names: str, help: str, **options: Any) -> Flag:
    """Makes a Flag; options are those of `ArgumentParser.add_argument`."""
    return Flag(names, {"help": help, **options})


@dataclass(frozen=True)
class Command:
    """One verb of a group.

    name: "" where the group itself is the command (`lazulite up`). run: gets the parsed arguments; what it returns is
    printed as `--output` and `--query` say, None prints nothing. It raises LazuliteError or SystemExit to fail.
    columns: what `-o table` shows, heading and path in the result; () is every field that fits.
    """

    name: str
    help: str
    run: Callable[[Arguments], Json]
    flags: tuple[Flag, ...] = ()
    example: str = ""
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Group:
    """A noun with its verbs, in the order in which help lists them. other: does what no verb fits; None refuses it."""

    name: str
    commands: tuple[Command, ...]
    other: Callable[[Sequence[str]], None] | None = None


FORMATS = ("json", "jsonc", "yaml", "yamlc", "table", "tsv", "none")
OUTPUT = (
    flag(
        "--output",
        "-o",
        choices=FORMATS,
        metavar="FORMAT",
        help="How the result is printed: json (if not given), jsonc, yaml, yamlc, table, tsv or none.",
    ),
    flag("--query", metavar="JMESPATH", help="Print only what this JMESPath expression finds in the result."),
)
HOME = flag("--home", metavar="DIR", help="The platform's folder: LAZULITE_HOME, or ~/.lazulite.")
SCOPE = (
    flag("--workspace-name", "-w", metavar="NAME", help="The workspace; the configured one, or the only one there is."),
    flag("--resource-group", "-g", metavar="NAME", help="The resource group; as with the workspace."),
    flag("--subscription", metavar="ID", help="The subscription; the one that has the workspace, if it can be told."),
    flag("--only-show-errors", "--verbose", "--debug", action="store_true", help="Taken, as az does; changes nothing."),
)


def switch(*names: str, help: str) -> Flag:
    """Makes a flag that may be followed by true or false, as az's three-state flags are; not given, it is None."""
    return flag(*names, nargs="?", const=True, type=_boolean, metavar="true|false", help=help)


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false", "yes", "no", "1", "0"):
        raise argparse.ArgumentTypeError(f"{text!r} must be true or false")
    return text.lower() in ("true", "yes", "1")


def required(one: Flag) -> Flag:
    """Returns a flag that must be given."""
    return Flag(one.names, {**one.options, "required": True})


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Misuse(f"{message}.", hint=f"`{self.prog} --help` lists what it takes.")


def parser(program: str, command: Command) -> argparse.ArgumentParser:
    """Makes the parser of one command; program: all words before its arguments, `lazulite model show`.

    A long flag may be cut short where that is clear, as az has it: scripts write `--endpoint` for `--endpoint-name`.
    """
    made = _Parser(
        prog=program,
        description=command.help,
        epilog=f"example:\n  {command.example}" if command.example else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for one in command.flags:
        made.add_argument(*one.names, **one.options)
    return made


def find(group: Group, words: Sequence[str]) -> tuple[Command, Sequence[str]] | None:
    """Splits `["show", "-n", "m"]` into the command and its arguments; None for a verb that the group does not have."""
    for command in group.commands:
        verb = command.name.split()
        if list(words[: len(verb)]) == verb:
            return command, words[len(verb) :]
    return None


def with_files(word: str) -> str:
    """Puts a file's content where a word is `@path` or `--flag=@path`; `@-` is standard input.

    A path that cannot be read leaves the word as it is. Source: azure-cli-core 2.91, commands/__init__.py.
    """
    name, equals, value = word.partition("=")
    candidate = value if equals else name
    if not candidate.startswith("@") or candidate == "@":
        return word
    try:
        content = sys.stdin.read() if candidate == "@-" else Path(candidate[1:]).expanduser().read_text()
    except (OSError, UnicodeDecodeError):
        return word
    return f"{name}{equals}" * bool(equals) + content.rstrip("\n")


def unknown(word: str, program: str, known: Iterable[str]) -> Misuse:
    """Says that a program has no such command, and which one may have been meant."""
    import difflib  # only where something was mistyped

    close = difflib.get_close_matches(word, known, n=1)
    hint = f"Did you mean `{program} {close[0]}`?" if close else f"It has {', '.join(known)}."
    return Misuse(f'{program} has no command "{word}".', hint=hint)


def overview(title: str, rows: Sequence[tuple[str, str]]) -> str:
    """Lays out names and their one-line helps in two columns."""
    width = max(len(name) for name, _ in rows) + 2
    return "\n".join([title, "", *(f"  {name.ljust(width)}{help}" for name, help in rows)])
