"""How an engine builds, pulls and runs images while nothing may leave this machine. Starts nothing."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lazulite.environments.engines import Engine
from lazulite.errors import Forbidden, NotImplementedHere
from lazulite.identity import doors
from lazulite.settings import Settings

_HTTPS = 443
_STARTS = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(?P<image>\S+)(?:\s+AS\s+(?P<stage>\S+))?", re.IGNORECASE | re.MULTILINE)
_TAKEN_FROM = re.compile(r"--from=(?P<image>[^\s,]+)|\bfrom=(?P<mounted>[^\s,]+)")
_FETCHED = re.compile(
    r"^\s*ADD\s+(?:--\S+\s+)*.*?(?P<url>(?:https?|git|ssh)(?:://|@)\S+)", re.IGNORECASE | re.MULTILINE
)
_SILENT: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": False}
_HINT = "Push it to the workspace's registry, or load it into the engine, before."


def check_engine(engine: Engine) -> None:
    """Raises NotImplementedHere (501) where a container's network could not be entered from here.

    A container without a network answers through a process of ours inside it: of rootless engines only podman's
    namespaces are the user's own.
    """
    if os.geteuid() != 0 and not engine.is_podman:
        raise NotImplementedHere(
            f"{Path(engine.program).name} cannot keep a container from leaving this machine and have it answer here.",
            target="properties.egressPublicNetworkAccess",
            hint="Run the platform as root, or use podman; LAZULITE_CONTAINER_ENGINE=none runs a plain Dockerfile's "
            "program without a network.",
        )


def has(engine: Engine, image: str) -> bool:
    """Tells whether an engine has an image already."""
    command = [engine.program, "image", "inspect", image]
    return subprocess.run(command, env=dict(engine.variables), **_SILENT).returncode == 0


def check_pull(settings: Settings, image: str, who: str) -> None:
    """Raises Forbidden (403) for an image of a registry outside of the private network, which lists it."""
    if not settings.private_network:
        return
    host, port = registry_of(image)
    if not doors.lets_out(settings, who, host, port):
        raise Forbidden(
            f"Image {image} is not here, and {host} is outside the private network.",
            code="PrivateNetworkRefused",
            target="properties.environmentId",
            hint=f"{_HINT} LAZULITE_ALLOWED_HOSTS names registries that belong to the network.",
        )


def registry_of(image: str) -> tuple[str, int]:
    """Returns the host and port of an image's registry: `quay.io/a/b:1` -> ("quay.io", 443)."""
    first, slash, _ = image.partition("/")
    if not slash or not (first == "localhost" or "." in first or ":" in first):
        return "registry-1.docker.io", _HTTPS
    host, _, port = first.partition(":")
    return host, int(port) if port.isdecimal() else _HTTPS


def build_flags(settings: Settings, engine: Engine, dockerfile: Path, who: str) -> list[str]:
    """Returns the flags of a build whose steps reach nobody; [] where all may be reached.

    Raises Forbidden (403) when the Dockerfile starts from, copies from or adds what is not here: engines fetch that
    themselves, whatever network the steps have.
    """
    if not settings.private_network:
        return []
    text = dockerfile.read_text(encoding="utf-8", errors="replace").replace("\\\n", " ")
    for found in _FETCHED.finditer(text):
        raise Forbidden(
            f"{dockerfile.name} adds {found['url']}, which is outside the private network.",
            code="PrivateNetworkRefused",
            target="properties.environmentId",
            hint="Put the file into the build context.",
        )
    for image in _images(text):
        if not has(engine, image):
            check_pull(settings, image, who)
    return ["--network", "none", *(["--pull=never"] if engine.is_podman else [])]


def _images(text: str) -> Iterator[str]:
    stages = {"scratch"}
    for found in _STARTS.finditer(text):
        if found["image"].lower() not in stages:
            yield found["image"]
        stages.add((found["stage"] or "").lower())
    for found in _TAKEN_FROM.finditer(text):
        image = found["image"] or found["mounted"]
        if image.lower() not in stages and not image.isdecimal():
            yield image
