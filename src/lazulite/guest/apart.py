"""A process without a network but for doors: ports of its own loopback that lead to sockets of the platform's.

`python {lazulite}/guest apart DOORS COMMAND ...` becomes COMMAND; DOORS is JSON: `ports` {port inside: path of a unix
socket}, `open` [port of this machine that leads to the same one inside], `who` (as whom the platform lists what is
sent elsewhere). Linux only; needs namespaces.
"""

from __future__ import annotations

import asyncio
import glob
import json
import os
import socket
import sys
from typing import Any, Mapping, Sequence

from . import box, linux, watch

# Sockets of programs that would go out for whoever asks them: engines, resolvers, and who starts programs.
_SERVANTS = """
    docker.sock podman/podman.sock containerd/containerd.sock crio/crio.sock nscd/socket avahi-daemon/socket bus
    dbus/system_bus_socket systemd/private systemd/resolve/io.systemd.Resolve systemd/io.system.ManagedOOM
"""
_RUNTIMES = ("/run", "/run/user/*")


def main(arguments: list[str]) -> int:
    """Leaves the network behind and becomes the command; returns 126 where that is not allowed."""
    doors, command = json.loads(arguments[0]), arguments[1:]
    try:
        enter(doors)
        if os.geteuid() == 0:
            linux.give_up_the_machine()
        os.execvp(command[0], command)
    except OSError as error:
        print("%s cannot be run apart from the network: %s" % (command[0], error), file=sys.stderr, flush=True)
    return 126


def enter(doors: Mapping[str, Any]) -> None:
    """Gives this process, and all that it starts from now on, a network of nothing but doors. Raises OSError.

    Root can still go back to where it came from, until it has given up the machine and executed a program.
    """
    outside = [_listening(port) for port in doors["open"]]
    user, group = os.getuid(), os.getgid()
    try:
        linux.unshare(linux.CLONE_NEWNET | linux.CLONE_NEWNS)
    except PermissionError:
        linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNET | linux.CLONE_NEWNS)
        told = (("setgroups", "deny"), ("uid_map", "%d %d 1" % (user, user)), ("gid_map", "%d %d 1" % (group, group)))
        for name, text in told:
            with open("/proc/self/" + name, "w", encoding="ascii") as file:
                file.write(text)
    linux.mount(None, "/", linux.MS_REC | linux.MS_PRIVATE)
    _hide_servants()
    linux.raise_loopback()
    if doors["ports"]:
        _open(doors, outside, watch.begin())


def _listening(port: int) -> socket.socket:
    """Listens in the network that is about to be left: a socket stays where it was made."""
    return socket.create_server(("127.0.0.1", port))


def _hide_servants() -> None:
    paths = [path for root in _RUNTIMES for name in _SERVANTS.split() for path in glob.glob("%s/%s" % (root, name))]
    named = os.environ.get("DOCKER_HOST", "")
    for path in [*paths, named[len("unix://") :]] if named.startswith("unix://") else paths:
        if os.path.exists(path):
            linux.mount(os.devnull, path, linux.MS_BIND)


def _open(doors: Mapping[str, Any], outside: "Sequence[socket.socket]", heard: "socket.socket | None") -> None:
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
            asyncio.run(_keep(doors, outside, heard, lives, says_ready))
        finally:
            os._exit(0)
    os.wait()
    for held in (*outside, *([heard] if heard else [])):
        held.close()
    os.close(lives)
    os.close(says_ready)
    os.read(ready, 1)
    os.close(ready)
    os.set_inheritable(life, True)  # whoever is started from here holds it


async def _keep(
    doors: Mapping[str, Any],
    outside: "Sequence[socket.socket]",
    heard: "socket.socket | None",
    lives: int,
    says_ready: int,
) -> None:
    for port, path in doors["ports"].items():
        await asyncio.start_server(box.to_path(path, doors["who"]), "127.0.0.1", int(port))
    for server in outside:
        await asyncio.start_server(box.to_port(server.getsockname()[1]), sock=server)
    telling = watch.tell(heard, next(iter(doors["ports"].values())), doors["who"]) if heard else None
    task = asyncio.ensure_future(telling) if telling else None
    os.close(says_ready)
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(lives, over.set)
    await over.wait()
    if task:
        task.cancel()
