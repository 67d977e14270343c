"""Copies of folders that users filled: with what their links lead to, and an end for links that have none."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lazulite.artifacts import links


@dataclass(frozen=True)
class _Copying:
    """What is the same for all of a copy. within: what links may not leave, without links; "" when there is nothing."""

    copy: Callable[[str, str], Any]
    within: str
    left_out: list[str] = field(default_factory=list)


def copy_folder(
    source: Path, target: Path, copy: Callable[[str, str], Any] = shutil.copyfile, *, within: Path | None = None
) -> list[str]:
    """Copies a folder into one that may be there already, and what its links lead to in their place.

    A link that leads nowhere, or back to a folder that it lies in, stays a link; sockets and pipes are left out, and so
    are links that lead out of `within`, the container of a folder in storage: returns those, where they were met.
    copy: copies one file. Raises OSError.
    """
    copying = _Copying(copy, os.path.realpath(within) if within else "")
    _copy(str(source), str(target), copying, (os.path.realpath(source),))
    return copying.left_out


def _copy(source: str, target: str, copying: _Copying, above: tuple[str, ...]) -> None:
    os.makedirs(target, exist_ok=True)
    with os.scandir(source) as entries:
        for entry in entries:
            goal, real = os.path.join(target, entry.name), os.path.join(above[-1], entry.name)
            if entry.is_symlink():
                real = os.path.realpath(entry.path)
                is_there = os.path.exists(real)
                if is_there and copying.within and not links.is_inside(real, copying.within):
                    copying.left_out.append(entry.path)
                    continue
                if not is_there or any(links.is_inside(one, real) for one in above):
                    if not os.path.lexists(goal):
                        os.symlink(os.readlink(entry.path), goal)
                    continue
            if entry.is_dir():
                _copy(entry.path, goal, copying, (*above, real))
            elif entry.is_file():
                copying.copy(entry.path, goal)
