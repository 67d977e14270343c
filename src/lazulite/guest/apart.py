"""A process without a network but for doors: ports of this machine's loopback that lead to sockets of the platform's.

`python {lazulite}/guest apart DOORS COMMAND ...` becomes COMMAND; DOORS is JSON: {port inside: path of a unix socket}.
Linux only; needs namespaces.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any, Mapping

from . import box, linux


def main(arguments: list[str]) -> int:
    """Leaves the network behind and becomes the command; returns 126 where that is not allowed."""
    doors, command = json.loads(arguments[0]), arguments[1:]
    try:
        enter(doors)
        os.execvp(command[0], command)
    except OSError as error:
        print("%s cannot be run apart from the network: %s" % (command[0], error), file=sys.stderr, flush=True)
    return 126


def enter(doors: Mapping[str, str]) -> None:
    """Gives this process, and all that it starts from now on, a network of nothing but doors. Raises OSError."""
    user, group = os.getuid(), os.getgid()
    try:
        linux.unshare(linux.CLONE_NEWNET)
    except PermissionError:
        linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNET)
        told = (("setgroups", "deny"), ("uid_map", "%d %d 1" % (user, user)), ("gid_map", "%d %d 1" % (group, group)))
        for name, text in told:
            with open("/proc/self/" + name, "w", encoding="ascii") as file:
                file.write(text)
    linux.raise_loopback()
    if doors:
        _open(doors)


def _open(doors: Mapping[str, str]) -> None:
    """Starts a process that keeps the doors, no child of ours, until the last process of this network has ended."""
    lives, life = os.pipe()
    ready, says_ready = os.pipe()
    if os.fork() == 0:
        if os.fork() != 0:
            os._exit(0)
        for descriptor in (life, ready):
            os.close(descriptor)
        os.setsid()
        silence = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(silence, number)
        try:
            asyncio.run(_keep(doors, lives, says_ready))
        finally:
            os._exit(0)
    os.wait()
    os.close(lives)
    os.close(says_ready)
    os.read(ready, 1)
    os.close(ready)
    os.set_inheritable(life, True)  # whoever is started from here holds it


async def _keep(doors: Mapping[str, str], lives: int, says_ready: int) -> None:
    for port, path in doors.items():
        await asyncio.start_server(_to_path(path), "127.0.0.1", int(port))
    os.close(says_ready)
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(lives, over.set)
    await over.wait()


def _to_path(path: str) -> Any:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await box.carry(reader, writer, asyncio.open_unix_connection(path))

    return serve
