"""Commands that need azure-ai-ml, run by a process that has it loaded: its import takes seconds, a fork milliseconds.

A command that has loaded it stays behind when it is done, as a process without a terminal, and takes the command lines
of those that come after it, each in a fork of its own: with their arguments, folder, environment, files 0 to 2 and
signals. It ends after two idle minutes, with its platform, or when its code is no longer the one that is installed.
Linux only; where nobody stays, or does not answer, a command loads what it needs by itself, as it always can.
"""

import fcntl
import gc
import hashlib
import io
import json
import os
import random
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lazulite import __version__, clock
from lazulite.cli import lock
from lazulite.errors import Conflict
from lazulite.settings import Settings

_IDLE_LIMIT_S = 120.0
_LOOK_EVERY_S = 1.0
_LARGEST_BYTES = 16 << 20
# What azure-ai-ml, Python and libc read of the environment once: it must be the same for all that share one import.
_READ_ONCE = ("AZURE_ML", "AZUREML", "AZURE_EXTENSION", "PYTHON", "TZ", "LANG", "LC_")
_CREDENTIALS = struct.Struct("3i")  # process, user, group
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_NO_ANSWER = 1
_BY_SIGNAL = 128  # a shell tells of a program's signal by 128 and more
_MOST_FILES = 1 << 16


def address_of(settings: Settings) -> Path:
    """Returns the socket of those that have loaded the same code under the same variables, and see the same machine.

    To be asked before a command runs, which may change its own environment.
    """
    here = Path(__file__).parent
    folders = (here, here / "az", here.parent, here.parent / "identity")
    files = sorted((str(one), one.stat().st_mtime_ns) for folder in folders for one in folder.glob("*.py"))
    roots = [Path(one) for one in sys.path if one.endswith("-packages")]
    packages = [(str(one), one.stat().st_mtime_ns) for one in roots if one.is_dir()]
    read = sorted(item for item in os.environ.items() if item[0].startswith(_READ_ONCE))
    seen = sorted(str(one.readlink()) for one in Path("/proc/self/ns").glob("*"))  # files, network and processes
    key = hashlib.sha256(repr((sys.executable, __version__, files, packages, read, seen)).encode()).hexdigest()[:16]
    return settings.sockets / f"az-{key}"


def ask(address: Path, words: Sequence[str]) -> int | None:
    """Has a command line run by the process that stays; returns its exit code, None where none does."""
    if sys.platform != "linux":
        return None
    request = json.dumps({"words": list(words), "environ": dict(os.environ), "umask": _umask()}).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
            try:
                connection.connect(str(address))
                if not _is_mine(connection):
                    return None
                socket.send_fds(connection, [struct.pack("!I", len(request))], [0, 1, 2, folder])
            finally:
                os.close(folder)
            connection.sendall(request)
            pid = struct.unpack("!I", _exactly(connection, 4))[0]
        except (OSError, EOFError):
            return None
        return _wait(connection, pid)


def _wait(connection: socket.socket, pid: int) -> int:
    """Waits for the exit code, handing on the signals that this process gets."""
    got: list[int] = []

    def hand_on(number: int, _: object) -> None:
        got.append(number)
        _signal(pid, number)

    before = {one: signal.signal(one, hand_on) for one in _FORWARDED}
    try:
        return int(struct.unpack("!i", _exactly(connection, 4))[0])
    except (OSError, EOFError):
        if got:
            return _BY_SIGNAL + got[-1]
        print("error: The process that ran this command was killed.", file=sys.stderr)
        return _NO_ANSWER
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def stay(settings: Settings, address: Path, answer: Callable[[Sequence[str]], int]) -> None:
    """Leaves a copy of this process behind that takes the commands to come; returns at once.

    answer: runs a command line and returns its exit code. Does nothing where the platform is not up, others may change
    the folder of the sockets, or a thread of this process is still at work, which a copy would not have.
    """
    if sys.platform != "linux" or not lock.find(settings.home):
        return
    try:
        settings.make_sockets()
    except (OSError, Conflict):
        return
    if any(not one.daemon and one is not threading.main_thread() for one in threading.enumerate()):
        return
    sys.stdout.flush()
    sys.stderr.flush()
    if os.fork():
        return
    try:
        os.setsid()
        _let_go()
        gc.freeze()  # what is loaded is shared by all copies as long as none writes to it
        _take(address, settings.home, answer)
    finally:
        os._exit(0)


def _let_go() -> None:
    """Lets go of files and folder, so that whoever waits for the end of this command's output sees it."""
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.closerange(3, _MOST_FILES)


def _take(address: Path, home: Path, answer: Callable[[Sequence[str]], int]) -> None:
    draft = address.with_name(f"{address.name}.{os.getpid()}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        os.umask(0o077)
        listener.bind(str(draft))
        listener.listen(64)
        listener.settimeout(_LOOK_EVERY_S)
        draft.replace(address)  # the last that comes is the one that is found
        own = address.stat().st_ino
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the copies
        until = clock.monotonic() + _IDLE_LIMIT_S
        while clock.monotonic() < until and _is_ours(address, own) and lock.find(home):
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            until = clock.monotonic() + _IDLE_LIMIT_S
            with connection:
                if not os.fork():
                    listener.close()
                    _serve(connection, answer)
        if _is_ours(address, own):
            address.unlink()


def _is_ours(address: Path, inode: int) -> bool:
    try:
        return address.stat().st_ino == inode
    except FileNotFoundError:
        return False


def _serve(connection: socket.socket, answer: Callable[[Sequence[str]], int]) -> None:
    """Becomes the command that is asked for, and ends with it."""
    code = _NO_ANSWER
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        request = _receive(connection)
        if request:
            connection.sendall(struct.pack("!I", os.getpid()))
            _end_with(connection)
            try:
                code = _code_of(answer, request["words"])
            finally:
                connection.sendall(struct.pack("!i", code))
    finally:
        os._exit(code)


def _code_of(answer: Callable[[Sequence[str]], int], words: Sequence[str]) -> int:
    """Runs a command line and returns its exit code; shows what is raised, as the interpreter itself would do."""
    try:
        return answer(words)
    except SystemExit as leaving:
        if isinstance(leaving.code, str):
            print(leaving.code, file=sys.stderr)
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        raise
    finally:
        with suppress(OSError):  # who reads has gone
            sys.stdout.flush()
            sys.stderr.flush()


def _receive(connection: socket.socket) -> Any:
    """Takes over arguments, environment, folder and files of a request; None for one of somebody else."""
    if not _is_mine(connection):
        return None
    head, files, _, _ = socket.recv_fds(connection, 4, 4)
    size = struct.unpack("!I", head + _exactly(connection, 4 - len(head)))[0]
    if size > _LARGEST_BYTES or len(files) != 4:
        return None
    request = json.loads(_exactly(connection, size))
    os.fchdir(files[3])
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
    for file in files:
        os.close(file)
    _reopen()
    os.environ.clear()
    os.environ.update(request["environ"])
    os.umask(request["umask"])
    random.seed()  # or every copy would make the same names
    return request


def _is_mine(connection: socket.socket) -> bool:
    """Tells whether the other end is of the same user: what is sent may hold secrets, and what comes is run."""
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return bool(_CREDENTIALS.unpack(told)[1] == os.getuid())


def _reopen() -> None:
    """Gives Python new objects for its three files, which may be a terminal now and may not have been before."""
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, "r", closefd=False)), "utf-8")
    out, error = (io.BufferedWriter(io.FileIO(number, "w", closefd=False)) for number in (1, 2))
    sys.stdout = io.TextIOWrapper(out, "utf-8", line_buffering=out.isatty())
    sys.stderr = io.TextIOWrapper(error, "utf-8", "backslashreplace", line_buffering=True)


def _end_with(connection: socket.socket) -> None:
    """Ends this process when the one that asked for it goes: its end of the connection closes, and that is a signal."""
    signal.signal(signal.SIGIO, lambda *_: os._exit(_NO_ANSWER))
    fcntl.fcntl(connection, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(connection, fcntl.F_SETFL, fcntl.fcntl(connection, fcntl.F_GETFL) | os.O_ASYNC)
    with suppress(BlockingIOError):  # it may have gone before
        if not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
            os._exit(_NO_ANSWER)


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
