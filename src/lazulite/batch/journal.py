"""What has been finished, told in a file that is only appended to: with it a batch job goes on after any death.

A record is one line of JSON, written by one call before anything that follows from it is done. A line that a death cut
short is cut off when the journal is opened again, and what it told is done once more.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lazulite.artifacts.files import full_disk_is_an_error


class Journal:
    """The journal of one batch job. Its records: a start, `{"start": epoch}`; a finished mini-batch, `{"k": 3, …}`."""

    def __init__(self, path: Path) -> None:
        """Opens the journal, making it if need be; cuts off a line that was not finished."""
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._size = _whole_lines(self._descriptor)
        os.ftruncate(self._descriptor, self._size)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yields what has been written, oldest first; holds one record at a time."""
        with self._path.open(encoding="utf-8") as file:
            yield from map(json.loads, file)

    def write(self, record: dict[str, Any]) -> None:
        """Appends a record, whole or not at all. Raises OutOfSpace (507)."""
        line = json.dumps(record).encode() + b"\n"
        with full_disk_is_an_error():
            append(self._descriptor, line, self._size)
        self._size += len(line)

    def close(self) -> None:
        """Closes the file."""
        os.close(self._descriptor)


def append(descriptor: int, data: bytes, at: int) -> None:
    """Writes data at the end of a file, which is `at` bytes long, or leaves the file as it is. Raises OSError."""
    try:
        done = 0
        while done < len(data):
            done += os.pwrite(descriptor, data[done:] if done else data, at + done)
    except OSError:
        os.ftruncate(descriptor, at)
        raise


def _whole_lines(descriptor: int) -> int:
    """Returns where the last finished line ends."""
    end = os.fstat(descriptor).st_size
    while end:
        start = max(0, end - 4096)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
