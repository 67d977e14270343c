"""Interpreters that the user bound to environments: they serve as they are, nothing is built."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from lazulite.environments import interpreters
from lazulite.environments.built import Environment
from lazulite.errors import BadRequest, UserCodeError
from lazulite.ids import check_name

_FILE = "bindings.json"
_OLDEST = (3, 8)


@dataclass(frozen=True)
class Binding:
    """One binding. version: of the environment, None for all; python: the interpreter; python_version: `3.11.7`."""

    name: str
    version: str | None
    python: str
    python_version: str


def bind(home: Path, name: str, version: str | None, python: Path) -> Binding:
    """Makes an interpreter serve for an environment, in the place of whatever served before.

    python: an executable, or the folder of a virtual environment. Raises BadRequest when it is no CPython of 3.8 or
    later. Effect: home/environments/bindings.json.
    """
    check_name(name, "environment")
    path = python.expanduser().absolute()  # not resolved: a venv's python is a link, and must be called by its name
    path = path / "bin" / "python" if path.is_dir() else path
    found = interpreters.probe(path)
    if found is None:
        raise BadRequest(f'"{path}" is not a Python interpreter that starts.', target="python")
    if tuple(map(int, found.version.split(".")[:2])) < _OLDEST:
        raise BadRequest(f'"{path}" is Python {found.version}; 3.8 or later is needed.', target="python")
    binding = Binding(name, version, str(path), found.version)
    with _changed(home) as bindings:
        bindings[_key(name, version)] = binding
    return binding


def unbind(home: Path, name: str, version: str | None) -> bool:
    """Removes a binding; False when there was none."""
    with _changed(home) as bindings:
        return bindings.pop(_key(name, version), None) is not None


def bindings(home: Path) -> list[Binding]:
    """Returns every binding, by name and version."""
    return [binding for _, binding in sorted(_read(home).items())]


def bound(home: Path, name: str, version: str | None) -> Environment | None:
    """Returns what is bound to an environment: to this version, else to all; None when nothing is.

    Raises UserCodeError when the interpreter is no longer there.
    """
    known = _read(home)
    binding = known.get(_key(name, version)) or known.get(_key(name, None))
    if binding is None:
        return None
    if not os.access(binding.python, os.X_OK):
        raise UserCodeError(
            f'"{binding.python}", which is bound to environment "{name}", is no longer there.',
            code="ImageBuildFailure",
            hint=f"Bind another: lazulite environment bind {name} --python PATH.",
        )
    note = f"Environment {name} is bound to {binding.python} (Python {binding.python_version})."
    return Environment(f"bound-{name}", Path(binding.python), {}, (note,))


def _key(name: str, version: str | None) -> str:
    return f"{name.lower()}:{version}" if version else name.lower()


def _read(home: Path) -> dict[str, Binding]:
    try:
        entries = json.loads((home / "environments" / _FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {key: Binding(**entry) for key, entry in entries.items()}


@contextmanager
def _changed(home: Path) -> Iterator[dict[str, Binding]]:
    """Yields the bindings to be changed; one process at a time, and a reader sees the old or the new, never a half."""
    folder = home / "environments"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{_FILE}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = _read(home)
        yield known
        draft = folder / f"{_FILE}.draft"
        draft.write_text(json.dumps({key: asdict(binding) for key, binding in known.items()}, indent=2) + "\n")
        draft.replace(folder / _FILE)
