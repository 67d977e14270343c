"""Images that were built here by name, `az acr build`: each is the recipe it was built of, a context and a Dockerfile.

There is no container engine; an environment that names such an image is built of its recipe. Nothing is deleted but
what a newer build of the same name replaces, and what `forget` is told.
"""

import json
import re
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from lazulite.environments import built
from lazulite.environments.spec import spec_of
from lazulite.errors import BadRequest

_NAME = re.compile(r"(?P<host>[a-z0-9][a-z0-9.-]*)/(?P<path>[a-z0-9][a-z0-9._/-]*?)(?::(?P<tag>[\w][\w.-]{0,127}))?")
_CONTEXT, _RECIPE = "context", "recipe.json"


class Recipe(NamedTuple):
    """What an image was built of. dockerfile: relative to the context."""

    context: Path
    dockerfile: str


def build(home: Path, image: str, context: Path, dockerfile: Path, log: Callable[[str], None]) -> None:
    """Builds an image's environment and remembers the recipe under the image's name, `host/path:tag`.

    Raises BadRequest for a name that no image can have and for what is malformed in the Dockerfile, with its line,
    UserCodeError for what cannot be built; then what the name meant before stays. Effects: a copy of the context.
    """
    folder = _folder(home, image)
    if folder is None:
        raise BadRequest(f'"{image}" is no name of an image: write REGISTRY.azurecr.io/NAME:TAG.')
    draft = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    try:
        shutil.copytree(context, draft / _CONTEXT, symlinks=True)
        inside = _inside(context, dockerfile)
        if not inside:
            inside = "Dockerfile"
            shutil.copyfile(dockerfile, draft / _CONTEXT / inside)
        built.ensure(home, spec_of({"build": {"dockerfilePath": inside}}, draft / _CONTEXT), log)
        (draft / _RECIPE).write_text(json.dumps({"dockerfile": inside}) + "\n", encoding="utf-8")
        old = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
        if folder.exists():
            folder.replace(old)
        draft.replace(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def find(home: Path, image: object) -> Recipe | None:
    """Returns what an image was built of here, None for one that was not."""
    folder = _folder(home, image) if isinstance(image, str) else None
    if folder is None:
        return None
    try:
        said = json.loads((folder / _RECIPE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Recipe(folder / _CONTEXT, said["dockerfile"])


def names(home: Path, host: str) -> list[str]:
    """Lists the images of a registry, `path:tag`, in order."""
    root = home / "images" / host.lower()
    found = sorted(root.rglob(_RECIPE))
    return [
        ":".join(one.parent.relative_to(root).as_posix().rsplit("/", 1)) for one in found if one.parent.name[0] != "."
    ]


def all_names(home: Path) -> list[str]:
    """Lists all images of every registry, `host/path:tag`, in order."""
    root = home / "images"
    hosts = sorted(path.name for path in root.iterdir()) if root.is_dir() else []
    return [f"{host}/{name}" for host in hosts for name in names(home, host)]


def copy(home: Path, image: str, target: str) -> None:
    """Gives an image another name. Raises BadRequest for a name that none can have."""
    source, folder = _folder(home, image), _folder(home, target)
    if source is None or folder is None:
        raise BadRequest(f'"{target}" is no name of an image.')
    draft = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    shutil.copytree(source, draft, symlinks=True)
    shutil.rmtree(folder, ignore_errors=True)
    draft.replace(folder)


def forget(home: Path, image: str) -> None:
    """Takes a name from an image; does nothing when it is none's."""
    folder = _folder(home, image)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _inside(context: Path, dockerfile: Path) -> str:
    """Returns where in the context a Dockerfile is, "" for one that is elsewhere."""
    try:
        return dockerfile.resolve().relative_to(context.resolve()).as_posix()
    except ValueError:
        return ""


def _folder(home: Path, image: str) -> Path | None:
    match = _NAME.fullmatch(image.removeprefix("docker://"))
    if not match or ".." in image or "." not in match["host"]:
        return None
    return home.joinpath("images", match["host"], *match["path"].strip("/").split("/"), match["tag"] or "latest")
