"""Batch endpoints and deployments as they were asked for: their bodies read, completed and checked."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from lazulite import clock, fields
from lazulite.artifacts.locate import locate
from lazulite.engine import computes
from lazulite.environments import registered
from lazulite.errors import BadRequest, NotFound, NotImplementedHere
from lazulite.ids import WorkspaceId, child_name, parse_asset
from lazulite.store import assets, datastores, resources
from lazulite.store.resources import Place, Resource

ENDPOINTS = "batchEndpoints"
DEPLOYMENTS = "batchEndpoints/deployments"
PIPELINE = "PipelineComponent"

# Source: learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-batch, the YAML schema's defaults.
DEFAULTS: dict[str, Any] = {
    "miniBatchSize": 10,
    "maxConcurrencyPerInstance": 1,
    "errorThreshold": -1,
    "outputAction": "AppendRow",
    "outputFileName": "predictions.csv",
    "loggingLevel": "Info",
}
_RETRY_DEFAULTS: dict[str, Any] = {"maxRetries": 3, "timeout": "PT30S"}
# Source: azure-ai-ml 1.35.2 _restclient/arm_ml_service/models/_enums.py, BatchOutputAction and BatchLoggingLevel.
_OUTPUT_ACTIONS = ("AppendRow", "SummaryOnly")
_LOGGING_LEVELS = ("Info", "Warning", "Debug")
_INT32 = 2**31 - 1
_NAME_BYTES = 255
_MLFLOW = "mlflow_model"


@dataclass(frozen=True)
class Parts:
    """What a model deployment is made of. model: the file or folder that was uploaded; code: None without a script."""

    model: Resource
    model_path: Path
    code: Resource | None
    environment: str


def endpoint(connection: Connection, workspace: WorkspaceId, name: str) -> Resource:
    """Returns an endpoint's row. Raises NotFound (404 ParentResourceNotFound) naming some that exist."""
    row = resources.get(connection, Place(workspace.scope, ENDPOINTS, name))
    if row:
        return row
    others = [one.place.name for one in resources.containers(connection, workspace.scope, ENDPOINTS, limit=10)]
    known = f"There are {', '.join(others)}." if others else "There are none yet."
    raise NotFound(
        f'Batch endpoint "{name}" was not found in workspace "{workspace.workspace}". {known}',
        code="ParentResourceNotFound",
        target="endpoint",
    )


def deployment(connection: Connection, workspace: WorkspaceId, endpoint_name: str, name: str) -> Resource:
    """Returns the row of an endpoint's deployment. Raises NotFound (404) naming those that the endpoint has."""
    row = resources.get(connection, Place(workspace.scope, DEPLOYMENTS, f"{endpoint_name}/{name}"))
    if row:
        return row
    names = deployment_names(connection, workspace, endpoint_name)
    has = f"It has {', '.join(names)}." if names else "It has none yet."
    raise NotFound(f'Batch endpoint "{endpoint_name}" has no deployment "{name}". {has}', target="deployment")


def deployment_names(connection: Connection, workspace: WorkspaceId, endpoint_name: str) -> list[str]:
    """Lists the names of an endpoint's deployments, oldest first."""
    rows = resources.children(connection, workspace.scope, DEPLOYMENTS, endpoint_name)
    return [row.place.name.partition("/")[2] for row in rows]


def default_of(row: Resource) -> str:
    """Returns the name of an endpoint's default deployment, "" when it has none."""
    return str((row.body["properties"].get("defaults") or {}).get("deploymentName") or "")


def is_pipeline(properties: dict[str, Any]) -> bool:
    """Tells a deployment of a pipeline component from one of a model."""
    return bool(properties.get("deploymentConfiguration"))


def complete(given: dict[str, Any]) -> dict[str, Any]:
    """Returns a deployment's properties with what Azure fills in; `{model: {assetId}, miniBatchSize: "5", ...}`.

    Raises BadRequest naming the field that cannot be right, NotImplementedHere for a model that is not registered.
    """
    filled = {name: value for name, value in given.items() if value is not None}
    if is_pipeline(filled):
        return {**filled, **DEFAULTS, "deploymentConfiguration": _configuration(filled)}
    model = fields.nested(filled, "properties.model")
    if not model:
        raise BadRequest(
            "A model deployment needs a model, and a pipeline component deployment a deploymentConfiguration.",
            target="properties.model",
        )
    fields.text(model, "properties.model.assetId", required=True)
    resources_given = fields.nested(filled, "properties.resources")
    return {
        **filled,
        "model": {**model, "referenceType": _reference_type(model)},
        **settings(filled),
        "resources": {**resources_given, "instanceCount": _whole(resources_given, "resources.instanceCount", 1)},
        "environmentVariables": fields.texts(filled, "properties.environmentVariables"),
        "properties": fields.texts(filled, "properties.properties"),
    }


def settings(given: dict[str, Any]) -> dict[str, Any]:
    """Reads what both a deployment and an invocation may say of the run; what is missing gets Azure's default.

    Numbers may be text, as in Azure's own REST examples. Raises BadRequest naming the field and its limits.
    """
    filled = DEFAULTS | {name: value for name, value in given.items() if value is not None}
    return {
        "miniBatchSize": _whole(filled, "miniBatchSize", 10),
        "maxConcurrencyPerInstance": _whole(filled, "maxConcurrencyPerInstance", 1),
        "errorThreshold": _whole(filled, "errorThreshold", -1, least=-1),
        "outputAction": _choice(filled, "outputAction", _OUTPUT_ACTIONS),
        "outputFileName": _file_name(filled),
        "loggingLevel": _choice(filled, "loggingLevel", _LOGGING_LEVELS),
        "retrySettings": _retry_settings(fields.nested(filled, "properties.retrySettings")),
    }


def find_parts(connection: Connection, home: Path, workspace: WorkspaceId, properties: dict[str, Any]) -> Parts:
    """Looks up all that a model deployment names. Raises BadRequest naming the field and what there is instead."""
    code = fields.nested(properties, "properties.codeConfiguration")
    script = fields.text(code, "properties.codeConfiguration.scoringScript")
    reference = fields.text(code, "properties.codeConfiguration.codeId")
    model, model_path = _model(connection, home, workspace, properties["model"]["assetId"])
    environment = fields.text(properties, "properties.environmentId")
    if not code and model.body["properties"].get("modelType") != _MLFLOW:
        raise BadRequest(
            f'Model "{model.place.name}" is not an MLflow model, so the deployment needs a scoring script.',
            target="properties.codeConfiguration",
            hint="Give code_configuration=CodeConfiguration(code=FOLDER, scoring_script=FILE).",
        )
    if code and not environment:
        raise BadRequest("A deployment with a scoring script needs an environment.", target="properties.environmentId")
    with _field("environmentId"):
        if environment:
            registered.find(connection, home, workspace, environment)
    found = _code(connection, home, workspace, reference, script) if code else None
    with _field("compute"):
        name = child_name(fields.text(properties, "properties.compute"), "computes")
        target = computes.find(connection, workspace.scope, name)
        computes.check(target, properties["resources"]["instanceCount"])
    return Parts(model, model_path, found, environment)


def component(connection: Connection, workspace: WorkspaceId, properties: dict[str, Any]) -> Resource:
    """Returns the pipeline component that a deployment names. Raises BadRequest naming the versions that exist."""
    with _field("deploymentConfiguration.componentId"):
        reference = properties["deploymentConfiguration"]["componentId"]["assetId"]
        row = assets.resolve(connection, parse_asset(reference, "components", workspace))
    kind = (row.body["properties"].get("componentSpec") or {}).get("type")
    if kind != "pipeline":
        raise BadRequest(
            f"Component {row.place.name}:{row.place.version} is of type {kind}, but must be a pipeline.",
            target="properties.deploymentConfiguration.componentId",
        )
    return row


def _model(connection: Connection, home: Path, workspace: WorkspaceId, reference: str) -> tuple[Resource, Path]:
    with _field("model.assetId"):
        row = assets.resolve(connection, parse_asset(reference, "models", workspace))
        return row, locate(home, row.body["properties"]["modelUri"], datastores.reader(connection, workspace))


def _code(connection: Connection, home: Path, workspace: WorkspaceId, reference: str, script: str) -> Resource:
    with _field("codeConfiguration"):
        row = assets.resolve(connection, parse_asset(reference, "codes", workspace))
        folder = locate(home, row.body["properties"]["codeUri"], datastores.reader(connection, workspace))
    path = folder / script
    if not script or not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        names = ", ".join(sorted(one.name for one in folder.iterdir())[:20])
        raise BadRequest(
            f'The scoring script "{script}" is not in the uploaded code, which holds {names or "nothing"}.',
            target="properties.codeConfiguration.scoringScript",
        )
    return row


@contextmanager
def _field(name: str) -> Iterator[None]:
    """Says of what is not found, or no reference at all, which field names it."""
    try:
        yield
    except (NotFound, BadRequest) as error:
        raise BadRequest(f"{name}: {error.message}", target=f"properties.{name}", hint=error.hint) from error


def _configuration(filled: dict[str, Any]) -> dict[str, Any]:
    """Reads `{deploymentConfigurationType, componentId: {assetId}, settings: {default_compute, ...}}`."""
    at = "properties.deploymentConfiguration"
    given = fields.nested(filled, at)
    kind = fields.text(given, f"{at}.deploymentConfigurationType", required=True)
    if kind.lower() != PIPELINE.lower():
        raise BadRequest(f'{at}.deploymentConfigurationType is "{kind}", but must be {PIPELINE}.', target=at)
    component = fields.nested(given, f"{at}.componentId")
    fields.text(component, f"{at}.componentId.assetId", required=True)
    return {
        **given,
        "deploymentConfigurationType": PIPELINE,
        "componentId": {**component, "referenceType": _reference_type(component)},
        "settings": {name: one for name, one in fields.nested(given, f"{at}.settings").items() if one is not None},
    }


def _reference_type(reference: dict[str, Any]) -> str:
    kind = str(reference.get("referenceType") or "Id")
    if kind != "Id":
        raise NotImplementedHere(
            f"Lazulite deploys models and components by their id, not by a reference of type {kind}.",
            hint="Register the model first, then name it.",
        )
    return kind


def _retry_settings(given: dict[str, Any]) -> dict[str, Any]:
    filled = _RETRY_DEFAULTS | {name: value for name, value in given.items() if value is not None}
    timeout_s = clock.seconds(filled["timeout"], "retrySettings.timeout", 0)
    if timeout_s <= 0:
        raise BadRequest(
            f"retrySettings.timeout is {filled['timeout']!r}, but must be over 0.",
            target="properties.retrySettings.timeout",
        )
    return {**filled, "maxRetries": _whole(filled, "retrySettings.maxRetries", 3, least=0)}


def _whole(holder: dict[str, Any], path: str, default: int, least: int = 1) -> int:
    name = path.rpartition(".")[2]
    value = holder.get(name)
    if isinstance(value, str) and value.strip().removeprefix("-").isdecimal():
        value = int(value)
    return fields.count({name: value}, f"properties.{path}", default, least=least, most=_INT32)


def _choice(holder: dict[str, Any], name: str, known: tuple[str, ...]) -> str:
    """Returns a word in Azure's spelling; `append_row` and `BatchOutputAction.APPEND_ROW` are read as `AppendRow`.

    The SDK's enums come so where they were printed on the way. Source: azure-ai-ml 1.35.2, BatchDeployment._to_dict.
    """
    value = fields.text(holder, f"properties.{name}")
    for choice in known:
        if choice.lower() == value.rpartition(".")[2].replace("_", "").lower():
            return choice
    raise BadRequest(
        f'properties.{name} is "{value}", but must be one of {", ".join(known)}.', target=f"properties.{name}"
    )


def _file_name(holder: dict[str, Any]) -> str:
    name = fields.text(holder, "properties.outputFileName")
    if not name or name in (".", "..") or "/" in name or "\x00" in name or len(name.encode()) > _NAME_BYTES:
        raise BadRequest(
            f"properties.outputFileName is {name!r}, but must be the name of a file, without folders.",
            target="properties.outputFileName",
        )
    return name
