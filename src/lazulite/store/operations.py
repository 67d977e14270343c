"""Long-running operations as rows: begun by a handler, ended once by whoever does the work."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from lazulite.store.tables import operations


def begin(connection: Connection, resource_id: str, now: datetime) -> str:
    """Records a new operation in progress and returns its id."""
    operation = str(uuid.uuid4())
    connection.execute(
        insert(operations).values(id=operation, resource_id=resource_id, status="InProgress", started_at=now)
    )
    return operation


def end(connection: Connection, operation: str, error: dict[str, Any] | None, now: datetime) -> None:
    """Ends an operation as Succeeded, or as Failed with an ARM error object. Ending it again changes nothing."""
    status = "Failed" if error else "Succeeded"
    connection.execute(
        update(operations)
        .where(operations.c.id == operation, operations.c.status == "InProgress")
        .values(status=status, error=error, ended_at=now)
    )


def total(connection: Connection) -> int:
    """Counts the operations ever begun: a number that only grows."""
    return int(connection.execute(select(func.count()).select_from(operations)).scalar_one())
