"""The file of results, in the order of the input whatever order the mini-batches end in, whole after any death.

Rows of the mini-batch whose turn it is go straight to the file; rows that are early wait in the spool. Where a record
of the journal says that rows are, there they are, or the mini-batch is run again.
"""

import os
from pathlib import Path
from typing import Any

from lazulite.artifacts.files import copy_range, full_disk_is_an_error
from lazulite.batch.journal import append
from lazulite.errors import OutOfSpace

_COPY_BYTES = 1 << 20


class Results:
    """Which mini-batches are finished, and their rows. The turn is that of the first that is not finished."""

    def __init__(self, target: str, spool: Path) -> None:
        """Opens the file of results, "" for none, and the spool. Raises OutOfSpace (507)."""
        self.turn = 0
        self._early: dict[int, tuple[int, int]] = {}  # those after the turn: where in the spool, how many bytes
        self._size = 0
        self._spool_size = 0
        if target:
            os.makedirs(os.path.dirname(target), exist_ok=True)
        self._target = _open(target) if target else -1
        self._has = os.fstat(self._target).st_size if target else 0
        self._spool = _open(str(spool))
        self._lost: list[int] = []

    def replay(self, record: dict[str, Any]) -> None:
        """Takes up a finished mini-batch of the journal, oldest first."""
        number, size, at = record["k"], record["bytes"], record.get("spooled")
        if at is None and size and (number != self.turn or self._size + size > self._has):
            self._lost.append(number)
            return
        if number == self.turn and at is None:
            self._size += size
            self.turn += 1
        else:
            self._early[number] = (at or 0, size)
        while self.turn in self._early and self._size + self._early[self.turn][1] <= self._has:
            self._size += self._early.pop(self.turn)[1]
            self.turn += 1

    def settle(self) -> list[int]:
        """Cuts off what the journal does not tell of, and appends what was early and has its turn now.

        Returns the mini-batches whose rows are gone, after the machine itself has stopped: they are to be run again.
        Raises OutOfSpace (507).
        """
        has = os.fstat(self._spool).st_size
        for number, (at, size) in list(self._early.items()):
            if at + size > has:
                del self._early[number]
                self._lost.append(number)
        self._spool_size = max((at + size for at, size in self._early.values()), default=0)
        os.ftruncate(self._spool, self._spool_size)
        if self._target >= 0:
            os.ftruncate(self._target, self._size)
        self.advance()
        return self._lost

    def is_finished(self, number: int) -> bool:
        """Tells whether a mini-batch is finished."""
        return number < self.turn or number in self._early

    @property
    def early(self) -> int:
        """Returns how many are finished whose turn has not come."""
        return len(self._early)

    def place(self, number: int, rows: bytes) -> dict[str, Any]:
        """Writes a mini-batch's rows where they belong for now; returns what the journal must say of that.

        Raises OutOfSpace (507); then nothing was written.
        """
        if not rows or number == self.turn:
            if rows:
                with full_disk_is_an_error():
                    append(self._target, rows, self._size)
            return {"bytes": len(rows)}
        with full_disk_is_an_error():
            append(self._spool, rows, self._spool_size)
        self._spool_size += len(rows)
        return {"bytes": len(rows), "spooled": self._spool_size - len(rows)}

    def finish(self, record: dict[str, Any]) -> None:
        """Hears that the journal tells of a mini-batch now, and appends what was early and has its turn.

        Raises OutOfSpace (507); what could not be appended waits on in the spool.
        """
        number, size = record["k"], record["bytes"]
        if number == self.turn:
            self._size += size
            self.turn += 1
        else:
            self._early[number] = (record.get("spooled", 0), size)
        self.advance()

    def advance(self) -> None:
        """Appends what was early and has its turn. Raises OutOfSpace (507); then it can be called again later."""
        while self.turn in self._early:
            at, size = self._early[self.turn]
            if size:
                self._append_spooled(at, size)
            del self._early[self.turn]
            self._size += size
            self.turn += 1
        if not self._early and self._spool_size:
            os.ftruncate(self._spool, 0)
            self._spool_size = 0

    def _append_spooled(self, at: int, size: int) -> None:
        try:
            with full_disk_is_an_error():
                copy_range(self._spool, at, self._target, self._size, size)
        except BaseException:
            os.ftruncate(self._target, self._size)
            raise

    def close(self) -> int:
        """Appends what waits for a turn that never came, in order, and closes the files.

        For a job that ends before all is finished. Returns how many mini-batches' rows could not be written.
        """
        try:
            while self._early:
                self.turn = min(self._early)
                self.advance()
        except OutOfSpace:
            return sum(1 for _, size in self._early.values() if size)
        finally:
            if self._target >= 0:
                os.ftruncate(self._target, self._size)  # of rows that the journal does not tell of
            self._close()
        return 0

    def _close(self) -> None:
        for descriptor in (self._target, self._spool):
            if descriptor >= 0:
                os.close(descriptor)


def _open(path: str) -> int:
    with full_disk_is_an_error():
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
