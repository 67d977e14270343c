"""Images that were built here by name, `az acr build`: each is the recipe it was built of, a context and a Dockerfile.

There is no container engine; an environment that names such an image is built of its recipe. An image that starts from
another of ours keeps what that was when it was built: its folder has `bases` as the home has `images`. Nothing is
deleted but what a newer build of the same name replaces, and what `forget` is told.
"""

import json
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from lazulite.artifacts.oci import Images
from lazulite.environments import built, dockerfile
from lazulite.environments.dockerfile import Recipe
from lazulite.environments.spec import of_recipe
from lazulite.errors import BadRequest

_NAME = re.compile(r"(?P<host>[a-z0-9][a-z0-9.-]*)/(?P<path>[a-z0-9][a-z0-9._/-]*?)(?::(?P<tag>[\w][\w.-]{0,127}))?")
REGISTRY = ".azurecr.io"
"""How the host of every workspace's registry ends."""
OWN_HOST = "engine.local"
"""The host of images whose name has none: those that `docker build` makes here."""
_CONTEXT, _RECIPE, _BASES = "context", "recipe.json", "bases"


def full_name(image: str) -> str:
    """Returns the name by which an image is kept: with a host and a tag."""
    name = image.removeprefix("docker://")
    first, slash, _ = name.partition("/")
    if not (slash and ("." in first or ":" in first)):
        name = f"{OWN_HOST}/{name}"
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def build(
    home: Path,
    image: str,
    context: Path,
    file: Path,
    log: Callable[[str], None],
    arguments: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Builds an image's environment and remembers the recipe under the image's name, `host/path:tag`.

    file: the Dockerfile. arguments: values of its ARGs, which the recipe keeps.
    Raises BadRequest for a name that no image can have and for what is malformed in the Dockerfile, with its line,
    UserCodeError for what cannot be built; then what the name meant before stays. Effects: a copy of the context.
    """
    root = _images(home)
    folder = _folder(root, image)
    if folder is None:
        raise BadRequest(f'"{image}" is no name of an image: write REGISTRY.azurecr.io/NAME:TAG.')
    draft = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    try:
        shutil.copytree(context, draft / _CONTEXT, symlinks=True)
        inside = _inside(context, file)
        if not inside:
            inside = "Dockerfile"
            shutil.copyfile(file, draft / _CONTEXT / inside)
        dockerfile.set_arguments(draft / _CONTEXT / inside, arguments, log)
        for base in map(full_name, dockerfile.bases(inside, draft / _CONTEXT)):
            source, target = _folder(root, base), _folder(draft / _BASES, base)
            if source and target and source.is_dir():
                shutil.copytree(source, target, symlinks=True)
        built.ensure(home, of_recipe(_recipe(draft, inside)), log)
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
    return _find(_images(home), image) if isinstance(image, str) else None


def _find(root: Path, image: str) -> Recipe | None:
    folder = _folder(root, image)
    if folder is None:
        return None
    try:
        said = json.loads((folder / _RECIPE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return _recipe(folder, said["dockerfile"])


def _recipe(folder: Path, inside: str) -> Recipe:
    return Recipe(folder / _CONTEXT, inside, lambda base: _find(folder / _BASES, full_name(base)))


def _images(home: Path) -> Path:
    return home / "images"


def names(home: Path, host: str) -> list[str]:
    """Lists the images of a registry, `path:tag`, in order: recipes, and what engines have pushed."""
    pushed = Images(home, host.lower().removesuffix(REGISTRY))
    found = {f"{name}:{tag}" for name in pushed.repositories() for tag in pushed.tags(name)}
    return sorted({*found, *_names(_images(home) / host.lower())})


def _names(folder: Path, path: str = "") -> Iterator[str]:
    for inner in folder.iterdir() if folder.is_dir() else ():
        if inner.name.startswith("@"):
            yield f"{path}:{inner.name[1:]}"
        elif not inner.name.startswith("."):
            yield from _names(inner, f"{path}/{inner.name}".lstrip("/"))


def all_names(home: Path) -> list[str]:
    """Lists all recipes of every registry, `host/path:tag`, in order."""
    root = _images(home)
    hosts = sorted(root.iterdir()) if root.is_dir() else []
    return [f"{host.name}/{name}" for host in hosts for name in sorted(_names(host))]


def copy(home: Path, image: str, target: str) -> None:
    """Gives an image another name. Raises BadRequest for a name that none can have."""
    source, folder = _folder(_images(home), image), _folder(_images(home), target)
    if source is None or folder is None:
        raise BadRequest(f'"{target}" is no name of an image.')
    draft = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    shutil.copytree(source, draft, symlinks=True)
    shutil.rmtree(folder, ignore_errors=True)
    draft.replace(folder)


def forget(home: Path, image: str) -> None:
    """Takes a name from an image; does nothing when it is none's."""
    folder = _folder(_images(home), image)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _inside(context: Path, file: Path) -> str:
    """Returns where in the context a Dockerfile is, "" for one that is elsewhere."""
    try:
        return file.resolve().relative_to(context.resolve()).as_posix()
    except ValueError:
        return ""


def _folder(root: Path, image: str) -> Path | None:
    match = _NAME.fullmatch(image.removeprefix("docker://"))
    if not match or ".." in image or "." not in match["host"]:
        return None
    # No part of a path begins so: `a:b` is another folder than that in which `a/b:latest` lies.
    return root.joinpath(match["host"], *match["path"].strip("/").split("/"), f"@{match['tag'] or 'latest'}")
