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


class Loan:
    """A file in memory, mapped. memory: all of it; what of it a body takes, the body's exchange knows."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self.path = path
        self.name = str(path).encode()
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.posix_fallocate(file, 0, size_bytes)
            self.memory = memoryview(mmap.mmap(file, size_bytes))
        except OSError:
            path.unlink()
            raise
        finally:
            os.close(file)


class Lender:
    """Lends, and takes back what nobody can write to any more."""

    def __init__(self, home: Path) -> None:
        self._prefix = f"lazulite-{hashlib.sha256(str(home).encode()).hexdigest()[:10]}-"
        self._free: defaultdict[int, list[Loan]] = defaultdict(list)
        self._lent_bytes = 0
        self._count = 0
        self.close()  # what a gateway that was killed has left

    def lend(self, body_bytes: int) -> Loan | None:
        """Returns room for a body, or None: too small to be worth it, or no memory to spare."""
        if body_bytes < SMALLEST_BYTES:
            return None
        size = -(-(body_bytes + _ROOM_FOR_MORE_BYTES) // _STEP_BYTES) * _STEP_BYTES
        if self._free[size]:
            return self._free[size].pop()
        if self._lent_bytes + size > _ALL_BYTES or not hasattr(os, "posix_fallocate"):
            return None
        self._count += 1
        try:
            loan = Loan(_MEMORY / f"{self._prefix}{os.getpid()}-{self._count}", size)
        except OSError:
            return None
        self._lent_bytes += size
        return loan

    def take_back(self, loan: Loan) -> None:
        """Makes a loan free for others. The caller knows that no worker and no socket uses it any more."""
        self._free[len(loan.memory)].append(loan)

    def write_off(self, loan: Loan) -> None:
        """Gives a loan up: somebody may still write to it. Its memory is freed when the last of them lets go."""
        self._lent_bytes -= len(loan.memory)
        loan.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Removes all files of this home's gateway."""
        if _MEMORY.is_dir():
            for left in _MEMORY.glob(f"{self._prefix}*"):
                left.unlink(missing_ok=True)
