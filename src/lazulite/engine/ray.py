"""Jobs whose distribution is Ray: how the guest is told of the cluster that it starts around the command."""

import json
import shlex

from lazulite.engine import processes
from lazulite.engine.spec import JobSpec
from lazulite.environments.built import Environment
from lazulite.errors import UserCodeError


def check(environment: Environment) -> None:
    """Raises UserCodeError for an environment without Ray."""
    if not (environment.python.parent / "ray").exists():
        raise UserCodeError(
            "The job's distribution is Ray, but its environment has no ray.",
            code="UserError",
            hint="Add `ray[default]` to the environment's packages.",
        )


def command(environment: Environment) -> str:
    """Returns what is run in the place of the job's command, and runs that."""
    return f"exec {shlex.quote(str(environment.python))} {shlex.quote(str(processes.GUEST))} ray_cluster"


def variables(spec: JobSpec, command: str) -> dict[str, str]:
    """Returns what guest/ray_cluster.py reads. command: the job's own, bound."""
    assert spec.distribution and spec.distribution.ray
    return {"LAZULITE_RAY": json.dumps({"command": command, "nodes": spec.nodes, **vars(spec.distribution.ray)})}
