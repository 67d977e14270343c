"""Reads what the fields of bodies hold in data planes only: lists, moments, tags without a value."""

import json
from datetime import datetime, timezone
from typing import Any

from lazulite import fields
from lazulite.errors import BadRequest
from lazulite.http.call import Call, JsonObject


def texts(given: JsonObject, field: str) -> dict[str, str]:
    """Returns a field that maps names to texts, {} when absent; null stands for "". Raises BadRequest (400)."""
    value = given.get(field)
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(one, str | None) for one in value.values()):
        raise _wrong(field, "must map names to texts", value)
    return {name: one or "" for name, one in value.items()}


def objects(given: JsonObject, field: str) -> list[JsonObject]:
    """Returns a field that lists objects, [] when absent. Raises BadRequest (400)."""
    value = given.get(field)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise _wrong(field, "must list objects", value)
    return value


def moment(given: JsonObject, field: str) -> datetime | None:
    """Returns a field that is a moment as ISO 8601 has it, UTC where it names no zone. Raises BadRequest (400)."""
    value = fields.text(given, field)
    if not value:
        return None
    head, dot, rest = value.replace("Z", "+00:00").partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    try:  # .NET writes seven digits, Python before 3.11 reads six
        found = datetime.fromisoformat(f"{head}.{digits[:6].ljust(6, '0')}{rest[len(digits) :]}" if dot else head)
    except ValueError as error:
        raise _wrong(field, "must be a moment such as 2026-01-31T12:00:00Z", value) from error
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def names(call: Call, field: str = "") -> list[str]:
    """Returns a list of texts: a field of the body, or the whole body when none is named. Raises BadRequest (400)."""
    try:
        value: Any = call.body.get(field) if field else json.loads(call.raw)
    except ValueError as error:
        raise BadRequest(f"The body is not JSON: {error}.", code="InvalidRequestContent") from error
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _wrong(field or "The body", "must list texts", value)
    return value


def _wrong(field: str, must: str, value: Any) -> BadRequest:
    shown = repr(value)
    return BadRequest(f"{field} {must}, but is {shown if len(shown) < 100 else shown[:100] + '…'}.", target=field)
