"""What a job may see and change of the platform's files: a mount namespace of its own, read-only but for its outputs.

Root is held to it too. Where the system permits no namespaces, `are_possible` says so, and whoever starts the job gives
it copies instead.
"""

from __future__ import annotations

import errno
import os
import tempfile
from typing import Iterable

from . import linux

# statvfs tells a mount's flags; all but the last have the number that mount(2) takes.
_KEPT = (linux.MS_NOSUID, linux.MS_NODEV, linux.MS_NOEXEC, linux.MS_NOATIME, linux.MS_NODIRATIME)
_ST_RELATIME = 4096


def enter(
    views: "Iterable[tuple[str, str]]",
    readonly: Iterable[str],
    writable: Iterable[str],
    private: "Iterable[tuple[str, str]]" = (),
) -> None:
    """Changes what this process, and all that it starts, sees.

    views: (source, target), both files or both folders: target shows source, read-only. readonly: folders that can no
    longer be changed where they are. writable: folders within those that still can. private: (source, target), both
    folders: target shows source, to be written to. Raises OSError; then the process must not go on.
    """
    leave_the_others()
    shown = [(path, path) for path in writable] + list(private)
    kept = [(os.open(source, os.O_PATH), target) for source, target in shown]  # reached by the mounts of before
    for path in readonly:
        _bind(path, path)
        make_readonly(path)
    for descriptor, path in kept:
        _bind("/proc/self/fd/%d" % descriptor, path)
        os.close(descriptor)
    for source, target in views:
        _bind(source, target)
        make_readonly(target)
    try:
        linux.give_up_the_machine()
    except PermissionError:
        pass  # who may not do that may not mount either


def are_possible() -> bool:
    """Tells whether `enter` works here, by trying it in a child."""
    if not linux.IS_HERE:
        return False
    with tempfile.TemporaryDirectory() as folder:
        child = os.fork()
        if child == 0:
            os._exit(_try(folder))
        return os.waitpid(child, 0)[1] == 0


def _try(folder: str) -> int:
    try:
        enter((), (folder,), ())
        os.mkdir(os.path.join(folder, "made"))
    except OSError as error:
        return 0 if error.errno == errno.EROFS else 1
    return 1


def leave_the_others() -> None:
    """Gives this process mounts of its own; root needs no namespace of users for it, others get one. Raises OSError."""
    user, group = os.getuid(), os.getgid()
    try:
        linux.unshare(linux.CLONE_NEWNS)
    except PermissionError:
        linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNS)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", "%d %d 1" % (user, user))
        _write("/proc/self/gid_map", "%d %d 1" % (group, group))
    linux.mount(None, "/", linux.MS_REC | linux.MS_PRIVATE)


def _bind(source: str, target: str) -> None:
    linux.mount(source, target, linux.MS_BIND | linux.MS_REC)


def make_readonly(path: str) -> None:
    """Remounts a folder that is one, with the flags that it has: a user's own namespace may not take any away."""
    found = os.statvfs(path).f_flag
    kept = sum(flag for flag in _KEPT if found & flag) | (linux.MS_RELATIME if found & _ST_RELATIME else 0)
    linux.mount(None, path, linux.MS_BIND | linux.MS_REMOUNT | linux.MS_RDONLY | kept)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
