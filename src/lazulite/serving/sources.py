"""From a deployment's references to what they mean: the code's folder, the model's path, the environment's body."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from lazulite.artifacts.locate import locate
from lazulite.catalog import curated_environments
from lazulite.errors import BadRequest, NotFound
from lazulite.ids import AssetId, WorkspaceId, parse_asset
from lazulite.serving.wanted import DeploymentSpec
from lazulite.store import assets, resources
from lazulite.store.resources import Place


@dataclass(frozen=True)
class Model:
    """A registered model: its path is the file or folder that was uploaded, under the name it had then."""

    name: str
    version: str
    path: Path

    @property
    def size_bytes(self) -> int:
        """Returns the size of the model's files together."""
        if self.path.is_file():
            return self.path.stat().st_size
        return sum(path.stat().st_size for path in self.path.rglob("*") if path.is_file())


@dataclass(frozen=True)
class Environment:
    """An environment as it was registered or as the catalog has it. context: the folder of a build, if it is one."""

    name: str
    version: str
    body: dict[str, Any]
    context: Path | None


@dataclass(frozen=True)
class Sources:
    """Everything that a deployment is made of."""

    code: Path
    script: str
    model: Model | None
    environment: Environment


def find(connection: Connection, home: Path, workspace: WorkspaceId, spec: DeploymentSpec) -> Sources:
    """Looks up all that a deployment names.

    Raises NotFound or BadRequest naming the reference that leads nowhere and what there is instead.
    """
    return Sources(
        *_code(connection, home, workspace, spec),
        _model(connection, home, workspace, spec.model) if spec.model else None,
        environment(connection, home, workspace, spec.environment),
    )


def _code(connection: Connection, home: Path, workspace: WorkspaceId, spec: DeploymentSpec) -> tuple[Path, str]:
    if not spec.code or not spec.scoring_script:
        raise BadRequest(
            "The deployment has no code_configuration, and Lazulite serves by a scoring script: it does not run "
            "MLflow models without one, nor images that bring a server of their own.",
            target="properties.codeConfiguration",
            hint="Give code_configuration=CodeConfiguration(code=FOLDER, scoring_script=FILE).",
        )
    row = assets.resolve(connection, parse_asset(spec.code, "codes", workspace))
    folder = _locate(connection, home, workspace, row.body["properties"]["codeUri"])
    script = folder / spec.scoring_script
    if not script.resolve().is_relative_to(folder.resolve()) or not script.is_file():
        names = ", ".join(sorted(path.name for path in folder.iterdir())[:20])
        raise BadRequest(
            f'The scoring script "{spec.scoring_script}" is not in the uploaded code, '
            f"which holds {names or 'nothing'}.",
            target="properties.codeConfiguration.scoringScript",
        )
    return folder, spec.scoring_script


def _model(connection: Connection, home: Path, workspace: WorkspaceId, reference: str) -> Model:
    row = assets.resolve(connection, parse_asset(reference, "models", workspace))
    uri = row.body["properties"]["modelUri"]
    return Model(row.place.name, row.place.version, _locate(connection, home, workspace, uri))


def environment(connection: Connection, home: Path, workspace: WorkspaceId, reference: str) -> Environment:
    """Looks up an environment: the workspace's own first, then Azure's curated ones."""
    if not reference:
        raise BadRequest("The deployment names no environment.", target="properties.environmentId")
    asset = parse_asset(reference, "environments", workspace)
    try:
        row = assets.resolve(connection, asset)
    except NotFound:
        return _curated(asset)
    body = row.body["properties"]
    build = body.get("build") or {}
    uri = build.get("contextUri")
    context = _locate(connection, home, workspace, uri) if uri else None
    return Environment(row.place.name, row.place.version, body, context)


def _curated(asset: AssetId) -> Environment:
    found, version = curated_environments.resolve(asset.name, asset.version, asset.label)
    return Environment(found.name, version, curated_environments.wire(found, version), None)


def _locate(connection: Connection, home: Path, here: WorkspaceId, uri: str) -> Path:
    def datastore(workspace: WorkspaceId | None, name: str) -> dict[str, Any]:
        row = resources.get(connection, Place((workspace or here).scope, "datastores", name))
        if not row:
            raise NotFound(f'Datastore "{name}" was not found in workspace "{(workspace or here).workspace}".')
        return dict(row.body["properties"])

    return locate(home, uri, datastore)
