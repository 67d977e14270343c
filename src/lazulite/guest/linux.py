"""The few system calls that Python 3.8 has no name for. Each raises OSError; none does anything but the call."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import sys

IS_HERE = sys.platform == "linux"

# Source: linux/sched.h, linux/mount.h, linux/prctl.h, linux/capability.h.
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x20000, 0x10000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_NOATIME, MS_NODIRATIME, MS_BIND, MS_REC, MS_PRIVATE, MS_RELATIME = (
    1 << 10,
    1 << 11,
    1 << 12,
    1 << 14,
    1 << 18,
    1 << 21,
)
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_CHILD_SUBREAPER = 1, 24, 36
_CAP_SYS_ADMIN = 21
# Source: linux/sockios.h, linux/if.h.
_SIOCSIFFLAGS, _IFF_UP, _IFF_RUNNING = 0x8914, 0x1, 0x40

_LIBC = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Gives this process namespaces of its own."""
    _check(_LIBC.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str | None, target: str, flags: int, kind: str | None = None, options: str | None = None) -> None:
    """Mounts, binds or remounts. kind: of file system; options: its own, `lowerdir=/a,upperdir=/b`."""
    texts = [os.fsencode(text) if text else None for text in (source, target, kind, options)]
    _check(_LIBC.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]), target)


def raise_loopback() -> None:
    """Has 127.0.0.1 exist in a new network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        fcntl.ioctl(link, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", _IFF_UP | _IFF_RUNNING))


def set_parent_death_signal(number: int) -> None:
    """Has this process sent a signal when its parent ends, however that ends."""
    _prctl(_PR_SET_PDEATHSIG, number)


def adopt_orphans() -> None:
    """Becomes the parent of every descendant whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def give_up_mounting() -> None:
    """Keeps whatever this process executes from ever mounting, root or not."""
    _prctl(_PR_CAPBSET_DROP, _CAP_SYS_ADMIN)


def _prctl(option: int, value: int) -> None:
    _check(_LIBC.prctl(option, ctypes.c_ulong(value), 0, 0, 0), "prctl")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
