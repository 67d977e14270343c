"""What `batch-endpoint invoke` asks for: from flags, --set and a YAML file to the body that the endpoint takes."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lazulite.cli.grammar import Arguments, Misuse, flag
from lazulite.cli.session import Session
from lazulite.cli.verbs import SET, readable, sdk

FLAGS = (
    flag("--deployment-name", "-d", help="The deployment to ask, if not the endpoint's default."),
    flag("--file", "-f", type=readable, metavar="YAML", help="A file with inputs, outputs and settings."),
    flag("--input", metavar="DATA", help="A file or folder here, an azureml: asset, an address or an ARM id."),
    flag("--input-type", choices=("uri_folder", "uri_file", "mltable"), help="What kind of data the input is."),
    flag("--output-path", "--outputs-path", metavar="URI", help="Where results go: azureml://datastores/…/paths/…."),
    flag("--mini-batch-size", "-m", type=int, metavar="N", help="Files in a mini-batch, for this job."),
    flag("--instance-count", "-c", type=int, metavar="N", help="Instances, for this job."),
    flag("--job-name", "-j", metavar="NAME", help="The job's name; one is made up if not given."),
    flag("--experiment-name", "-e", metavar="NAME", help="The experiment that the job is listed under."),
    SET,
)

_LITERALS = ("string", "integer", "number", "float", "boolean")
# From a setting of the YAML file, or of --set, to the field of the request: a dot goes a level down in both.
_SETTINGS = {
    "mini_batch_size": "miniBatchSize",
    "instance_count": "compute.instanceCount",
    "compute.instance_count": "compute.instanceCount",
    "compute.target": "compute.target",
    "error_threshold": "errorThreshold",
    "max_concurrency_per_instance": "maxConcurrencyPerInstance",
    "output_file_name": "outputFileName",
    "output_action": "outputAction",
    "logging_level": "loggingLevel",
    "retry_settings.max_retries": "retrySettings.maxRetries",
    "retry_settings.timeout": "retrySettings.timeout",
    "output_dataset.datastore_id": "outputDataset.datastoreId",
    "output_dataset.path": "outputDataset.path",
    "job_name": "name",
    "experiment_name": "properties.experimentName",
    "properties.experiment_name": "properties.experimentName",
    "description": "description",
    "display_name": "displayName",
}
_OF_FLAGS = ("mini_batch_size", "instance_count", "job_name", "experiment_name")
_ELSEWHERE = ("azureml:", "/subscriptions/", "http://", "https://", "wasbs://", "wasb://", "abfss://")


def properties(session: Session, arguments: Arguments) -> dict[str, Any]:
    """Returns `properties` of the request. A file or folder of this machine is uploaded first.

    What flags say wins over --set, and that over the file. Raises Misuse for a setting that nobody knows.
    """
    told = dict(_flat(_read(arguments.file))) if arguments.file else {}
    told.update(_flat(dict(arguments.set)))
    told.update({name: getattr(arguments, name) for name in _OF_FLAGS if getattr(arguments, name) is not None})
    if arguments.input:
        told["inputs.data.path"] = arguments.input
        told["inputs.data.type"] = arguments.input_type or _kind(arguments.input)
    if arguments.output_path:
        told["outputs.score.path"] = arguments.output_path
    named: dict[str, dict[str, dict[str, Any]]] = {"inputs": {}, "outputs": {}}
    made: dict[str, Any] = {}
    for field, value in told.items():
        head, _, rest = field.partition(".")
        name, _, what = rest.partition(".")
        if head in named and what:
            named[head].setdefault(name, {})[what] = value
        elif field in _SETTINGS:
            is_seconds = field == "retry_settings.timeout" and str(value).isdecimal()
            _put(made, _SETTINGS[field], f"PT{value}S" if is_seconds else value)
        else:
            raise Misuse(
                f'"{field}" is no setting of an invocation.', hint=f"There are inputs, outputs, {', '.join(_SETTINGS)}."
            )
    made["inputData"] = {name: _input(session, one) for name, one in named["inputs"].items()}
    made["outputData"] = {name: _output(one) for name, one in named["outputs"].items()}
    return made


def _read(file: str) -> dict[str, Any]:
    import yaml  # only where there is a file

    try:
        found = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise Misuse(f"{file} is no YAML: {error}") from error
    if not isinstance(found, dict):
        raise Misuse(f"{file} must hold an object with inputs, outputs and settings.")
    return {name: value for name, value in found.items() if name != "$schema"}


def _flat(told: Mapping[str, Any], head: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in told.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{head}{name}.")
        else:
            yield f"{head}{name}", value


def _kind(path: str) -> str:
    return "uri_file" if not path.startswith(_ELSEWHERE) and Path(path).is_file() else "uri_folder"


def _put(made: dict[str, Any], field: str, value: Any) -> None:
    *levels, last = field.split(".")
    for level in levels:
        made = made.setdefault(level, {})
    made[last] = value


def _input(session: Session, said: Mapping[str, Any]) -> dict[str, Any]:
    kind = said.get("type") or _kind(str(said.get("path", "")))
    if kind in _LITERALS:
        return {"jobInputType": "Literal", "value": said.get("default", said.get("value"))}
    path = str(said.get("path", ""))
    if path and not path.startswith(_ELSEWHERE):
        if not Path(path).exists():
            raise Misuse(f'"{path}" is no file or folder here.', hint="Write azureml:NAME:VERSION for a data asset.")
        path = sdk().upload(session, path)
    return {"jobInputType": kind, "uri": path}


def _output(said: Mapping[str, Any]) -> dict[str, Any]:
    return {"jobOutputType": said.get("type") or "uri_folder", "uri": said.get("path")}
