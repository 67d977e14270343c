"""The opened layers below: what a handler may use besides its call."""

from collections.abc import Callable
from dataclasses import dataclass

from lazulite.settings import Settings
from lazulite.store.db import Database


@dataclass(frozen=True)
class Parts:
    """Everything a handler needs, built once in app.py.

    wake: tells the serving supervisor that something was asked for; returns at once.
    """

    settings: Settings
    db: Database
    signing_key: bytes
    wake: Callable[[], None]
