"""`lazulite doctor`: what the platform needs of this machine, each thing tried for real."""

import dataclasses
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import psutil
import uv

from lazulite import settings
from lazulite.cli import lock, output, ports, ship
from lazulite.cli.grammar import HOME, OUTPUT, SCOPE, Arguments, Command, Group, flag
from lazulite.cli.lock import Running
from lazulite.edge import hosts
from lazulite.environments import engines, pip_config
from lazulite.errors import Conflict
from lazulite.identity import doors
from lazulite.settings import Settings

_COMMAND_LIMIT_S = 20
_DISK_ENOUGH_BYTES, _DISK_LEAST_BYTES = 10 << 30, 1 << 30
# sockaddr_un holds 108 bytes on Linux and 104 on macOS, the final zero and a file's own name included.
_SOCKET_FOLDER_LIMIT = 104 - 32
_TLS_NAME = "management.azure.com"


@dataclass(frozen=True)
class Finding:
    """What one check found. fix: what to do, "" when nothing needs doing."""

    what: str
    state: Literal["ok", "warning", "failed"]
    said: str
    fix: str = ""


Check = Callable[[Settings, Running | None], Finding]


def _home(own: Settings, running: Running | None) -> Finding:
    try:
        own.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=own.home):
            return Finding("home", "ok", f"{own.home} can be written")
    except OSError as error:
        return Finding("home", "failed", f"{own.home}: {error.strerror}", "Set LAZULITE_HOME to a folder of yours.")


def _disk(own: Settings, running: Running | None) -> Finding:
    folder = next(one for one in (own.home, *own.home.parents) if one.exists())
    free = shutil.disk_usage(folder).free
    said = f"{free / (1 << 30):.1f} GiB are free where {own.home} lies"
    if free < _DISK_LEAST_BYTES:
        return Finding("disk", "failed", said, "Free some space: not even a small environment fits.")
    if free < _DISK_ENOUGH_BYTES:
        return Finding("disk", "warning", said, "Free some space: an environment with torch takes 5 GiB.")
    return Finding("disk", "ok", said)


def _sockets(own: Settings, running: Running | None) -> Finding:
    try:
        own.make_sockets()
    except Conflict as error:
        return Finding("sockets", "failed", error.message, str(error.hint))
    except OSError as error:
        return Finding(
            "sockets", "failed", f"{own.sockets}: {error.strerror}", "Set XDG_RUNTIME_DIR to a folder of yours."
        )
    if len(str(own.sockets)) > _SOCKET_FOLDER_LIMIT:
        return Finding(
            "sockets", "failed", f"{own.sockets} is too long a path", "Set XDG_RUNTIME_DIR to a shorter one."
        )
    return Finding("sockets", "ok", f"{own.sockets} can hold sockets")


def _port(own: Settings, running: Running | None) -> Finding:
    return _one_port("port", own.host, own.port, running, "--port")


def _scoring_port(own: Settings, running: Running | None) -> Finding:
    return _one_port("scoring", own.host, own.scoring_port, running, "--scoring-port")


def _one_port(what: str, host: str, port: int, running: Running | None, option: str) -> Finding:
    if running:
        return Finding(what, "ok", f"{host}:{port} is this platform's, pid {running.pid}")
    if ports.is_free(host, port):
        return Finding(what, "ok", f"{host}:{port} is free")
    return Finding(
        what, "failed", f"{host}:{port} is taken by {ports.taken_by(host, port)}", f"Use `lazulite up {option} N`."
    )


def _uv(own: Settings, running: Running | None) -> Finding:
    try:
        return Finding("uv", "ok", _said_by(uv.find_uv_bin(), "--version"))
    except _Silent as error:
        return Finding("uv", "failed", f"uv does not run: {error}", "Install Lazulite again: uv comes with it.")


def _pythons(own: Settings, running: Running | None) -> Finding:
    try:
        lines = _said_by(uv.find_uv_bin(), "python", "list", "--only-installed").splitlines()
    except _Silent as error:
        return Finding("python", "failed", f"uv finds no Python: {error}", "Install one with `uv python install 3.10`.")
    found = sorted({line.split("-")[1] for line in lines if line.startswith("cpython-")}, reverse=True)
    if not found:
        return Finding("python", "warning", "uv finds no Python for environments", "`uv python install 3.10` gets one.")
    return Finding("python", "ok", f"environments can have Python {', '.join(found)}; uv fetches others")


def _sdk(own: Settings, running: Running | None) -> Finding:
    try:
        return Finding("sdk", "ok", f"azure-ai-ml {version('azure-ai-ml')} reads YAML files")
    except PackageNotFoundError:
        return Finding("sdk", "failed", "azure-ai-ml is not installed", "Install Lazulite again: it comes with it.")


def _containers(own: Settings, running: Running | None) -> Finding:
    engine = engines.find(os.environ, own.container_engine)
    if engine:
        return Finding("containers", "ok", f"{engine.program} answers: it runs images of online deployments")
    here = [name for name in ("docker", "podman") if shutil.which(name)]
    said = f"{' and '.join(here)} is here, but no engine answers" if here else "there is neither docker nor podman"
    return Finding(
        "containers",
        "warning",
        f"{said}: images run as the programs of their Dockerfiles, where those are plain",
        "Install or start one if your deployments bring images that are built elsewhere.",
    )


def _networks(own: Settings, running: Running | None) -> Finding:
    if doors.are_possible():
        said = "user code is kept in this machine" if own.private_network else "user code can be kept in this machine"
        return Finding("networks", "ok", said)
    return Finding(
        "networks",
        "failed" if own.private_network else "warning",
        "this system allows no network namespaces: --private-network is kept by the proxy alone, which code may ignore",
        "Run as root, or allow user namespaces, if a private network must be sealed.",
    )


def _packages(own: Settings, running: Running | None) -> Finding:
    """Looks where builds find packages while nothing may leave this machine."""
    if not own.private_network:
        return Finding("packages", "ok", "builds look for them where pip is told to")
    environ = psutil.Process(running.pid).environ() if running else os.environ  # whose variables builds have
    pip = pip_config.read(environ, Path.home()).options
    indexes = [one for one in (pip.index_url, *pip.extra_index_urls) if one and not pip.no_index]
    here = [one for one in (*indexes, *pip.find_links) if "://" not in one or _is_within(own, one)]
    if here:
        return Finding("packages", "ok", f"builds find them at {', '.join(map(pip_config.bare_url, here))}")
    return Finding(
        "packages",
        "warning",
        "builds find none: pip is told of no folder of wheels and of no index in the private network",
        "Set PIP_FIND_LINKS to a folder, or PIP_INDEX_URL to an index and LAZULITE_ALLOWED_HOSTS to its host.",
    )


def _is_within(own: Settings, url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return hosts.is_loopback(host) or own.allows(host)


def _certificates(own: Settings, running: Running | None) -> Finding:
    bundle = own.home / "ca" / "bundle.pem"
    if not bundle.exists():
        return Finding("certificates", "ok", "they are made when the platform starts for the first time")
    try:
        context = ssl.create_default_context(cafile=str(bundle))
        if running:
            _shake_hands(own, context)
    except (OSError, ssl.SSLError) as error:
        fix = f"Stop the platform, remove {bundle.parent}, and start it again."
        return Finding("certificates", "failed", f"{bundle}: {error}", fix)
    known = f"{len(context.get_ca_certs())} authorities, ours among them"
    return Finding(
        "certificates", "ok", f"{bundle} holds {known}; {_TLS_NAME} verifies" if running else f"{bundle} holds {known}"
    )


def _shake_hands(own: Settings, context: ssl.SSLContext) -> None:
    address = (settings.reachable(own.host).strip("[]"), own.port)
    with (
        socket.create_connection(address, timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=_TLS_NAME),
    ):
        pass


class _Silent(Exception):
    """A program that should have said something did not; the text is why."""


def _said_by(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_LIMIT_S)
    except (OSError, subprocess.SubprocessError) as error:
        raise _Silent(str(error)) from error
    if done.returncode:
        raise _Silent(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"code {done.returncode}")
    return done.stdout.strip()


_CHECKS: tuple[Check, ...] = (
    _home,
    _disk,
    _sockets,
    _port,
    _scoring_port,
    _certificates,
    _uv,
    _pythons,
    _sdk,
    _containers,
    _networks,
    _packages,
)


def _doctor(arguments: Arguments) -> None:
    if arguments.ship:
        found = ship.look(arguments)
        has_failed, lines = any(one["is_refused"] for one in found), ship.lines(found)
    else:
        own = settings.read(home=arguments.home)
        running = lock.find(own.home)
        own = running.settings(own) if running else own
        findings = [check(own, running) for check in _CHECKS]
        found = [dataclasses.asdict(one) for one in findings]
        has_failed = any(one.state == "failed" for one in findings)
        lines = [line for one in findings for line in _lines(one)]
    if arguments.output or arguments.query:
        sys.stdout.write(output.render(found, arguments.output, arguments.query))
    else:
        print("\n".join(lines))
    if has_failed:
        raise SystemExit(1)


def _lines(one: Finding) -> Iterator[str]:
    yield f"{one.state:8} {one.what:13} {one.said}"
    if one.fix:
        yield f"{'':22} {one.fix}"


GROUPS = (
    Group(
        "doctor",
        (
            Command(
                "",
                "Check what the platform needs of this machine, and say how to mend what is missing. Exit code 1 then.",
                _doctor,
                (
                    flag(
                        "--ship",
                        action="store_true",
                        help="Check a workspace instead: what of it works here and would fail on Azure.",
                    ),
                    HOME,
                    *SCOPE,
                    *OUTPUT,
                ),
                "lazulite doctor --ship -w dev",
            ),
        ),
    ),
)
