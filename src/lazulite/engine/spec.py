"""Reads the body of a command job: what it says, checked as far as it can be without looking anything up."""

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lazulite import clock, fields
from lazulite.engine import bindings, services
from lazulite.engine.services import InteractiveProgram
from lazulite.errors import BadRequest
from lazulite.ids import child_name

LITERAL = "literal"
MODELS = ("mlflow_model", "custom_model", "triton_model")
TYPES = ("uri_file", "uri_folder", "mltable", *MODELS)
# Source: learn.microsoft.com/azure/machine-learning/reference-yaml-job-command, inputs.<input_name>.mode: rw_mount is
# for outputs only; the eval modes are for mltable only.
INPUT_MODES = ("ReadOnlyMount", "Download", "Direct", "EvalMount", "EvalDownload")
OUTPUT_MODES = ("ReadWriteMount", "Upload", "Direct")
DISTRIBUTIONS = ("PyTorch", "Mpi", "TensorFlow", "Ray")
_LAST_PORT = 65535

# Source: azure-ai-ml 1.35.2 entities/_job/_input_output_helpers.py, validate_key_contains_allowed_characters.
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Input:
    """One input. kind: `literal` or one of TYPES; text: the literal's value, or the URI of all else.

    is_contained: a folder, too, is placed in one that holds nothing else, under its own name.
    """

    name: str
    kind: str
    text: str
    mode: str = "ReadOnlyMount"
    is_contained: bool = False


@dataclass(frozen=True)
class Output:
    """One output. uri: "" for the default place; asset: the name under which it is registered, "" for none."""

    name: str
    kind: str
    uri: str = ""
    mode: str = "ReadWriteMount"
    asset: str = ""
    asset_version: str = ""
    description: str = ""


@dataclass(frozen=True)
class Ray:
    """A cluster of Ray. address: of the head of one that is there; head_args, worker_args: flags of `ray start`."""

    port: int = 0
    address: str = ""
    has_dashboard: bool = False
    dashboard_port: int = 0
    head_args: str = ""
    worker_args: str = ""


@dataclass(frozen=True)
class Distribution:
    """How many processes are started. kind: one of DISTRIBUTIONS. workers, servers: TensorFlow's; ray: Ray's."""

    kind: str
    per_node: int = 1
    workers: int = 0
    servers: int = 0
    ray: Ray | None = None


@dataclass(frozen=True)
class JobSpec:
    """One body of a command job, read. References are as sent; "" means none."""

    command: str
    code: str
    environment: str
    compute: str
    instance_type: str
    nodes: int
    distribution: Distribution | None
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    variables: dict[str, str]
    timeout_s: float | None
    services: tuple[InteractiveProgram, ...]

    @property
    def names(self) -> dict[str, str]:
        """Returns what a command can be bound to, each bound to itself."""
        inputs = (f"inputs.{one.name}" for one in self.inputs)
        outputs = (f"outputs.{one.name}" for one in self.outputs)
        return {name: name for name in (*inputs, *outputs)}


def spec_of(properties: Mapping[str, Any]) -> JobSpec:
    """Reads `properties` of a job whose jobType is Command; shapes: wire observations of azure-ai-ml 1.35.2.

    Raises BadRequest naming the field that cannot be right.
    """
    resources = fields.nested(properties, "properties.resources")
    nodes = fields.count(resources, "properties.resources.instanceCount", 1)
    spec = JobSpec(
        command=fields.text(properties, "properties.command", required=True),
        code=fields.text(properties, "properties.codeId"),
        environment=fields.text(properties, "properties.environmentId", required=True),
        compute=child_name(fields.text(properties, "properties.computeId"), "computes"),
        instance_type=fields.text(resources, "properties.resources.instanceType"),
        nodes=nodes,
        distribution=_distribution(fields.nested(properties, "properties.distribution"), nodes),
        inputs=tuple(_input(name, one) for name, one in fields.objects(properties, "properties.inputs")),
        outputs=outputs_of(properties),
        variables=_variables(properties),
        timeout_s=_timeout_s(fields.nested(properties, "properties.limits")),
        services=services.read(properties),
    )
    bindings.bind(spec.command, spec.names, "command")
    return spec


def outputs_of(properties: Mapping[str, Any]) -> tuple[Output, ...]:
    """Reads the outputs of a body of any jobType. Raises BadRequest naming the field that cannot be right."""
    return tuple(
        _output(name, one) for name, one in fields.objects(properties, "properties.outputs") if name != "default"
    )


def _choice(value: Any, known: Iterable[str], field: str) -> str:
    """Returns a word in its known spelling; older clients write `UriFolder` for `uri_folder`."""
    bare = value.replace("_", "").lower() if isinstance(value, str) else None
    for choice in known:
        if choice.replace("_", "").lower() == bare:
            return choice
    raise BadRequest(f"{field} is {value!r}, but must be one of {', '.join(known)}.", target=f"properties.{field}")


def _input(name: str, value: dict[str, Any]) -> Input:
    field = f"inputs.{name}"
    _check_key(name, field)
    kind = _choice(value.get("jobInputType"), (LITERAL, *TYPES), f"{field}.jobInputType")
    if kind == LITERAL:
        literal = value.get("value")
        if not isinstance(literal, str | int | float):
            raise BadRequest(f"{field}.value must be text, but is {literal!r}.", target=f"properties.{field}.value")
        return Input(name, kind, str(literal), "Direct")
    uri = fields.text(value, f"properties.{field}.uri", required=True)
    mode = _choice(value.get("mode") or "ReadOnlyMount", INPUT_MODES, f"{field}.mode")
    if mode.startswith("Eval") and kind != "mltable":
        raise BadRequest(f"{field}.mode is {mode}, which is for mltable only.", target=f"properties.{field}.mode")
    return Input(name, kind, uri, mode)


def _output(name: str, value: dict[str, Any]) -> Output:
    field = f"outputs.{name}"
    _check_key(name, field)
    at = f"properties.{field}"
    return Output(
        name=name,
        kind=_choice(value.get("jobOutputType") or "uri_folder", TYPES, f"{field}.jobOutputType"),
        uri=fields.text(value, f"{at}.uri"),
        mode=_choice(value.get("mode") or "ReadWriteMount", OUTPUT_MODES, f"{field}.mode"),
        asset=fields.text(value, f"{at}.assetName"),
        asset_version=fields.text(value, f"{at}.assetVersion"),
        description=fields.text(value, f"{at}.description"),
    )


def _check_key(name: str, field: str) -> None:
    if not all(_KEY.fullmatch(part) for part in name.split(".")):
        raise BadRequest(
            f'{field}: "{name}" is no name for an input or output: it must be letters, digits and "_", '
            "and not begin with a digit.",
            target=f"properties.{field}",
        )


def _variables(properties: Mapping[str, Any]) -> dict[str, str]:
    at = "properties.environmentVariables"
    found = fields.texts(properties, at)
    for name, value in found.items():
        if not name or "=" in name or "\x00" in name + value:
            raise BadRequest(f"{at}.{name} cannot be an environment variable: {value!r}.", target=f"{at}.{name}")
    return found


def _distribution(value: Mapping[str, Any], nodes: int) -> Distribution | None:
    if not value:
        return None
    field = "distribution"
    kind = _choice(value.get("distributionType"), DISTRIBUTIONS, f"{field}.distributionType")
    at = f"properties.{field}"
    if kind == "Ray":
        return Distribution(kind, ray=_ray(value, at))
    if kind == "TensorFlow":
        workers = fields.count(value, f"{at}.workerCount", nodes)
        servers = fields.count(value, f"{at}.parameterServerCount", 0, least=0)
        return Distribution(kind, workers=workers, servers=servers)
    return Distribution(kind, fields.count(value, f"{at}.processCountPerInstance", 1))


def _ray(value: Mapping[str, Any], at: str) -> Ray:
    """Source: azure-ai-ml 1.35.2 entities/_job/distribution.py, RayDistribution."""
    return Ray(
        port=fields.count(value, f"{at}.port", 0, least=0, most=_LAST_PORT),
        address=fields.text(value, f"{at}.address"),
        has_dashboard=fields.flag(value, f"{at}.includeDashboard"),
        dashboard_port=fields.count(value, f"{at}.dashboardPort", 0, least=0, most=_LAST_PORT),
        head_args=_flags(value, f"{at}.headNodeAdditionalArgs"),
        worker_args=_flags(value, f"{at}.workerNodeAdditionalArgs"),
    )


def _flags(value: Mapping[str, Any], path: str) -> str:
    text = fields.text(value, path)
    try:
        shlex.split(text)
    except ValueError as error:
        raise BadRequest(f"{path.partition('.')[2]} is {text!r}: {error}.", target=path) from error
    return text


def _timeout_s(limits: Mapping[str, Any]) -> float | None:
    if limits.get("timeout") is None:
        return None
    timeout_s = clock.seconds(limits["timeout"], "limits.timeout", 0)
    if timeout_s <= 0:
        raise BadRequest(f"limits.timeout is {limits['timeout']!r}, but must be over 0.", target="properties.limits")
    return timeout_s
