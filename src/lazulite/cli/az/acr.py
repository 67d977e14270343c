"""`az acr`: registries are named; an image that is built into one is the recipe that environments are built of."""

import sys
import uuid
from pathlib import Path

from lazulite import settings
from lazulite.cli import late, session
from lazulite.cli.az import neighbours
from lazulite.cli.az.flags import GLOBAL, GROUP, NO_EFFECT
from lazulite.cli.az.neighbours import Neighbour
from lazulite.cli.grammar import Arguments, Command, Group, Json, Misuse, flag

_REGISTRY = Neighbour("Microsoft.ContainerRegistry/registries", "container registry")
_SUFFIX = ".azurecr.io"


def _login(arguments: Arguments) -> None:
    print(f"Nobody needs to log in to {_host(arguments)} here.", file=sys.stderr)


def _build(arguments: Arguments) -> Json:
    """Builds the environment that an image stands for, and keeps what it was built of under the image's name."""
    given = dict(pair.partition("=")[::2] for pair in arguments.build_arg or [])
    if not all(given):
        raise Misuse("--build-arg must be NAME=VALUE.")
    context = Path(arguments.source)
    if "://" in arguments.source or not context.is_dir():
        raise Misuse(f'"{arguments.source}" is no folder here, and only a folder can be built.')
    dockerfile = next((one for one in (context / arguments.file, Path(arguments.file)) if one.is_file()), None)
    if not dockerfile:
        raise Misuse(f'Neither {context} nor the current folder has a Dockerfile "{arguments.file}".')
    run = uuid.uuid4().hex[:4]
    images = [one.replace("{{.Run.ID}}", run) for one in arguments.image or [f"{context.resolve().name.lower()}:{run}"]]
    host = _host(arguments)
    for one in images:
        name = one if one.startswith(f"{host}/") else f"{host}/{one}"
        late.load("images").build(settings.read().home, name, context, dockerfile, _say, given)
        _say(f"Built {name}.")
    return {
        "name": run,
        "runId": run,
        "status": "Succeeded",
        "outputImages": [{"registry": host, "repository": images[0]}],
    }


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _host(arguments: Arguments) -> str:
    """Returns the host of the registry that is meant, which may be named by it."""
    name = str(arguments.name).lower().removesuffix(_SUFFIX)
    if not name:
        raise Misuse("--name is empty, but must name a container registry.")
    return f"{name}{_SUFFIX}"


def _names(arguments: Arguments) -> list[str]:
    found: list[str] = late.load("images").names(settings.read().home, _host(arguments))
    return found


def _list_repositories(arguments: Arguments) -> Json:
    return sorted({one.partition(":")[0] for one in _names(arguments)})


def _list_tags(arguments: Arguments) -> Json:
    parts = [one.partition(":") for one in _names(arguments)]
    return [tag for repository, _, tag in parts if repository == arguments.repository]


def _create(arguments: Arguments) -> Json:
    line = session.arm()
    body = {"sku": {"name": arguments.sku}, "properties": {"adminUserEnabled": bool(arguments.admin_enabled)}}
    return neighbours.put(line, arguments, _REGISTRY, body)


_NAME = flag("--name", "--registry", "-n", "-r", required=True, help="The registry.")

GROUPS = (
    Group(
        "acr",
        (
            Command(
                "create",
                "Name a registry.",
                _create,
                (
                    _NAME,
                    GROUP,
                    neighbours.LOCATION,
                    flag("--sku", default="Basic", help="Its tier, which changes nothing."),
                    flag("--admin-enabled", nargs="?", const=True, help=NO_EFFECT),
                    *GLOBAL,
                ),
            ),
            neighbours.showing(_REGISTRY, _NAME),
            neighbours.listing(_REGISTRY),
            neighbours.deleting(_REGISTRY, _NAME),
            Command(
                "login",
                "Does nothing: nobody needs to log in to a registry here.",
                _login,
                (_NAME, flag("--expose-token", "-t", action="store_true", help=NO_EFFECT), *GLOBAL),
            ),
            Command(
                "build",
                "Build the environment that an image stands for; environments may name the image from then on.",
                _build,
                (
                    _NAME,
                    GROUP,
                    flag("--image", "-t", action="append", metavar="NAME:TAG", help="What it is called, once or more."),
                    flag("--file", "-f", default="Dockerfile", help="The Dockerfile, from the folder or from here."),
                    flag(
                        "--build-arg", action="append", metavar="NAME=VALUE", help="The value of an ARG, once or more."
                    ),
                    flag("--platform", "--timeout", "--agent-pool", help=NO_EFFECT),
                    flag("--no-logs", "--no-push", "--no-wait", action="store_true", help=NO_EFFECT),
                    flag("source", metavar="DIR", help="The folder that is the build context."),
                    *GLOBAL,
                ),
                "az acr build --registry mine --image train:1 ./docker",
            ),
            Command("repository list", "List the names of a registry's images.", _list_repositories, (_NAME, *GLOBAL)),
            Command(
                "repository show-tags",
                "List the tags of an image.",
                _list_tags,
                (_NAME, flag("--repository", required=True, help="The image's name."), *GLOBAL),
            ),
        ),
    ),
)
