"""Which files an MLTable file names. Reads no rows and no transformations: those are for whoever opens the files.

Source: learn.microsoft.com/azure/machine-learning/reference-yaml-mltable, paths.
"""

import os
import re
from pathlib import Path
from typing import Any

import yaml

from lazulite.errors import BadRequest, NotImplementedHere

_WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def patterns(folder: Path) -> list[re.Pattern[str]]:
    """Returns what the paths of a folder's table match, relative to it.

    Raises BadRequest for what is no MLTable, NotImplementedHere for one whose paths lie elsewhere.
    """
    try:
        said = yaml.safe_load((folder / "MLTable").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BadRequest(f"The MLTable of the input cannot be read: {error}") from error
    if not isinstance(said, dict) or not isinstance(said.get("paths"), list):
        raise BadRequest("The MLTable of the input has no list called paths.")
    return [_pattern(one) for one in said["paths"]]


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
