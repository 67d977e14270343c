"""The platform as a process: starting it, asking how it is, stopping it. Who holds which home is lock.py's."""

import dataclasses
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from lazulite import clock
from lazulite.cli import lock, rest
from lazulite.cli.grammar import Json
from lazulite.cli.lock import Running
from lazulite.errors import LazuliteError
from lazulite.identity.environment import secret_of
from lazulite.settings import Settings

START_LIMIT_S = 60.0
STOP_LIMIT_S = 30.0
_POLL_S = 0.02
_LAST_WORDS_CHARACTERS = 4000
_LARGE_LOG_BYTES = 32 << 20


def with_free_ports(settings: Settings) -> Settings:
    """Replaces each port given as 0 by one that is free now."""
    return dataclasses.replace(
        settings,
        port=settings.port or _free_port(settings.host),
        scoring_port=settings.scoring_port or _free_port(settings.host),
    )


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as free:
        free.bind((host, 0))
        port: int = free.getsockname()[1]
        return port


def ensure(settings: Settings) -> Running:
    """Returns the platform of this home, answering; starts it, detached, if none is up. Raises as `start` does."""
    running = lock.find(settings.home)
    if not running:
        try:
            return start(as_before(settings))
        except LazuliteError:
            running = lock.find(settings.home)  # another process may have started one in the same moment
            if not running:
                raise
    if not wait(running, settings):
        raise LazuliteError(
            f"The platform of {settings.home}, pid {running.pid}, does not answer at port {running.port}.",
            hint="`lazulite logs platform` shows what it does; `lazulite down` stops it.",
        )
    return running


def as_before(settings: Settings) -> Settings:
    """Returns the settings, private if the last platform of this home was so and was killed."""
    killed = lock.killed(settings.home)
    return dataclasses.replace(settings, private_network=True) if killed and killed.private_network else settings


def wait(running: Running, own: Settings) -> bool:
    """Waits until a platform that holds its home answers too; False when it does not in time, or has ended."""
    deadline = clock.monotonic() + START_LIMIT_S
    while clock.monotonic() < deadline and lock.find(own.home) == running:
        if status(running.settings(own)):
            return True
        clock.sleep(_POLL_S)
    return False


def start(settings: Settings) -> Running:
    """Starts a platform in a session of its own and returns when it answers. Its output goes to logs/platform.log.

    Raises LazuliteError with its last words when it ends, or does not answer in time.
    """
    log = fresh_log(settings)
    with log.open("ab") as output:
        before = output.tell()
        child = subprocess.Popen(
            [sys.executable, "-m", "lazulite.cli.main", "up"],
            cwd="/",  # which `-m` puts first on sys.path
            env={**os.environ, **variables(settings)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = clock.monotonic() + START_LIMIT_S
    while clock.monotonic() < deadline and child.poll() is None:
        running = lock.find(settings.home)
        if running and running.pid == child.pid and status(running.settings(settings)):
            return running
        clock.sleep(_POLL_S)
    outcome = "does not answer" if child.returncode is None else f"ended with code {child.returncode}"
    said = log.read_bytes()[before:].decode(errors="replace").strip()
    raise LazuliteError(
        f"The platform {outcome}. Its last words:\n\n{said[-_LAST_WORDS_CHARACTERS:]}", hint=f"Its log is {log}."
    )


def log_path(settings: Settings, part: str) -> Path:
    """Returns where the platform or the gateway logs."""
    return settings.home / "logs" / f"{part}.log"


def fresh_log(settings: Settings) -> Path:
    """Returns where the platform logs, its folder made; a log that has grown large is put aside as `platform.log.1`."""
    log = log_path(settings, "platform")
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    log.parent.mkdir(mode=0o700, exist_ok=True)
    if log.exists() and log.stat().st_size > _LARGE_LOG_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))
    return log


def variables(settings: Settings) -> dict[str, str]:
    """Prints the settings as the variables from which `settings.read` reads them back."""
    return {field.metadata["variable"]: str(getattr(settings, field.name)) for field in dataclasses.fields(Settings)}


def status(settings: Settings) -> Json | None:
    """Returns what the platform says of itself, `GET /_lazulite/status`; None when it does not answer."""
    try:
        headers = {"X-IDENTITY-HEADER": secret_of(settings)}  # an exposed port tells nothing without it
        return rest.send("GET", f"{settings.url}/_lazulite/status", headers=headers, timeout_s=2).json()
    except LazuliteError:
        return None


def stop(running: Running, kind: signal.Signals) -> bool:
    """Ends the platform and waits until its home is free; False when that is not so in time.

    SIGTERM ends all that it started as well, SIGKILL the platform alone.
    """
    try:
        os.kill(running.pid, kind)
    except ProcessLookupError:
        return True
    deadline = clock.monotonic() + STOP_LIMIT_S
    while clock.monotonic() < deadline:
        left = lock.find(Path(running.home))
        if not left or left.pid != running.pid:
            return True
        clock.sleep(_POLL_S)
    return False
