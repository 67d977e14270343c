"""Writes docs/cli.md from the tables of commands: `python -m lazulite.cli.reference > docs/cli.md`."""

import sys
from collections.abc import Iterator

from lazulite.cli import main
from lazulite.cli.az import dispatch
from lazulite.cli.grammar import OUTPUT, SCOPE, Command, Flag, Group

_INTRODUCTION = """# The command line

Made by `make docs` from the tables of commands in `src/lazulite/cli/`.

`az ml X` is `lazulite X`: the same nouns, verbs, flags and output. Inside `lazulite run` there is an `az` as well.
Exit codes: 0 done, 1 failed, 2 the command line cannot be read, 3 what was asked for is not there.
An error is said on stderr: `error: ...`, an empty line, `hint: ...`.

Every command about a workspace's resources takes these too:
"""
_AZ = """
# az

What `az` answers inside `lazulite run`, beside `az ml`. All commands take `-o`, `--query` and `--subscription`.
Any other command goes to the real az, where there is one.
"""


def reference() -> str:
    """Returns the whole page."""
    parts = [_INTRODUCTION, *_table((*SCOPE, *OUTPUT))]
    for name, (_, purpose) in main.GROUPS.items():
        parts += [f"\n## {name}\n", *_group(main.load(name), purpose)]
    parts.append(_AZ)
    for name, (_, purpose) in dispatch.COMMANDS.items():
        parts += [f"\n## az {name}\n", *_group(main.load(name, dispatch.COMMANDS), purpose)]
    return "\n".join(parts) + "\n"


def _group(group: Group, purpose: str) -> Iterator[str]:
    if not group.commands or group.commands[0].name:
        yield purpose
    for command in group.commands:
        if command.name:
            yield f"\n### {group.name} {command.name}\n"
        yield command.help
        yield from _command(command)


def _command(command: Command) -> Iterator[str]:
    own = [one for one in command.flags if one not in SCOPE and (one not in OUTPUT or SCOPE[-1] not in command.flags)]
    if own:
        yield ""
        yield from _table(own)
    if command.example:
        yield f"\n```\n{command.example}\n```"


def _table(flags: tuple[Flag, ...] | list[Flag]) -> Iterator[str]:
    yield "| Argument | |"
    yield "|---|---|"
    for one in flags:
        yield f"| {_names(one)} | {_escaped(one.options['help'])}{_more(one)} |"


def _names(one: Flag) -> str:
    if not one.names[0].startswith("-"):
        return f"`{one.options.get('metavar', one.names[0].upper())}`"
    value = one.options.get("metavar", "" if one.options.get("action", "").startswith("store") else "VALUE")
    return ", ".join(f"`{name}`" for name in one.names) + (f" {_escaped(value)}" if value else "")


def _more(one: Flag) -> str:
    notes = []
    if one.options.get("choices") and one not in OUTPUT:
        notes.append("One of " + ", ".join(f"`{choice}`" for choice in one.options["choices"]) + ".")
    if one.options.get("required"):
        notes.append("Required.")
    return " " + " ".join(notes) if notes else ""


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.stdout.write(reference())
