"""Copies of folders that users filled: with what their links lead to, and an end for links that have none."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any


def copy_folder(source: Path, target: Path, copy: Callable[[str, str], Any] = shutil.copyfile) -> None:
    """Copies a folder into one that may be there already, and what its links lead to in their place.

    A link that leads nowhere, or back to a folder that it lies in, stays a link; sockets and pipes are left out.
    copy: copies one file. Raises OSError.
    """
    _copy(str(source), str(target), copy, (os.path.realpath(source),))


def _copy(source: str, target: str, copy: Callable[[str, str], Any], above: tuple[str, ...]) -> None:
    os.makedirs(target, exist_ok=True)
    with os.scandir(source) as entries:
        for entry in entries:
            goal, real = os.path.join(target, entry.name), os.path.join(above[-1], entry.name)
            if entry.is_symlink():
                real = os.path.realpath(entry.path)
                if not os.path.exists(real) or any(f"{one}/".startswith(f"{real}/") for one in above):
                    if not os.path.lexists(goal):
                        os.symlink(os.readlink(entry.path), goal)
                    continue
            if entry.is_dir():
                _copy(entry.path, goal, copy, (*above, real))
            elif entry.is_file():
                copy(entry.path, goal)
