"""The only reader of time. Everything else is handed `now`, so that tests own it."""

import time
from datetime import datetime, timezone


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
