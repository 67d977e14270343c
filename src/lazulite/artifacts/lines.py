"""Logs as files of lines: appended one by one, read from their end."""

import os
from collections.abc import Callable
from pathlib import Path

from lazulite import clock

_BLOCK_BYTES = 64 << 10


def writer(path: Path) -> Callable[[str], None]:
    """Makes a function that appends a line with its time; lines survive any process's death."""

    def write(line: str) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{clock.now():%Y-%m-%dT%H:%M:%S}Z {line}\n")

    return write


def tail(path: Path, lines: int, start: int = 0) -> str:
    """Returns the last lines of a file, "" when there is none; reads only as much from its end as it takes.

    start: how many bytes at its beginning are left out; a file that is shorter by now has been emptied, and is read
    whole.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return ""
    with file:
        position, blocks, seen = file.seek(0, os.SEEK_END), [], 0
        start = start if start <= position else 0
        while position > start and seen <= lines:
            size = min(_BLOCK_BYTES, position - start)
            position -= size
            file.seek(position)
            blocks.append(file.read(size))
            seen += blocks[-1].count(b"\n")
    text = b"".join(reversed(blocks)).decode("utf-8", "replace")
    return "\n".join(text.splitlines()[-lines:])
