"""An environment from a file at hand, for commands that need no platform: built where the platform keeps its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from lazulite.environments import registered
from lazulite.environments.built import Environment
from lazulite.environments.registered import Registered
from lazulite.errors import BadRequest


def ensure(path: str, home: Path, log: Callable[[str], None]) -> Environment:
    """Returns the environment that a file describes, built if it does not stand yet.

    path: a conda file, or the YAML file of an environment as `az ml environment create` reads it. log: gets a line for
    each step. Raises BadRequest for what is neither, UserCodeError for what cannot be built.
    """
    file = Path(path)
    try:
        said = yaml.safe_load(file.read_text("utf-8"))
        if not isinstance(said, dict):
            raise BadRequest(f"{path} is neither a conda file nor an environment.")
        wanted = _conda(file, said) if "dependencies" in said else _environment(file, said)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BadRequest(f"{path} cannot be read: {error}") from error
    return registered.ensure(home, wanted, log)


def _conda(file: Path, said: dict[str, Any]) -> Registered:
    return Registered(str(said.get("name") or file.stem), "1", {"condaFile": json.dumps(said)}, None)


def _environment(file: Path, said: dict[str, Any]) -> Registered:
    """Source: azure-ai-ml 1.35.2 _schema/assets/environment.py."""
    conda, build = said.get("conda_file"), said.get("build") or {}
    if isinstance(conda, str):
        conda = yaml.safe_load((file.parent / conda).read_text("utf-8"))
    context = file.parent / str(build.get("path") or ".") if build else None
    body: dict[str, Any] = {"image": said.get("image"), "condaFile": json.dumps(conda) if conda else None}
    if context:
        body["build"] = {"contextUri": str(context), "dockerfilePath": build.get("dockerfile_path") or "Dockerfile"}
    return Registered(str(said.get("name") or file.stem), str(said.get("version") or 1), body, context)
