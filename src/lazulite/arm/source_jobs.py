"""Pipeline components made from a job that ran: what it takes and makes becomes what the component takes and makes."""

import uuid
from typing import Any

from sqlalchemy import Connection

from lazulite.engine import states
from lazulite.engine.spec import LITERAL
from lazulite.errors import BadRequest
from lazulite.ids import WorkspaceId, child_name

_PIPELINE = "Pipeline"


def version_of(source: str) -> str:
    """Returns the version of the component without a name that is made of a job: its own for each job.

    Clients ask for version 1 of each. Source: azure-ai-ml 1.35.2 operations/_batch_deployment_operations.py,
    _validate_component, which goes by the id that is answered.
    """
    return str(uuid.uuid5(uuid.NAMESPACE_URL, child_name(source, "jobs").lower()))


def spec_of(connection: Connection, workspace: WorkspaceId, source: str) -> dict[str, Any]:
    """Returns `inputs`, `outputs` and `jobs` of a spec whose `sourceJobId` names a pipeline job, by id or name.

    Literals have the job's values as defaults; data is given anew each time. Raises BadRequest when there is no such
    job. Source: azure-ai-ml 1.35.2 operations/_batch_deployment_operations.py, _validate_component, sends nothing
    else; which inputs have defaults, guess.
    """
    name = child_name(source, "jobs")
    job = states.find(connection, workspace.scope, name)
    if not job or job.kind != _PIPELINE:
        what = f"is of type {job.kind}" if job else "was not found"
        raise BadRequest(
            f'Job "{name}" {what}: a component is made of a pipeline job.',
            target="properties.componentSpec.sourceJobId",
        )
    outputs = {key: one for key, one in (job.body.get("outputs") or {}).items() if key != "default"}
    return {
        "inputs": {key: _input(one) for key, one in (job.body.get("inputs") or {}).items() if one},
        "outputs": {key: {"type": one.get("jobOutputType") or "uri_folder"} for key, one in outputs.items()},
        "jobs": job.body["jobs"],
    }


def _input(one: dict[str, Any]) -> dict[str, Any]:
    if one.get("jobInputType", LITERAL) == LITERAL:
        return {"type": "string", "default": str(one.get("value", ""))}
    return {"type": one["jobInputType"]}
