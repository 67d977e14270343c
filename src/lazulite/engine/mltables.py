"""What an MLTable file says: which files it names, and what is to be done to them. Reads no rows.

Source: learn.microsoft.com/azure/machine-learning/reference-yaml-mltable, paths and transformations.
"""

import os
import re
from pathlib import Path
from typing import Any

import yaml

from lazulite.errors import BadRequest, NotImplementedHere

_AS_IN = "Write `transformations:`, and below it `- read_delimited: {delimiter: ','}`."
_WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def patterns(folder: Path) -> list[re.Pattern[str]]:
    """Returns what the paths of a folder's table match, relative to it.

    Raises BadRequest for what is no MLTable, NotImplementedHere for one whose paths lie elsewhere.
    """
    said = _read(folder)
    if not isinstance(said.get("paths"), list):
        raise BadRequest("The MLTable of the input has no list called paths.")
    return [_pattern(one) for one in said["paths"]]


def transformations(folder: Path) -> list[tuple[str, Any]]:
    """Returns the name and the options of each transformation, in order; None for no options. Raises BadRequest."""
    given = _read(folder).get("transformations") or []
    if not isinstance(given, list):
        raise BadRequest("The MLTable of the input has transformations that are no list.", hint=_AS_IN)
    return [_transformation(one) for one in given]


def _transformation(given: Any) -> tuple[str, Any]:
    if isinstance(given, str):
        return given, None
    if isinstance(given, dict) and len(given) == 1 and isinstance(next(iter(given)), str):
        name, options = next(iter(given.items()))
        return name, options
    raise BadRequest(
        f"The MLTable of the input has a transformation that is neither a name nor a name with its options: {given!r}.",
        hint=_AS_IN,
    )


def _read(folder: Path) -> dict[str, Any]:
    try:
        said = yaml.safe_load((folder / "MLTable").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise BadRequest(f"The MLTable of the input cannot be read: {error}") from error
    if not isinstance(said, dict):
        raise BadRequest("The MLTable of the input is no mapping with a list called paths.")
    return said


def files(folder: Path) -> list[Path]:
    """Returns the files that a folder's table names, in order. Raises what `patterns` does."""
    wanted = patterns(folder)
    every = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [path for path in every if any(one.fullmatch(path.relative_to(folder).as_posix()) for one in wanted)]


def _pattern(entry: Any) -> re.Pattern[str]:
    kind, path = next(iter(entry.items())) if isinstance(entry, dict) and len(entry) == 1 else ("", "")
    if kind not in ("file", "folder", "pattern") or not isinstance(path, str):
        raise BadRequest(f"The MLTable of the input has a path that is no file, folder or pattern: {entry!r}.")
    if "://" in path or path.startswith("/"):
        raise NotImplementedHere(
            f"The MLTable of the input leads to {path}; Lazulite evaluates tables whose paths lie in their own folder.",
            hint="Use mode ro_mount, and read it by the package mltable.",
        )
    bare = os.path.normpath(path)
    if kind == "folder":
        return re.compile("(?!MLTable$).*" if bare == "." else f"{re.escape(bare)}/.*", re.DOTALL)
    return re.compile(_glob(bare) if kind == "pattern" else re.escape(bare), re.DOTALL)


def _glob(text: str) -> str:
    words = re.findall(r"\*\*/|\*\*|\*|\?|[^*?]+", text)
    return "".join(_WILDCARDS.get(word) or re.escape(word) for word in words)
