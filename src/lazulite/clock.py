"""The only reader of time. Everything else is handed `now`, so that tests own it."""

import re
import time
from datetime import datetime, timezone
from typing import Any

from lazulite.errors import BadRequest

_DURATION = re.compile(r"^P(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?$")


def now() -> datetime:
    """Returns the present moment, aware, in UTC."""
    return datetime.now(timezone.utc)


def monotonic() -> float:
    """Returns seconds since some moment in the past: for measuring how long things take, never for saying when."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    """Blocks the calling thread."""
    time.sleep(seconds)


def iso(moment: datetime) -> str:
    """Prints a moment as ARM does: `2026-01-31T12:00:00.123456+00:00`."""
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds")


def seconds(value: Any, field: str, default: float) -> float:
    """Reads an ISO 8601 duration of a body, `PT1M30S`; None is the default. Raises BadRequest when it is none."""
    if value is None:
        return default
    match = _DURATION.match(value) if isinstance(value, str) else None
    if not match or value in ("P", "PT"):
        raise BadRequest(f"{field} is {value!r}, but must be a duration such as PT90S.", target=f"properties.{field}")
    days, hours, minutes, rest = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest
