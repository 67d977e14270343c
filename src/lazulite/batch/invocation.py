"""From the body that invokes a batch endpoint, and the deployment that answers, to the pipeline job that does the work.

Reads bodies and looks up where data lies; writes nothing.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from lazulite import clock, fields
from lazulite.artifacts.locate import locate
from lazulite.batch import deployments
from lazulite.engine import references, sources
from lazulite.errors import BadRequest, LazuliteError
from lazulite.ids import AssetId, WorkspaceId, check_name, parse_asset, parse_datastore
from lazulite.store import assets, datastores
from lazulite.store.resources import Resource

# The names that clients look for. Source: azure-ai-ml 1.35.2 operations/_job_operations.py, download and
# _get_batch_job_scoring_output_uri; constants/_job/pipeline.py, PIPELINE_JOB_TYPE.
STEP, OUTPUT = "batchscoring", "score"
_INPUT = "job_data_path"
_ANONYMOUS = "azureml_anonymous"
_IS_BATCH = {"azureml.batchrun": "true"}
_IS_PIPELINE = {"azureml.jobtype": "azureml.pipelinejob"}
# What a job's run says of where it comes from; lists of jobs are found by them.
ENDPOINT_PROPERTY, DEPLOYMENT_PROPERTY = "azureml.batchEndpoint", "azureml.batchDeployment"

# Source: azure-ai-ml 1.35.2 _schema/_deployment/batch/batch_job.py; learn.microsoft.com/azure/machine-learning/
# how-to-access-data-batch-endpoints-jobs, whose examples write `InputData` and `JobInputType`.
FIELDS = (
    "inputData",
    "outputData",
    "dataset",
    "outputDataset",
    "compute",
    "name",
    "properties",
    "description",
    "displayName",
    "tags",
    *deployments.DEFAULTS,
    "retrySettings",
)
_LITERAL = "literal"
_TYPES = ("uri_folder", "uri_file", "mltable", "mlflow_model", "custom_model", "triton_model")
_IN_DATASTORE = re.compile(
    r"(?:azureml:)?/?(?P<subscription>subscriptions/[^/]+)/(?P<group>resourcegroups/[^/]+)/providers/[^/]+"
    r"/(?P<rest>workspaces/[^/]+/datastores/[^/]+/paths/.*)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Asked:
    """One invocation, read. inputs, outputs: ARM's, by name. overrides, compute: what holds for this job only."""

    name: str
    experiment: str
    about: dict[str, Any]
    inputs: dict[str, dict[str, Any]]
    outputs: dict[str, dict[str, Any]]
    overrides: dict[str, Any]
    compute: dict[str, Any]


def read(connection: Connection, home: Path, workspace: WorkspaceId, body: Mapping[str, Any]) -> Asked:
    """Reads `{properties: {inputData: {name: {jobInputType, uri | value}}, outputData, ...}}`, keys in any case.

    Raises BadRequest naming the field that cannot be right, or that nobody knows.
    """
    outer = fields.nested(_lower(body), "properties")
    known = {name.lower(): name for name in FIELDS}
    unknown = sorted(name for name in outer if name.lower() not in known)
    if unknown:
        raise BadRequest(
            f"properties.{unknown[0]} is no field of an invocation. There are {', '.join(FIELDS)}.",
            target=f"properties.{unknown[0]}",
        )
    given = {known[name]: value for name, value in _lower(outer).items() if value is not None}
    look = _Look(connection, home, workspace)
    about: dict[str, Any] = {name: given[name] for name in ("description", "displayName", "tags") if name in given}
    return Asked(
        name=check_name(given["name"], "job") if fields.text(given, "properties.name") else "",
        experiment=fields.text(_lower(fields.nested(given, "properties.properties")), "properties.experimentname"),
        about=about,
        inputs=look.inputs(given),
        outputs=look.outputs(given),
        overrides={name: value for name, value in given.items() if name in (*deployments.DEFAULTS, "retrySettings")},
        compute=_lower(fields.nested(given, "properties.compute")),
    )


def _lower(holder: Mapping[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in holder.items()}


@dataclass(frozen=True)
class _Look:
    """Finds what inputs and outputs mean."""

    connection: Connection
    home: Path
    workspace: WorkspaceId

    def inputs(self, given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Returns the inputs as jobs have them; the old `dataset` is the one input of a body that has it."""
        named = {**fields.nested(given, "properties.inputData")}
        if "dataset" in given:
            named["dataset"] = {"uri": self._old_dataset(given["dataset"])}
        return {name: self._input(name, value) for name, value in named.items()}

    def _old_dataset(self, value: Any) -> str:
        """Returns the URI of `{dataInputType: DataUrl | DatasetVersion | DatasetId, ...}`, or of an asset's id.

        Source: Azure/azureml-examples cli/batch-score-rest.sh; azure-ai-ml 1.35.2, BatchJobSchema.dataset.
        """
        if isinstance(value, str):
            return value
        found = _lower(fields.nested({"dataset": value}, "properties.dataset"))
        if found.get("datasetname"):
            name, version = (
                fields.text(found, f"properties.dataset.{one}") for one in ("datasetname", "datasetversion")
            )
            return f"azureml:{name}:{version}" if version else f"azureml:{name}@latest"
        return fields.text(found, "properties.dataset.path") or fields.text(
            found, "properties.dataset.datasetid", required=True
        )

    def _input(self, name: str, value: Any) -> dict[str, Any]:
        at = f"properties.inputData.{name}"
        found = _lower(fields.nested({name: value}, at))
        kind = fields.text(found, f"{at}.jobinputtype") or "uri_folder"
        if kind.lower() == _LITERAL:
            return {"jobInputType": _LITERAL, "value": _literal(found.get("value"), at)}
        kind = _choice(kind, f"{at}.jobInputType")
        uri = _uri(fields.text(found, f"{at}.uri", required=True))
        try:
            kind, uri = self._found(kind, uri)
        except LazuliteError as error:
            raise BadRequest(f"{at}: {error.message}", target=at, hint=error.hint) from error
        return {"jobInputType": kind, "uri": uri, "mode": "ReadOnlyMount"}

    def _found(self, said: str, uri: str) -> tuple[str, str]:
        """Returns what an input truly is, and its URI with a label made a version.

        Clients say uri_folder where they were told nothing.

        Source: azure-ai-ml 1.35.2 entities/_inputs_outputs/input.py, the default of Input.type.
        """
        asset = references.asset_of(uri, said, self.workspace)
        if asset:
            row = assets.resolve(self.connection, asset)
            kind = row.body["properties"].get("dataType") or row.body["properties"].get("modelType")
            return str(kind), str(replace(asset, version=row.place.version, label=None))
        place = references.resolve(self.connection, self.workspace, uri)
        if sources.is_elsewhere(self.home, place):
            return said, uri
        path = locate(self.home, place, datastores.reader(self.connection, self.workspace))
        if said in ("uri_folder", "uri_file"):
            return "uri_file" if path.is_file() else "uri_folder", uri
        return said, uri

    def outputs(self, given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Returns the outputs as jobs have them; the old `outputDataset` is the one output of a body that has it."""
        named = {**fields.nested(given, "properties.outputData")}
        old = _lower(fields.nested(given, "properties.outputDataset"))
        if old:
            store = fields.text(old, "properties.outputDataset.datastoreid", required=True)
            path = fields.text(old, "properties.outputDataset.path").strip("/")
            named[OUTPUT] = {"uri": f"{store}/paths/{path}/", "jobOutputType": "uri_folder"}
        return {name: self._output(name, value) for name, value in named.items()}

    def _output(self, name: str, value: Any) -> dict[str, Any]:
        at = f"properties.outputData.{name}"
        found = _lower(fields.nested({name: value}, at))
        kind = _choice(fields.text(found, f"{at}.joboutputtype") or "uri_folder", f"{at}.jobOutputType")
        uri = _uri(fields.text(found, f"{at}.uri"))
        if uri and not parse_datastore(uri):
            raise BadRequest(
                f'{at}.uri is "{uri}", but must name a path in a datastore.',
                target=at,
                hint="Write azureml://datastores/NAME/paths/PATH.",
            )
        return {"jobOutputType": kind, **({"uri": uri} if uri else {})}


def _literal(value: Any, at: str) -> str:
    """Source: azure-ai-ml 1.35.2 entities/_job/_input_output_helpers.py, literals are text, booleans `True`."""
    if not isinstance(value, str | int | float):
        raise BadRequest(f"{at}.value must be text, a number or a truth, but is {value!r}.", target=f"{at}.value")
    return str(value)


def _choice(word: str, at: str) -> str:
    for choice in _TYPES:
        if choice.replace("_", "") == word.replace("_", "").lower():
            return choice
    raise BadRequest(f'{at} is "{word}", but must be one of {", ".join((_LITERAL, *_TYPES))}.', target=at)


def _uri(text: str) -> str:
    """Returns a URI as the rest of the platform reads it.

    A datastore's ARM id with a path, as Azure's documents have it, becomes `azureml://`; slashes that scripts have put
    twice become one; `versions/labels/latest`, as Azure's REST example writes it, becomes `labels/latest`.
    """
    stored = _IN_DATASTORE.fullmatch(text)
    if stored:
        text = f"azureml://{stored['subscription']}/{stored['group'].lower()}/{stored['rest']}"
    if text.startswith("azureml://"):
        head, scheme, rest = text.partition("://")
        text = f"{head}{scheme}{re.sub('/{2,}', '/', rest)}"
    return text.replace("/versions/labels/", "/labels/")


@dataclass(frozen=True)
class Work:
    """What an invocation becomes. body: ARM's `properties` of a Pipeline. component: of its step, to be registered."""

    body: dict[str, Any]
    component: AssetId | None = None
    component_spec: dict[str, Any] = field(default_factory=dict)


def work(
    connection: Connection, home: Path, workspace: WorkspaceId, deployed: Resource, asked: Asked, environment: str
) -> Work:
    """Returns the job that a deployment makes of an invocation.

    environment: what an MLflow model asks for by itself, where its deployment has none. Raises BadRequest.
    """
    endpoint = deployed.place.name.partition("/")[0]
    about = {"displayName": endpoint, **asked.about, "experimentName": asked.experiment or endpoint}
    properties = {ENDPOINT_PROPERTY: endpoint, DEPLOYMENT_PROPERTY: deployed.place.name}
    tags = {**fields.texts(about, "properties.tags"), **_IS_BATCH}
    shared = {"jobType": "Pipeline", **about, "tags": tags, "properties": properties, "inputs": asked.inputs}
    if not deployments.is_pipeline(deployed.body["properties"]):
        told = _told(deployed.body["properties"], asked)
        deployments.find_parts(connection, home, workspace, told)
        return _scoring(workspace, shared, told, asked, environment)
    configuration = deployed.body["properties"]["deploymentConfiguration"]
    component, outputs = _component(connection, workspace, configuration)
    body = {**shared, "tags": {**tags, **_IS_PIPELINE}, "componentId": component, "outputs": outputs | asked.outputs}
    return Work({**body, "settings": configuration["settings"]})


def _scoring(
    workspace: WorkspaceId, shared: dict[str, Any], told: dict[str, Any], asked: Asked, environment: str
) -> Work:
    """Returns the pipeline of one parallel step that a model deployment runs."""
    name, kind = _one_input(asked)
    output, told["outputFileName"] = _one_output(asked, told["outputFileName"])
    spec = _component_spec(told, kind, environment)
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).digest()
    component = AssetId(workspace, "components", _ANONYMOUS, version=str(uuid.UUID(bytes=digest[:16])))
    step = {
        "type": "parallel",
        "name": STEP,
        "componentId": str(component),
        "inputs": {_INPUT: {"value": f"${{{{parent.inputs.{name}}}}}", "job_input_type": _LITERAL}},
        "outputs": {OUTPUT: {"value": f"${{{{parent.outputs.{OUTPUT}}}}}", "type": _LITERAL}},
        **_settings(told),
    }
    body = {
        **shared,
        "outputs": {OUTPUT: output},
        "settings": {"force_rerun": True, "continue_on_step_failure": False},
        "jobs": {STEP: step},
    }
    return Work(body, component, {**spec, "version": component.version})


def _component(
    connection: Connection, workspace: WorkspaceId, configuration: dict[str, Any]
) -> tuple[str, dict[str, dict[str, Any]]]:
    """Returns the id of the version that is meant now, as a label means another one tomorrow, and its outputs."""
    wanted = parse_asset(configuration["componentId"]["assetId"], "components", workspace)
    found = assets.resolve(connection, wanted)
    outputs = fields.nested(found.body["properties"]["componentSpec"], "componentSpec.outputs")
    kinds = {name: {"jobOutputType": one.get("type") or "uri_folder"} for name, one in outputs.items()}
    return str(replace(wanted, version=found.place.version, label=None)), kinds


def _told(deployed: dict[str, Any], asked: Asked) -> dict[str, Any]:
    """Returns a deployment's properties as they hold for this job, where the invocation's settings win."""
    retry = {**deployed["retrySettings"], **fields.nested(asked.overrides, "properties.retrySettings")}
    settings = deployments.settings({**deployed, **asked.overrides, "retrySettings": retry})
    resources = dict(deployed["resources"])
    for name in ("instanceCount", "instanceType"):
        if asked.compute.get(name.lower()) is not None:
            resources[name] = asked.compute[name.lower()]
    target = fields.text(asked.compute, "properties.compute.target")
    compute = {"compute": target} if target and target != "local" else {}
    return deployments.complete({**deployed, **settings, "resources": resources, **compute})


def _one_input(asked: Asked) -> tuple[str, str]:
    """Returns name and type of the one input that a model deployment takes.

    Source: learn.microsoft.com/azure/machine-learning/how-to-access-data-batch-endpoints-jobs, the table of types.
    """
    found = [(name, str(one["jobInputType"])) for name, one in asked.inputs.items()]
    if len(found) != 1 or found[0][1] == _LITERAL:
        given = ", ".join(f"{name} ({kind})" for name, kind in found) or "none"
        raise BadRequest(
            f"A model deployment takes exactly one data input and no literals; the invocation has {given}.",
            target="properties.inputData",
            hint="Give it a file or a folder, as `input=Input(path=...)` does.",
        )
    return found[0]


def _one_output(asked: Asked, file_name: str) -> tuple[dict[str, Any], str]:
    """Returns where the results go and what their file is called. The output's name does not matter.

    An address of a file names both. One of type uri_file without an extension is taken for a folder, as in Azure's
    own example of a "unique path". Source: learn.microsoft.com, as above, "Create jobs with data outputs".
    """
    if len(asked.outputs) > 1:
        raise BadRequest(
            f"A model deployment has one output; the invocation names {', '.join(asked.outputs)}.",
            target="properties.outputData",
        )
    for output in asked.outputs.values():
        folder, _, last = output.get("uri", "").rpartition("/")
        if output["jobOutputType"] == "uri_file" and "." in last:
            return {"jobOutputType": "uri_folder", "uri": f"{folder}/"}, last
        return {**output, "jobOutputType": "uri_folder"}, file_name
    return {"jobOutputType": "uri_folder"}, file_name


def _component_spec(told: dict[str, Any], kind: str, environment: str) -> dict[str, Any]:
    """Returns the spec of the component that scores: what runs, on what. It never stands for an earlier run."""
    code = told.get("codeConfiguration") or {}
    task = {
        "type": "run_function",
        "model": told["model"]["assetId"],
        "code": code.get("codeId"),
        "entry_script": code.get("scoringScript"),
        "environment": told.get("environmentId") or environment,
        "append_row_to": f"${{{{outputs.{OUTPUT}}}}}" if told["outputAction"] == "AppendRow" else None,
    }
    return {
        "name": _ANONYMOUS,
        "display_name": STEP,
        "type": "parallel",
        "is_deterministic": False,
        "inputs": {_INPUT: {"type": kind}},
        "outputs": {OUTPUT: {"type": "uri_folder"}},
        "input_data": f"${{{{inputs.{_INPUT}}}}}",
        "task": {name: value for name, value in task.items() if value},
    }


def _settings(told: dict[str, Any]) -> dict[str, Any]:
    """Returns a parallel step's settings: the SDK's own, and two that only batch endpoints have."""
    resources = {"instance_count": told["resources"]["instanceCount"]}
    if told["resources"].get("instanceType"):
        resources["instance_type"] = told["resources"]["instanceType"]
    retry = told["retrySettings"]
    return {
        **({"computeId": told["compute"]} if told.get("compute") else {}),
        "resources": resources,
        "environment_variables": told["environmentVariables"],
        "mini_batch_size": told["miniBatchSize"],
        "max_concurrency_per_instance": told["maxConcurrencyPerInstance"],
        "error_threshold": told["errorThreshold"],
        "logging_level": told["loggingLevel"].upper(),
        "retry_settings": {
            "max_retries": retry["maxRetries"],
            "timeout": clock.seconds(retry["timeout"], "retrySettings.timeout", 30),
        },
        "output_file_name": told["outputFileName"],
        "bi_output": f"${{{{outputs.{OUTPUT}}}}}",
    }
