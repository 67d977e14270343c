"""The nodes of computes: taken by a job, given back, taken down when they have idled. Every node is this machine.

Jobs without a compute, or on serverless, take none: they are counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, select, update

from lazulite.engine.computes import Target
from lazulite.store.tables import jobs, nodes

# Built once: building a statement costs more than executing it.
_OF_COMPUTE = (
    select(nodes.c.number, nodes.c.job, nodes.c.idle_since)
    .where(nodes.c.scope == bindparam("scope"), nodes.c.compute == bindparam("compute"))
    .order_by(nodes.c.number)
)
_TAKE = update(nodes).where(
    nodes.c.scope == bindparam("of_scope"),
    nodes.c.compute == bindparam("of_compute"),
    nodes.c.number == bindparam("of_number"),
)
_GIVE_BACK = update(nodes).where(nodes.c.job == bindparam("of_job"))
_IDLING = select(nodes.c.scope, nodes.c.compute).where(nodes.c.job.is_(None)).distinct()


@dataclass(frozen=True)
class Node:
    """A node that is up. job: the number of the job that runs on it, None while it idles since idle_since."""

    number: int
    job: int | None
    idle_since: datetime | None


def of_compute(connection: Connection, scope: str, compute: str) -> Sequence[Node]:
    """Lists the nodes of a compute that were used and are up still."""
    at = {"scope": scope, "compute": compute.lower()}
    return [Node(*row) for row in connection.execute(_OF_COMPUTE, at)]


def take(connection: Connection, scope: str, target: Target, job: int, count: int) -> bool:
    """Gives a job as many nodes as it wants, those first that idle; False, and nothing done, when there are too few.

    A job on this machine that wants more than there are gets them when nothing else runs.
    """
    if not target.kind:
        busy = _running(connection, scope, target)
        return not busy or busy + count <= target.max_nodes
    up = of_compute(connection, scope, target.queue)
    idle = [node.number for node in up if node.job is None]
    if len(up) - len(idle) + count > target.max_nodes:
        return False
    taken = {node.number for node in up}
    fresh = [number for number in range(len(up) + count) if number not in taken]
    for number in idle[:count]:
        at = {"of_scope": scope, "of_compute": target.queue.lower(), "of_number": number}
        connection.execute(_TAKE, {**at, "job": job, "idle_since": None})
    for number in fresh[: max(0, count - len(idle))]:
        connection.execute(insert(nodes).values(scope=scope, compute=target.queue, number=number, job=job))
    return True


def _running(connection: Connection, scope: str, target: Target) -> int:
    """Counts the nodes of the jobs that run on this machine by one of its names."""
    is_active = jobs.c.state.in_(("Preparing", "Starting", "Running", "Finalizing", "CancelRequested"))
    where = (is_active, jobs.c.scope == scope, jobs.c.compute == target.queue)
    return int(connection.execute(select(func.coalesce(func.sum(jobs.c.nodes), 0)).where(*where)).scalar_one())


def give_back(connection: Connection, job: int, now: datetime) -> None:
    """Lets a job's nodes idle."""
    connection.execute(_GIVE_BACK, {"of_job": job, "job": None, "idle_since": now})


def idling(connection: Connection) -> Sequence[tuple[str, str]]:
    """Lists the computes that have an idle node: (scope, compute)."""
    return [(row.scope, row.compute) for row in connection.execute(_IDLING)]


def scale_down(connection: Connection, scope: str, target: Target, now: datetime) -> datetime | None:
    """Takes down the nodes of a compute that have idled for long enough, down to its minimum.

    Returns when the next one may be, None when none is to be.
    """
    up = of_compute(connection, scope, target.queue)
    surplus = len(up) - target.min_nodes
    idle = sorted(((node.idle_since, node.number) for node in up if node.idle_since), reverse=True)
    while idle and surplus > 0:
        since, number = idle.pop()
        due = since + timedelta(seconds=target.idle_s)
        if due > now:
            return due
        connection.execute(delete(nodes).where(*_at(scope, target.queue), nodes.c.number == number))
        surplus -= 1
    return None


def forget(connection: Connection, scope: str, compute: str) -> None:
    """Takes every node of a deleted compute down."""
    connection.execute(delete(nodes).where(*_at(scope, compute)))


def _at(scope: str, compute: str) -> tuple[ColumnElement[bool], ...]:
    return nodes.c.scope == scope, nodes.c.compute == compute.lower()
