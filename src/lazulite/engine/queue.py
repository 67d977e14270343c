"""Who is next: jobs wait for their compute's nodes in the order in which they were submitted."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from lazulite.engine import computes, nodes, states
from lazulite.engine.states import Change, Job
from lazulite.errors import BadRequest
from lazulite.store.tables import jobs


def waiting(connection: Connection) -> Sequence[tuple[str, str]]:
    """Lists the queues in which a job waits: (scope, compute)."""
    query = select(jobs.c.scope, jobs.c.compute).where(jobs.c.state == "Queued").distinct()
    return [(row.scope, row.compute) for row in connection.execute(query)]


def claim(connection: Connection, scope: str, compute: str, token: str, now: datetime) -> Job | None:
    """Gives the first job of a queue its nodes and whoever holds the token the job; None when it has to wait.

    Nobody overtakes: a job that needs two nodes is not passed by one that needs one. A job whose compute was deleted
    fails; those on an instance that was stopped wait for its start.
    """
    while True:
        job = _first(connection, scope, compute)
        if job is None:
            return None
        try:
            target = computes.find(connection, scope, compute)
        except BadRequest as error:
            states.apply(connection, job, Change("Failed", error=error.wire()), now)
            continue
        if target.is_stopped or not nodes.take(connection, scope, target, job.number, job.nodes):
            return None
        states.apply(connection, job, Change("Preparing"), now, token)
        return states.get(connection, job.number)


def _first(connection: Connection, scope: str, compute: str) -> Job | None:
    where = (jobs.c.state == "Queued", jobs.c.scope == scope, jobs.c.compute == compute)
    number = connection.execute(select(jobs.c.number).where(*where).order_by(jobs.c.number).limit(1)).scalar()
    return states.get(connection, number) if number is not None else None
