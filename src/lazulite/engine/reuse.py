"""Which earlier job can stand for a new one, and if none can, what has changed since: which input, which file.

Two jobs that make the same have the same print: a digest over all that decides what they make. Names, places and
computes do not. What Azure counts is written down nowhere. Source: guess.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select

from lazulite.engine import references, states
from lazulite.engine.sources import Source, Sources
from lazulite.engine.spec import LITERAL, JobSpec
from lazulite.engine.states import Job
from lazulite.store.tables import jobs, step_prints

# Data up to this size is known by its content, larger data by its place, sizes and times.
_SMALL_BYTES = 32 << 20
_BLOCK_BYTES = 1 << 20
_FILES_REMEMBERED = 100_000
_CANDIDATES = 3
_SHOWN_CHARACTERS = 60
_SHOWN_REASONS = 5
# What of a body says nothing about what the job makes, or is told apart in parts of its own.
_ELSEWHERE = (
    *("inputs", "outputs", "codeId", "environmentId", "environmentVariables", "componentId", "computeId"),
    *("identity", "services", "queueSettings", "limits"),
)


@dataclass(frozen=True)
class Print:
    """What decides what a job makes, each part under the name by which a person knows it."""

    parts: Mapping[str, str]

    @property
    def digest(self) -> str:
        """Returns the digest that jobs are found by."""
        return _digest(json.dumps(self.parts, sort_keys=True))


class Prints:
    """Makes prints. Remembers what is in files for as long as they keep size and time."""

    def __init__(self) -> None:
        self._files: dict[tuple[str, int, int], str] = {}

    def of(self, spec: JobSpec, found: Sources, body: Mapping[str, Any]) -> Print:
        """Returns the print of a job whose parts were found; reads its code and small inputs."""
        parts = {name: json.dumps(one, sort_keys=True) for name, one in body.items() if name not in _ELSEWHERE and one}
        parts |= {f"file {name}": digest for name, digest in self._tree(found.code)} if found.code else {}
        parts |= {f"variable {name}": _digest(value) for name, value in spec.variables.items()}  # it may be a secret
        parts |= {f"input {one.name}": one.text for one in spec.inputs if one.kind == LITERAL}
        parts |= {f"input {one.input.name}": self._data(one) for one in found.inputs}
        parts |= {f"output {one.name}": f"{one.kind} {one.mode}" for one in spec.outputs}
        built = [*self._tree(found.environment.context)] if found.environment.context else []
        wanted = {name: found.environment.body.get(name) for name in ("image", "condaFile", "build")}
        content = _digest(json.dumps(built or wanted, sort_keys=True))
        parts["environment"] = f"{found.environment.name} {content[:12]}"
        return Print(parts)

    def _tree(self, folder: Path) -> Iterator[tuple[str, str]]:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                yield path.relative_to(folder).as_posix(), self._file(path)

    def _file(self, path: Path) -> str:
        about = path.stat()
        key = (str(path), about.st_size, about.st_mtime_ns)
        if key not in self._files:
            if len(self._files) >= _FILES_REMEMBERED:
                self._files.clear()
            digest = hashlib.sha256()
            with path.open("rb") as file:
                while block := file.read(_BLOCK_BYTES):
                    digest.update(block)
            self._files[key] = digest.hexdigest()
        return self._files[key]

    def _data(self, source: Source) -> str:
        """Returns what an input is known by: its content, so that it does not matter which job made it."""
        if source.path is None:
            return f"{source.input.kind} {source.uri}"
        paths = [source.path] if source.path.is_file() else sorted(p for p in source.path.rglob("*") if p.is_file())
        about = [(path.relative_to(source.path).as_posix(), path.stat()) for path in paths]
        digest = hashlib.sha256(source.input.kind.encode())
        is_small = sum(one.st_size for _, one in about) <= _SMALL_BYTES
        if not is_small:
            digest.update(source.uri.encode())
        for path, (name, one) in zip(paths, about, strict=True):
            told = self._file(path) if is_small else f"{one.st_size} {one.st_mtime_ns}"
            digest.update(f"\0{name}\0{told}".encode())
        return digest.hexdigest()


def own_place(spec: JobSpec) -> str:
    """Returns an output that has to be written to a place of its own, so that no earlier job's will do; "" for none."""
    return next((one.name for one in spec.outputs if one.uri and not references.is_usual(one.uri)), "")


def earlier(connection: Connection, scope: str, digest: str) -> Job | None:
    """Returns the newest job with this print that has completed, and whose outputs are there still by their rows."""
    query = (
        select(jobs.c.number)
        .join_from(step_prints, jobs, jobs.c.number == step_prints.c.number)
        .where(step_prints.c.scope == scope, step_prints.c.digest == digest, jobs.c.state == "Completed")
        .order_by(step_prints.c.number.desc())
        .limit(1)
    )
    number = connection.execute(query).scalar()
    return states.get(connection, number) if number is not None else None


def remember(connection: Connection, job: Job, alike: str, made: Print) -> None:
    """Keeps a job's print for those that come later. alike: what the step is called, whose jobs are compared."""
    row = {"number": job.number, "scope": job.scope, "digest": made.digest, "alike": alike, "parts": dict(made.parts)}
    connection.execute(insert(step_prints).values(**row))


def reasons(connection: Connection, scope: str, alike: str, made: Print) -> str:
    """Says why no earlier job stands for one: what has changed since the last of its step, or that there was none."""
    query = (
        select(step_prints.c.number, step_prints.c.parts)
        .where(step_prints.c.scope == scope, step_prints.c.alike == alike)
        .order_by(step_prints.c.number.desc())
        .limit(_CANDIDATES)
    )
    for row in connection.execute(query):
        job = states.get(connection, row.number)
        if job and row.parts == made.parts:
            return f"job {job.name}, which was the same, is {job.state}"
        if job:
            changed = differences(row.parts, made.parts)
            rest = f" and {len(changed) - _SHOWN_REASONS} more" if len(changed) > _SHOWN_REASONS else ""
            return f"{'; '.join(changed[:_SHOWN_REASONS])}{rest} (compared with {job.name})"
    return "no job of this step has run before"


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> Sequence[str]:
    """Lists in words what differs between the parts of two prints. Pure."""
    said = []
    for name in [*before, *(name for name in after if name not in before)]:
        if name not in after:
            said.append(f"{name} is gone")
        elif name not in before:
            said.append(f"{name} is new")
        elif before[name] != after[name]:
            said.append(f"{name} changed{_from_to(name, before[name], after[name])}")
    return said


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _from_to(name: str, before: str, after: str) -> str:
    is_readable = not name.startswith(("file ", "variable ")) and max(len(before), len(after)) <= _SHOWN_CHARACTERS
    return f" from {before} to {after}" if is_readable else ""
