"""Who is next: jobs wait for their compute's nodes in the order in which they were submitted."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, func, select

from lazulite.engine import computes, nodes, states
from lazulite.engine.states import Change, Job
from lazulite.errors import BadRequest
from lazulite.store.tables import jobs

_WHICH = (jobs.c.scope, jobs.c.compute)
_WAITING = select(*_WHICH, func.count()).where(jobs.c.state == "Queued").group_by(*_WHICH)


def waiting(connection: Connection) -> Sequence[tuple[str, str, int]]:
    """Lists the queues in which jobs wait, with how many: (scope, compute, count)."""
    return [(scope, compute, count) for scope, compute, count in connection.execute(_WAITING)]


def claim(connection: Connection, scope: str, compute: str, token: str, now: datetime) -> Job | None:
    """Gives the first job of a queue its nodes and whoever holds the token the job; None when it has to wait.

    Nobody overtakes: a job that needs two nodes is not passed by one that needs one. A job whose compute was deleted
    fails; those on an instance that was stopped wait for its start.
    """
    while True:
        job = states.first_in_queue(connection, scope, compute)
        if job is None:
            return None
        try:
            target = computes.find(connection, scope, compute)
        except BadRequest as error:
            states.apply(connection, job, Change("Failed", error=error.wire()), now=now)
            continue
        if target.is_stopped or not nodes.take(connection, scope, target, job.number, job.nodes):
            return None
        states.apply(connection, job, Change("Preparing"), now=now, token=token)
        return replace(job, state="Preparing", token=token)
