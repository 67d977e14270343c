"""The rows that AutoML trains on: an MLTable's, read with the pandas of the environment."""

from __future__ import annotations

import os
import re
from importlib import import_module
from typing import Any, Iterator

from . import batch_rows

_KINDS = {"read_delimited": "delimited", "read_json_lines": "json_lines", "read_parquet": "parquet"}
_WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class Unreadable(Exception):
    """The data cannot be what AutoML trains on; the message is for the user."""


def read(folder: str) -> Any:
    """Returns all rows of a folder's table as one DataFrame. Raises Unreadable, and whatever pandas does."""
    with open(os.path.join(folder, "MLTable"), encoding="utf-8") as file:
        said = import_module("yaml").safe_load(file)
    kind = ""
    options: "dict[str, Any]" = {}
    keep: "list[str]" = []
    drop: "list[str]" = []
    for name, given in _steps(said.get("transformations") or []):
        if name in _KINDS:
            kind, options = _KINDS[name], given or {}
        elif name == "keep_columns":
            keep = [given] if isinstance(given, str) else list(given or ())
        elif name == "drop_columns":
            drop = [given] if isinstance(given, str) else list(given or ())
        else:
            known = ", ".join((*_KINDS, "keep_columns", "drop_columns"))
            raise Unreadable("The MLTable has the transformation %s; AutoML reads %s." % (name, known))
    if not kind:
        raise Unreadable("The MLTable does not say how its files are read: read_delimited, for example.")
    names = _files(folder, said.get("paths") or [])
    if not names:
        raise Unreadable("The MLTable's paths match no file.")
    more = {"kind": kind, "options": options, "keep": keep, "drop": drop}
    tables = [batch_rows.read(_message(os.path.join(folder, name), more)) for name in names]
    return import_module("pandas").concat(tables, ignore_index=True)


def _steps(given: Any) -> "Iterator[tuple[str, Any]]":
    if not isinstance(given, list):
        raise Unreadable("The MLTable has transformations that are no list: %r." % (given,))
    for step in given:
        named = {step: None} if isinstance(step, str) else step
        if not isinstance(named, dict) or len(named) != 1:
            raise Unreadable("The MLTable has a transformation that is no name, nor one with options: %r." % step)
        yield from named.items()


def _message(path: str, more: "dict[str, Any]") -> "dict[str, Any]":
    """Describes a whole file as batch_rows reads it."""
    head = 0
    if more["kind"] == "delimited" and more["options"].get("header") != "no_header":
        with open(path, "rb") as file:
            head = len(file.readline())
    return {"path": path, "head": head, "begin": head, "end": os.path.getsize(path), "part": [0, 1], **more}


def _files(folder: str, paths: "list[Any]") -> "list[str]":
    every = sorted(
        os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names
    )
    wanted = [_pattern(next(iter(entry.items()))) for entry in paths]
    return [name for name in every if name != "MLTable" and any(one.fullmatch(name) for one in wanted)]


def _pattern(entry: "tuple[str, str]") -> "re.Pattern[str]":
    kind, path = entry
    if "://" in path or path.startswith("/"):
        raise Unreadable("The MLTable leads to %s; AutoML reads what lies beside it." % path)
    bare = os.path.normpath(path)
    if kind == "pattern":
        words = re.findall(r"\*\*/|\*\*|\*|\?|[^*?]+", bare)
        return re.compile("".join(_WILDCARDS.get(word) or re.escape(word) for word in words), re.DOTALL)
    if kind == "folder":
        return re.compile(".*" if bare == "." else re.escape(bare) + "/.*", re.DOTALL)
    return re.compile(re.escape(bare), re.DOTALL)
