"""Deployments whose image brings the server: what runs it, an engine or a box, and how it is probed.

With a container engine an image is run as it is, and a build context is built. Without one, what a Dockerfile of plain
shape asks for is run as a program, in a root of this machine's and the image's files: see guest/box.py.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lazulite import clock, fields
from lazulite.engine import processes
from lazulite.environments import dockerfile, engines, registered
from lazulite.environments.dockerfile import Dockerfile
from lazulite.environments.engines import Engine
from lazulite.environments.registered import Registered
from lazulite.errors import BadRequest, UserCodeError
from lazulite.identity.doors import Doors
from lazulite.identity.environment import client_environment
from lazulite.serving import engine_images, sealed
from lazulite.settings import Settings

SCORING_PATH = "LAZULITE_SCORING_PATH"
"""The variable of a worker that tells where its server takes scores, if not at /score."""
_PLAN, _WAY_OUT = "LAZULITE_CONTAINER", "LAZULITE_PROXY"
APP = "/var/azureml-app"
"""Where Azure's images have a deployment's code, and models below it."""
_PROGRAM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
Log = Callable[[str], None]


@dataclass(frozen=True)
class Route:
    """One of an image's routes."""

    path: str
    port: int


@dataclass(frozen=True)
class Inference:
    """An environment's inference_config: where its server answers."""

    live: Route
    ready: Route
    score: Route


@dataclass(frozen=True)
class Probe:
    """How a route is probed. most: failures in a row that end the container."""

    delay_s: float
    period_s: float
    timeout_s: float
    most: int


@dataclass(frozen=True)
class Server:
    """What is to be run. mounts: (folder here, path in the image). timeout_s: how long an answer may take.

    who: as whom it is listed when it asks for a host that it is refused. doors: it has no network but for these.
    """

    environment: Registered
    inference: Inference
    live: Probe
    ready: Probe
    mounts: tuple[tuple[Path, str], ...]
    timeout_s: int
    variables: Mapping[str, str]
    who: str
    doors: Doors | None


def inference_of(environment: Registered) -> Inference | None:
    """Reads `inferenceConfig: {livenessRoute: {path, port}, readinessRoute, scoringRoute}`; None when there is none."""
    given = fields.nested(environment.body, "inferenceConfig")
    if not given:
        return None
    return Inference(*(_route(given, name) for name in ("livenessRoute", "readinessRoute", "scoringRoute")))


# Source: learn.microsoft.com/azure/machine-learning/how-to-inference-server-http, the server of Azure's images.
SCRIPTS = Inference(Route("/", 5001), Route("/", 5001), Route("/score", 5001))


def serves_scripts(settings: Settings, environment: Registered) -> bool:
    """Tells whether only the server inside of an environment's own image can run a scoring script: an engine is here,
    and nothing is known of what the image holds.
    """
    is_unknown = registered.is_unknown(settings.home, environment)
    return is_unknown and engines.find(os.environ, settings.container_engine) is not None


def probe_of(properties: Mapping[str, Any], kind: str, defaults: Mapping[str, Any]) -> Probe:
    """Reads livenessProbe or readinessProbe."""
    given = {**defaults, **fields.nested(properties, f"properties.{kind}")}
    return Probe(
        clock.seconds(given["initialDelay"], f"{kind}.initialDelay", 0),
        max(clock.seconds(given["period"], f"{kind}.period", 10), 0.1),
        max(clock.seconds(given["timeout"], f"{kind}.timeout", 2), 0.1),
        fields.count(given, f"properties.{kind}.failureThreshold", 30),
    )


def prepare(settings: Settings, app: Path, server: Server, log: Log) -> dict[str, str]:
    """Writes the plan of guest/contained.py into the app's folder; returns the workers' variables.

    Pulls or builds the image, or the environment of its recipe. Raises UserCodeError when that cannot be done here.
    """
    engine = engines.find(os.environ, settings.container_engine)
    plan, variables = _in_engine(settings, app, engine, server, log) if engine else _in_box(settings, app, server, log)
    score = server.inference.score
    ports = dict.fromkeys((score.port, server.inference.live.port, server.inference.ready.port))
    probes = {
        "live": _told(server.inference.live, server.live),
        "ready": _told(server.inference.ready, server.ready),
    }
    path = app / "container.json"
    told = {**plan, "ports": list(ports), "probes": probes, "doors": server.doors}
    path.write_text(json.dumps(told, indent=1), encoding="utf-8")
    own = {_PLAN: str(path), SCORING_PATH: score.path}
    return {**variables, **server.variables, **own}


def _in_engine(
    settings: Settings, app: Path, engine: Engine, server: Server, log: Log
) -> tuple[dict[str, Any], dict[str, str]]:
    if server.doors:
        sealed.check_engine(engine)
    image = engine_images.ensure(settings, engine, server.environment, server.who, log)
    own = client_environment(settings, who=server.who) if server.doors else {}
    names = sorted({*own, *server.variables})
    mounts = [word for here, there in server.mounts for word in ("-v", f"{here}:{there}:z")]
    if own:
        mounts += ["-v", f"{own['SSL_CERT_FILE']}:{own['SSL_CERT_FILE']}:ro,z"]
    run = [engine.program, "run", "--rm", "--name", "@name", "@ports", *mounts]
    for name in names:
        run += ["-e", name]  # its value is in the worker's environment, and on no command line
    log(f"container: {image}, by {engine.program}")
    ends = {
        "stop": [engine.program, "stop", "-t", str(server.timeout_s), "@name"],
        # podman would forget a container whose end was asked for by somebody who died since, and let it run.
        "clean": [[engine.program, *words, "@name"] for words in (["kill"], ["rm", "-f"])],
        "inspect": [engine.program, "inspect", "-f", "{{.State.Pid}}", "@name"],
    }
    return {"run": [*run, image], **ends, "box": None}, {**engine.variables, **own}


def _in_box(settings: Settings, app: Path, server: Server, log: Log) -> tuple[dict[str, Any], dict[str, str]]:
    environment = server.environment
    recipe = registered.recipe(settings.home, environment)
    if not recipe:
        raise UserCodeError(
            f'Image "{environment.body.get("image")}" brings a server of its own, and there is no container engine '
            "here to run it.",
            code="BadArgument",
            target="properties.environmentId",
            hint="Install docker or podman; or give the environment its Dockerfile by `build: {path: FOLDER}`, or "
            "build it by `az acr build`: what a plain Dockerfile asks for is run without an engine.",
        )
    found = dockerfile.read(recipe.dockerfile, recipe.context, recipe.base_of)
    if not found.program.words:
        raise BadRequest(
            f"{recipe.dockerfile} has neither CMD nor ENTRYPOINT, so there is nothing to run.",
            target="properties.build",
        )
    ready = registered.ensure(settings.home, environment, log)
    _check_program(found, processes.environment(ready.python, 1, os.environ)["PATH"])
    root = app / "image"
    binds = [[str(_placed(root, number, source)), there] for number, (source, there) in enumerate(found.program.files)]
    kept = (settings.home / "environments", settings.home / "ca", ready.python.resolve().parent.parent)
    binds += [[str(one), str(one)] for one in kept]
    binds += [[str(here), there] for here, there in server.mounts]
    log(f"container: none; {' '.join(found.program.words)} runs as a program in {found.program.folder}")
    variables = {
        **processes.environment(ready.python, os.cpu_count() or 1, os.environ),
        **client_environment(settings, who=server.who if server.doors else ""),
        **ready.variables,
        _WAY_OUT: "" if server.doors else f"127.0.0.1:{settings.port}",
    }
    box = {"argv": list(found.program.words), "folder": found.program.folder, "binds": binds}
    return {"run": [], "stop": [], "clean": [], "inspect": [], "box": box}, variables


def _check_program(found: Dockerfile, path: str) -> None:
    """Raises UserCodeError where an image would run a program of its own, which is in no engine's image here.

    Names that a shell would find are looked for; what is given by its path may have been copied, and shows itself.
    """
    words = found.program.words
    script = words[2:3] if words[:2] == ("/bin/sh", "-c") else words[:1]
    name = next(iter(" ".join(script).split()), "")
    if not _PROGRAM.fullmatch(name):
        return
    ask = ["/bin/sh", "-c", 'command -v "$1"', "sh", name]
    if subprocess.run(ask, env={"PATH": path}, stdout=subprocess.DEVNULL, check=False).returncode:
        raise UserCodeError(
            f'The image runs "{name}", which is not here: of {found.base} nothing but Python packages is, without a '
            "container engine.",
            code="BadArgument",
            target="properties.environmentId",
            hint="Install docker or podman, or serve the model by a scoring script, or as an MLflow or Triton model.",
        )


def _placed(root: Path, number: int, source: Path) -> Path:
    """Copies what a Dockerfile copies, so that what a program writes there stays out of the context."""
    target = root / str(number) / source.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target)
    return target


def _route(given: Mapping[str, Any], name: str) -> Route:
    one = fields.nested(given, f"inferenceConfig.{name}")
    path = fields.text(one, f"inferenceConfig.{name}.path", required=True)
    return Route("/" + path.lstrip("/"), fields.count(one, f"inferenceConfig.{name}.port", 5001, most=65535))


def is_in_engine(variables: Mapping[str, str]) -> bool:
    """Tells by its variables whether a worker's server is a container of an engine, not a box."""
    return _PLAN in variables and _WAY_OUT not in variables


def _told(route: Route, probe: Probe) -> dict[str, Any]:
    timing = {"delay_s": probe.delay_s, "period_s": probe.period_s, "timeout_s": probe.timeout_s, "most": probe.most}
    return {"path": route.path, "port": route.port, **timing}
