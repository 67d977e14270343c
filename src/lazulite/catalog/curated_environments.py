"""The environments that Azure curates: names, versions, images and what they hold. Data in curated_environments.json.

Source of each entry: its `source` (context/ in github.com/Azure/azureml-assets, or a page). Pins that only answer a
security notice are left out. mlflow-skinny is held below 3.14, from which on it saves scikit-learn's models by skops,
which none of these images has. `latest` is near the highest version seen in public code; Azure publishes no list, so
every version from 1 to it stands for the same content. Source: guess.
"""

import difflib
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lazulite.errors import NotFound

_PREFIX = "azureml-"


@dataclass(frozen=True)
class CuratedEnvironment:
    """One curated environment. python: minor version in its image; requirements: pip's, of that Python."""

    name: str
    latest: int
    image: str
    python: str
    requirements: tuple[str, ...]
    description: str
    tags: Mapping[str, str]
    source: str


@functools.cache
def curated_environments() -> tuple[CuratedEnvironment, ...]:
    """Returns every curated environment that is known, by the names that the registry `azureml` has for them."""
    entries = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    return tuple(CuratedEnvironment(**entry | {"requirements": tuple(entry["requirements"])}) for entry in entries)


def find(name: str) -> CuratedEnvironment | None:
    """Returns a curated environment by name, `AzureML-` before it or not, whatever its letter case."""
    return _by_name().get(_bare(name))


@functools.cache
def _by_name() -> dict[str, CuratedEnvironment]:
    return {environment.name.lower(): environment for environment in curated_environments()}


def _bare(name: str) -> str:
    return name.lower().removeprefix(_PREFIX)


def find_image(image: str) -> CuratedEnvironment | None:
    """Returns the curated environment whose image this is: `mcr.microsoft.com/azureml/curated/sklearn-1.5:33`."""
    return _by_image().get(image.lower().partition("@")[0].rpartition("/")[2].partition(":")[0])


@functools.cache
def _by_image() -> dict[str, CuratedEnvironment]:
    return {environment.image.rpartition("/")[2].lower(): environment for environment in curated_environments()}


def resolve(name: str, version: str | None = None, label: str | None = None) -> tuple[CuratedEnvironment, str]:
    """Returns a curated environment and the version meant; no version, and the label `latest`, mean the newest.

    Raises NotFound when there is no such name (with those that are like it), version or label.
    """
    environment = find(name)
    if environment is None:
        close = difflib.get_close_matches(_bare(name), _by_name(), n=3, cutoff=0.4)
        raise NotFound(
            f'"{name}" is not one of the {len(_by_name())} curated environments that Lazulite knows.',
            target="environmentId",
            hint=f"Near it are {', '.join(close)}." if close else None,
        )
    if label is not None and label.lower() != "latest":
        raise NotFound(f'Environment "{name}" has no label "{label}". It has "latest".', target="environmentId")
    if version is None:
        return environment, str(environment.latest)
    if not (version.isascii() and version.isdigit() and 1 <= int(version) <= environment.latest):
        raise NotFound(
            f'Environment "{name}" has no version "{version}". It has versions 1-{environment.latest}.',
            target="environmentId",
            hint="Use @latest.",
        )
    return environment, version


def wire(environment: CuratedEnvironment, version: str) -> dict[str, Any]:
    """Returns the ARM `properties` of one version, as a user's own environment has them."""
    return {
        "description": environment.description,
        "tags": dict(environment.tags),
        "image": f"{environment.image}:{version}",
        "osType": "Linux",
        "environmentType": "Curated",
        "isAnonymous": False,
        "isArchived": False,
    }
