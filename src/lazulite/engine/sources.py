"""From a job's references to what they mean: code, environment, where the bytes of inputs are and outputs go.

The same function checks a body before it is accepted and finds the parts when the job is made.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import Connection

from lazulite.artifacts.locate import locate, path_of, web_form
from lazulite.artifacts.refs import host_account, storage_path
from lazulite.engine import computes, mltables, references
from lazulite.engine.computes import Target
from lazulite.engine.spec import LITERAL, MODELS, Input, JobSpec, Output
from lazulite.environments import registered
from lazulite.environments.registered import Registered
from lazulite.errors import BadRequest, NotFound
from lazulite.ids import WorkspaceId, parse_asset, parse_datastore
from lazulite.store import assets, datastores, resources
from lazulite.store.resources import Place


@dataclass(frozen=True)
class Source:
    """Where an input's bytes are. path: None when they are yet to be fetched from uri, which is a web address then."""

    input: Input
    uri: str
    path: Path | None


@dataclass(frozen=True)
class Goal:
    """Where an output's bytes go. uri: a datastore's; path: the folder, or of a uri_file the file, on this machine."""

    output: Output
    uri: str
    path: Path


@dataclass(frozen=True)
class Sources:
    """Everything that a job is made of. code: None when it has none; literals are not among the inputs."""

    code: Path | None
    environment: Registered
    inputs: tuple[Source, ...]
    outputs: tuple[Goal, ...]
    target: Target


def find(connection: Connection, home: Path, workspace: WorkspaceId, job: str, spec: JobSpec) -> Sources:
    """Looks up all that a job names. Raises BadRequest naming the field that leads nowhere, and what there is."""
    look = _Look(connection, home, workspace)
    with _field("codeId"):
        code = look.code(spec.code) if spec.code else None
    with _field("environmentId"):
        environment = registered.find(connection, home, workspace, spec.environment)
    return Sources(
        code=code,
        environment=environment,
        inputs=tuple(look.input(one) for one in spec.inputs if one.kind != LITERAL),
        outputs=tuple(look.output(job, one) for one in spec.outputs),
        target=computes.find(connection, workspace.scope, spec.compute, spec.instance_type),
    )


@contextmanager
def _field(name: str) -> Iterator[None]:
    """Says of what is not found, or no reference at all, which field has it."""
    try:
        yield
    except (NotFound, BadRequest) as error:
        target = f"properties.{name}"
        raise BadRequest(f"{name}: {error.message}", target=target, hint=error.hint) from error


@dataclass(frozen=True)
class _Look:
    connection: Connection
    home: Path
    workspace: WorkspaceId

    def code(self, reference: str) -> Path:
        row = assets.resolve(self.connection, parse_asset(reference, "codes", self.workspace))
        path = self._locate(row.body["properties"]["codeUri"])
        return path if path.is_dir() else path.parent

    def input(self, wanted: Input) -> Source:
        with _field(f"inputs.{wanted.name}"):
            uri = references.resolve(self.connection, self.workspace, wanted.text, wanted.kind)
            if wanted.mode == "Direct":
                return Source(wanted, uri, None)
            if is_elsewhere(self.home, uri):
                return Source(wanted, web_form(uri), None)
            path = self._locate(uri)
            _check_kind(wanted, path)
            return Source(wanted, uri, path)

    def output(self, job: str, wanted: Output) -> Goal:
        with _field(f"outputs.{wanted.name}"):
            self._check_asset(wanted)
            uri = wanted.uri or references.output_uri(job, wanted.name)
            # Source: learn.microsoft.com/azure/machine-learning/how-to-read-write-data-v2, the three that there are.
            known = {"name": job, "output_name": wanted.name, "default_datastore": references.BLOB_STORE}
            for name, value in known.items():
                uri = uri.replace(f"${{{{{name}}}}}", value)
            if not parse_datastore(uri):
                raise BadRequest(f'"{uri}" is not the URI of a path in a datastore.')
            return Goal(wanted, uri, path_of(self.home, uri, datastores.reader(self.connection, self.workspace)))

    def _check_asset(self, wanted: Output) -> None:
        kind = "models" if wanted.kind in MODELS else "data"
        place = Place(self.workspace.scope, kind, wanted.asset, wanted.asset_version)
        if wanted.asset and wanted.asset_version and resources.get(self.connection, place):
            raise BadRequest(
                f"{kind} {wanted.asset}:{wanted.asset_version} exists already.",
                hint="Leave the version out to get the next.",
            )

    def _locate(self, uri: str) -> Path:
        return locate(self.home, uri, datastores.reader(self.connection, self.workspace))


def is_elsewhere(home: Path, uri: str) -> bool:
    """Tells whether a URI is a web address, or a blob's, that does not lie in storage here.

    Raises BadRequest for one that can be no address.
    """
    try:
        parts = urlsplit(web_form(uri))
        _ = parts.port  # what is no port is told when it is read
    except ValueError as error:
        raise BadRequest(
            f'"{uri}" cannot be an address: {error}.',
            hint="Write it as https://HOST/PATH or https://HOST:PORT/PATH, with a port of 1 to 65535.",
        ) from error
    if parts.scheme not in ("http", "https") or "/_blob/" in parts.path:
        return False
    account = host_account(parts.hostname or "")
    return not (account and (storage_path(home) / account).is_dir())


def _check_kind(wanted: Input, path: Path) -> None:
    if wanted.kind == "uri_file" and not path.is_file():
        raise BadRequest(f'"{wanted.text}" is a folder, but the input is of type uri_file.')
    if wanted.kind in ("uri_folder", "mltable") and not path.is_dir():
        raise BadRequest(f'"{wanted.text}" is a file, but the input is of type {wanted.kind}.')
    if wanted.kind == "mltable" and not (path / "MLTable").is_file():
        raise BadRequest(f'"{wanted.text}" holds no file called MLTable, but the input is of type mltable.')
    if wanted.mode.startswith("Eval"):
        mltables.patterns(path)
