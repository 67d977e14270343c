"""Images as a container engine has them: pulled, or built of their context. Runs none of them.

Those of the workspace's registry, `{acr}.azurecr.io`, are in this home: engines know neither our proxy nor our
authority, so they are pulled by this machine's own name, or built of their recipe, and given their real name.
"""

import contextlib
import fcntl
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from lazulite.environments import dockerfile, images, registered
from lazulite.environments.builders import commands
from lazulite.environments.dockerfile import Recipe
from lazulite.environments.engines import Engine
from lazulite.environments.registered import Registered
from lazulite.errors import UserCodeError
from lazulite.serving import sealed
from lazulite.settings import Settings

LABEL = "lazulite.home"
_FAILED_LINES = 20
_HINTS = {
    "build": "LAZULITE_CONTAINER_ENGINE=none runs what a plain Dockerfile asks for without an engine.",
    "pull": "Push it before, or build it by `az acr build`.",
}
Log = Callable[[str], None]


def is_ours(image: str) -> bool:
    """Tells whether an image is of a workspace's registry."""
    return image.partition("/")[0].endswith(images.REGISTRY)


def name_here(settings: Settings, image: str) -> str:
    """Returns the name by which an engine reaches an image of a workspace's registry: `127.0.0.1:8765/{acr}/{rest}`."""
    host, _, rest = image.partition("/")
    return f"127.0.0.1:{settings.port}/{host.removesuffix(images.REGISTRY)}/{rest}"


def ensure(settings: Settings, engine: Engine, environment: Registered, who: str, log: Log) -> str:
    """Has the engine have an environment's image; returns its name there. Blocks while it is pulled or built.

    who: as whom it is listed when it asks for a host that it is refused. Raises UserCodeError (code ImageBuildFailure)
    with the engine's last lines, Forbidden for what a private network keeps away.
    """
    recipe = registered.recipe(settings.home, environment)
    if recipe:
        tag = f"localhost/lazulite/{environment.name.lower()}:{environment.version}"
        _build(settings, engine, recipe, tag, who, log)
        return tag
    image = str(environment.body.get("image"))
    if is_ours(image):
        return fetch(settings, engine, image, who, log)
    if not sealed.has(engine, image):
        sealed.check_pull(settings, image, who)
        _step(engine, ["pull", image], log)
    return image


def fetch(settings: Settings, engine: Engine, image: str, who: str, log: Log) -> str:
    """Has the engine know an image of a workspace's registry by its name; returns that. Raises as `ensure` does.

    One that is named by its digest, a name that none can be given, gets a tag that says the digest.
    """
    recipe = images.find(settings.home, image)
    if recipe:
        _build(settings, engine, recipe, image, who, log)
        return image
    here = name_here(settings, image)
    with alone(settings, here):
        _step(engine, ["pull", *(["--tls-verify=false"] if engine.is_podman else []), here], log)
        tagged = _tagged(image)
        name(engine, here, tagged)
        unname(engine, here)
    return tagged


def _tagged(image: str) -> str:
    whole, at, digest = image.partition("@")
    folder, slash, last = whole.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}:{digest.replace(':', '-')}" if at else image


@contextlib.contextmanager
def alone(settings: Settings, here: str) -> Iterator[None]:
    """Waits until nobody else of this home uses a name of `name_here`, which whoever is done takes from the engine."""
    hashed = hashlib.sha256(images.full_name(here).encode()).hexdigest()[:16]
    with (settings.make_sockets() / f"image-{hashed}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def name(engine: Engine, image: str, other: str) -> None:
    """Gives an engine's image another name, too. Raises UserCodeError when it has no such image."""
    _step(engine, ["tag", image, other], _unheard)


def unname(engine: Engine, image: str) -> None:
    """Takes a name from an engine's image, if it can be: one that stays is in nobody's way."""
    commands.run([engine.program, "rmi", image], engine.variables, _unheard)


def _unheard(line: str) -> None:
    pass


def _build(settings: Settings, engine: Engine, recipe: Recipe, tag: str, who: str, log: Log) -> None:
    file = recipe.context / recipe.dockerfile
    for base in dockerfile.bases(recipe.dockerfile, recipe.context):
        inner = recipe.base_of(base)
        if inner:
            _build(settings, engine, inner, base, who, log)
        elif is_ours(base):
            fetch(settings, engine, base, who, log)
    flags = sealed.build_flags(settings, engine, file, who)
    _step(engine, ["build", *flags, "--label", f"{LABEL}={settings.home}", "-t", tag, "-f", file, recipe.context], log)


def _step(engine: Engine, words: list[str | Path], log: Log) -> None:
    """Has the engine do something, and tells what it says. Raises UserCodeError with its last lines."""
    said: list[str] = []

    def hear(line: str) -> None:
        said.append(line)
        log(line)

    told = [str(word) for word in words]
    if commands.run([engine.program, *told], engine.variables, hear):
        last = "\n".join(said[-_FAILED_LINES:])
        raise UserCodeError(
            f"`{Path(engine.program).name} {told[0]}` failed: {last}",
            code="ImageBuildFailure",
            hint=_HINTS.get(told[0]),
        )
