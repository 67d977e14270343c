"""Carries bytes in and out of a container that an engine runs without a network, and tells whom it asked for past that.

`python {lazulite}/guest inside PLAN`: PLAN is JSON: `pid` of the container, `ports` {path of a unix socket: port
inside}, `doors` (those of apart.py). Ends with the process that started it, or with the container. Linux only.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import Any

from . import box, linux, watch

_LOOKS_EVERY_S = 1.0


def main(arguments: list[str]) -> int:
    """Enters the container's network and serves it; returns 0 when the container has ended."""
    plan = json.loads(arguments[0])
    linux.set_parent_death_signal(signal.SIGKILL)
    _enter(plan["pid"])
    asyncio.run(_serve(plan, watch.begin()))
    return 0


def _enter(pid: int) -> None:
    """Joins the network of a process; first, where engines run without root, the user namespace that it belongs to."""
    try:
        linux.join("/proc/%d/ns/net" % pid, linux.CLONE_NEWNET)
    except PermissionError:
        linux.join("/proc/%d/ns/user" % pid, linux.CLONE_NEWUSER)
        linux.join("/proc/%d/ns/net" % pid, linux.CLONE_NEWNET)


async def _serve(plan: "dict[str, Any]", heard: Any) -> None:
    doors = plan["doors"]
    await box.open_ports(plan["ports"], doors["ports"], doors["who"])
    if heard:
        telling = asyncio.ensure_future(watch.tell(heard, next(iter(doors["ports"].values())), doors["who"]))
    while os.path.exists("/proc/%d" % plan["pid"]):
        await asyncio.sleep(_LOOKS_EVERY_S)
    if heard:
        telling.cancel()
