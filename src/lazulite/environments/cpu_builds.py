"""Keeps CUDA out of environments on machines without a GPU. Decides by names and versions; installs nothing.

The rule, in the order tried: CPU builds that the user's find-links hold; PyTorch's own index of CPU builds, unless
another index took PyPI's place; what the index gives, gigabytes of CUDA and all. Each step is said in the build log.
"""

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlparse

from packaging import tags
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from lazulite.environments.interpreters import Interpreter
from lazulite.environments.requirements import Requirements

# Packages whose CUDA build has a name of its own, and the CPU build beside it.
_TWINS = {
    "faiss-gpu": "faiss-cpu",
    "jax-cuda12-plugin": "jax",
    "onnxruntime-gpu": "onnxruntime",
    "onnxruntime-training": "onnxruntime",
    "paddlepaddle-gpu": "paddlepaddle",
    "tensorflow-gpu": "tensorflow",
}
_CUDA_EXTRAS = ("and-cuda", "cuda", "cuda11", "cuda12", "cuda13", "cuda-pip", "gpu")
_CUDA_INDEX = re.compile(r"https?://download\.pytorch\.org/whl/cu\d+", re.IGNORECASE)
_CUDA_VERSION = re.compile(r"(==\s*[^\s;,]+)\+cu\d+")
# Needed by CUDA builds alone: xgboost asks for it always, and loads it only where a GPU is.
CUDA_ONLY = ("nvidia-nccl-cu12", "nvidia-nccl-cu13")


@dataclass(frozen=True)
class CpuWheel:
    """A wheel with the local version `+cpu` in a folder of find-links."""

    name: str
    version: Version
    folder: str

    @property
    def pin(self) -> str:
        """Returns the constraint that takes this very build."""
        return f"{self.name}=={self.version}"


def has_gpu() -> bool:
    """Says whether CUDA builds can be of use here: an NVIDIA driver is loaded, or the system is not Linux's kind."""
    if not sys.platform.startswith(("linux", "win")):
        return True  # where there are no CUDA builds there is nothing to keep out
    signs = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/nvidia0", "/usr/lib/wsl/lib/libcuda.so")
    return any(Path(sign).exists() for sign in signs)


def without_cuda(asked: Requirements) -> tuple[Requirements, list[str]]:
    """Returns requirements in which CUDA builds give way to CPU builds of the same version, and notes that say so."""
    notes: list[str] = []
    lines = []
    for line in asked.lines:
        changed = _without_cuda(line)
        if changed != line:
            notes.append(f"No GPU here: {changed} is taken for {line}.")
        lines.append(changed)
    extra = tuple(url for url in asked.options.extra_index_urls if not _CUDA_INDEX.match(url))
    index = asked.options.index_url
    index = None if index and _CUDA_INDEX.match(index) else index
    if (index, extra) != (asked.options.index_url, asked.options.extra_index_urls):
        notes.append("No GPU here: PyTorch's index of CUDA builds is left out.")
    options = replace(asked.options, index_url=index, extra_index_urls=extra)
    return replace(asked, lines=tuple(dict.fromkeys(lines)), options=options), notes


def _without_cuda(line: str) -> str:
    try:
        requirement = Requirement(_CUDA_VERSION.sub(r"\1", line.partition(" --")[0]))
    except InvalidRequirement:
        return line  # an address: taken as it is
    twin = _TWINS.get(canonicalize_name(requirement.name))
    extras = requirement.extras - set(_CUDA_EXTRAS)
    if twin is None and extras == requirement.extras and not _CUDA_VERSION.search(line):
        return line
    requirement.name, requirement.extras = twin or requirement.name, extras
    return str(requirement)


def cpu_wheels(find_links: Iterable[str], interpreter: Interpreter, asked: Sequence[str]) -> list[CpuWheel]:
    """Returns the CPU builds in local find-links folders that an interpreter can use: one a name, the newest.

    Versions that a requirement line excludes do not count. Folders may be paths or file:// URLs.
    """
    wheels = [wheel for link in find_links for wheel in _wheels_in(link, interpreter)]
    allowed = _specifiers(asked)
    newest: dict[str, CpuWheel] = {}
    for wheel in sorted(wheels, key=lambda wheel: wheel.version):
        if all(specifier.contains(wheel.version, prereleases=True) for specifier in allowed.get(wheel.name, ())):
            newest[wheel.name] = wheel
    excluded = {wheel.name for wheel in wheels} - newest.keys()
    return [] if excluded & allowed.keys() else list(newest.values())


def _wheels_in(link: str, interpreter: Interpreter) -> list[CpuWheel]:
    folder = Path(unquote(urlparse(link).path) if link.startswith("file://") else link).expanduser()
    supported = _tags(interpreter.minor) if folder.is_dir() else frozenset()
    found = []
    for file in folder.glob("*.whl") if supported else ():
        try:
            name, version, _, wheel_tags = parse_wheel_filename(file.name)
        except InvalidWheelFilename:
            continue
        if version.local == "cpu" and wheel_tags & supported:
            found.append(CpuWheel(name, version, str(folder)))
    return found


def _tags(minor: int) -> frozenset[tags.Tag]:
    platforms = list(tags.platform_tags())
    python = (3, minor)
    generic = tags.compatible_tags(python, f"cp3{minor}", platforms)
    return frozenset([*tags.cpython_tags(python, platforms=platforms), *generic])


def _specifiers(lines: Iterable[str]) -> dict[str, list[SpecifierSet]]:
    found: dict[str, list[SpecifierSet]] = {}
    for line in lines:
        try:
            requirement = Requirement(line.partition(" --")[0])
        except InvalidRequirement:
            continue
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement.specifier)
    return found


def builds_for_cuda(lock: str) -> list[str]:
    """Returns the packages of a lock file that only CUDA needs: `nvidia-cublas==13.4.1`, …"""
    return [line.split()[0] for line in lock.splitlines() if line.startswith(("nvidia-", "cuda-toolkit"))]


def unmatched(lock: str) -> list[str]:
    """Returns PyTorch's companions in a lock file that are CUDA builds beside a CPU build of torch itself."""
    pins = dict(line.split()[0].split("==") for line in lock.splitlines() if re.match(r"[\w.-]+==", line))
    if not pins.get("torch", "").endswith("+cpu"):
        return []
    return [f"{name}=={pins[name]}" for name in ("torchvision", "torchaudio") if "+cpu" not in pins.get(name, "+cpu")]
