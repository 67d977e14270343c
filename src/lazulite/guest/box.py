"""A program of an image without an engine: in a root of its own, made of this machine's and the image's files, and in
a network of its own, from which sockets lead in and out. Linux only; needs namespaces.

`python {lazulite}/guest box PLAN`: PLAN is JSON: `root` (an empty folder), `argv`, `folder` (where it begins), `binds`
[[here, there]], `ports` {path of a unix socket: port inside}, `bridges` {port inside: path of a unix socket outside},
`who` (as whom the platform is told, by the first bridge, of what is sent elsewhere; "": it is not told). Ends as the
program does.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
from typing import Any

from . import linux, watch

_PIECE_BYTES = 256 << 10
_CONNECTS_WITHIN_S = 5.0
# Top folders that are this machine's own, or fresh; any other is seen through, and written to beside it.
_SHARED, _FRESH = ("proc", "sys", "dev"), ("tmp", "run")


def main(arguments: list[str]) -> int:
    """Runs the program of a plan; returns its exit status, 128 more than the signal that ended it."""
    with open(arguments[0], encoding="utf-8") as file:
        plan = json.load(file)
    leave()
    heard = watch.begin() if plan["who"] else None
    root = make_root(plan["root"], plan["binds"])
    child = os.fork()
    if child == 0:
        os._exit(_become(plan, root))
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    return asyncio.run(_relay(plan, child, heard))


def leave() -> None:
    """Leaves the machine's mounts and networks behind. Raises OSError where that is not allowed."""
    user, group = os.getuid(), os.getgid()
    flags = linux.CLONE_NEWNS | linux.CLONE_NEWNET
    try:
        linux.unshare(flags)
    except PermissionError:
        linux.unshare(linux.CLONE_NEWUSER | flags)
        for name, text in (("setgroups", "deny"), ("uid_map", "0 %d 1" % user), ("gid_map", "0 %d 1" % group)):
            with open("/proc/self/" + name, "w", encoding="ascii") as file:
                file.write(text)
    linux.mount(None, "/", linux.MS_REC | linux.MS_PRIVATE)
    linux.raise_loopback()


def are_possible() -> bool:
    """Tells whether `leave` works here, by trying it in a child."""
    if not linux.IS_HERE:
        return False
    with tempfile.TemporaryDirectory() as folder:
        return _succeeds(folder)


def _succeeds(folder: str) -> bool:
    child = os.fork()
    if child == 0:
        try:
            leave()
            make_root(folder, [])
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def make_root(root: str, binds: "list[list[str]]") -> str:
    """Makes the root: every folder of this machine, with a layer of memory above it, and the binds. Returns where."""
    linux.mount("tmpfs", root, 0, "tmpfs", "mode=0755")
    merged = os.path.join(root, "merged")
    os.mkdir(merged)
    for name in os.listdir("/"):
        source, target = "/" + name, os.path.join(merged, name)
        if os.path.isdir(source) and not os.path.islink(source) and name in (*_SHARED, *_FRESH):
            os.mkdir(target)
            if name in _SHARED:
                linux.mount(source, target, linux.MS_BIND | linux.MS_REC)
        else:
            _see_through(root, source, target)
    os.chmod(os.path.join(merged, "tmp"), 0o1777)
    for source, there in binds:
        _bind(source, merged + os.path.normpath("/" + there.lstrip("/")))
    return merged


def _see_through(root: str, source: str, target: str) -> None:
    """Shows a file or folder with a layer of memory above it.

    An ordinary user may lay nothing over a folder in which others have mounted: its own folders are shown one by one.
    """
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
        return
    if not os.path.isdir(source):
        _bind(source, target)
        return
    os.mkdir(target)
    above = tempfile.mkdtemp(dir=root)
    for name in ("upper", "work"):
        os.mkdir(os.path.join(above, name))
    try:
        told = "lowerdir=%s,upperdir=%s/upper,workdir=%s/work" % (source, above, above)
        linux.mount("overlay", target, 0, "overlay", told)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        for name in os.listdir(source):
            _see_through(root, os.path.join(source, name), os.path.join(target, name))


def _bind(source: str, target: str) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        open(target, "ab").close()
    linux.mount(source, target, linux.MS_BIND | linux.MS_REC)


def _become(plan: "dict[str, Any]", root: str) -> int:
    """Becomes the program, in its root."""
    linux.set_parent_death_signal(signal.SIGKILL)
    try:
        os.chroot(root)
        os.makedirs(plan["folder"], exist_ok=True)
        os.chdir(plan["folder"])
        if os.geteuid() == 0:
            linux.give_up_the_machine()
        program = shutil.which(plan["argv"][0]) or plan["argv"][0]
        os.execv(program, plan["argv"])
    except OSError as error:
        print("%s cannot be run: %s" % (plan["argv"][0], error), file=sys.stderr, flush=True)
    return 127


async def _relay(plan: "dict[str, Any]", child: int, heard: "socket.socket | None") -> int:
    """Carries bytes in and out while the program runs."""
    await open_ports(plan["ports"], plan["bridges"], plan["who"])
    if heard:
        telling = asyncio.ensure_future(watch.tell(heard, next(iter(plan["bridges"].values())), plan["who"]))
    loop = asyncio.get_running_loop()
    _, status = await loop.run_in_executor(None, os.waitpid, child, 0)
    if heard:
        telling.cancel()
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


async def open_ports(ports: "dict[str, Any]", bridges: "dict[str, str]", who: str) -> None:
    """Opens sockets that lead to ports of this network, {path: port}, and ports that lead to sockets, {port: path}.

    who: as whom connections to those sockets present themselves, "" where they do not.
    """
    for path, port in ports.items():
        if os.path.exists(path):
            os.unlink(path)
        await asyncio.start_unix_server(to_port(int(port)), path)
    for number, path in bridges.items():
        await asyncio.start_server(to_path(path, who), "127.0.0.1", int(number))


def to_port(port: int) -> Any:
    """Returns what carries a connection on to a port of this network."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await carry(reader, writer, asyncio.open_connection("127.0.0.1", port))

    return serve


def to_path(path: str, who: str) -> Any:
    """Returns what carries a connection on to a unix socket, which is told who comes, unless that is ""."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await carry(reader, writer, asyncio.open_unix_connection(path), b"%s\n" % who.encode() if who else b"")

    return serve


async def carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connecting: Any, first: bytes = b""
) -> None:
    """Carries bytes both ways between a connection and another that is being made, until both ends are silent.

    first: what the other is sent before.
    """
    try:
        other_reader, other_writer = await asyncio.wait_for(connecting, _CONNECTS_WITHIN_S)
    except (OSError, asyncio.TimeoutError):
        writer.transport.abort()
        return
    other_writer.write(first)
    await asyncio.gather(_one_way(reader, other_writer), _one_way(other_reader, writer))


async def _one_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            piece = await reader.read(_PIECE_BYTES)
            if not piece:
                break
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.transport.abort()
