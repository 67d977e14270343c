"""The few system calls that Python 3.8 has no name for. Each raises OSError; none does anything but the call."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import sys
from typing import Sequence, Tuple

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
# CAP_SYS_MODULE, _RAWIO, _PTRACE, _ADMIN: by each of these root gets back what a namespace took.
_WAYS_BACK = (16, 17, 19, 21)
# Source: linux/sockios.h, linux/if.h.
_SIOCSIFFLAGS, _IFF_UP, _IFF_RUNNING = 0x8914, 0x1, 0x40
# Source: asm-generic/socket.h, linux/netlink.h, linux/rtnetlink.h.
_SO_ATTACH_FILTER = 26
_NLM_F_REQUEST_ACK_CREATE, _RTM_NEWROUTE, _RTA_OIF = 0x405, 24, 4
_RT_TABLE_LOCAL, _RTPROT_BOOT, _RT_SCOPE_HOST, _RTN_LOCAL = 255, 3, 254, 2

_LIBC = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Gives this process namespaces of its own."""
    _check(_LIBC.unshare(ctypes.c_int(flags)), "unshare")


def join(path: str, flags: int) -> None:
    """Gives this process the namespace of another, `/proc/7/ns/net`."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _check(_LIBC.setns(ctypes.c_int(descriptor), ctypes.c_int(flags)), path)
    finally:
        os.close(descriptor)


def mount(source: str | None, target: str, flags: int, kind: str | None = None, options: str | None = None) -> None:
    """Mounts, binds or remounts. kind: of file system; options: its own, `lowerdir=/a,upperdir=/b`."""
    texts = [os.fsencode(text) if text else None for text in (source, target, kind, options)]
    _check(_LIBC.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]), target)


def raise_loopback() -> None:
    """Has 127.0.0.1 exist in a new network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        fcntl.ioctl(link, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", _IFF_UP | _IFF_RUNNING))


def take_every_address(family: int) -> None:
    """Has every address of a family mean this machine, in a new network: what is sent anywhere arrives on loopback."""
    route = struct.pack("BBBBBBBBI", family, 0, 0, 0, _RT_TABLE_LOCAL, _RTPROT_BOOT, _RT_SCOPE_HOST, _RTN_LOCAL, 0)
    route += struct.pack("HHI", 8, _RTA_OIF, socket.if_nametoindex("lo"))
    head = struct.pack("IHHII", 16 + len(route), _RTM_NEWROUTE, _NLM_F_REQUEST_ACK_CREATE, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
        kernel.sendto(head + route, (0, 0))
        number = -struct.unpack_from("i", kernel.recv(4096), 16)[0]
    if number:
        raise OSError(number, os.strerror(number), "loopback")


def attach_filter(heard: socket.socket, program: "Sequence[Tuple[int, int, int, int]]") -> None:
    """Has a socket hear only what a program of classic BPF lets pass: (code, true, false, constant)."""
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in program))
    told = struct.pack("HP", len(program), ctypes.addressof(code))
    heard.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, told)


def set_parent_death_signal(number: int) -> None:
    """Has this process sent a signal when its parent ends, however that ends."""
    _prctl(_PR_SET_PDEATHSIG, number)


def adopt_orphans() -> None:
    """Becomes the parent of every descendant whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def give_up_the_machine() -> None:
    """Keeps whatever this process executes from mounting, and from the namespaces and memory of others, root or not."""
    for capability in _WAYS_BACK:
        _prctl(_PR_CAPBSET_DROP, capability)


def _prctl(option: int, value: int) -> None:
    _check(_LIBC.prctl(option, ctypes.c_ulong(value), 0, 0, 0), "prctl")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
