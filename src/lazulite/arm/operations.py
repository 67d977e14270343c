"""Long-running operations as clients see them: where to poll, and what a poll answers."""

from typing import Any

from sqlalchemy import select

from lazulite import clock
from lazulite.errors import NotFound
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.ids import PROVIDER
from lazulite.store.tables import operations

# Without these headers the SDK waits 30 s between polls, also when they say 0.
# Source: azure-core 1.41 polling/base_polling.py, azure-ai-ml 1.35.2 _utils/_azureml_polling.py.
POLL_SOON = {"Retry-After": "1", "retry-after-ms": "250"}


def accepted(call: Call, subscription: str, operation: str, body: Any, status: int) -> Reply:
    """Answers a request that goes on: the body as it is now, and where to ask for the rest."""
    return Reply(body, status, {"Azure-AsyncOperation": address(call, subscription, operation), **POLL_SOON})


def address(call: Call, subscription: str, operation: str) -> str:
    """Returns where to ask for an operation."""
    return (
        f"{call.base_url}/subscriptions/{subscription}/providers/{PROVIDER}/locations/local"
        f"/mfeOperationsStatus/{operation}?api-version={call.query.get('api-version', '')}"
    )


def get(call: Call, parts: Parts) -> Reply:
    """Answers a poll: `{id, name, status, startTime, endTime, error}`."""
    with parts.db.read() as connection:
        row = connection.execute(select(operations).where(operations.c.id == call.ids["operation"])).one_or_none()
    if not row:
        raise NotFound(f'There is no operation "{call.ids["operation"]}".')
    body: JsonObject = {
        "id": call.path,
        "name": row.id,
        "status": row.status,
        "startTime": clock.iso(row.started_at),
        "endTime": clock.iso(row.ended_at) if row.ended_at else None,
        "properties": {"resourceId": row.resource_id},
    }
    if row.error:
        body["error"] = row.error
    return Reply(body, 200, POLL_SOON)


ROUTES = (
    Route(
        "GET",
        f"/subscriptions/{{subscription}}/providers/{PROVIDER}/locations/{{location}}/mfeOperationsStatus/{{operation}}",
        get,
    ),
)
