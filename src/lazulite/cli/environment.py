"""`lazulite environment`: as az ml environment, and bind."""

import os
from pathlib import Path

from lazulite.cli import assets
from lazulite.cli.assets import Asset
from lazulite.cli.entities import ENVIRONMENT, entity
from lazulite.cli.grammar import Arguments, Command, Group, Json, Misuse, flag
from lazulite.cli.session import open_workspace
from lazulite.cli.verbs import COMMON, DESCRIPTION, TAGS

_ENVIRONMENT = Asset("environment", "environments", ENVIRONMENT)
_FIELDS = (
    flag("--image", "-i", help="The image to start from."),
    flag("--conda-file", "-c", metavar="YAML", help="The conda file to put on top."),
    flag("--os-type", choices=("linux", "windows"), help="What it runs on."),
    DESCRIPTION,
    TAGS,
)


def _bind(arguments: Arguments) -> Json:
    name, _, version = arguments.environment.partition(":")
    python = Path(arguments.python).expanduser().absolute()
    if not (python.is_file() and os.access(python, os.X_OK)):
        raise Misuse(f"--python {python} is not a program.", hint="Give the path of an interpreter: VENV/bin/python.")
    session = open_workspace(arguments)
    found = _ENVIRONMENT.find(session, name, version or None, None)
    kept = found["properties"]
    properties = {**kept, "properties": {**(kept.get("properties") or {}), BOUND_PYTHON: str(python)}}
    path = session.path("environments", name, "versions", found["name"])
    return entity(session.arm.call("PUT", path, {"properties": properties}).json(), ENVIRONMENT)


BOUND_PYTHON = "lazulite.python"

GROUPS = (
    Group(
        "environment",
        (
            *assets.commands(_ENVIRONMENT, _FIELDS, "lazulite environment create -n train -i IMAGE -c conda.yml"),
            Command(
                "bind",
                "Let an interpreter of this machine serve for an environment, instead of building it.",
                _bind,
                (
                    flag("environment", metavar="NAME[:VERSION]", help="Which; the newest version if none is given."),
                    flag("--python", required=True, metavar="PATH", help="The interpreter."),
                    *COMMON,
                ),
                "lazulite environment bind train:3 --python ~/venvs/train/bin/python",
            ),
        ),
    ),
)
