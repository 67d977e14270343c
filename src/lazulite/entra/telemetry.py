"""Telemetry of the clients: taken without a look, so that they neither wait nor retry."""

from lazulite.http.call import Call, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route


def swallow(call: Call, parts: Parts) -> Reply:
    """Answers 200 and forgets: nothing received, nothing rejected, which exporters take for success.

    Source: azure-monitor-opentelemetry-exporter, export/_base.py: success is as many accepted as received.
    """
    return Reply({"itemsReceived": 0, "itemsAccepted": 0, "errors": []})


ROUTES = tuple(Route(method, "/{rest:path}", swallow) for method in ("GET", "POST", "PUT", "OPTIONS"))
