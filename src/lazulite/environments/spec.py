"""Turns an environment's ARM body into a specification: which Python, which packages, which variables.

Builds nothing. Shapes of the body: wire observations of azure-ai-ml 1.35.2 (`properties` of an environment version).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lazulite.catalog import base_images
from lazulite.catalog.base_images import BaseImage
from lazulite.environments import conda, dockerfile
from lazulite.environments.conda import CondaFile
from lazulite.environments.dockerfile import BaseOf, Recipe
from lazulite.environments.requirements import Place, Requirements
from lazulite.errors import BadRequest, NotImplementedHere, UserCodeError


@dataclass(frozen=True)
class EnvironmentSpec:
    """What an environment needs, in pip's words.

    python: a version specifier, "" when nothing names a version. notes: what is otherwise than in Azure, and what was
    not understood; to be shown once. context: the folder that local packages lie in, no part of what is asked for.
    """

    image: str | None
    python: str
    requirements: Requirements
    variables: Mapping[str, str] = field(default_factory=dict)
    has_cuda: bool = False
    notes: tuple[str, ...] = ()
    context: Path | None = field(default=None, compare=False)


def spec_of(
    body: Mapping[str, Any], context_dir: Path | None = None, base_of: BaseOf = dockerfile.no_base
) -> EnvironmentSpec:
    """Reads `{image, condaFile}`, `{image}`, or `{build: {contextUri, dockerfilePath}}`.

    condaFile: text, YAML or JSON. context_dir: where the files of `build.contextUri` lie. base_of: finds the recipe of
    an image that a Dockerfile starts from, beside those that the catalog knows. An image alone means what
    the catalog knows of it; with a conda file, what the conda file says, since Azure makes an environment of its own
    for it. Raises BadRequest with field and line for what is malformed, UserCodeError for an image that nothing is
    known of, NotImplementedHere for Windows.
    """
    image, conda_file = _text(body, "image"), _text(body, "condaFile")
    build = body.get("build")
    if str(body.get("osType") or "Linux").lower() != "linux":
        raise NotImplementedHere(f'An environment with osType "{body["osType"]}" cannot run here: only Linux can.')
    if build is not None:
        if image or conda_file:
            raise BadRequest("An environment has either an image, with or without a conda file, or a build.")
        return _from_build(build, context_dir, base_of)
    if image is None and conda_file is None:
        raise BadRequest("An environment needs an image, a conda file or a build context.", target="properties.image")
    base = base_images.describe(image) if image else None
    if conda_file is None:
        if base is None:
            raise unknown_image(str(image))
        return EnvironmentSpec(image, _minor(base), _of(base), has_cuda=base.has_cuda)
    asked = conda.read(conda_file, Place("condaFile"))
    notes = () if base or not image else (f'Nothing is known of image "{image}": only the conda file is used.',)
    return EnvironmentSpec(
        image,
        asked.python or _minor(base),
        asked.requirements,
        asked.variables,
        bool(base and base.has_cuda),
        notes + _notes(asked, ()),
    )


def of_recipe(recipe: Recipe) -> EnvironmentSpec:
    """Reads what an image was built of. Raises what `spec_of` does."""
    return spec_of({"build": {"dockerfilePath": recipe.dockerfile}}, recipe.context, recipe.base_of)


def _from_build(build: Any, context_dir: Path | None, base_of: BaseOf) -> EnvironmentSpec:
    if not isinstance(build, Mapping):
        raise BadRequest("build must be an object with contextUri and dockerfilePath.", target="properties.build")
    path = _text(build, "dockerfilePath") or "Dockerfile"
    if context_dir is None:
        raise BadRequest("The files of the build context were not found.", target="properties.build.contextUri")
    found = dockerfile.read(path, context_dir, base_of)
    base = base_images.describe(found.base)
    if base is None and not found.has_own_python:
        raise unknown_image(found.base)
    inherited = Requirements() if found.has_own_python else _of(base)
    return EnvironmentSpec(
        found.base,
        found.asked.python or _minor(base),
        inherited + found.asked.requirements,
        found.asked.variables,
        bool(base and base.has_cuda),
        _notes(found.asked, found.apt),
        context_dir,
    )


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise BadRequest(f"{name} must be text, but is {type(value).__name__}.", target=f"properties.{name}")
    return value


def _minor(base: BaseImage | None) -> str:
    return f"=={base.python}.*" if base and base.python else ""


def _of(base: BaseImage | None) -> Requirements:
    return Requirements(base.requirements if base else ())


def _notes(asked: CondaFile, apt: tuple[str, ...]) -> tuple[str, ...]:
    notes = list(asked.notes)
    if asked.unavailable:
        notes.append(f"Not Python packages, so not installed: {', '.join(asked.unavailable)}.")
    if apt:
        notes.append(f"Not installed, since they belong to the system: {', '.join(dict.fromkeys(apt))} (apt).")
    return tuple(notes)


def unknown_image(image: str) -> UserCodeError:
    """Returns the error for an image that cannot be stood in for: what is missing, and the ways on."""
    return UserCodeError(
        f'Image "{image}" cannot be used: Lazulite knows nothing of what it holds.',
        code="BadArgument",
        target="properties.image",
        hint="Build it here (az acr build --registry NAME --image IMAGE FOLDER), or bind an interpreter that has what "
        "the image has (lazulite environment bind NAME --python PATH), or name a known image "
        "(mcr.microsoft.com/azureml/..., python:3.11) with a conda file. Online deployments can have any image where "
        "docker or podman is; jobs and batches cannot.",
    )
