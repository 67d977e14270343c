"""The files that scripts write: each worker has output folders of its own, and what is in them when a mini-batch has
ended is moved to where it belongs. So no file is ever written over by another mini-batch: that both are kept, and why
it is done so, docs/decisions/0014-batch.md.
"""

import errno
import os
import re
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lazulite.artifacts.files import full_disk_is_an_error

_MOST_FOLDERS = 256  # that are left for a script to find again


@dataclass(frozen=True)
class Move:
    """A file on its way. name: as the script called it; kept_as: as it will be called, which differs if that was taken.

    Both are relative to the output.
    """

    source: str
    target: str
    name: str
    kept_as: str

    @property
    def is_collision(self) -> bool:
        """Tells whether something else has the name."""
        return self.kept_as != self.name


class Outputs:
    """The output folders of one job. began: epoch seconds; older files are another job's, and are replaced."""

    def __init__(self, folder: Path, outputs: Sequence[str], began: float) -> None:
        self._folder = folder / "work"
        self._outputs = outputs
        self._began = began
        self._taken: set[str] = set()  # by moves that were planned and not yet made

    def clear(self) -> None:
        """Removes what workers left that nobody attends any more."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()

    def folders(self, process: str) -> list[tuple[str, str]]:
        """Makes a worker's own output folders: (own, output) for each output."""
        made = list(zip(self._own(process), self._outputs, strict=True))
        for own, output in made:
            os.makedirs(own, exist_ok=True)
            os.makedirs(output, exist_ok=True)
        return made

    def planned(self, process: str, tag: str) -> list[Move]:
        """Lists what a worker wrote, and where it goes. tag: told in the name of a file whose own is taken."""
        self._taken.clear()
        moves = []
        for own, output in zip(self._own(process), self._outputs, strict=True):
            for name in _written(own):
                kept_as = self._free(output, name, tag)
                moves.append(Move(f"{own}/{name}", f"{output}/{kept_as}", name, kept_as))
        return moves

    def _free(self, output: str, name: str, tag: str) -> str:
        first, slash, rest = name.partition("/")
        if slash and not _can_be_folder(output, name.rpartition("/")[0]):
            name = f"{first}.{tag}/{rest}"
        stem, suffix = os.path.splitext(name)
        number = 1
        while f"{output}/{name}" in self._taken or self._is_taken(f"{output}/{name}"):
            name = f"{stem}.{tag}{f'-{number}' if number > 1 else ''}{suffix}"
            number += 1
        self._taken.add(f"{output}/{name}")
        return name

    def _is_taken(self, path: str) -> bool:
        """Tells whether a file of this job is there, whose inode has changed since the job began, or any folder."""
        try:
            found = os.lstat(path)
        except OSError:
            return False
        return found.st_ctime >= self._began or stat.S_ISDIR(found.st_mode)

    def named(self, process: str, rows: bytes, moves: Sequence[Move]) -> bytes:
        """Returns rows with the paths of files as these are called in the end: a script may return what it wrote."""
        for own, output in zip(self._own(process), self._outputs, strict=True):
            rows = rows.replace(own.encode(), output.encode())
            for one in moves:
                if one.is_collision and one.source == f"{own}/{one.name}":
                    written = re.escape(f"{output}/{one.name}".encode()) + rb"(?![\w.-])"
                    rows = re.sub(written, one.target.encode().replace(b"\\", rb"\\"), rows)
        return rows

    def _own(self, process: str) -> list[str]:
        return [f"{self._folder}/{process}/{number}" for number in range(len(self._outputs))]

    def discard(self, process: str) -> None:
        """Removes what a worker wrote in an attempt that is made again."""
        for own in self._own(process):
            for name in _written(own):
                os.unlink(f"{own}/{name}")


def _can_be_folder(output: str, name: str) -> bool:
    """Tells whether a folder is at a path below an output, or can be made there: no part of the path is a file."""
    while name:
        path = f"{output}/{name}"
        if os.path.lexists(path):
            return os.path.isdir(path)
        name = name.rpartition("/")[0]
    return True


def collisions(moves: Sequence[Move]) -> dict[str, str]:
    """Returns what could not keep its name, and the name that it has instead."""
    return {one.name: one.kept_as for one in moves if one.is_collision}


def move(moves: Sequence[tuple[str, str]]) -> None:
    """Moves files from source to target; what has been moved already is left. Raises OutOfSpace (507)."""
    for source, target in moves:
        if os.path.lexists(source):
            with full_disk_is_an_error():
                os.makedirs(os.path.dirname(target), exist_ok=True)
                _rename(source, target)


def _rename(source: str, target: str) -> None:
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        draft = f"{target}.draft"
        shutil.copy2(source, draft, follow_symlinks=False)
        os.replace(draft, target)
        os.unlink(source)


def _written(folder: str) -> Iterator[str]:
    """Yields the files of a worker's folder, then removes its folders if they have become many."""
    waiting, folders = [""], list[str]()
    while waiting:
        base = waiting.pop()
        with os.scandir(os.path.join(folder, base)) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(f"{base}{entry.name}/")
                    folders.append(f"{folder}/{base}{entry.name}")
                else:
                    yield base + entry.name
    if len(folders) > _MOST_FOLDERS:
        for path in reversed(folders):
            with suppress(OSError):  # it is not empty
                os.rmdir(path)
