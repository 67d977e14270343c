"""A process that sees nothing in some folders but what is its own, and nothing of what other processes have open.

`python {lazulite}/guest hidden PLAN COMMAND ...` becomes COMMAND. PLAN is JSON: `hidden` (folders that are empty from
now on), `shown` (files and folders in them that are there all the same), `socket` (the path of a unix socket in one of
them, bound beforehand: in COMMAND its descriptor's number stands for it; ""). Linux only; needs namespaces.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Iterable

from . import holds, linux, views

_SIZE = "size=1m,mode=0755"  # of what holds the names of what is shown


def main(arguments: list[str]) -> int:
    """Hides what the plan says and becomes the command; returns 126 where that is not allowed."""
    plan, command = json.loads(arguments[0]), arguments[1:]
    try:
        if plan["socket"]:
            bound = holds.bound(plan["socket"])
            os.set_inheritable(bound.fileno(), True)
            command = [str(bound.fileno()) if word == plan["socket"] else word for word in command]
        enter(plan["hidden"], plan["shown"])
        if os.geteuid() == 0:
            linux.give_up_the_machine()
        os.execvp(command[0], command)
    except OSError as error:
        print("%s cannot be run by itself: %s" % (command[0], error), file=sys.stderr, flush=True)
    return 126


def enter(hidden: Iterable[str], shown: Iterable[str]) -> None:
    """Changes what this process, and all that it starts, sees. Raises OSError; then the process must not go on."""
    if os.geteuid() == 0:
        _be_root_of_itself()
    views.leave_the_others()
    # Each as the mounts of before have it: whether it is a folder, and a way to it.
    kept = [(path, os.path.isdir(path), os.open(path, os.O_PATH)) for path in shown if os.path.exists(path)]
    for folder in hidden:
        linux.mount("tmpfs", folder, linux.MS_NOSUID | linux.MS_NODEV, "tmpfs", _SIZE)
    for path, is_folder, way in kept:
        os.makedirs(path if is_folder else os.path.dirname(path), exist_ok=True)
        if not is_folder:
            open(path, "ab").close()
        linux.mount("/proc/self/fd/%d" % way, path, linux.MS_BIND | linux.MS_REC)
        os.close(way)
    for folder in hidden:
        views.make_readonly(folder)
    os.chdir(os.getcwd())  # so that `..` leads to what is shown


def _be_root_of_itself() -> None:
    """Makes root, as every user is made, one of a namespace of its own, who cannot look into processes outside."""
    with open("/proc/self/uid_map", encoding="ascii") as users, open("/proc/self/gid_map", encoding="ascii") as groups:
        maps = {"uid_map": _same(users), "gid_map": _same(groups)}
    reads, writes = os.pipe()
    me, child = os.getpid(), os.fork()
    if child == 0:
        os.close(writes)  # else it would wait for itself, and hold our lock, if we were killed
        os._exit(_map(me, maps, reads))
    try:
        linux.unshare(linux.CLONE_NEWUSER)
    finally:
        os.close(reads)
        os.write(writes, b"x")
        os.close(writes)
        status = os.waitpid(child, 0)[1]
    if status != 0:
        raise PermissionError("The users of this machine cannot be had in a namespace.")


def _same(lines: Iterable[str]) -> str:
    """Returns a map by which everybody is called as before."""
    inside = [(line.split()[0], line.split()[2]) for line in lines]
    return "".join("%s %s %s\n" % (first, first, count) for first, count in inside)


def _map(process: int, maps: "dict[str, str]", reads: int) -> int:
    """Writes the maps of another process once it has left; only one that has stayed may."""
    if not os.read(reads, 1):
        return 1
    try:
        for name, text in maps.items():
            with open("/proc/%d/%s" % (process, name), "w", encoding="ascii") as file:
                file.write(text)
    except OSError:
        return 1
    return 0
