"""What Docker's API says of engine, images and containers. Pure.

Source: docs.docker.com/reference/api/engine/version/v1.41; what docker 7.2 for Python and docker 28 read of it.
"""

import hashlib
import struct
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lazulite.containers.boxes import SCORING_PORT, Box
from lazulite.environments.images import OWN_HOST
from lazulite.errors import BadRequest

_MOUNT_OPTIONS = 3


def short_name(full: str) -> str:
    """Returns the name as a user would write it."""
    return full.removeprefix(f"{OWN_HOST}/")


def unnamed() -> str:
    """Returns a name for an image that was built without one."""
    return f"{OWN_HOST}/unnamed:{uuid.uuid4().hex[:12]}"


def image_id(full: str) -> str:
    """Returns the id of an image: it is told by its name, as what is behind a name may be built anew."""
    return f"sha256:{hashlib.sha256(full.encode()).hexdigest()}"


def bind(text: str) -> tuple[str, str]:
    """Reads `/here:/there` or `/here:/there:ro`. Raises BadRequest for a volume, which there are none of."""
    parts = text.split(":")
    if not 2 <= len(parts) <= _MOUNT_OPTIONS or not parts[0].startswith("/") or not parts[1].startswith("/"):
        raise BadRequest(f"{text!r} mounts no folder of this machine: only /HERE:/THERE can be.")
    return parts[0], parts[1]


def version(own: str, api: str) -> dict[str, Any]:
    """Says who the engine is."""
    component = {"Name": "Engine", "Version": own, "Details": {"ApiVersion": api, "MinAPIVersion": "1.24"}}
    return {
        "Platform": {"Name": "Lazulite, in the place of a container engine"},
        "Components": [component],
        "Version": own,
        "ApiVersion": api,
        "MinAPIVersion": "1.24",
        "Os": "linux",
        "Arch": "amd64",
    }


def info(own: str, containers: int) -> dict[str, Any]:
    """Says what there is."""
    return {
        "ID": "lazulite",
        "Name": "lazulite",
        "ServerVersion": own,
        "Containers": containers,
        "OSType": "linux",
        "Architecture": "x86_64",
        "Driver": "recipes",
        "SecurityOptions": [],
        "Warnings": ["Lazulite stands in for a container engine: images are recipes, containers are processes."],
    }


def image(full: str) -> dict[str, Any]:
    """Describes an image in a list."""
    return {
        "Id": image_id(full),
        "RepoTags": [short_name(full)],
        "RepoDigests": [],
        "Created": 0,
        "Size": 0,
        "VirtualSize": 0,
        "Labels": {},
        "ParentId": "",
        "SharedSize": -1,
        "Containers": -1,
    }


def image_details(full: str) -> dict[str, Any]:
    """Describes an image by itself."""
    return {
        **image(full),
        "Created": "1970-01-01T00:00:00Z",
        "Os": "linux",
        "Architecture": "amd64",
        "Config": {"Env": [], "Labels": {}, "ExposedPorts": {SCORING_PORT: {}}},
        "RootFS": {"Type": "layers", "Layers": []},
    }


def row(box: Box, status: str) -> dict[str, Any]:
    """Describes a container in a list."""
    number, kind = SCORING_PORT.split("/")
    port = {"IP": "127.0.0.1", "PrivatePort": int(number), "PublicPort": box.port, "Type": kind}
    return {
        "Id": box.id,
        "Names": [f"/{box.name}"],
        "Image": short_name(box.image),
        "ImageID": image_id(box.image),
        "Command": "azmlinfsrv",
        "Created": int(datetime.fromisoformat(box.created_at).timestamp()),
        "State": status,
        "Status": status.capitalize(),
        "Labels": dict(box.labels),
        "Ports": [port] if status == "running" else [],
        "Mounts": [],
        "HostConfig": {"NetworkMode": "host"},
        "NetworkSettings": {"Networks": {}},
    }


def container(box: Box, status: str, exit_code: int) -> dict[str, Any]:
    """Describes a container by itself."""
    published = {SCORING_PORT: [{"HostIp": "127.0.0.1", "HostPort": str(box.port)}]}
    return {
        "Id": box.id,
        "Name": f"/{box.name}",
        "Created": box.created_at,
        "Image": image_id(box.image),
        "Path": "azmlinfsrv",
        "Args": [],
        "State": {
            "Status": status,
            "Running": status == "running",
            "Paused": False,
            "Restarting": False,
            "Dead": False,
            "ExitCode": exit_code,
            "StartedAt": box.started_at or "0001-01-01T00:00:00Z",
            "FinishedAt": "0001-01-01T00:00:00Z",
            "Error": "",
        },
        "Config": {
            "Image": short_name(box.image),
            "Labels": dict(box.labels),
            "Env": [f"{name}={value}" for name, value in box.variables.items()],
            "Tty": box.tty,
        },
        "HostConfig": dict(box.asked.get("HostConfig") or {}),
        "NetworkSettings": {"Ports": published if status == "running" else {}, "Networks": {}},
        "Mounts": [{"Type": "bind", "Source": here, "Destination": there} for here, there in box.binds],
    }


def fits(box: Box, status: str, filters: Mapping[str, Any]) -> bool:
    """Tells whether a container is among those asked for. filters: `{label: ["a", "b=c"], name, status, id}`."""
    labels = all(
        box.labels.get(name) == value if equals else name in box.labels
        for name, equals, value in (one.partition("=") for one in _wanted(filters, "label"))
    )
    names, states, ids = _wanted(filters, "name"), _wanted(filters, "status"), _wanted(filters, "id")
    return (
        labels
        and (not names or any(name.strip("^$/") in box.name for name in names))
        and (not states or status in states)
        and (not ids or any(box.id.startswith(one) for one in ids))
    )


def _wanted(filters: Mapping[str, Any], name: str) -> list[str]:
    """Reads a filter: a list, or an object whose members that are true are meant."""
    found = filters.get(name) or []
    return [one for one, counts in found.items() if counts] if isinstance(found, dict) else list(found)


def framed(piece: bytes) -> bytes:
    """Puts output into the frame in which a container without a terminal tells it."""
    return struct.pack(">BxxxL", 1, len(piece)) + piece
