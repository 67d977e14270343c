"""Batch endpoints by their own host name, `https://{endpoint}.{region}.inference.ml.azure.com/jobs`, as Azure has them.

Source: learn.microsoft.com/azure/machine-learning/how-to-use-batch-model-deployments, the scoring URI.
"""

from dataclasses import replace

from lazulite.batch.deployments import ENDPOINTS
from lazulite.dataplane import batch_jobs
from lazulite.errors import NotFound
from lazulite.http.call import Call, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.store import resources, workspaces
from lazulite.store.db import Database


def is_endpoint(db: Database, host: str) -> bool:
    """Tells whether a host name begins with that of a batch endpoint."""
    with db.read() as connection:
        return bool(resources.everywhere(connection, ENDPOINTS, host.partition(".")[0]))


def _named(call: Call, parts: Parts) -> Call:
    """Returns a call as it is to the endpoint's path of the workspace that has it. Raises NotFound (404)."""
    name = call.headers.get("host", "").partition(".")[0]
    with parts.db.read() as connection:
        rows = resources.everywhere(connection, ENDPOINTS, name)
        if not rows:
            raise NotFound(f'There is no batch endpoint "{name}".', target="host")
        found = workspaces.of_scope(connection, rows[0].place.scope).id
    place = {"subscription": found.subscription, "group": found.resource_group, "workspace": found.workspace}
    return replace(call, ids={**call.ids, **place, "endpoint": rows[0].place.name})


def invoke(call: Call, parts: Parts) -> Reply:
    """Makes a job, as batch_jobs.invoke does."""
    return batch_jobs.invoke(_named(call, parts), parts)


def list_jobs(call: Call, parts: Parts) -> Reply:
    """Lists the endpoint's jobs."""
    return batch_jobs.list_of_endpoint(_named(call, parts), parts)


def get(call: Call, parts: Parts) -> Reply:
    """Answers one job."""
    return batch_jobs.get(_named(call, parts), parts)


ROUTES = (
    Route("POST", "/jobs", invoke),
    Route("GET", "/jobs", list_jobs),
    Route("GET", "/jobs/{job}", get),
)
