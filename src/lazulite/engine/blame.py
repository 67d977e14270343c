"""Finds the user's own mistake in what a job printed: the last Python error, with file and line.

Nothing of ours runs inside the command, so its words are all there is.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from lazulite.artifacts import lines

_TAIL_LINES = 1000
_PREFIX = re.compile(r"^\[rank\d+\]: ?")  # torch puts it before each line of a rank's traceback
_PLACE = re.compile(r'^ +File "(?P<file>[^"]+)", line (?P<line>\d+)')
_ERROR = re.compile(r"^(?P<kind>[A-Za-z_][\w.]*)(?:: (?P<text>.*))?$")
_LIBRARIES = re.compile(r"[/\\](?:site|dist)-packages[/\\]|[/\\]lib[/\\]python3\.\d+[/\\]|^<")


@dataclass(frozen=True)
class Blame:
    """A Python error and where it was raised. file: relative to the job's code where it lies there."""

    kind: str
    text: str
    file: str
    line: int

    def __str__(self) -> str:
        what = f"{self.kind}: {self.text}" if self.text else self.kind
        return f"{what} ({self.file}, line {self.line})"


def find(log: Path, code: Path) -> Blame | None:
    """Returns the last Python error in a log, None when there is none.

    code: the job's working directory; of the error's frames the last one in it is taken, or else the last of all.
    """
    found, frames = None, list[tuple[str, int]]()
    for line in lines.tail(log, _TAIL_LINES).splitlines():
        line = _PREFIX.sub("", line)
        place, error = _PLACE.match(line), _ERROR.match(line)
        if place:  # of a traceback, or alone: a SyntaxError in the script itself has none
            frames.append((place["file"], int(place["line"])))
        elif error and frames:
            found = Blame(error["kind"], error["text"] or "", *_own(frames, code))
        if not line.startswith(" "):
            frames = []
    return found


def _own(frames: list[tuple[str, int]], code: Path) -> tuple[str, int]:
    root = f"{code.resolve()}/"
    mine = [(file, line) for file, line in frames if _is_in(file, root) and not _LIBRARIES.search(file)]
    file, line = (mine or frames)[-1]
    return file.removeprefix(root), line


def _is_in(file: str, root: str) -> bool:
    return file.startswith(root) or not file.startswith("/")
