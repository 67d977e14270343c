"""A worker's status file: what it is doing, for whoever started it. Replaced whole, so never seen half written."""

from __future__ import annotations

import json
import os
from typing import Any


class Status:
    """Writes `{"state": "starting"|"ready"|"failed", "pid", "error": {...} | null}`.

    error: `{type, message, file, line, traceback, hint}`, the user's own; see failure.describe.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def write(self, state: str, error: dict[str, Any] | None = None) -> None:
        """Replaces the file. Raises OSError when it cannot be written."""
        partial = "%s.%d" % (self._path, os.getpid())
        with open(partial, "w", encoding="utf-8") as file:
            json.dump({"state": state, "pid": os.getpid(), "error": error}, file)
        os.replace(partial, self._path)
