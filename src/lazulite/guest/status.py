"""A worker's status file: what it is doing, for whoever started it. Replaced whole, so never seen half written."""

from __future__ import annotations

import json
import os
from typing import Any


class Status:
    """Writes `{"state": "starting"|"ready"|"failed", "pid", "error": {...} | null, "address"}`.

    address: where it answers, `tcp:127.0.0.1:40001`, if not on the socket that it was given.
    error: `{type, message, file, line, traceback, hint}`, the user's own; see failure.describe.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def write(self, state: str, error: dict[str, Any] | None = None, address: str = "") -> None:
        """Replaces the file. Raises OSError when it cannot be written."""
        partial = "%s.%d" % (self._path, os.getpid())
        with open(partial, "w", encoding="utf-8") as file:
            json.dump({"state": state, "pid": os.getpid(), "error": error, "address": address}, file)
        os.replace(partial, self._path)
