"""Starts a job: its variables, its ranks, the plan that its guest follows."""

import json
import os
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from lazulite import clock
from lazulite.engine import bindings, conductor, processes, ranks, ray, services
from lazulite.engine.executors.process import Launcher
from lazulite.engine.parallel import Parallel
from lazulite.engine.prepare import Prepared
from lazulite.engine.spec import LITERAL, JobSpec
from lazulite.engine.stage import Staged
from lazulite.identity import doors, tokens
from lazulite.identity.environment import CLIENT, TENANT, client_environment
from lazulite.settings import Settings

# How long after SIGTERM a cancelled job is killed. Source: guess.
GRACE_S = 10.0
# A job may run for weeks; SDK v1 refuses moments that do not fit 32 bits.
_TOKEN_FOR = timedelta(days=60)
_AUDIENCE = "https://ml.azure.com"


@dataclass(frozen=True)
class _Program:
    """What a job's guest starts, which is not always the job's command. shown: what a user is told of it.

    processes: among how many the cores are shared out. variables: what it is told beside the job's own.
    """

    command: str
    shown: str
    processes: int
    is_isolated: bool
    variables: Mapping[str, str] = field(default_factory=dict)


def launch(settings: Settings, signing_key: bytes, launcher: Launcher, made: Prepared, staged: Staged) -> int:
    """Starts the job's guest and returns its process id.

    Raises Conflict while the job runs already, LazuliteError when no process can be started.
    """
    write_plan(settings, signing_key, launcher.has_views, made, staged)
    return launcher.launch(staged.folder)


def write_plan(settings: Settings, signing_key: bytes, has_views: bool, made: Prepared, staged: Staged) -> str:
    """Writes job.json, mode 0600, since it holds a token; returns the command with its bindings replaced."""
    spec, who, program = made.spec, f"job {made.job.name}", _program(has_views, made, staged)
    cores = (os.cpu_count() or 1) / program.processes
    plan = {
        "folder": str(staged.code),
        "command": program.command,
        "variables": {
            **processes.environment(made.environment.python, cores, os.environ),
            **client_environment(settings, who=who if settings.private_network else ""),
            **made.environment.variables,
            **variables(settings, signing_key, made, staged, clock.now()),
            **program.variables,
            **spec.variables,
            "LAZULITE_JOB_FOLDER": str(staged.folder),
        },
        "ranks": [
            {"log": str(staged.artifacts / "user_logs" / rank.log), "variables": rank.variables}
            for rank in ranks.ranks_of(spec, _free_ports(ranks.ports_needed(spec)))
        ],
        "services": services.plan(
            staged.folder, staged.artifacts / "system_logs", made.services, _free_ports(len(made.services))
        ),
        "isolated": program.is_isolated,
        "doors": doors.of(settings, who) if settings.private_network and doors.are_possible() else None,
        "views": [(str(source), str(target)) for source, target in staged.views],
        "readonly": [str(path) for path in staged.readonly],
        "writable": [str(path) for path in staged.writable],
        "timeout_s": spec.timeout_s,
        "grace_s": GRACE_S,
    }
    for name in ("exit.json", "usage.jsonl"):
        (staged.folder / name).unlink(missing_ok=True)
    path = staged.folder / "job.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(plan), encoding="utf-8")  # indented, it takes ten times as long
    return program.shown


def _program(has_views: bool, made: Prepared, staged: Staged) -> _Program:
    spec = made.spec
    if isinstance(spec, Parallel):  # its workers are isolated, each by itself
        conductor.write(made, spec, staged, has_views)
        command, own = conductor.command(staged.folder), conductor.variables(spec, staged)
        return _Program(command, command, conductor.workers(spec), False, own)
    command = bindings.bind(spec.command, staged.values, "command")
    if spec.distribution and spec.distribution.ray:
        ray.check(made.environment)
        return _Program(ray.command(made.environment), command, 1, has_views, ray.variables(spec, command))
    return _Program(command, command, ranks.count(spec), has_views)


def leads_out(folder: Path) -> bool:
    """Tells whether the job of a folder lives with this machine's network."""
    if not processes.is_held(folder):
        return False
    return bool(json.loads((folder / "job.json").read_bytes())["doors"] is None)


def variables(settings: Settings, signing_key: bytes, made: Prepared, staged: Staged, now: datetime) -> dict[str, str]:
    """Returns what the job is told of itself; catalog/job_variables.py says what each is for."""
    run, workspace, experiment = made.job.run, made.workspace, made.experiment
    region = workspace.region or settings.region
    service = f"https://{region}.api.azureml.ms"
    issued = {"tenant": TENANT, "oid": CLIENT, "name": run.created_by or CLIENT}
    token = tokens.issue(
        signing_key, _AUDIENCE, **issued, now=now, lifetime_s=int(_TOKEN_FOR.total_seconds()), extra={"runId": run.id}
    )
    return {
        "AZUREML_RUN_ID": run.id,
        "AZUREML_ROOT_RUN_ID": run.root,
        "AZUREML_RUN_TOKEN": token,
        "AZUREML_RUN_TOKEN_EXPIRY": str(int((now + _TOKEN_FOR).timestamp())),
        "AZUREML_ARM_SUBSCRIPTION": workspace.id.subscription,
        "AZUREML_ARM_RESOURCEGROUP": workspace.id.resource_group,
        "AZUREML_ARM_WORKSPACE_NAME": workspace.id.workspace,
        "AZUREML_ARM_PROJECT_NAME": experiment.name,
        "AZUREML_EXPERIMENT_ID": experiment.id,
        "AZUREML_EXPERIMENT_SCOPE": f"{workspace.id}/experiments/{experiment.name}",
        "AZUREML_WORKSPACE_ID": workspace.guid,
        "AZUREML_WORKSPACE_SCOPE": str(workspace.id),
        "AZUREML_SERVICE_ENDPOINT": service,
        "AZUREML_DISCOVERY_SERVICE_ENDPOINT": f"{service}/discovery",
        "AZUREML_NODE_COUNT": str(made.spec.nodes),
        "AZUREML_COMMUNICATOR": _communicator(made),
        "AZUREML_LOGDIRECTORY_PATH": str(staged.artifacts / "logs"),
        "AZUREML_CR_EXECUTION_WORKING_DIR_PATH": str(staged.code),
        "MLFLOW_TRACKING_URI": _tracking_uri(settings, made, service),
        "MLFLOW_TRACKING_TOKEN": token,
        "MLFLOW_RUN_ID": run.id,
        "MLFLOW_EXPERIMENT_ID": experiment.id,
        "MLFLOW_EXPERIMENT_NAME": experiment.name,
        "DEFAULT_IDENTITY_CLIENT_ID": CLIENT,
        "PYTHONUNBUFFERED": "1",
        **({"CI_NAME": made.sources.target.name} if made.sources.target.kind == "ComputeInstance" else {}),
        **_inputs_and_outputs(made.spec, staged.values),
    }


def _communicator(made: Prepared) -> str:
    # Source: azureml-core 1.61, core/runconfig.py, communicator: None, OpenMpi, ParameterServer, Gloo or Nccl.
    kinds = {"PyTorch": "Gloo", "Mpi": "OpenMpi", "TensorFlow": "ParameterServer"}
    return kinds.get(made.spec.distribution.kind, "None") if made.spec.distribution else "None"


def _tracking_uri(settings: Settings, made: Prepared, service: str) -> str:
    """Returns where mlflow logs to: an `azureml://` address only where the plugin that understands it is installed."""
    packages = made.environment.python.parent.parent / "lib"
    if any(packages.glob("python3*/site-packages/azureml/mlflow")):
        return f"azureml://{service.partition('://')[2]}/mlflow/v1.0{made.workspace.id}"
    return f"{settings.url}/mlflow/v2.0{made.workspace.id}"


def _inputs_and_outputs(spec: JobSpec, values: Mapping[str, str]) -> dict[str, str]:
    """Names every input and output twice, as SDK v2 and as SDK v1 call them."""
    found = {}
    for one in spec.inputs:
        older = "AZUREML_PARAMETER_" if one.kind == LITERAL else "AZUREML_DATAREFERENCE_"
        found[f"AZURE_ML_INPUT_{one.name}"] = found[f"{older}{one.name}"] = values[f"inputs.{one.name}"]
    for goal in spec.outputs:
        value = values[f"outputs.{goal.name}"]
        found[f"AZURE_ML_OUTPUT_{goal.name}"] = found[f"AZUREML_DATAREFERENCE_{goal.name}"] = value
    return found


def _free_ports(count: int) -> list[int]:
    """Returns ports that nobody listens on now: the ranks of several jobs may run on this one machine."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
