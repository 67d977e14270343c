"""User code's processes, which outlive the platform: found again by the lock that each holds for as long as it lives.

The descriptor that holds the lock is handed to the one process and to nobody else, so a process id that was given out
again is never taken for it. The lock's file holds the process id.
"""

import contextlib
import fcntl
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from lazulite.catalog.variables import INHERITED, MEMORY_DEFAULTS
from lazulite.errors import Conflict

GUEST = Path(__file__).parent.parent / "guest"
_CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Takes a folder's lock and yields its descriptor, to be given to the process that shall hold it.

    What is closed in the end here stays open there. Raises Conflict while a process of this folder lives.
    """
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(f"A process of {folder} lives already.") from error
        os.ftruncate(lock, 0)
        yield lock
    finally:
        os.close(lock)


def note_pid(lock: int, pid: int) -> None:
    """Writes the holder's process id where `pid_of` finds it."""
    os.pwrite(lock, str(pid).encode(), 0)


def pid_of(folder: Path) -> int | None:
    """Returns the id of the process that was last started in a folder: 0 if it was not noted, None if none was."""
    try:
        return int((folder / "lock").read_text() or 0)
    except FileNotFoundError:
        return None


def is_held(folder: Path) -> bool:
    """Tells whether the process of a folder lives."""
    return _take(folder, fcntl.LOCK_SH | fcntl.LOCK_NB) is False


def await_end(folder: Path) -> None:
    """Blocks until the process of a folder has ended, whoever started it. Returns at once when there is none."""
    _take(folder, fcntl.LOCK_SH)


def _take(folder: Path, how: int) -> bool | None:
    """Takes the lock for a moment: True when that worked, False when it is held, None when there is no such file."""
    try:
        lock = os.open(folder / "lock", os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, how)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(lock)


def runs(pid: int) -> bool:
    """Tells whether there is such a process; a zombie is none. 0, one just launched, is taken for one."""
    try:
        return pid == 0 or psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def environment(python: Path, cores: float, environ: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables that any process of user code gets: of the platform's own what any program needs, PATH.

    python: the interpreter whose programs come first. OMP_NUM_THREADS is its share of the cores, at least 1; numpy,
    torch and scikit-learn all obey it. Its threads must not spin while they wait: on a busy machine of two cores a
    picture of FLUX took 9 s so, and 0.4 s without.
    """
    kept = {name: value for name, value in environ.items() if INHERITED.fullmatch(name)}
    return {
        **kept,
        "PATH": f"{python.parent}{os.pathsep}{environ.get('PATH', os.defpath)}",
        "VIRTUAL_ENV": str(python.parent.parent),
        **MEMORY_DEFAULTS,
        "OMP_NUM_THREADS": str(max(1, int(cores))),
        "OMP_WAIT_POLICY": "PASSIVE",
    }


def signal_words(number: int) -> str:
    """Names a signal that ended a process, `signal 11 (SIGSEGV): native code crashed`."""
    try:
        name = f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"
    return f"{name}: native code crashed" if number in _CRASHES else name
