"""The container engine of this machine, if there is one: docker or podman. Finds it; builds and runs nothing."""

import hashlib
import os
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

STAND_IN = "/_docker"
"""Where a DOCKER_HOST that is Lazulite's own ends: it stands in for an engine, and is none."""

_DOCKER_SOCKET = Path("/var/run/docker.sock")
_ANSWERS_WITHIN_S = 20.0


@dataclass(frozen=True)
class Engine:
    """An engine that answers. program: its command, with which everything is done; variables: what that needs."""

    program: str
    variables: Mapping[str, str]

    @property
    def is_podman(self) -> bool:
        """Tells podman from docker, where they differ."""
        return Path(self.program).name == "podman"


def has_docker_api(environ: Mapping[str, str]) -> bool:
    """Tells whether Docker's own clients find an engine: one that is named, or one that listens where docker does."""
    named = environ.get("DOCKER_HOST", "")
    if named:
        return not named.endswith(STAND_IN)
    return bool(environ.get("DOCKER_CONTEXT")) or _listens(_DOCKER_SOCKET)


def daemon(environ: Mapping[str, str]) -> Path | None:
    """Returns the socket of this machine's docker daemon, if Docker's clients would speak to it now."""
    named = environ.get("DOCKER_HOST", "")
    if environ.get("DOCKER_CONTEXT") and not named:
        return None
    path = Path(named.removeprefix("unix://")) if named else _DOCKER_SOCKET
    return path if path.is_absolute() and _listens(path) else None


def of_daemon(daemon: Path, environ: Mapping[str, str]) -> Engine | None:
    """Returns docker's command as it speaks to a daemon of this machine, None where that is not installed."""
    path = shutil.which("docker", path=environ.get("PATH", os.defpath))
    return Engine(path, {**environ, "DOCKER_HOST": f"unix://{daemon}"}) if path else None


def front(sockets: Path, behind: Path) -> Path:
    """Returns where the platform stands before a daemon; sockets: `settings.sockets`. See containers/front.py."""
    return sockets / f"docker-{hashlib.sha256(bytes(behind)).hexdigest()[:8]}.sock"


def find_front(sockets: Path, environ: Mapping[str, str]) -> Path | None:
    """Returns where to speak to this machine's docker daemon through the platform, if that stands before it."""
    behind = daemon(environ)
    before = front(sockets, behind) if behind else None
    return before if before and _listens(before) else None


def find(environ: Mapping[str, str], named: str) -> Engine | None:
    """Returns the engine to run images with: docker where its engine answers, else podman; None without either.

    named: the setting container_engine, a program or `none`, "" to look for one.
    """
    if named == "none":
        return None
    programs = (named,) if named else ("docker", "podman")
    variables = {name: value for name, value in environ.items() if not _is_ours(name, value)}
    for program in programs:
        path = shutil.which(program, path=environ.get("PATH", os.defpath))
        if path and (Path(path).name != "docker" or has_docker_api(environ)) and _answers(path, variables):
            return Engine(path, variables)
    return None


def _is_ours(name: str, value: str) -> bool:
    return name == "DOCKER_HOST" and value.endswith(STAND_IN)


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(_ANSWERS_WITHIN_S)
        try:
            link.connect(str(path))
        except OSError:
            return False
    return True


def _answers(program: str, variables: Mapping[str, str]) -> bool:
    command = (program, "info", "--format", "json" if Path(program).name == "podman" else "{{.ServerVersion}}")
    try:
        done = subprocess.run(command, env=dict(variables), capture_output=True, timeout=_ANSWERS_WITHIN_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
