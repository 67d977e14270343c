"""The language of `--set`, `--add` and `--remove`: changes to a resource as it is printed, for every `update`. Pure.

A path is `tags.team`, `rules[0].path`, `rules[name=a].path`, or `rules.0.path`.
Source: azure-cli-core 2.91, commands/arm.py, generic update.
"""

import argparse
import ast
import json
import re
from collections.abc import Sequence
from typing import Any

from lazulite.cli.grammar import Arguments, Flag, Json, Misuse, flag

_STEP = re.compile(r"\[([^\]]*)\]|([^.\[\]]+)")
_ADD = "--add PATH VALUE ..., or --add PATH NAME=VALUE ..."
_REMOVE = "--remove PATH, or --remove LIST INDEX"


def _assignment(text: str) -> str:
    if not text.partition("=")[0] or "=" not in text:
        raise argparse.ArgumentTypeError(f"{text!r} must be PATH=VALUE")
    return text


FLAGS: tuple[Flag, ...] = (
    flag(
        "--set",
        nargs="+",
        action="extend",
        type=_assignment,
        metavar="PATH=VALUE",
        default=[],
        help="Fields to set, as `show` prints them; JSON is taken as what it says: tags.team=vision.",
    ),
    flag(
        "--add",
        nargs="+",
        action="append",
        metavar="PATH VALUE",
        default=[],
        help="Put a value, or an object of NAME=VALUE, at the end of a list.",
    ),
    flag(
        "--remove",
        nargs="+",
        action="append",
        metavar="PATH",
        default=[],
        help="Take a field away, or one item of a list.",
    ),
    flag("--force-string", action="store_true", help="Take the values of --set and --add as text, whatever they say."),
)


def asked(arguments: Arguments) -> bool:
    """Tells whether a command line asks for any change."""
    return bool(arguments.set or arguments.add or arguments.remove)


def apply(shown: Json, arguments: Arguments) -> None:
    """Changes an object, in place, as the flags say: first what is set, then what is added, then what is removed.

    Raises Misuse for a path that leads nowhere.
    """
    read = str if arguments.force_string else value_of
    for words in arguments.set:
        path, _, text = words.partition("=")
        put(shown, path, read(text))
    for words in arguments.add:
        _add(shown, words, read)
    for words in arguments.remove:
        _remove(shown, words)


def texts(shown: Json, field: str) -> dict[str, str]:
    """Returns tags or properties as they are sent: every value a text. Raises Misuse for what is no object."""
    given = shown.get(field) or {}
    if not isinstance(given, dict):
        raise Misuse(
            f"{field} holds names with values, so {given!r} cannot be set.", hint=f"Write --set {field}.NAME=VALUE."
        )
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}


def value_of(text: str) -> Json:
    """Reads a value: JSON or Python's literals as what they say, anything else as text."""
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return text


def steps(path: str) -> list[str]:
    """Splits a path: `a.b[0][n=x].c` -> `["a", "b", "0", "n=x", "c"]`."""
    return [bracketed or plain for bracketed, plain in _STEP.findall(path)]


def put(root: Json, path: str, value: Json) -> None:
    """Sets one field, in place; objects that are missing on the way come into being."""
    whole = steps(path)
    *levels, last = whole
    _put(_walk(root, levels, makes=True), last, value, whole)


def _put(parent: Json, step: str, value: Json, path: Sequence[str]) -> None:
    if isinstance(parent, dict):
        parent[step] = value
    elif isinstance(parent, list) and (index := _index(parent, step)) is not None:
        parent[index] = value
    else:
        raise _nowhere(parent, step, path)


def _walk(root: Json, path: Sequence[str], makes: bool = False) -> Json:
    """Follows a path. makes: objects that are missing on the way come into being."""
    here = root
    for number, step in enumerate(path):
        found: Any = None
        if isinstance(here, dict):
            found = here.get(step)
            if found is None and makes:
                found = here[step] = {}
        elif isinstance(here, list) and (index := _index(here, step)) is not None:
            found = here[index]
        if found is None:
            raise _nowhere(here, step, path[: number + 1])
        here = found
    return here


def _index(items: Sequence[Json], step: str) -> int | None:
    """Returns where an item is: by number, or by `name=value` in it."""
    name, equals, value = step.partition("=")
    if equals:
        numbered = enumerate(items)
        return next((n for n, item in numbered if isinstance(item, dict) and str(item.get(name)) == value), None)
    index = int(step) if re.fullmatch(r"-?\d+", step) else len(items)
    return index if -len(items) <= index < len(items) else None


def _nowhere(here: Json, step: str, path: Sequence[str]) -> Misuse:
    if isinstance(here, list):
        return Misuse(f'There is no item "{step}" at {".".join(path[:-1])}, which has {len(here)}.')
    has = ", ".join(sorted(here)) if isinstance(here, dict) else f"only {here!r}"
    return Misuse(f'There is no field "{step}" on the way to {".".join(path)}.', hint=f"There is: {has}.")


def _add(root: Json, words: Sequence[str], read: Any) -> None:
    path, *values = words
    if not values:
        raise Misuse("--add needs a path and what to add there.", hint=f"Write {_ADD}.")
    *levels, last = steps(path)
    parent = _walk(root, levels, makes=True)
    if isinstance(parent, dict) and parent.get(last) is None:
        parent[last] = []
    items = _walk(parent, [last])
    if not isinstance(items, list):
        raise Misuse(f"{path} is no list, so nothing can be added to it.", hint=f"Write --set {path}=VALUE.")
    entry: dict[str, Json] = {}
    for value in values:
        name, equals, text = value.partition("=")
        if equals:
            entry = entry or _appended(items)
            entry[name] = text
        else:
            entry = {}
            items.append(read(value))


def _appended(items: list[Json]) -> dict[str, Json]:
    entry: dict[str, Json] = {}
    items.append(entry)
    return entry


def _remove(root: Json, words: Sequence[str]) -> None:
    if len(words) > 2:
        raise Misuse("--remove takes one path, and an index if it is a list's.", hint=f"Write {_REMOVE}.")
    *levels, last = [*steps(words[0]), *words[1:]]
    parent = _walk(root, levels)
    if isinstance(parent, dict) and last in parent:
        del parent[last]
    elif isinstance(parent, list) and (index := _index(parent, last)) is not None:
        del parent[index]
    else:
        raise _nowhere(parent, last, [*levels, last])
