"""Reads the body of a parallel job: a command job's, with `parallel` in the place of the command. Pure.

`parallel` holds what the SDK sends, in its own words: wire observations of azure-ai-ml 1.35.2, entities/_builders and
_component/parallel_component. Numbers may be text there. output_file_name and bi_output are ours, for batch endpoints.
"""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lazulite import clock, fields
from lazulite.engine import bindings, spec
from lazulite.engine.spec import Input, JobSpec
from lazulite.errors import BadRequest

MODEL = "azureml_model"
"""The input that a task's model is, if it is an asset."""

# Source: azure-ai-ml 1.35.2 entities/_builders/parallel.py; learn.microsoft.com/azure/machine-learning/
# how-to-use-parallel-job-in-pipeline, automation settings.
_UNITS = {"": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}
_SIZE = re.compile(r"(\d{1,12})([kmg]b)?", re.IGNORECASE)
_BINDING = re.compile(r"\$\{\{\s*(inputs|outputs)\.([\w.]+)\s*\}\}")
_IN_OUTPUT = re.compile(r"\$\{\{\s*outputs\.[\w.]+\s*\}\}(?:/(?!\.\.?(?:/|$))[^/]+)*/?")
_NAME = re.compile(r"(?!\.\.?$)[^/\0]{1,255}")
_LEVELS = ("DEBUG", "INFO", "WARNING")
_RETRIES, _TIMEOUT_S, _LOAD_TIMEOUT_S, _LONGEST_S = 2, 60.0, 600.0, 259_200.0
_MOST = (1 << 31) - 1
_FILE_NAME = "parallel_run_step.txt"  # Source: azureml-pipeline-steps, ParallelRunConfig, append_row_file_name
_WITHOUT_EFFECT = (
    "--copy_logs_to_parent",
    "--first_task_creation_timeout",
    "--metrics_name_prefix",
    "--push_metrics_to_parent",
    "--resource_monitor_interval",
)


@dataclass(frozen=True)
class Parallel(JobSpec):
    """One body of a parallel job, read.

    script: "" for a model of MLflow by itself. arguments: with bindings. input_data: the name of the input that is
    split. mini_batch_size: files, or bytes of a table; 0 for the default. concurrency: workers per node, 0 for as many
    as there are cores. append_to: where rows go, with bindings, "" for nowhere. output: the name of the output that
    scripts are told of, "" for none. model: the name of the input that is the model, "" for none. unheard: arguments
    that Azure hears and Lazulite does not.
    """

    script: str
    arguments: str
    input_data: str
    mini_batch_size: int
    partition_keys: tuple[str, ...]
    concurrency: int
    tries: int
    timeout_s_each: float
    load_timeout_s: float
    init_timeout_s: float
    error_threshold: int
    mini_batch_error_threshold: int
    allowed_failed_percent: float
    logging_level: str
    append_to: str
    file_name: str
    output: str
    model: str
    unheard: tuple[str, ...]


def spec_of(properties: Mapping[str, Any]) -> Parallel:
    """Reads `properties` of a job whose jobType is Parallel.

    Raises BadRequest naming the field that cannot be right, NotImplementedHere for what Lazulite does not do.
    """
    said = fields.nested(properties, "properties.parallel")
    task = fields.nested(said, "properties.parallel.task")
    base = spec.spec_of(
        {
            **properties,
            "command": "python -m lazulite.batch",
            "codeId": properties.get("codeId") or _bare(task, "code"),
            "environmentId": properties.get("environmentId") or _bare(task, "environment"),
        }
    )
    inputs, model = _with_model(base.inputs, _bare(task, "model"))
    arguments = fields.text(task, "properties.parallel.task.program_arguments")
    append_to = _append_to(task)
    script = fields.text(task, "properties.parallel.task.entry_script")
    if not script and not model:
        raise BadRequest("A parallel job needs a task with an entry_script.", target="properties.parallel.task")
    input_data = _bound(said, "input_data", "inputs", base.names)
    settings = _settings(said, _split(arguments))
    keys = _keys(said.get("partition_keys"))
    made = Parallel(
        **{**base.__dict__, "inputs": tuple(_seen(one, input_data) for one in inputs)},
        script=script,
        arguments=arguments,
        input_data=input_data,
        # The SDK sends 0 with keys, which are what splits the table then.
        mini_batch_size=_size(said.get("mini_batch_size") or None if keys else said.get("mini_batch_size")),
        partition_keys=keys,
        concurrency=_whole(said.get("max_concurrency_per_instance"), "max_concurrency_per_instance", 0, least=1),
        append_to=append_to,
        file_name=_file_name(said),
        output=_output(said, append_to, base),
        model=model,
        **settings,
    )
    for field, text in (("task.program_arguments", arguments), ("task.append_row_to", append_to)):
        bindings.bind(text, made.names, f"parallel.{field}")
    return made


def words(made: Parallel, values: Mapping[str, str]) -> list[str]:
    """Returns the script's arguments as it finds them in sys.argv; values: what is bound, which may hold spaces."""
    quoted = {name: shlex.quote(value) for name, value in values.items()}
    return _split(bindings.bind(made.arguments, quoted, "parallel.task.program_arguments"))


def _split(arguments: str) -> list[str]:
    try:
        return shlex.split(arguments)
    except ValueError as error:
        raise _wrong("task.program_arguments", arguments, f"words as a shell has them ({error})") from error


def _settings(said: Mapping[str, Any], arguments: Sequence[str]) -> dict[str, Any]:
    """Returns the thresholds and limits; those that Azure reads from the script's arguments win."""
    retries = fields.nested(said, "properties.parallel.retry_settings")
    given = _predefined(arguments)
    timeout_s = _seconds(retries.get("timeout"), "retry_settings.timeout", _TIMEOUT_S)
    threshold = given.get("--error_threshold", said.get("error_threshold"))
    percent = given.get("--allowed_failed_percent")
    return {
        "tries": 1 + _whole(retries.get("max_retries"), "retry_settings.max_retries", _RETRIES, least=0),
        "timeout_s_each": timeout_s,
        "load_timeout_s": _seconds(given.get("--task_overhead_timeout"), "--task_overhead_timeout", _LOAD_TIMEOUT_S),
        # Source: v1/how-to-debug-parallel-run-step, what happens if init fails; there it is the whole job's progress.
        "init_timeout_s": _seconds(
            given.get("--progress_update_timeout"), "--progress_update_timeout", 3 * timeout_s + 30
        ),
        "error_threshold": _whole(threshold, "error_threshold", -1, least=-1),
        "mini_batch_error_threshold": _whole(
            said.get("mini_batch_error_threshold"), "mini_batch_error_threshold", -1, least=-1
        ),
        "allowed_failed_percent": float(_whole(percent, "--allowed_failed_percent", 100, least=0)),
        "logging_level": _level(said.get("logging_level")),
        "unheard": tuple(name for name in _WITHOUT_EFFECT if name in given),
    }


def _predefined(arguments: Sequence[str]) -> dict[str, str]:
    """Returns the arguments that begin with two dashes, each with the word behind it, `{"--error_threshold": "5"}`."""
    found = {}
    for at, word in enumerate(arguments):
        name, equals, value = word.partition("=")
        if name.startswith("--"):
            found[name] = value if equals else "".join(arguments[at + 1 : at + 2])
    return found


def _bare(task: Mapping[str, Any], name: str) -> str:
    """Returns a reference without `azureml:` before it; the SDK takes that even from `azureml://registries/…`."""
    text = fields.text(task, f"properties.parallel.task.{name}")
    return f"azureml:{text}" if text.startswith("//") else re.sub(r"^azureml:(?!//)", "", text)


def _with_model(inputs: Sequence[Input], model: str) -> tuple[list[Input], str]:
    """Returns the inputs with the task's model among them, and its name."""
    match = _BINDING.fullmatch(model)
    if not model:
        return list(inputs), ""
    if not match:
        return [*inputs, Input(MODEL, "custom_model", model, is_contained=True)], MODEL
    if match[2] not in {one.name for one in inputs}:
        raise BadRequest(
            f"parallel.task.model is {model}, but there is no such input.", target="properties.parallel.task"
        )
    return [replace(one, is_contained=one.name == match[2]) for one in inputs], match[2]


def _seen(one: Input, input_data: str) -> Input:
    """Returns an input as the conductor needs it: what is split must be here, whatever its mode."""
    is_split = one.name == input_data and (one.mode == "Direct" or one.mode.startswith("Eval"))
    return replace(one, mode="ReadOnlyMount") if is_split else one


def _bound(said: Mapping[str, Any], field: str, kind: str, names: Mapping[str, str]) -> str:
    """Returns the name that a field is bound to, `${{inputs.data}}` -> `data`."""
    at = f"properties.parallel.{field}"
    text = fields.text(said, at, required=True)
    match = _BINDING.fullmatch(text)
    if not match or match[1] != kind or f"{kind}.{match[2]}" not in names:
        known = ", ".join(sorted(name for name in names if name.startswith(f"{kind}."))) or "none"
        raise BadRequest(f"{at} is {text!r}, but must be ${{{{{kind}.NAME}}}}. The job has {known}.", target=at)
    return match[2]


def _output(said: Mapping[str, Any], append_to: str, base: JobSpec) -> str:
    if said.get("bi_output"):
        return _bound(said, "bi_output", "outputs", base.names)
    match = _BINDING.match(append_to)
    folders = [one.name for one in base.outputs if one.kind != "uri_file"]
    return match[2] if match and match[2] in folders else next(iter(folders), "")


def _append_to(task: Mapping[str, Any]) -> str:
    text = fields.text(task, "properties.parallel.task.append_row_to")
    if text and not _IN_OUTPUT.fullmatch(text):
        raise _wrong(
            "task.append_row_to", text, "an output, ${{outputs.NAME}}, or a file in one, ${{outputs.NAME}}/FILE"
        )
    return text


def _file_name(said: Mapping[str, Any]) -> str:
    name = fields.text(said, "properties.parallel.output_file_name") or _FILE_NAME
    if not _NAME.fullmatch(name):
        raise _wrong("output_file_name", name, "the name of a file, without folders")
    return name


def _size(value: Any) -> int:
    if value is None:
        return 0
    match = _SIZE.fullmatch(str(value).strip())
    size = int(match[1]) * _UNITS[(match[2] or "").lower()] if match else 0
    if size < 1:
        raise _wrong("mini_batch_size", value, "a number of files, or of bytes such as 10kb")
    return size


def _keys(value: Any) -> tuple[str, ...]:
    """Reads a list, or the JSON of one, which is what the SDK sends."""
    try:
        found = json.loads(value) if isinstance(value, str) and value else value or []
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise _wrong("partition_keys", value, "a list of names")
    return tuple(found)


def _level(value: Any) -> str:
    level = str(value or "INFO").upper()
    if level not in _LEVELS:
        raise _wrong("logging_level", value, f"one of {', '.join(_LEVELS)}")
    return level


def _whole(value: Any, field: str, default: int, *, least: int) -> int:
    if value is None or value == "":
        return default
    try:
        number = int(str(value))
    except ValueError:
        number = least - 1
    if not least <= number <= _MOST:
        raise _wrong(field, value, f"a whole number from {least}")
    return number


def _seconds(value: Any, field: str, default: float) -> float:
    if isinstance(value, str) and value.startswith("P"):
        seconds = clock.seconds(value, f"parallel.{field}", 0)
    else:
        seconds = default if value in (None, "") else _number(value)
    if not 0 < seconds <= _LONGEST_S:
        raise _wrong(field, value, f"over 0 and at most {_LONGEST_S:g} seconds")
    return seconds


def _number(value: Any) -> float:
    try:
        return float(str(value))
    except ValueError:
        return 0.0


def _wrong(field: str, value: Any, wanted: str) -> BadRequest:
    return BadRequest(f"{field} is {value!r}, but must be {wanted}.", target=f"properties.parallel.{field}")
