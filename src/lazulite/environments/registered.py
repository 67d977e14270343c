"""Finds the environment that a reference means: the workspace's own, or one that Azure curates; and makes it ready."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from lazulite.artifacts.locate import locate
from lazulite.catalog import base_images, curated_environments
from lazulite.environments import bind, built, images
from lazulite.environments.dockerfile import Recipe
from lazulite.environments.spec import EnvironmentSpec, of_recipe, spec_of
from lazulite.errors import LazuliteError, NotFound, UserCodeError
from lazulite.ids import AssetId, RegistryId, WorkspaceId, parse_asset
from lazulite.store import assets, datastores

# Azure's own registry, which has the environments that it curates.
AZUREML = "azureml"


@dataclass(frozen=True)
class Registered:
    """An environment as it was registered or as the catalog has it.

    context: the folder of a build, if it is one. id: by which it is found again, "" where nobody has registered it.
    """

    name: str
    version: str
    body: dict[str, Any]
    context: Path | None
    id: str = ""

    @property
    def label(self) -> str:
        """Returns `name:version`."""
        return f"{self.name}:{self.version}"


def find(connection: Connection, home: Path, workspace: WorkspaceId, reference: str) -> Registered:
    """Looks up an environment by any reference that a body may hold: the workspace's own first, then the curated ones.

    Raises NotFound naming what there is, BadRequest when the reference is none.
    """
    asset = parse_asset(reference, "environments", workspace)
    try:
        row = assets.resolve(connection, asset)
    except NotFound:
        if isinstance(asset.owner, RegistryId) and asset.owner.name.lower() != AZUREML:
            raise
        if not asset.name.lower().startswith("azureml-") and not curated_environments.find(asset.name):
            raise
        return _curated(asset)
    body = row.body["properties"]
    build = body.get("build") or {}
    uri = build.get("contextUri")
    context = locate(home, uri, datastores.reader(connection, workspace)) if uri else None
    name, version = row.place.name, row.place.version
    return Registered(name, version, body, context, str(AssetId(asset.owner, asset.kind, name, version)))


def _curated(asset: AssetId) -> Registered:
    found, version = curated_environments.resolve(asset.name, asset.version, asset.label)
    identifier = str(AssetId(RegistryId(AZUREML), asset.kind, found.name, version))
    return Registered(found.name, version, curated_environments.wire(found, version), None, identifier)


def ensure(home: Path, wanted: Registered, log: Callable[[str], None]) -> built.Environment:
    """Returns the environment ready for use: what is bound to it, or what is built for it; may take minutes.

    log: gets a line for each step. Raises UserCodeError (code ImageBuildFailure) naming the environment.
    """
    log(f"environment: {wanted.label}")
    try:
        ready = bind.bound(home, wanted.name, wanted.version)
        if ready:
            log(ready.notes[0])
        return ready or built.ensure(home, _spec(home, wanted, log), log)
    except LazuliteError as error:
        raise UserCodeError(
            f'Environment "{wanted.label}" could not be built: {error.message}',
            code="ImageBuildFailure",
            hint=error.hint,
        ) from error


def recipe(home: Path, wanted: Registered) -> Recipe | None:
    """Returns what an environment's image is built of: its own context, or the recipe of one that was built here."""
    if wanted.context:
        path = str((wanted.body.get("build") or {}).get("dockerfilePath") or "Dockerfile")
        return Recipe(wanted.context, path, partial(images.find, home))
    return images.find(home, wanted.body.get("image"))


def is_unknown(home: Path, wanted: Registered) -> bool:
    """Tells whether an environment is an image of which nothing is known here: only an engine can run it."""
    image = wanted.body.get("image")
    return bool(
        image
        and not wanted.body.get("condaFile")
        and not bind.bound(home, wanted.name, wanted.version)
        and not images.find(home, image)
        and not base_images.describe(str(image))
    )


def standing(home: Path, wanted: Registered) -> built.Environment | None:
    """Returns the environment if it is ready, bound or built; None where it is still to be built, or cannot be."""
    try:
        ready = bind.bound(home, wanted.name, wanted.version)
        return ready or built.standing(home, _spec(home, wanted, lambda line: None))
    except LazuliteError:
        return None


def _spec(home: Path, wanted: Registered, log: Callable[[str], None]) -> EnvironmentSpec:
    """Reads what is to be built; of an image that was built here, what it was built of."""
    built_of = images.find(home, wanted.body.get("image"))
    if not built_of or wanted.body.get("condaFile"):
        return spec_of(wanted.body, wanted.context, partial(images.find, home))
    log(f"Image {wanted.body['image']} is built of its own {built_of.dockerfile}.")
    return of_recipe(built_of)
