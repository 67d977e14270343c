"""What well-known container images hold: which Python, which packages, CUDA or not. Data in base_images.json.

Source of each entry: its `source`.
"""

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path

from lazulite.catalog import curated_environments

_CUDA = re.compile(r"cuda|\bcu\d{2,3}\b|gpu", re.IGNORECASE)


@dataclass(frozen=True)
class BaseImage:
    """What an image holds. python: minor version, None when it has none for the user; requirements: pip's."""

    name: str
    python: str | None
    requirements: tuple[str, ...]
    has_cuda: bool
    source: str


@dataclass(frozen=True)
class _Pattern:
    pattern: re.Pattern[str]
    python: str | None
    requirements: tuple[str, ...]
    source: str


def describe(image: str) -> BaseImage | None:
    """Says what an image holds, by its name; None when nothing is known of it.

    image: as a Dockerfile or an environment names it, with a tag or digest or without.
    """
    name = image.strip().partition("@")[0]
    curated = curated_environments.find_image(name) if "/azureml/" in name else None
    if curated:
        return BaseImage(name, curated.python, curated.requirements, bool(_CUDA.search(name)), curated.source)
    untagged, _, tag = name.rpartition(":")
    bare = untagged if untagged and "/" not in tag else name
    for known in _patterns():
        match = known.pattern.fullmatch(name) or known.pattern.fullmatch(bare)
        if match:
            return _described(name, known, match)
    return None


def _described(name: str, known: _Pattern, match: re.Match[str]) -> BaseImage:
    found = match.groupdict()
    return BaseImage(
        name,
        known.python.format(**found) if known.python else None,
        tuple(requirement.format(**found) for requirement in known.requirements),
        bool(_CUDA.search(name)),
        known.source,
    )


@functools.cache
def _patterns() -> tuple[_Pattern, ...]:
    entries = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    return tuple(
        _Pattern(
            re.compile(entry["pattern"], re.IGNORECASE),
            entry["python"],
            tuple(entry["requirements"]),
            entry["source"],
        )
        for entry in entries
    )
