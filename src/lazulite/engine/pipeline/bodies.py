"""From a step to the body of the job that it becomes: its component's, with what the step says over it. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lazulite import fields
from lazulite.catalog.distributions import NUMBERS
from lazulite.engine.pipeline import components, values
from lazulite.engine.pipeline.components import Component, Port
from lazulite.engine.pipeline.graph import AUTOML, JOB_TYPES, Step
from lazulite.engine.pipeline.values import INPUT, OUTPUT, Value, World
from lazulite.engine.references import ARTIFACTS
from lazulite.engine.spec import LITERAL, TYPES
from lazulite.errors import BadRequest
from lazulite.ids import child_name

# What keeps the place of a value that is yet to be made while a body is checked.
_PENDING_URI = "azureml://datastores/workspaceblobstore/paths/pending"
_PENDING_LITERAL = {"integer": "1", "number": "1", "boolean": "true"}
_MUST_BE_FOLDERS = ("uri_folder", "mltable", "mlflow_model", "triton_model")
# What a search space's expressions say, in the order in which the wire has them.
# Source: azure-ai-ml 1.35.2 entities/_job/sweep/search_space.py, the _to_rest_object of each.
_SEARCH = {"choice": ("values",), **NUMBERS}


@dataclass(frozen=True)
class Frame:
    """What a pipeline gives all its steps. body: the pipeline's, its outputs with their places.

    is_typed: whether the pipeline's inputs are declared, by a component; where not, one that is bound to but absent
    may be one that was left out.
    """

    body: Mapping[str, Any]
    is_typed: bool

    def setting(self, name: str) -> Any:
        """Returns a setting by its name in snake case; the wire has had them in Pascal case too."""
        settings = self.body.get("settings") or {}
        pascal = "".join(part.capitalize() for part in name.split("_"))
        return settings[name] if name in settings else settings.get(pascal)

    @property
    def datastore(self) -> str:
        """Returns the name of the default datastore, "" for the workspace's own."""
        return child_name(str(self.setting("default_datastore") or ""), "datastores")


@dataclass(frozen=True)
class Drawn:
    """A job's body, the names of its inputs that are not there yet, and what its user should be told of it."""

    body: dict[str, Any]
    pending: Collection[str] = field(default=())
    warnings: Sequence[str] = field(default=())


def body_of(frame: Frame, step: Step, world: World, given: Mapping[str, Value] | None = None) -> Drawn:
    """Returns the body of the job that a step becomes.

    given: inputs that a loop sets, over the step's own. Raises BadRequest, naming the step and the field, for a
    binding to what is not there, a type that does not fit, an input that is missing.
    """
    component = step.component
    assert component
    searched = fields.nested(step.node, f"{step.field}.search_space") if step.type == "sweep" else {}
    inputs = _Inputs(frame, step, component, world).all(given or {}, set(searched))
    body = {
        "jobType": JOB_TYPES[step.type],
        "displayName": str(step.node.get("display_name") or step.name),
        "description": fields.text(step.node, f"{step.field}.description"),
        "tags": fields.texts(step.node, f"{step.field}.tags"),
        "properties": fields.texts(step.node, f"{step.field}.properties"),
        "inputs": {name: _sent(value, component.inputs[name]) for name, value in inputs.items()},
        "outputs": _outputs(frame, step, component, world),
        "componentId": component.id or None,
        **_SPECIFIC[step.type](frame, step, component, world),
    }
    kept = {name: one for name, one in body.items() if one is not None}
    pending = [name for name, value in inputs.items() if value.is_pending]
    if step.type == AUTOML:  # whose tables are among its details
        kept["taskDetails"] |= {_camel_name(name): one for name, one in kept.pop("inputs").items()}
    return Drawn(kept, pending, list(_doubts(step, component, inputs)))


def _doubts(step: Step, component: Component, inputs: Mapping[str, Value]) -> Iterator[str]:
    """Yields what is taken although the component does not list it."""
    for name, value in inputs.items():
        listed = "" if value.is_pending else components.outside(component.inputs[name], value.text)
        if listed:
            yield f"inputs.{name} is {value.text!r}, but component {component.name} says that it is {listed}."


@dataclass(frozen=True)
class _Inputs:
    frame: Frame
    step: Step
    component: Component
    world: World

    def all(self, given: Mapping[str, Value], searched: Collection[str]) -> dict[str, Value]:
        sent = self.step.inputs
        for name in sent:
            if name not in self.component.inputs:
                raise BadRequest(
                    f'{self.step.field}.inputs has "{name}", but '
                    f"{components.has(self.component.inputs, f'component {self.component.name}')}",
                    target=f"properties.{self.step.field}.inputs.{name}",
                )
        found = {}
        for port in self.component.inputs.values():
            if port.name in searched and port.name not in sent:
                continue  # each trial has a value of its own
            value = given[port.name] if port.name in given else self._one(port, sent.get(port.name))
            if value is None and port.default is not None:
                value = Value(LITERAL, port.default)
            if value is not None:
                self._check(port, value)
                found[port.name] = value
            elif not port.is_optional:
                raise BadRequest(
                    f"{self._field(port)} is missing: component {self.component.name} needs it ({port.type}).",
                    target=f"properties.{self._field(port)}",
                )
        return found

    def _field(self, port: Port) -> str:
        return f"{self.step.field}.inputs.{port.name}"

    def _one(self, port: Port, sent: Any) -> Value | None:
        field = self._field(port)
        if sent is None:
            return None
        if not isinstance(sent, Mapping):
            return values.value_of(components.literal(sent), self.world, field)
        mode = str(sent.get("mode") or "")
        if sent.get("uri"):
            kind = str(sent.get("job_input_type") or port.type)
            uri = values.value_of(str(sent["uri"]), self.world, f"{field}.uri")
            return Value(kind, uri.text, mode, uri.is_pending) if uri else None
        text = components.literal(sent.get("value"))
        if self._was_left_out(port, text):
            return None
        value = values.value_of(text, self.world, field)
        return values.with_mode(value, mode) if value else None

    def _was_left_out(self, port: Port, text: str) -> bool:
        """Tells whether a text is bound to an optional input that nobody gave: clients leave those out of the body.

        Source: azure-ai-ml 1.35.2 entities/_job/pipeline/pipeline_job.py, "Remove the empty inputs in pipeline job".
        """
        names = list(values.bindings_of(text))
        may_be_none = port.is_optional or port.default is not None
        is_absent = len(names) == 1 and names[0].startswith(INPUT) and names[0] not in self.world
        return may_be_none and is_absent and not self.frame.is_typed

    def _check(self, port: Port, value: Value) -> None:
        field = self._field(port)
        if value.is_pending and value.kind == "":
            return
        if value.is_literal != port.is_literal:
            what = f"the literal {value.text!r}" if value.is_literal else f"data of type {value.kind}"
            raise BadRequest(
                f"{field} is {what}, but component {self.component.name} wants {port.type}.",
                target=f"properties.{field}",
            )
        if value.is_literal and not value.is_pending:
            components.check(port, value.text, field)
        if value.is_made and _is_of_another_shape(port, value):
            raise BadRequest(
                f"{field} is bound to data of type {value.kind}, but component {self.component.name} wants "
                f"{port.type}.",
                target=f"properties.{field}",
            )


def _is_of_another_shape(port: Port, value: Value) -> bool:
    """Tells whether a value is a file where a folder is wanted, or the other way about."""
    shapes = (value.kind, port.type)
    return "uri_file" in shapes and any(shape in _MUST_BE_FOLDERS for shape in shapes)


def _sent(value: Value, port: Port) -> dict[str, Any]:
    """Prints an input as a job's body has it. Its type is what the component says it is.

    Data that the pipeline was given stays of its own type: Azure lets a file pass where a component wants a folder, and
    a folder where it wants a table, as azureml-examples has it in cli/jobs/pipelines-with-components/basics, 4c and 4d.
    Where the component wants no more than a folder it is a folder, whatever the pipeline was given it as, as in
    sdk/python/jobs/pipelines/1g_pipeline_with_parallel_nodes, whose table has no MLTable of its own.
    """
    if port.is_literal:
        text = _PENDING_LITERAL.get(port.type, "pending") if value.is_pending else value.text
        return {"jobInputType": LITERAL, "value": text}
    mode = {"mode": value.mode} if value.mode else {}
    is_own = not value.is_made and value.kind in TYPES and not value.mode.startswith("Eval")
    is_own = is_own and not (port.type == "uri_folder" and value.kind in _MUST_BE_FOLDERS)
    kind = value.kind if is_own else port.type
    return {"jobInputType": kind, "uri": _PENDING_URI if value.is_pending else value.text, **mode}


def _outputs(frame: Frame, step: Step, component: Component, world: World) -> dict[str, Any]:
    sent = fields.nested(step.node, f"{step.field}.outputs")
    for name in sent:
        if name not in component.outputs:
            raise BadRequest(
                f'{step.field}.outputs has "{name}", but '
                f"{components.has(component.outputs, f'component {component.name}')}",
                target=f"properties.{step.field}.outputs.{name}",
            )
    return {
        port.name: _output(frame, step, port, sent.get(port.name) or {}, world) for port in component.outputs.values()
    }


def _output(frame: Frame, step: Step, port: Port, sent: Any, world: World) -> dict[str, Any]:
    field = f"{step.field}.outputs.{port.name}"
    given = dict(sent) if isinstance(sent, Mapping) else {"value": sent}
    above = bound_output(given, frame.body, field)
    uri = values.filled(given.get("uri") or "", world, f"{field}.uri") or above.get("uri") or ""
    if not uri and frame.datastore and port.name not in ARTIFACTS:
        uri = f"azureml://datastores/{frame.datastore}/paths/azureml/${{{{name}}}}/${{{{output_name}}}}/"
    made = {
        # A number or a truth that a step puts out is the content of a file.
        "jobOutputType": "uri_file" if port.is_literal else port.type,
        "uri": uri.replace("${{default_datastore}}", frame.datastore or "workspaceblobstore"),
        "mode": given.get("mode") or above.get("mode"),
        "assetName": values.filled(given.get("name") or "", world, f"{field}.name"),
        "assetVersion": values.filled(given.get("version") or "", world, f"{field}.version"),
        "description": given.get("description"),
    }
    return {name: value for name, value in made.items() if value}


def bound_output(given: Mapping[str, Any], body: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """Returns the pipeline's output that a step's is bound to; {} when it is bound to none."""
    names = list(values.bindings_of(given.get("value")))
    if not names:
        return {}
    outputs = body.get("outputs") or {}
    name = names[0].removeprefix(OUTPUT)
    if len(names) > 1 or not names[0].startswith(OUTPUT) or name not in outputs:
        raise BadRequest(
            f"{field} is bound to {given['value']!r}, but {components.has(outputs, 'among outputs the pipeline')}",
            target=f"properties.{field}",
        )
    return dict(outputs[name] or {})


def _command(frame: Frame, step: Step, component: Component, world: World) -> dict[str, Any]:
    made = _process(frame, step, component, world)
    distribution = _over(component, step, "distribution", world)
    kind = distribution.pop("type", None)
    shape = {"distributionType": distribution.pop("distribution_type", kind), **_camel(distribution)}
    return {
        **made,
        "command": component.spec.get("command"),
        "codeId": component.spec.get("code"),
        "environmentId": step.node.get("environment") or component.spec.get("environment"),
        "distribution": shape if shape["distributionType"] else None,
    }


def _process(frame: Frame, step: Step, component: Component, world: World) -> dict[str, Any]:
    """Returns what every step has that runs as a process."""
    variables = {**_mapping(component.spec, "environment_variables"), **_mapping(step.node, "environment_variables")}
    filled = values.filled(variables, world, f"{step.field}.environment_variables")
    resources = _over(component, step, "resources", world)
    limits = _over(component, step, "limits", world)
    return {
        "computeId": _compute(frame, step, world),
        "environmentVariables": {
            name: components.literal(value) for name, value in filled.items() if value is not None
        },
        "resources": {**_camel(resources), **_whole(resources, "instance_count")} if resources else None,
        "limits": {"jobLimitsType": "Command", "timeout": _duration(limits["timeout"])}
        if limits.get("timeout")
        else None,
        "identity": _camel(_mapping(step.node, "identity")) or None,
        "services": step.node.get("services"),
        "queueSettings": _camel(_mapping(step.node, "queue_settings")) or None,
    }


def _parallel(frame: Frame, step: Step, component: Component, world: World) -> dict[str, Any]:
    own = ("inputs", "outputs", "type", "name", "version", "display_name", "description", "tags", "properties")
    merged = {name: one for name, one in {**component.spec, **step.node}.items() if name not in own and one is not None}
    for name in ("task", "retry_settings"):
        merged[name] = {**_mapping(component.spec, name), **_mapping(step.node, name)}
    kept = {name: one for name, one in merged.items() if not name.startswith(("_", "$")) and name != "componentId"}
    return {**_process(frame, step, component, world), "parallel": values.filled(kept, world, step.field)}


def _pipeline(frame: Frame, step: Step, component: Component, world: World) -> dict[str, Any]:
    inherited = ("default_datastore", "continue_on_step_failure", "force_rerun")
    settings = {name: frame.setting(name) for name in inherited if frame.setting(name) is not None}
    compute = _compute(frame, step, world)
    own = {"default_compute": compute} if compute else {}
    return {"jobs": component.spec.get("jobs"), "settings": {**settings, **own}}


def _sweep(frame: Frame, step: Step, component: Component, world: World) -> dict[str, Any]:
    made = _command(frame, step, component, world)
    trial = ("command", "codeId", "environmentId", "environmentVariables", "distribution", "resources")
    space = values.filled(_mapping(step.node, "search_space"), world, f"{step.field}.search_space")
    algorithm = step.node.get("sampling_algorithm") or "random"
    if not isinstance(algorithm, str):
        algorithm = _mapping(step.node, "sampling_algorithm")
    limits = values.filled(_mapping(step.node, "limits"), world, f"{step.field}.limits")
    timed = {name: _duration(one) for name, one in limits.items() if name in ("timeout", "trial_timeout") and one}
    policy = _mapping(step.node, "early_termination")
    return {
        "trial": {name: made[name] for name in trial},
        "computeId": made["computeId"],
        "identity": made["identity"],
        "searchSpace": {name: _expression(one, f"{step.field}.search_space.{name}") for name, one in space.items()},
        "samplingAlgorithm": _typed(algorithm, "samplingAlgorithmType"),
        "objective": _camel(_mapping(step.node, "objective")),
        "limits": {"jobLimitsType": "Sweep", **_camel({**limits, **timed})},
        "earlyTermination": _typed(policy, "policyType") if policy else None,
    }


def _automl(frame: Frame, step: Step, component: Component, world: World) -> dict[str, Any]:
    """Returns an AutoML job's details as the wire has them outside of pipelines, where all is named otherwise.

    Source: azure-ai-ml 1.35.2 entities/_job/automl/tabular, _to_rest_object beside _to_dict.
    """
    own = ("type", "name", "inputs", "outputs", "task", "limits", "training", "featurization", "computeId", "compute")
    kept = {name: one for name, one in step.node.items() if name not in own + components.AUTOML_DATA + _OF_A_NODE}
    filled = {name: one for name, one in values.filled(kept, world, step.field).items() if one is not None}
    folds = filled.pop("n_cross_validations", None)
    limits = values.filled(_mapping(step.node, "limits"), world, f"{step.field}.limits")
    timed = {name.removesuffix("_minutes"): f"PT{one}M" for name, one in limits.items() if name.endswith("_minutes")}
    plain = {name: one for name, one in limits.items() if not name.endswith("_minutes")}
    details = {
        **_camel(filled),
        "taskType": "".join(part.capitalize() for part in str(step.node.get("task") or "").split("_")),
        "limitSettings": _camel({**plain, **timed}),
        "trainingSettings": _camel(_mapping(step.node, "training")),
        "featurizationSettings": _camel(_mapping(step.node, "featurization")),
    }
    if folds is not None:
        details["nCrossValidations"] = {"mode": "Auto"} if folds == "auto" else {"mode": "Custom", "value": folds}
    return {"taskDetails": details, "computeId": _compute(frame, step, world)}


# What any node may say besides what makes it a step of its type.
_OF_A_NODE = ("display_name", "description", "tags", "properties", "experiment_name", "_source", "identity", "services")
_SPECIFIC = {"command": _command, "parallel": _parallel, "pipeline": _pipeline, "sweep": _sweep, "automl": _automl}


def _expression(one: Any, field: str) -> list[Any]:
    if isinstance(one, list):
        return one
    kind = str(one.get("type") if isinstance(one, Mapping) else "")
    if kind not in _SEARCH:
        raise BadRequest(f"{field}.type is {kind!r}, but must be one of {', '.join(_SEARCH)}.", target=field)
    return [kind, [one.get(name) for name in _SEARCH[kind]]]


def _typed(value: Any, name: str) -> dict[str, Any]:
    """Prints what is either a name or an object with a type as the wire has it outside of pipelines."""
    given = {"type": value} if isinstance(value, str) else dict(value)
    kind = str(given.pop("type", None) or given.pop(_snake(name), ""))
    return {name: "".join(part.capitalize() for part in kind.split("_")), **_camel(given)}


def _compute(frame: Frame, step: Step, world: World) -> str:
    named = values.filled(
        step.node.get("computeId") or step.node.get("compute") or "", world, f"{step.field}.computeId"
    )
    return str(named or frame.setting("default_compute") or frame.body.get("computeId") or "")


def _over(component: Component, step: Step, field: str, world: World) -> dict[str, Any]:
    """Returns an object of the component's with the step's own fields over it."""
    merged = {**_mapping(component.spec, field), **_mapping(step.node, field)}
    filled = values.filled(merged, world, f"{step.field}.{field}")
    return {name: one for name, one in filled.items() if one is not None}


def _mapping(holder: Mapping[str, Any], name: str) -> dict[str, Any]:
    return fields.nested(holder, name)


def _whole(holder: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Returns a count under its name on the wire; one that an input gave is text."""
    value = holder.get(name)
    return {_camel_name(name): int(value) if isinstance(value, str) and value.isdigit() else value} if value else {}


def _duration(value: Any) -> str:
    """Prints seconds as the wire has them; what is a duration already stays."""
    text = str(value)
    return f"PT{text}S" if text.replace(".", "", 1).isdigit() else text


def _camel(holder: Mapping[str, Any]) -> dict[str, Any]:
    return {_camel_name(name): one for name, one in holder.items()}


def _camel_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
