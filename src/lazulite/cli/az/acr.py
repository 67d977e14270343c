"""`az acr`: registries are named and shown; no image can be pushed to one, and that is said."""

from lazulite.cli import session
from lazulite.cli.az import neighbours
from lazulite.cli.az.flags import GLOBAL, GROUP, NO_EFFECT
from lazulite.cli.az.neighbours import Neighbour
from lazulite.cli.grammar import Arguments, Command, Group, Json, flag
from lazulite.errors import NotImplementedHere

_REGISTRY = Neighbour("Microsoft.ContainerRegistry/registries", "container registry")


def _refuse(arguments: Arguments) -> Json:
    raise NotImplementedHere(
        f'Container registry "{arguments.name}" holds no images here: environments are built from recipes, not pulled.',
        hint="Give the environment its Dockerfile by `build: {path: FOLDER}`, or an interpreter by "
        "`lazulite environment bind`.",
    )


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
                "Refused: there is nothing to push to.",
                _refuse,
                (_NAME, flag("--expose-token", "-t", action="store_true", help=NO_EFFECT), *GLOBAL),
            ),
            Command(
                "build",
                "Refused: there is nothing to push to.",
                _refuse,
                (
                    _NAME,
                    GROUP,
                    flag("--image", "-t", "--file", "-f", "--platform", "--build-arg", help=NO_EFFECT),
                    flag("source", nargs="?", help=NO_EFFECT),
                    *GLOBAL,
                ),
            ),
        ),
    ),
)
