"""From a deployment's references to what they mean: the code's folder, the model's path, the environment's body."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection

from lazulite.artifacts.locate import locate
from lazulite.environments import registered
from lazulite.environments.registered import Registered
from lazulite.errors import BadRequest
from lazulite.ids import WorkspaceId, parse_asset
from lazulite.serving import collecting, containers, mlflow_models, triton_models
from lazulite.serving.collecting import Place
from lazulite.serving.containers import Inference
from lazulite.serving.wanted import DeploymentSpec
from lazulite.serving.workers import Guest
from lazulite.store import assets, datastores


@dataclass(frozen=True)
class Model:
    """A registered model: its path is the file or folder that was uploaded, under the name it had then.

    kind: custom_model, mlflow_model or triton_model.
    """

    name: str
    version: str
    path: Path
    kind: str

    @property
    def size_bytes(self) -> int:
        """Returns the size of the model's files together."""
        if self.path.is_file():
            return self.path.stat().st_size
        return sum(path.stat().st_size for path in self.path.rglob("*") if path.is_file())


@dataclass(frozen=True)
class Sources:
    """Everything that a deployment is made of. code: None where the model is served by its type alone."""

    code: Path | None
    script: str
    model: Model | None
    environment: Registered
    guest: Guest = "score"
    inference: Inference | None = None
    collected: Mapping[str, Place] = field(default_factory=dict)


def find(connection: Connection, home: Path, workspace: WorkspaceId, path: str, spec: DeploymentSpec) -> Sources:
    """Looks up all that a deployment names. path: its own, `endpoint/deployment`.

    Raises NotFound or BadRequest naming the reference that leads nowhere and what there is instead.
    """
    model = _model(connection, home, workspace, spec.model) if spec.model else None
    collected = collecting.places(connection, home, workspace, path, spec.collector)
    if model and mlflow_models.is_one(model.kind) and not spec.code:
        environment = _mlflow_environment(connection, home, workspace, spec.environment, model)
        return Sources(None, "", model, environment, collected=collected)
    if model and triton_models.is_one(model.kind) and not spec.code:
        reference = spec.environment
        found = registered.find(connection, home, workspace, reference) if reference else triton_models.environment()
        refuse_collecting(collected)
        return Sources(None, "", model, found, "triton")
    if spec.environment and not spec.code:
        own = registered.find(connection, home, workspace, spec.environment)
        inference = containers.inference_of(own)
        if inference:
            refuse_collecting(collected)
            return Sources(None, "", model, own, "contained", inference)
    return Sources(
        *_code(connection, home, workspace, spec),
        model,
        _environment(connection, home, workspace, spec.environment),
        collected=collected,
    )


def refuse_collecting(collected: Mapping[str, Place]) -> None:
    """Raises BadRequest for a collector where Triton or an image's own server answers: nobody would collect.

    learn.microsoft.com/azure/machine-learning/how-to-collect-production-data has scoring scripts and MLflow models
    alone; what Azure does of Triton is not written there. Source: guess.
    """
    if collected:
        raise BadRequest(
            "What Triton, or an image's own server, is asked and answers cannot be collected.",
            target="properties.dataCollector",
            hint="Leave data_collector out, or deploy the model with a scoring script.",
        )


def _code(connection: Connection, home: Path, workspace: WorkspaceId, spec: DeploymentSpec) -> tuple[Path, str]:
    if not spec.code or not spec.scoring_script:
        raise BadRequest(
            "The deployment has no code_configuration, its model is not of type mlflow_model or triton_model, and its "
            "environment has no inference_config.",
            target="properties.codeConfiguration",
            hint="Give code_configuration=CodeConfiguration(code=FOLDER, scoring_script=FILE), or register the model "
            "with type=mlflow_model if MLflow wrote it, or say by inference_config where the image's server answers.",
        )
    row = assets.resolve(connection, parse_asset(spec.code, "codes", workspace))
    folder = locate(home, row.body["properties"]["codeUri"], datastores.reader(connection, workspace))
    if not _holds(folder, spec.scoring_script):
        names = ", ".join(sorted(path.name for path in folder.iterdir())[:20])
        raise BadRequest(
            f'The scoring script "{spec.scoring_script}" is not in the uploaded code, '
            f"which holds {names or 'nothing'}.",
            target="properties.codeConfiguration.scoringScript",
        )
    return folder, spec.scoring_script


def _holds(folder: Path, script: str) -> bool:
    """Tells whether a file of a folder, or below it, goes by this name; a name that no file can have is none."""
    try:
        path = (folder / script).resolve()
        return path.is_relative_to(folder.resolve()) and path.is_file()
    except (OSError, ValueError):  # too long; a NUL in it
        return False


def _model(connection: Connection, home: Path, workspace: WorkspaceId, reference: str) -> Model:
    row = assets.resolve(connection, parse_asset(reference, "models", workspace))
    path = locate(home, row.body["properties"]["modelUri"], datastores.reader(connection, workspace))
    return Model(
        row.place.name, row.place.version, path, str(row.body["properties"].get("modelType") or "custom_model")
    )


def _mlflow_environment(
    connection: Connection, home: Path, workspace: WorkspaceId, reference: str, model: Model
) -> Registered:
    if reference:
        return registered.find(connection, home, workspace, reference)
    return mlflow_models.environment(model.name, model.version, model.path)


def _environment(connection: Connection, home: Path, workspace: WorkspaceId, reference: str) -> Registered:
    if not reference:
        raise BadRequest("The deployment names no environment.", target="properties.environmentId")
    return registered.find(connection, home, workspace, reference)
