"""`azureml.ai.monitoring`: what a script hands to a Collector goes straight to the worker's own collection.

Source of surface, wording and what is raised when: azureml-ai-monitoring 1.0.0 collector_json.py.
"""

from __future__ import annotations

import random
import sys
from typing import Any, Callable

from .monitoring_context import BasicCorrelationContext, CorrelationContext

__all__ = ("Collector",)

_AGENT = "azureml-ai-monitoring/1.0.0"


class Collector:
    """Collects DataFrames under a name. collection: the worker's; None where the deployment collects nothing."""

    collection: Any = None

    def __init__(self, *, name: str, on_error: Callable[[Exception], Any] | None = None) -> None:
        self.name = name
        self.on_error = on_error or _raise
        self._complaint()

    def collect(self, data: Any, correlation_context: CorrelationContext | None = None) -> CorrelationContext:
        """Collects a DataFrame, if chance has it; returns the context that ties it to others."""
        context = correlation_context or BasicCorrelationContext()
        if self._complaint():
            return context
        place = self.collection.places[self.name.lower()]
        if place["sampleRatePercentage"] <= random.random() * 100:
            return context
        pandas = sys.modules.get("pandas")
        if pandas is None or not isinstance(data, pandas.DataFrame):
            kind = type(data).__name__
            self.on_error(TypeError("data type (%s) not supported, supported types: pandas.DataFrame" % kind))
            return context
        event = {
            "time": context.get_time(),
            "datacontenttype": "application/json",
            "correlationid": context.get_id(),
            "xrequestid": context.get_id(),
            "modelversion": "default",
            "collectdatatype": "pandas.core.frame.DataFrame",
            "agent": _AGENT,
            **context.get_headers(),
        }
        if not self.collection.put(self.name.lower(), event, data.to_json(orient="records").encode()):
            self.on_error(Exception("Too many requests lead to message queue is full."))
        return context

    def _complaint(self) -> bool:
        """Tells what is wrong with this collector, if something is."""
        message = ""
        if not self.name:
            message = "collection name is not provided"
        elif self.collection is None:
            message = "custom logging is not enabled, drop the data"
        elif self.name.lower() not in self.collection.places:
            message = "collection %s is not enabled, drop the data" % self.name
        if message:
            self.on_error(Exception(message))
        return bool(message)


def _raise(error: Exception) -> None:
    raise error
