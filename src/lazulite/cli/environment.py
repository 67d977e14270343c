"""`lazulite environment`: as az ml environment, and bind."""

import dataclasses
from pathlib import Path

from lazulite import settings
from lazulite.cli import assets, late
from lazulite.cli.assets import Asset
from lazulite.cli.entities import ENVIRONMENT
from lazulite.cli.grammar import OUTPUT, Arguments, Command, Group, Json, flag
from lazulite.cli.verbs import DESCRIPTION, TAGS
from lazulite.errors import NotFound

_ENVIRONMENT = Asset("environment", "environments", ENVIRONMENT)
_FIELDS = (
    flag("--image", "-i", help="The image to start from."),
    flag("--conda-file", "-c", metavar="YAML", help="The conda file to put on top."),
    flag("--build-context", "-b", metavar="DIR", help="The folder to build it of, instead of an image."),
    flag("--dockerfile-path", "-d", metavar="FILE", help="The Dockerfile within that folder; Dockerfile if not given."),
    flag("--os-type", choices=("linux", "windows"), help="What it runs on."),
    flag("--datastore", metavar="NAME", help="The datastore to upload the build context to."),
    DESCRIPTION,
    TAGS,
)


def _bind(arguments: Arguments) -> Json:
    name, version = _split(arguments.environment)
    bound = late.load("bind").bind(settings.read().home, name, version, Path(arguments.python))
    return dataclasses.asdict(bound)


def _unbind(arguments: Arguments) -> None:
    name, version = _split(arguments.environment)
    if not late.load("bind").unbind(settings.read().home, name, version):
        raise NotFound(
            f'No interpreter is bound to "{arguments.environment}".',
            hint="`lazulite environment list-bindings` shows what is bound to what.",
        )


def _list_bindings(arguments: Arguments) -> Json:
    return [dataclasses.asdict(one) for one in late.load("bind").bindings(settings.read().home)]


def _split(environment: str) -> tuple[str, str | None]:
    name, _, version = environment.partition(":")
    return name, version or None


_WHICH = flag("environment", metavar="NAME[:VERSION]", help="Which environment; all its versions if none is given.")

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
                    _WHICH,
                    flag(
                        "--python", required=True, metavar="PATH", help="The interpreter, or its virtual environment."
                    ),
                    *OUTPUT,
                ),
                "lazulite environment bind train:3 --python ~/venvs/train",
            ),
            Command("unbind", "Build the environment again, as if nothing had been bound to it.", _unbind, (_WHICH,)),
            Command("list-bindings", "List the interpreters that are bound to environments.", _list_bindings, OUTPUT),
        ),
    ),
)
