"""Memory that gateway and workers share, so that large bodies are not carried from one to the other.

A loan is a file in memory. A client's body is received straight into it, the worker reads it there and may leave its
answer in its place. What is carried is the name. See "Lent bodies" in docs/guest-protocol.md.
"""

import hashlib
import mmap
import os
from collections import defaultdict
from pathlib import Path

# Only memory is worth it, and only where the kernel can promise it: a write to memory that is not there kills.
_MEMORY = Path("/dev/shm")
# Below this, carrying a body costs less than looking after a loan.
SMALLEST_BYTES = 128 << 10
_STEP_BYTES = 256 << 10
_ROOM_FOR_MORE_BYTES = 4 << 10  # an answer is often a little longer than what it answers
_ALL_BYTES = 256 << 20
_IS_POSSIBLE = _MEMORY.is_dir() and hasattr(os, "posix_fallocate") and hasattr(mmap, "MADV_REMOVE")


class Loan:
    """A file in memory, mapped. memory: all of it; what of it a body takes, the body's exchange knows."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self.path = path
        self.name = str(path).encode()
        self._size_bytes = size_bytes
        self._is_empty = True
        path.touch(0o600, exist_ok=False)
        try:
            self.fill()
            with path.open("r+b") as file:
                self._map = mmap.mmap(file.fileno(), size_bytes)
        except OSError:
            path.unlink()
            raise
        self.memory = memoryview(self._map)

    def fill(self) -> None:
        """Sees to it that there is memory behind all of the file. Raises OSError when there is not enough."""
        if self._is_empty:
            with self.path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, self._size_bytes)
            self._is_empty = False

    def empty(self) -> None:
        """Returns the memory to the kernel; whoever has mapped the file keeps it mapped."""
        if not self._is_empty:
            self._map.madvise(mmap.MADV_REMOVE)
            self._is_empty = True


class Lender:
    """Lends, and takes back what nobody can write to any more."""

    def __init__(self, home: Path) -> None:
        self._prefix = f"lazulite-{hashlib.sha256(str(home).encode()).hexdigest()[:10]}-"
        self._free: defaultdict[int, list[Loan]] = defaultdict(list)  # by size, those lent last at the end
        self._least_free: dict[int, int] = {}  # since the last sweep
        self._lent_bytes = 0
        self._count = 0
        self.close()  # what a gateway that was killed has left

    def lend(self, body_bytes: int) -> Loan | None:
        """Returns room for a body, or None: too small to be worth it, or no memory to spare."""
        if body_bytes < SMALLEST_BYTES or not _IS_POSSIBLE:
            return None
        size = -(-(body_bytes + _ROOM_FOR_MORE_BYTES) // _STEP_BYTES) * _STEP_BYTES
        free = self._free[size]
        try:
            loan = free[-1] if free else self._new(size)
            if loan:
                loan.fill()
        except OSError:
            return None
        if free:
            free.pop()
            self._least_free[size] = min(self._least_free.get(size, 0), len(free))
        return loan

    def take_back(self, loan: Loan) -> None:
        """Makes a loan free for others. The caller knows that no worker and no socket uses it any more."""
        self._free[len(loan.memory)].append(loan)

    def write_off(self, loan: Loan) -> None:
        """Gives a loan up: somebody may still write to it. Its memory is freed when the last of them lets go."""
        self._lent_bytes -= len(loan.memory)
        loan.path.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Returns the memory of loans that nobody wanted since the last sweep."""
        for size, free in self._free.items():
            for loan in free[: self._least_free.get(size, 0)]:
                loan.empty()
            self._least_free[size] = len(free)

    def _new(self, size: int) -> Loan | None:
        if self._lent_bytes + size > _ALL_BYTES:
            return None
        self._count += 1
        loan = Loan(_MEMORY / f"{self._prefix}{os.getpid()}-{self._count}", size)
        self._lent_bytes += size
        return loan

    def close(self) -> None:
        """Removes all files of this home's gateway."""
        if _MEMORY.is_dir():
            for left in _MEMORY.glob(f"{self._prefix}*"):
                left.unlink(missing_ok=True)
