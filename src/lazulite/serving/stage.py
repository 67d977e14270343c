"""A deployment's folder: its code and model put where Azure puts them, its environment built, its variables set."""

import math
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lazulite.engine import processes
from lazulite.environments import registered
from lazulite.errors import BadRequest
from lazulite.identity import doors
from lazulite.identity.doors import Doors
from lazulite.identity.environment import client_environment
from lazulite.serving import collecting, containers, hidden, logs, sources
from lazulite.serving.sources import Model, Sources
from lazulite.serving.wanted import Wanted
from lazulite.serving.workers import Guest, WorkerSpec
from lazulite.settings import Settings

MLFLOW_SCRIPT = "mlflow_score_script.py"
_MOST_WORKERS = 64


@dataclass(frozen=True)
class Staged:
    """What a worker needs to start. app: AML_APP_ROOT."""

    app: Path
    python: Path
    variables: dict[str, str]
    guest: Guest
    doors: Doors | None = None
    sight: hidden.Sight | None = None


def folder_of(home: Path, label: str) -> Path:
    """Returns the folder of a deployment, by `endpoint/deployment`."""
    return home / "endpoints" / label.lower()


def stage(settings: Settings, deployment: Wanted, found: Sources, log: Callable[[str], None]) -> Staged:
    """Makes the folder of this generation, whole and from nothing, and builds the environment if it is new.

    log: gets a line for each step. Raises UserCodeError (code ImageBuildFailure) when the environment cannot be built.
    """
    folder = folder_of(settings.home, deployment.label) / str(deployment.generation)
    app = folder / "app"
    shutil.rmtree(app, ignore_errors=True)
    if found.inference or (found.code and containers.serves_scripts(settings, found.environment)):
        return _stage_container(settings, deployment, found, app, log)
    code = _place_code(app, found, log)
    model = _place_model(app, found.model, log) if found.model else None
    environment = registered.ensure(settings.home, found.environment, log)
    is_apart, who = deployment.spec.is_apart or settings.private_network, deployment.label.replace("/", " ")
    variables = {
        **client_environment(settings, who=who if is_apart else ""),
        **environment.variables,
        "AML_APP_ROOT": str(app),
        **code,
        "AZUREML_MODEL_DIR": str(model or app / "azureml-models"),
        "SERVICE_NAME": deployment.endpoint,
        "WORKSPACE_NAME": deployment.workspace.workspace,
        "SCORING_TIMEOUT_MS": str(deployment.spec.timeout_ms),
        **({"MLFLOW_MODEL_FOLDER": found.model.path.name} if found.model and not found.code else {}),
        **_collects(app, deployment, found),
        **deployment.spec.variables,
    }
    if found.guest == "triton":  # where model_mount_path would have been, to which a variable may point
        variables["AZUREML_MODEL_DIR"] = str(model)
    ways = _doors(settings, who, log) if is_apart else None
    return Staged(
        app, environment.python, variables, found.guest, ways, _sight(settings, environment.python, folder, found, log)
    )


def _sight(
    settings: Settings, python: Path, folder: Path, found: Sources, log: Callable[[str], None]
) -> hidden.Sight | None:
    """Returns what the workers see of the platform's files; None where it cannot be kept from them."""
    if not hidden.is_possible():
        log("files: all that this user may read; this system allows no namespaces")
        return None
    collected = [Path(place.folder) for place in found.collected.values()]
    for place in collected:
        place.mkdir(parents=True, exist_ok=True)
    return hidden.sight(settings, python, (folder, *collected))


def _doors(settings: Settings, who: str, log: Callable[[str], None]) -> Doors | None:
    """Returns the doors of workers that may not leave this machine; None where they cannot be kept from it."""
    if doors.are_possible():
        log("network: none but the platform's")
        return doors.of(settings, who)
    log("network: the proxy refuses hosts outside; this system allows no namespaces, so what ignores it can leave")
    return None


def _stage_container(
    settings: Settings, deployment: Wanted, found: Sources, app: Path, log: Callable[[str], None]
) -> Staged:
    """Makes ready what runs an image that brings the server: one of its own, or Azure's, which runs scoring scripts.

    Source of the mount: learn.microsoft.com/azure/machine-learning/how-to-deploy-custom-container, model_mount_path.
    """
    app.mkdir(parents=True)
    mount = (deployment.spec.model_mount_path or f"{containers.APP}/azureml-models").rstrip("/")
    who = deployment.label.replace("/", " ")
    mounts: list[tuple[Path, str]] = []
    own: dict[str, str] = {}
    if found.model:
        mounts.append((_place_model(app, found.model, log).parent.parent, mount))
        own["AZUREML_MODEL_DIR"] = f"{mount}/{found.model.name}/{found.model.version}"
    if found.code:
        sources.refuse_collecting(found.collected)
        own |= _place_code(app, found, log)
        code = Path(own["AZUREML_SOURCE_DIRECTORY"])
        there = f"{containers.APP}/{code.name}"
        mounts.append((code, there))
        own |= {"AML_APP_ROOT": containers.APP, "AZUREML_SOURCE_DIRECTORY": there}
    server = containers.Server(
        environment=found.environment,
        inference=found.inference or containers.SCRIPTS,
        live=deployment.spec.live,
        ready=deployment.spec.ready,
        mounts=tuple(mounts),
        timeout_s=math.ceil(deployment.spec.timeout_ms / 1000),
        variables={**own, **deployment.spec.variables},
        who=who,
        doors=_doors(settings, who, log) if deployment.spec.is_apart or settings.private_network else None,
    )
    variables = containers.prepare(settings, app, server, log)
    return Staged(app, Path(sys.executable), variables, "contained", server.doors)


def _collects(app: Path, deployment: Wanted, found: Sources) -> dict[str, str]:
    if not deployment.spec.collector:
        return {}
    source = f"{deployment.workspace}/onlineEndpoints/{deployment.endpoint}/deployments/{deployment.name}"
    return collecting.write(app, deployment.spec.collector, found.collected, source)


def _place_code(app: Path, found: Sources, log: Callable[[str], None]) -> dict[str, str]:
    """Copies the user's code, or the script that serves MLflow models, where Azure's image has it; returns the
    variables that name it.
    """
    if found.guest == "triton":
        app.mkdir(parents=True)
        log("code: none is given; ONNX Runtime serves the model repository, by Triton's protocol")
        return {}
    if found.code is None:
        code, script = app / "mlflow_resources", MLFLOW_SCRIPT
        code.mkdir(parents=True)
        shutil.copy(processes.GUEST / MLFLOW_SCRIPT, code)
        log("code: none is given; MLflow serves the model")
    else:
        code, script = app / (found.code.name or "code"), found.script
        shutil.copytree(found.code, code)
        log(f"code: {sum(path.is_file() for path in code.rglob('*'))} files in {code}")
    return {"AZUREML_ENTRY_SCRIPT": f"{code.name}/{script}", "AZUREML_SOURCE_DIRECTORY": str(code)}


def _place_model(app: Path, model: Model, log: Callable[[str], None]) -> Path:
    """Puts the model's own folder or file into `azureml-models/{name}/{version}`, linked file by file.

    Hard links cost nothing, whatever the size, and what a script adds beside the files stays out of the store.
    Source: learn.microsoft.com/azure/machine-learning/how-to-deploy-online-endpoints, AZUREML_MODEL_DIR.
    """
    folder = app / "azureml-models" / model.name / model.version
    folder.mkdir(parents=True)
    target = folder / model.path.name
    if model.path.is_dir():
        shutil.copytree(model.path, target, copy_function=_link)
    else:
        _link(str(model.path), str(target))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    log(f"model: {model.name}:{model.version}, {size:,} bytes in {target}")
    return folder


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)
    return target


def worker_specs(settings: Settings, deployment: Wanted, staged: Staged) -> list[WorkerSpec]:
    """Lists the workers of a generation: WORKER_COUNT of them for each instance, as Azure's server has it.

    They share the cores of this machine; a deployment's size on Azure tells nothing of what is here.
    """
    folder = folder_of(settings.home, deployment.label)
    per_instance = staged.variables.get("WORKER_COUNT", "1")
    if not per_instance.isdecimal() or not 1 <= int(per_instance) <= _MOST_WORKERS:
        raise BadRequest(
            f"WORKER_COUNT is {per_instance!r}, but must be a whole number from 1 to {_MOST_WORKERS}.",
            target="properties.environmentVariables.WORKER_COUNT",
        )
    count = deployment.spec.scale.first * int(per_instance)
    return [
        WorkerSpec(
            id=f"{deployment.label.replace('/', '-')}-{deployment.generation}-{number}",
            folder=folder / str(deployment.generation) / "workers" / str(number),
            socket=settings.sockets / f"{deployment.generation}-{number}.sock",
            console=logs.console(folder),
            python=staged.python,
            app=staged.app,
            variables=staged.variables,
            cores=(os.cpu_count() or 1) / count,
            guest=staged.guest,
            doors=staged.doors,
            sight=staged.sight,
            slots=1 if staged.guest == "score" else deployment.spec.concurrency,
        )
        for number in range(count)
    ]


def discard_all_but(settings: Settings, live: Mapping[str, int]) -> None:
    """Removes what a platform that died had begun or not yet removed; live: the generation to keep by label."""
    root = settings.home / "endpoints"
    for folder in root.glob("*/*"):
        label = f"{folder.parent.name}/{folder.name}"
        if label not in live:
            shutil.rmtree(folder, ignore_errors=True)
            continue
        for path in folder.iterdir():
            if path.name.isdecimal() and int(path.name) != live[label]:
                shutil.rmtree(path, ignore_errors=True)
