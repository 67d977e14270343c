"""The routing file, `routing.json`: what the supervisor writes and the gateway reads. Owns its format, nothing else."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from lazulite.errors import BadRequest
from lazulite.identity.once import replace

VERSION = 4

Auth = Literal["key", "aml_token", "aad_token", "none"]
Protocol = Literal["frames", "http"]

# Azure ends requests of more than 10 MB; here a deployment takes what the issue of large models asks for.
_MAX_BODY_BYTES = 1 << 30


@dataclass(frozen=True)
class Worker:
    """One process or container that answers.

    address: `unix:/path` or `tcp:host:port`. slots: requests it works on at the same time; 1 for frames.
    pid: who is sent SIGUSR1 to call off a request (frames only), 0 for nobody.
    """

    id: str
    address: str
    pid: int = 0
    slots: int = 1


@dataclass(frozen=True)
class Deployment:
    """How requests of one deployment are answered.

    queue: requests that may wait beyond those being worked on. max_wait_ms: how long they may. timeout_ms: how long the
    model may take. scoring_path: the one path that reaches a worker of frames; a worker of http gets every path,
    and what comes to /score there.
    swagger: the JSON file that answers /swagger.json; None when a worker answers that itself. is_asleep: there is no
    worker since nobody asked for long; a request wakes one up, and may wait wake_ms for it.
    """

    workers: tuple[Worker, ...]
    protocol: Protocol = "frames"
    timeout_ms: int = 5000
    queue: int = 1
    max_wait_ms: int = 5000
    max_body_bytes: int = _MAX_BODY_BYTES
    scoring_path: str = "/score"
    swagger: str | None = None
    is_asleep: bool = False
    wake_ms: int = 0


@dataclass(frozen=True)
class Endpoint:
    """Who may call an endpoint, and where its calls go.

    keys: any one opens it (auth "key"). audience: what its tokens must be for (auth "aml_token", "aad_token").
    traffic: percent by deployment, summing to 0 or 100. mirror: percent of live requests copied, by deployment.
    cors: origins whose pages may call it, `*` for all; empty, as on Azure, for none.
    """

    deployments: Mapping[str, Deployment]
    auth: Auth = "key"
    keys: tuple[str, ...] = ()
    audience: str = ""
    traffic: Mapping[str, int] = field(default_factory=dict)
    mirror: Mapping[str, int] = field(default_factory=dict)
    cors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Routes:
    """Everything the gateway knows. Names of endpoints and deployments are lower case; generation counts the writes."""

    generation: int
    endpoints: Mapping[str, Endpoint]


NOTHING = Routes(0, {})


def write(path: Path, routes: Routes) -> None:
    """Replaces the file whole, mode 0600 since it holds keys; a reader sees the old one or the new one."""
    replace(path, json.dumps({"version": VERSION, **asdict(routes)}, indent=1).encode())


def read(path: Path) -> Routes:
    """Reads the file. Raises BadRequest naming the field that cannot be right, OSError when it cannot be read."""
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise BadRequest(f"{path} is not JSON: {error}.") from error
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise BadRequest(f"{path} is not a routing file of version {VERSION}.")
    endpoints = _objects(found, "endpoints", str(path))
    return Routes(
        _typed(found, "generation", int, str(path)),
        {name.lower(): _endpoint(value, f"endpoints.{name}") for name, value in endpoints.items()},
    )


def _endpoint(found: dict[str, Any], where: str) -> Endpoint:
    deployments = _objects(found, "deployments", where)
    return Endpoint(
        deployments={name.lower(): _deployment(one, f"{where}.{name}") for name, one in deployments.items()},
        auth=_choice(found, "auth", get_args(Auth), where),
        keys=_strings(found, "keys", where),
        audience=_typed(found, "audience", str, where),
        traffic=_weights(found, "traffic", where),
        mirror=_weights(found, "mirror", where),
        cors=_strings(found, "cors", where),
    )


def _deployment(found: dict[str, Any], where: str) -> Deployment:
    return Deployment(
        workers=tuple(_worker(one, f"{where}.workers") for one in _typed(found, "workers", list, where)),
        protocol=_choice(found, "protocol", get_args(Protocol), where),
        timeout_ms=_count(found, "timeout_ms", where),
        queue=_count(found, "queue", where),
        max_wait_ms=_count(found, "max_wait_ms", where),
        max_body_bytes=_count(found, "max_body_bytes", where),
        scoring_path=_typed(found, "scoring_path", str, where),
        swagger=None if found.get("swagger") is None else _typed(found, "swagger", str, where),
        is_asleep=_flag(found, "is_asleep", where),
        wake_ms=_count(found, "wake_ms", where),
    )


def _worker(found: Any, where: str) -> Worker:
    if not isinstance(found, dict):
        raise BadRequest(f"{where} holds {found!r}, but must hold objects.", target=where)
    address = _typed(found, "address", str, where)
    kind, _, place = address.partition(":")
    if not (kind == "unix" and place) and not (kind == "tcp" and place.rpartition(":")[2].isdigit()):
        raise BadRequest(f"{where}.address is {address!r}, but must be unix:/path or tcp:host:port.", target=where)
    slots = _count(found, "slots", where)
    return Worker(_typed(found, "id", str, where), address, _count(found, "pid", where), max(slots, 1))


def _typed(found: Mapping[str, Any], name: str, kind: type, where: str) -> Any:
    value = found.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise BadRequest(f"{where}.{name} is {value!r}, but must be of type {kind.__name__}.", target=f"{where}.{name}")
    return value


def _count(found: Mapping[str, Any], name: str, where: str) -> int:
    value: int = _typed(found, name, int, where)
    if value < 0:
        raise BadRequest(f"{where}.{name} is {value}, but must not be negative.", target=f"{where}.{name}")
    return value


def _flag(found: Mapping[str, Any], name: str, where: str) -> bool:
    value = found.get(name)
    if not isinstance(value, bool):
        raise BadRequest(f"{where}.{name} is {value!r}, but must be true or false.", target=f"{where}.{name}")
    return value


def _choice(found: Mapping[str, Any], name: str, choices: tuple[str, ...], where: str) -> Any:
    value = _typed(found, name, str, where)
    if value not in choices:
        raise BadRequest(f"{where}.{name} is {value!r}, but must be one of {', '.join(choices)}.", target=where)
    return value


def _strings(found: Mapping[str, Any], name: str, where: str) -> tuple[str, ...]:
    values = _typed(found, name, list, where)
    if not all(isinstance(value, str) for value in values):
        raise BadRequest(f"{where}.{name} must hold strings only.", target=f"{where}.{name}")
    return tuple(values)


def _objects(found: Mapping[str, Any], name: str, where: str) -> dict[str, dict[str, Any]]:
    values: dict[str, dict[str, Any]] = _typed(found, name, dict, where)
    if not all(isinstance(value, dict) for value in values.values()):
        raise BadRequest(f"{where}.{name} must hold objects only.", target=f"{where}.{name}")
    return values


def _weights(found: Mapping[str, Any], name: str, where: str) -> dict[str, int]:
    values = _typed(found, name, dict, where)
    return {deployment.lower(): _count(values, deployment, f"{where}.{name}") for deployment in values}
