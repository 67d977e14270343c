"""Interactive services of jobs: programs of the job's environment beside its command, each on a port of this machine.

Source: azure-ai-ml 1.35.2 entities/_job/job_service.py; JUPYTER_TOKEN: jupyter_server auth/identity.py.
"""

import json
import secrets
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lazulite import fields
from lazulite.engine import folders
from lazulite.engine.states import Job
from lazulite.environments.built import Environment
from lazulite.identity import once

_HOST = "127.0.0.1"
_FILE = "services.json"  # in the job's folder: {name: {"endpoint", "port"}} of those that were started


@dataclass(frozen=True)
class InteractiveProgram:
    """One that is asked for. kind: one of KINDS; logs: the folder that TensorBoard shows, relative to the code's."""

    name: str
    kind: str
    logs: str = "."


@dataclass(frozen=True)
class _Kind:
    """How a kind of service is started. path: behind the address of its port; token_variable: has its secret, if any.

    A secret is none of the flags: everybody on this machine sees those.
    """

    program: str
    flags: Callable[[InteractiveProgram, int], Sequence[str]]
    path: Callable[[str], str] = lambda token: "/"
    token_variable: str = ""


def _tensorboard(service: InteractiveProgram, port: int) -> Sequence[str]:
    return ("--logdir", service.logs, "--host", _HOST, "--port", str(port))


def _jupyter(service: InteractiveProgram, port: int) -> Sequence[str]:
    return ("--no-browser", "--allow-root", f"--ip={_HOST}", f"--port={port}", "--ServerApp.root_dir=.")


# Those without a way to start them are not done here.
KINDS: Mapping[str, _Kind | None] = {
    "TensorBoard": _Kind("tensorboard", _tensorboard),
    "JupyterLab": _Kind("jupyter-lab", _jupyter, lambda token: f"/lab?token={token}", "JUPYTER_TOKEN"),
    "SSH": None,
    "VSCode": None,
}


def read(properties: Mapping[str, Any]) -> tuple[InteractiveProgram, ...]:
    """Reads the interactive ones of a body's `services`, of any jobType. Raises BadRequest naming the wrong field."""
    found = (_read(name, one) for name, one in fields.objects(properties, "properties.services"))
    return tuple(one for one in found if one)


def _read(name: str, given: Mapping[str, Any]) -> InteractiveProgram | None:
    """Returns None for what is no interactive one, as those that Azure adds to all jobs."""
    kind = fields.text(given, f"properties.services.{name}.jobServiceType")
    if kind not in KINDS:
        return None
    logs = fields.texts(given, f"properties.services.{name}.properties").get("logDir")
    return InteractiveProgram(name, kind, logs or ".")


def chosen(
    wanted: Sequence[InteractiveProgram], environment: Environment, *, has_network: bool
) -> tuple[list[InteractiveProgram], list[str]]:
    """Returns those that are started, and of the others why they are not."""
    started, said = [], []
    for one in wanted:
        why_not = _why_not(one, environment, has_network)
        if why_not:
            said.append(f"Service {one.name} ({one.kind}) is not started: {why_not}.")
        else:
            started.append(one)
    return started, said


def _why_not(service: InteractiveProgram, environment: Environment, has_network: bool) -> str:
    kind = KINDS[service.kind]
    if not kind:
        return "Lazulite has none; `lazulite job debug` opens a shell with the job's environment, code and inputs"
    if not has_network:
        return "in a private network nobody would reach it"
    if not (environment.python.parent / kind.program).exists():
        return f"the environment has no {kind.program}"
    return ""


def plan(folder: Path, logs: Path, wanted: Sequence[InteractiveProgram], ports: Sequence[int]) -> list[dict[str, Any]]:
    """Returns what the guest starts beside the command, and notes where they will answer.

    One is `{"command", "log", "variables"}`.

    folder: the job's; logs: the folder for what they print.
    """
    planned, told = [], {}
    for number, (one, port) in enumerate(zip(wanted, ports, strict=True)):
        kind, token = KINDS[one.kind], secrets.token_hex(24)
        assert kind
        command = shlex.join((kind.program, *kind.flags(one, port)))
        variables = {kind.token_variable: token} if kind.token_variable else {}
        log = str(logs / f"service_{number}.log")
        planned.append({"command": f"exec {command}", "log": log, "variables": variables})
        told[one.name] = {"endpoint": f"http://{_HOST}:{port}{kind.path(token)}", "port": port}
    if told:
        once.replace(folder / _FILE, json.dumps(told).encode())
    else:
        (folder / _FILE).unlink(missing_ok=True)
    return planned


def shown(home: Path, job: Job) -> dict[str, Any]:
    """Returns a job's own services as they are sent, and of those that were started where they answer."""
    sent = {name: one for name, one in (job.body.get("services") or {}).items() if one}
    if not any(one.get("jobServiceType") in KINDS for one in sent.values()):
        return sent
    try:
        told = json.loads((folders.of_job(home, job.scope, job.name) / _FILE).read_bytes())
    except FileNotFoundError:
        return sent
    status = {"status": "Running" if job.state == "Running" else "Stopped"}
    return {name: {**one, **({**told[name], **status} if name in told else {})} for name, one in sent.items()}
