"""Finds Python interpreters on this machine. Installs none but by uv's leave, and changes none."""

import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import SpecifierSet

from lazulite.errors import UserCodeError

# What guests run on: Python 3.8 and later. The upper end is only where the search stops.
_MINORS = range(8, 21)
# Where version managers put interpreters, by minor version; {home} is the user's folder.
_PLACES = (
    "{home}/.pyenv/versions/3.{minor}.*/bin/python3.{minor}",
    "{home}/.local/share/uv/python/cpython-3.{minor}.*/bin/python3.{minor}",
    "{home}/.local/share/mise/installs/python/3.{minor}*/bin/python3.{minor}",
    "{home}/.asdf/installs/python/3.{minor}.*/bin/python3.{minor}",
    "{home}/miniconda3/envs/*/bin/python3.{minor}",
    "{home}/miniforge3/envs/*/bin/python3.{minor}",
    "{home}/anaconda3/envs/*/bin/python3.{minor}",
    "/opt/python/cp3{minor}-cp3{minor}/bin/python3.{minor}",
    "/opt/homebrew/bin/python3.{minor}",
    "/Library/Frameworks/Python.framework/Versions/3.{minor}/bin/python3.{minor}",
)
_PROBE = (
    "import os, sys; print('%d.%d.%d' % sys.version_info[:3]); print(sys.implementation.name); "
    "print(os.path.join(os.path.dirname(os.__file__), 'ensurepip', '_bundled'))"
)


@dataclass(frozen=True)
class Interpreter:
    """One interpreter. version: `3.11.7`. bundled: the folder of the wheels that it carries, pip's among them."""

    path: Path
    version: str
    bundled: Path

    @property
    def minor(self) -> int:
        """Returns the 11 of 3.11."""
        return int(self.version.split(".")[1])


@dataclass(frozen=True)
class Choice:
    """The interpreter for a wish. When it is not what was asked for, note says so, and missing is what would be.

    missing: a version to install, `3.9`; None when nothing is missing, or when what is asked for could not be served.
    """

    interpreter: Interpreter
    note: str | None = None
    missing: str | None = None


def probe(path: Path) -> Interpreter | None:
    """Runs an interpreter and asks for its version; None when it is not a CPython that starts."""
    try:
        status = path.stat()
    except OSError:
        return None
    return _probe(path, status.st_mtime_ns, status.st_ino)


@functools.lru_cache(maxsize=256)
def _probe(path: Path, modified_ns: int, inode: int) -> Interpreter | None:
    try:
        done = subprocess.run([path, "-I", "-S", "-c", _PROBE], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = done.stdout.splitlines()
    if done.returncode or len(said) != 3 or said[1] != "cpython":
        return None
    return Interpreter(path, said[0], Path(said[2]))


def choose(wanted: str) -> Choice:
    """Picks the interpreter for a version specifier: `==3.10.*`, `>=3.8,<3.12`, or "" for any.

    The one that Lazulite runs on where it satisfies; else the newest installed minor version that does; else the
    nearest newer one, else the nearest older one, with a note. Raises UserCodeError when there is none at all.
    """
    own = _own()
    fitting = [minor for minor in _MINORS if _fits(wanted, minor)]
    if own.minor in fitting:
        return Choice(own)
    for minor in reversed(fitting):
        found = find(minor)
        if found:
            return Choice(found)
    asked = fitting[0] if fitting else _first_minor(wanted)
    newer = [minor for minor in _MINORS if minor > asked]
    older = [minor for minor in reversed(_MINORS) if minor < asked]
    for minor in newer + older:
        found = find(minor)
        if found:
            missing = f"3.{asked}" if asked in _MINORS else None
            return Choice(found, _note(wanted, found, is_newer=minor > asked), missing)
    raise UserCodeError(f"No Python 3.{_MINORS[0]} or later was found on this machine.", code="ImageBuildFailure")


def _own() -> Interpreter:
    bundled = Path(os.__file__).parent / "ensurepip" / "_bundled"
    return Interpreter(Path(sys.executable).resolve(), "{}.{}.{}".format(*sys.version_info), bundled)


@functools.cache
def _fits(wanted: str, minor: int) -> bool:
    # A wish such as ==3.10.4 is met by any 3.10: patch releases are compatible, and few machines have two.
    if not wanted:
        return True
    by_minor = ",".join(_minor_only(part) for part in wanted.split(","))
    return SpecifierSet(by_minor).contains(f"3.{minor}") or SpecifierSet(by_minor).contains(f"3.{minor}.99")


def _minor_only(part: str) -> str:
    if not part.startswith("=="):
        return part
    numbers = part.removeprefix("==").rstrip(".*").split(".")
    return f"=={'.'.join(numbers[:2])}.*"


def _first_minor(wanted: str) -> int:
    for part in wanted.split(","):
        numbers = part.lstrip("=!<>~ ").split(".")
        if len(numbers) > 1 and numbers[1].isdigit():
            return int(numbers[1])
    return 0


def _note(wanted: str, found: Interpreter, *, is_newer: bool) -> str:
    asked = wanted.removeprefix("==").removesuffix(".*")
    nearest = "the nearest newer one" if is_newer else "the nearest one"
    if _first_minor(wanted) < _MINORS[0]:
        return f"Python {asked} is asked for; Python {found.version} is used, since nothing before 3.8 can be served."
    return (
        f"Python {asked} is asked for, but not installed here; Python {found.version}, {nearest}, is used. "
        f"Install it (for example: uv python install {asked}), or bind an interpreter of your own."
    )


def find(minor: int) -> Interpreter | None:
    """Finds an interpreter of one minor version: Lazulite's own, on PATH, or where version managers keep theirs."""
    own = _own()
    if own.minor == minor:
        return own
    for path in _candidates(minor):
        found = probe(path)
        if found and found.minor == minor:
            return found
    return None


def beside(interpreter: Interpreter) -> Iterator[Interpreter]:
    """Yields the installed interpreters of other minor versions: older ones, the nearest first, then newer ones."""
    for minor in range(interpreter.minor - 1, _MINORS[0] - 1, -1):
        found = find(minor)
        if found:
            yield found
    yield from newer_than(interpreter)


def newer_than(interpreter: Interpreter) -> Iterator[Interpreter]:
    """Yields the installed interpreters of newer minor versions, the nearest first."""
    for minor in _MINORS:
        found = find(minor) if minor > interpreter.minor else None
        if found:
            yield found


def _candidates(minor: int) -> Iterator[Path]:
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        path = Path(folder) / f"python3.{minor}"
        if Path(folder).name == "shims":  # pyenv's and asdf's: scripts that refuse, slowly, what is not activated
            continue
        if folder and path.is_file() and os.access(path, os.X_OK):
            yield path
    for pattern in _PLACES:
        absolute = pattern.format(home=Path.home(), minor=minor).lstrip("/")
        yield from sorted(Path("/").glob(absolute), key=_patch, reverse=True)


def _patch(path: Path) -> list[int]:
    return [int(number) for number in "".join(c if c.isdigit() else " " for c in str(path)).split()]
