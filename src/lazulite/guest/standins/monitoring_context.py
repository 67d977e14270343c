"""`azureml.ai.monitoring.context`: what ties the events of one request together."""

from __future__ import annotations

import time
import uuid
from typing import Any


class CorrelationContext:
    """The id, time and headers of what is collected. Source: azureml-ai-monitoring 1.0.0 context/context.py."""

    def __init__(self, id: str | None = None, timestamp: int | None = None, headers: Any = None) -> None:
        self.id = id or str(uuid.uuid4())
        self.timestamp = timestamp or int(time.time())
        self.headers = headers or {}

    def get_id(self) -> str:
        """Returns the id."""
        return self.id

    def get_timestamp(self) -> int:
        """Returns when it was made, in seconds since 1970."""
        return self.timestamp

    def get_time(self) -> str:
        """Returns the same as events have it."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.timestamp))

    def get_headers(self) -> dict[str, str]:
        """Returns what else is noted beside the data."""
        return {str(name): str(value) for name, value in self.headers.items()}

    def __str__(self) -> str:
        return self.id


class BasicCorrelationContext(CorrelationContext):
    """What scripts make themselves."""
