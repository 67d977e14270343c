"""MLflow's own words: its error codes, its statuses, its JSON for numbers and moments, its page tokens."""

import base64
import binascii
import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from lazulite import fields
from lazulite.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    LazuliteError,
    NotFound,
    NotImplementedHere,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply

ROOT = f"/mlflow/{{api}}{scopes.WORKSPACE}"
API = f"{ROOT}/api/2.0/mlflow"

# Source: mlflow 3.17 exceptions.py, ERROR_CODE_TO_HTTP_STATUS; a conflict is a 400 there.
_CODES: tuple[tuple[type[LazuliteError], str, int], ...] = (
    (Conflict, "RESOURCE_ALREADY_EXISTS", 400),
    (NotFound, "RESOURCE_DOES_NOT_EXIST", 404),
    (Unauthorized, "UNAUTHENTICATED", 401),
    (Forbidden, "PERMISSION_DENIED", 403),
    (TooManyRequests, "RESOURCE_EXHAUSTED", 429),
    (NotImplementedHere, "NOT_IMPLEMENTED", 501),
    (Unavailable, "TEMPORARILY_UNAVAILABLE", 503),
    (BadRequest, "INVALID_PARAMETER_VALUE", 400),
)

# MLflow's five statuses, and what of Azure's each stands for; the first is what a run becomes by MLflow.
STATUSES: Mapping[str, tuple[str, ...]] = {
    "RUNNING": ("Running", "Finalizing", "CancelRequested", "NotResponding", "Paused"),
    "SCHEDULED": ("NotStarted", "Queued", "Preparing", "Provisioning", "Starting"),
    "FINISHED": ("Completed",),
    "FAILED": ("Failed",),
    "KILLED": ("Canceled",),
}
_TO_MLFLOW = {azure: mlflow for mlflow, spelled in STATUSES.items() for azure in spelled}
# Proto's numbers of the same, which older clients send. Source: mlflow 2.22 protos/service.proto, RunStatus.
_NUMBERED = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}

# Proto's numbers of ViewType are what some clients send.
_VIEWS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "1", "ACTIVE_ONLY"), False),
    **dict.fromkeys(("2", "DELETED_ONLY"), True),
    **dict.fromkeys(("3", "ALL"), None),
}

_YEAR_10000_MS = 253_402_300_800_000


def refuse(error: LazuliteError) -> Reply:
    """Makes MLflow's answer of an error: `{error_code, message}`, from which its client makes the exception."""
    known = ((code, status) for kind, code, status in _CODES if isinstance(error, kind))
    code, status = next(known, ("INTERNAL_ERROR" if error.status >= 500 else "BAD_REQUEST", error.status))
    return Reply({"error_code": code, "message": error.wire()["message"]}, status)


def status_of(azure: str) -> str:
    """Returns MLflow's status for Azure's."""
    return _TO_MLFLOW[azure]


def status_from(body: JsonObject) -> str | None:
    """Reads `status` into Azure's spelling, None when it is not given. Raises BadRequest (400)."""
    given = body.get("status")
    if given is None:
        return None
    name = _NUMBERED.get(given, "") if isinstance(given, int) else str(given)
    if name not in STATUSES:
        raise BadRequest(f"status is {given!r}, but must be one of {', '.join(STATUSES)}.", target="status")
    return STATUSES[name][0]


def run_id_of(body: Mapping[str, Any]) -> str:
    """Reads `run_id`, or `run_uuid` as clients before 1.0 say. Raises BadRequest (400)."""
    return fields.text(body, "run_id") or fields.text(body, "run_uuid") or fields.text(body, "run_id", required=True)


def whole(body: Mapping[str, Any], name: str, default: int = 0) -> int:
    """Reads a 64-bit whole number, which JSON of protobuf may write as text. Raises BadRequest (400)."""
    given = body.get(name)
    if given is None or given == "":
        return default
    try:
        value = int(given) if isinstance(given, int | str) and not isinstance(given, bool) else None
    except ValueError:
        value = None
    if isinstance(given, float) and given.is_integer():
        value = int(given)
    if value is None or not -(1 << 63) <= value < 1 << 63:
        raise BadRequest(f"{name} must be a whole number of 64 bits, but is {given!r}.", target=name)
    return value


def number(body: Mapping[str, Any], name: str) -> float:
    """Reads a number; NaN and the infinities come as text. Raises BadRequest (400)."""
    given = body.get(name)
    try:
        if isinstance(given, int | float | str) and not isinstance(given, bool):
            return float(given)
    except (ValueError, OverflowError):
        pass
    raise BadRequest(f"{name} must be a number, but is {given!r}.", target=name)


def shown(value: float) -> float | str:
    """Prints a number as JSON of protobuf does: `"NaN"`, `"Infinity"`, `"-Infinity"`, else itself."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def moment(body: Mapping[str, Any], name: str) -> datetime | None:
    """Reads milliseconds since 1970, None when they are not given. Raises BadRequest (400)."""
    if body.get(name) is None:
        return None
    given = whole(body, name)
    if not 0 <= given < _YEAR_10000_MS:
        raise BadRequest(f"{name} must be milliseconds since 1970, but is {given}.", target=name)
    return datetime.fromtimestamp(given / 1000, timezone.utc)


def milliseconds(value: datetime) -> int:
    """Prints a moment."""
    return round(value.timestamp() * 1000)


def objects(body: Mapping[str, Any], name: str) -> list[JsonObject]:
    """Reads a list of objects, [] when it is not given. Raises BadRequest (400)."""
    given = body.get(name) or []
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise BadRequest(f"{name} must be a list of objects.", target=name)
    return given


def strings(body: Mapping[str, Any], name: str) -> list[str]:
    """Reads a list of texts, [] when it is not given. Raises BadRequest (400)."""
    given = body.get(name) or []
    if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
        raise BadRequest(f"{name} must be a list of texts.", target=name)
    return given


def pairs(body: Mapping[str, Any], name: str, limit: int) -> dict[str, str]:
    """Reads `[{key, value}]`, {} when it is not given. limit: the length of a value, in characters.

    Raises BadRequest (400), also when a key has two values.
    """
    found: dict[str, str] = {}
    for item in objects(body, name):
        key, value = key_of(item), fields.text(item, "value")
        if len(value) > limit:
            raise BadRequest(
                f"The value of {key!r} in {name} has {len(value)} characters; at most {limit} are kept.", target=name
            )
        if found.setdefault(key, value) != value:
            raise BadRequest(f"{name} has {key!r} twice, with different values.", target=name)
    return found


def key_of(item: Mapping[str, Any]) -> str:
    """Reads `key`: 1 to 250 characters. Source: mlflow 3.17 utils/validation.py, MAX_ENTITY_KEY_LENGTH."""
    key = fields.text(item, "key", required=True)
    if len(key) > 250 or not key.isprintable():
        raise BadRequest(f"key is {key[:80]!r}, but must be 1 to 250 printable characters.", target="key")
    return key


def listed(values: Mapping[str, str]) -> list[JsonObject]:
    """Prints a mapping as `[{key, value}]`."""
    return [{"key": key, "value": value} for key, value in values.items()]


def asked(call: Call, *lists: str) -> JsonObject:
    """Returns what a GET asks by its query string, or a POST by its body. lists: parameters that may be repeated."""
    if call.method != "GET":
        return call.body
    many = {name: [value for key, value in call.pairs if key == name] for name in lists}
    return {**call.query, **many}


def view_of(body: Mapping[str, Any], name: str) -> bool | None:
    """Reads a ViewType: whether what is archived is wanted, None for both. Raises BadRequest (400)."""
    given = str(body.get(name) or "")
    if given not in _VIEWS:
        raise BadRequest(f"{name} is {given!r}, but must be ACTIVE_ONLY, DELETED_ONLY or ALL.", target=name)
    return _VIEWS[given]


def limit_of(body: Mapping[str, Any], default: int, most: int) -> int:
    """Reads `max_results`. Raises BadRequest (400) when it is not from 1 to most."""
    limit = whole(body, "max_results", default)
    if not 1 <= limit <= most:
        raise BadRequest(f"max_results is {limit}, but must be from 1 to {most}.", target="max_results")
    return limit


def offset_of(body: Mapping[str, Any]) -> int:
    """Reads `page_token`, 0 when there is none. Raises BadRequest (400) for one that was not given out here."""
    token = fields.text(body, "page_token")
    return _offset(unsealed(token)) if token else 0


def _offset(told: Any) -> int:
    if not isinstance(told, int) or not 0 <= told < 1 << 62:
        raise BadRequest("page_token was not given out here.", target="page_token")
    return told


def sealed(told: Any) -> str:
    """Prints what a page token is to remember: anything that JSON can say."""
    return base64.urlsafe_b64encode(json.dumps(told).encode()).decode()


def unsealed(token: str) -> Any:
    """Reads a page token back. Raises BadRequest (400) for what is none."""
    try:
        return json.loads(base64.urlsafe_b64decode(token.encode()))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise BadRequest(f"page_token is {token[:80]!r}, which was not given out here.", target="page_token") from error


def page(name: str, values: Sequence[Any], offset: int, limit: int) -> Reply:
    """Answers a page `{name: [...], next_page_token}`. values: up to one more than the limit."""
    body: JsonObject = {name: list(values[:limit])}
    if len(values) > limit:
        body["next_page_token"] = sealed(offset + limit)
    return Reply(body)
