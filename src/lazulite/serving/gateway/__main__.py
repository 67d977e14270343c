"""The gateway's process: `python -m lazulite.serving.gateway --home DIR --host ADDRESS --port N`.

It needs nothing but the home: not the platform, whose restarts it does not notice.
"""

import argparse
import asyncio
import contextlib
import ctypes
import fcntl
import gc
import logging
import os
import resource
import signal
import socket
import ssl
import sys
from collections.abc import Sequence
from functools import cached_property
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import uvloop

from lazulite import clock, settings
from lazulite.errors import BadRequest, LazuliteError
from lazulite.identity import tokens
from lazulite.identity.authority import Authority
from lazulite.serving import routing
from lazulite.serving.gateway import control, listen, wake
from lazulite.serving.gateway.client import Client
from lazulite.serving.gateway.lend import Lender
from lazulite.serving.gateway.mirror import Mirrors
from lazulite.serving.gateway.shared import Shared

log = logging.getLogger("lazulite.gateway")

_SWEEP_S = 0.05
_SLOW_SWEEP_S = 1.0
_IDLE_LOANS_S = 30.0
_STOP_LIMIT_S = 30.0
_LOG_LIMIT_BYTES = 16 << 20
_LINES_A_SECOND = 100
_GARBAGE_THRESHOLD = 50_000
# M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD. Source: mallopt(3), /usr/include/malloc.h.
_MEMORY_KEPT = {-1: 256 << 20, -2: 16 << 20, -3: 32 << 20}


class Gateway:
    """One gateway: its port, its routes, and the clock that ends what takes too long."""

    def __init__(self, home: Path, sockets: Path, listener: socket.socket) -> None:
        self._home = home
        lender = Lender(home)
        self._shared = Shared(tokens.signing_key(home), lender, Mirrors(home, lender), wake.Caller(sockets).call)
        self._port_number: int = listener.getsockname()[1]
        self._stamp: tuple[int, int, int] | None = None
        self._swept_slowly_at = 0.0
        self._loans_swept_at = 0.0
        self._has_stopped = asyncio.Event()
        self.reload()
        self._port = listen.Port(listener, lambda: Client(self._shared), lambda: self._tls)
        self._sweep()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        authority = Authority.open(self._home)
        return authority.server_context(lambda name: name.endswith(".inference.ml.azure.com"))

    def reload(self) -> dict[str, Any]:
        """Puts the routing file in force, if it has changed. One that cannot be read changes nothing, and is logged."""
        at = self._home / "routing.json"
        try:
            found = at.stat()
            stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
            if stamp != self._stamp:
                self._stamp = stamp
                self._shared.endpoints.apply(routing.read(at))
        except FileNotFoundError:
            pass
        except (LazuliteError, OSError) as error:
            log.error("The routes stay as they were: %s", error)
        return {"generation": self._shared.endpoints.generation}

    def stats(self) -> dict[str, Any]:
        """Returns what has been answered and how the workers are; see docs/architecture/gateway.md."""
        return {
            "pid": os.getpid(),
            "port": self._port_number,
            "generation": self._shared.endpoints.generation,
            "connections": len(self._shared.clients),
            "refused": {str(status): count for status, count in sorted(self._shared.refused.items())},
            "endpoints": self._shared.endpoints.wire(),
        }

    def stop(self) -> dict[str, Any]:
        """Takes no more connections, answers what is being answered, and ends."""
        if not self._shared.is_stopping:
            self._shared.is_stopping = True
            self._port.close()
            for client in [*self._shared.clients]:
                client.stop()
            asyncio.get_running_loop().call_later(_STOP_LIMIT_S, self._has_stopped.set)
        return {"stopping": True}

    async def ended(self) -> None:
        """Returns when the gateway has stopped."""
        await self._has_stopped.wait()
        self._shared.lender.close()

    def _sweep(self) -> None:
        now = clock.monotonic()
        if now - self._swept_slowly_at >= _SLOW_SWEEP_S:
            self._swept_slowly_at = now
            self._shared.tell_time(clock.now())
            self._shared.mirrors.flush()
            self._port.sweep(now)
            for client in [*self._shared.clients]:
                client.sweep(now)
            if not self._home.exists():
                self.stop()  # nobody can ask it for anything any more, nor find it to end it
        if now - self._loans_swept_at >= _IDLE_LOANS_S:
            self._loans_swept_at = now
            self._shared.lender.sweep()
        self.reload()
        self._shared.endpoints.sweep(now)
        self._shared.mirrors.send()
        if self._shared.is_stopping and not self._shared.clients:
            self._has_stopped.set()
        asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep)


class _Scarce(logging.Filter):
    """Lets a number of lines a second pass, so that a flood of bad requests does not become a flood of log."""

    def __init__(self) -> None:
        super().__init__()
        self._second = 0
        self._lines = 0

    def filter(self, record: logging.LogRecord) -> bool:
        if int(record.created) != self._second:
            self._second, self._lines = int(record.created), 0
        self._lines += 1
        return self._lines <= _LINES_A_SECOND


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the gateway until it is told to stop. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="lazulite.serving.gateway", description=__doc__)
    parser.add_argument("--home", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8766)
    given = parser.parse_args(arguments)
    wanted = settings.read(home=given.home, host=given.host, scoring_port=given.port)
    try:
        _log_to(wanted.home / "logs" / "gateway.log")
        uvloop.run(_run(wanted))
    except (LazuliteError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - the last words of a process
        return 1
    return 0


async def _run(wanted: settings.Settings) -> None:
    wanted.make_sockets()
    with _sole_gateway(wanted):
        try:
            listener = listen.bind(wanted.host, wanted.scoring_port)
        except OSError as error:
            raise BadRequest(
                f"Port {wanted.scoring_port} of {wanted.host} cannot be listened on: {error.strerror}.",
                hint="Another program may have it; LAZULITE_SCORING_PORT chooses another port.",
            ) from error
        gateway = Gateway(wanted.home, wanted.sockets, listener)
        commands = {"reload": gateway.reload, "stats": gateway.stats, "stop": gateway.stop}
        server = await control.serve(control.path(wanted.sockets), commands)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, gateway.stop)
        _keep_memory()
        _allow_many_files()
        # What exists now stays; requests make no cycles, so that looking for them often is time lost.
        gc.freeze()
        gc.set_threshold(_GARBAGE_THRESHOLD)
        log.info("Listening on %s:%d.", wanted.host, gateway.stats()["port"])
        await gateway.ended()
        server.close()
        control.path(wanted.sockets).unlink(missing_ok=True)


def _keep_memory() -> None:
    """Has the C library keep the memory of large bodies rather than return it to the kernel after each: half the time
    of a 1 MB request goes into getting it again. Does nothing where the library is not glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        for option, size_bytes in _MEMORY_KEPT.items():
            mallopt(option, size_bytes)


def _allow_many_files() -> None:
    """Raises the limit of open files, one to a connection, as far as this process may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS says "unlimited" and means less
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _sole_gateway(wanted: settings.Settings) -> Any:
    """Returns the held lock of the home's gateway, to be closed at the end; the kernel frees it however that comes."""
    lock = (wanted.home / "gateway.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise BadRequest(
            f"Another gateway serves {wanted.home} already.", hint="`lazulite status` shows it."
        ) from error
    return lock


def _log_to(at: Path) -> None:
    at.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(at, maxBytes=_LOG_LIMIT_BYTES, backupCount=1)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.addFilter(_Scarce())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


if __name__ == "__main__":
    sys.exit(main())
