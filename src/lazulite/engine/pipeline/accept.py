"""Checks a pipeline before anything of it starts, every step and every binding, and completes its body."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from lazulite import fields
from lazulite.engine import references
from lazulite.engine.courses import Scene
from lazulite.engine.pipeline import bodies, components, graph, values
from lazulite.engine.pipeline.bodies import Drawn, Frame
from lazulite.engine.pipeline.components import Component, Port
from lazulite.engine.pipeline.graph import CONTROL, DO_WHILE, IF_ELSE, LOOPS, PARALLEL_FOR, Graph, Step
from lazulite.engine.pipeline.values import INPUT, Value
from lazulite.engine.spec import LITERAL, outputs_of
from lazulite.errors import BadRequest, LazuliteError, NotFound
from lazulite.ids import WorkspaceId, parse_datastore


@dataclass(frozen=True)
class Read:
    """A pipeline's body, read: what its course goes by. inputs: None for an optional one that was not given."""

    graph: Graph
    frame: Frame
    inputs: dict[str, Value | None]


def read(
    connection: Connection, workspace: WorkspaceId, body: Mapping[str, Any], pending: Collection[str] = ()
) -> Read:
    """Reads a pipeline's body, and the components that it names.

    pending: the inputs that are not there yet. Raises BadRequest naming step and field.
    """
    found: dict[str, Component] = {}

    def component(reference: str) -> Component:
        if reference not in found:
            found[reference] = components.find(connection, workspace, reference)
        return found[reference]

    whole = component(str(body["componentId"])) if body.get("componentId") else None
    nodes = fields.nested(body, "properties.jobs") or (dict(whole.spec.get("jobs") or {}) if whole else {})
    if not nodes:
        raise BadRequest("The pipeline has no steps: jobs is empty.", target="properties.jobs")
    frame = Frame(body, whole is not None)
    inputs = _inputs(fields.nested(body, "properties.inputs"), whole, pending)
    return Read(graph.read(nodes, component, fields.nested(body, "properties.settings")), frame, inputs)


def accept(scene: Scene, name: str, body: Mapping[str, Any], pending: Collection[str]) -> dict[str, Any]:
    """Returns what is kept of a pipeline's body: components by version, outputs with their places.

    Raises BadRequest naming the step and the field that cannot be right, NotImplementedHere for a kind of step that
    Lazulite does not run.
    """
    first = read(scene.connection, scene.workspace, body, pending)
    outputs = _placed(name, first)
    kept = {**body, "outputs": outputs}
    found = Read(first.graph, Frame(kept, first.frame.is_typed), first.inputs)
    _check_inputs(scene, found.inputs)
    world = {**found.inputs, **_promised(found.graph)}
    made = {
        output: kind for step in found.graph.steps.values() for output, kind in _check_step(scene, found, step, world)
    }
    for output, one in outputs.items():
        if output not in made:
            raise BadRequest(
                f'outputs.{output} is made by no step: bind one to it with "${{{{parent.outputs.{output}}}}}".',
                target=f"properties.outputs.{output}",
            )
        one["jobOutputType"] = made[output]
    outputs_of(kept)
    return {**kept, "jobs": {step.name: _kept(step) for step in found.graph.steps.values()}}


def _kept(step: Step) -> dict[str, Any]:
    if not step.component or not step.component.id:
        return dict(step.node)
    if step.type == "sweep":
        return {**step.node, "trial": {**step.node["trial"], "componentId": step.component.id}}
    return {**step.node, "componentId": step.component.id}


def _inputs(sent: Mapping[str, Any], whole: Component | None, pending: Collection[str]) -> dict[str, Value | None]:
    found: dict[str, Value | None] = {}
    for name, one in sent.items():
        field = f"inputs.{name}"
        given = _entry(sent, name, "inputs")
        kind = str(given.get("jobInputType") or LITERAL)
        if whole and name not in whole.inputs:
            known = components.has(whole.inputs, f"component {whole.name}")
            raise BadRequest(f'inputs has "{name}", but {known}', target=f"properties.{field}")
        text = components.literal(given.get("value", "")) if kind == LITERAL else str(given.get("uri") or "")
        if one is not None:
            value = Value(kind, text, str(given.get("mode") or ""), name in pending)
            found[f"{INPUT}{name}"] = value
            _check_port(whole.inputs[name] if whole else None, value, field)
    for port in whole.inputs.values() if whole else ():
        key = f"{INPUT}{port.name}"
        if key in found:
            continue
        if port.default is None and not port.is_optional:
            raise BadRequest(
                f"inputs.{port.name} is missing: component {whole.name if whole else ''} needs it ({port.type}).",
                target=f"properties.inputs.{port.name}",
            )
        found[key] = Value(LITERAL, port.default) if port.default is not None else None
    return found


def _entry(sent: Mapping[str, Any], name: str, field: str) -> dict[str, Any]:
    """Returns an input or output by its name, which has dots in it where inputs are grouped."""
    return fields.nested({name.rpartition(".")[2]: sent[name]}, f"properties.{field}.{name}")


def _check_port(port: Port | None, value: Value, field: str) -> None:
    if port is None or value.is_pending:
        return
    if port.is_literal != value.is_literal:
        raise BadRequest(f"{field} is of type {value.kind}, but must be {port.type}.", target=f"properties.{field}")
    if value.is_literal:
        components.check(port, value.text, field)


def _check_inputs(scene: Scene, inputs: Mapping[str, Value | None]) -> None:
    """Finds the pipeline's data, that a misspelt name is told of before the first step runs."""
    for key, value in inputs.items():
        if value and not value.is_literal and not value.is_pending:
            try:
                references.resolve(scene.connection, scene.workspace, value.text, value.kind)
            except (BadRequest, NotFound) as error:
                raise _at(f"inputs.{key.removeprefix(INPUT)}", error) from error


def _placed(name: str, found: Read) -> dict[str, dict[str, Any]]:
    """Returns a pipeline's outputs, each with the place where a step will write it."""
    placed = {}
    datastore = found.frame.datastore or references.BLOB_STORE
    sent = fields.nested(found.frame.body, "properties.outputs")
    for output in sent:
        one = _entry(sent, output, "outputs")
        if output == "default" or sent[output] is None:
            continue
        uri = (
            fields.text(one, f"properties.outputs.{output}.uri")
            or f"azureml://datastores/{datastore}/paths/azureml/{name}/{output}/"
        )
        for key, value in (("name", name), ("output_name", output), ("default_datastore", datastore)):
            uri = uri.replace(f"${{{{{key}}}}}", value)
        if not parse_datastore(uri):
            raise BadRequest(
                f'outputs.{output}: "{uri}" is not the URI of a path in a datastore.',
                target=f"properties.outputs.{output}.uri",
            )
        placed[output] = {"mode": "ReadWriteMount", **one, "uri": uri}
    return placed


def _promised(found: Graph) -> dict[str, Value | None]:
    """Returns the outputs of all steps, which are there once these have run."""
    return {
        bound: Value(LITERAL if port.is_literal else kind, is_pending=True, is_made=True)
        for name, step in found.steps.items()
        for port, kind in ports_of(step, found)
        for bound in values.names_of(name, port.name)
    }


def ports_of(step: Step, found: Graph) -> list[tuple[Port, str]]:
    """Returns a step's outputs, each with the type that it has for whoever is bound to it: a loop's are its body's.

    Source: azure-ai-ml 1.35.2 entities/_builders/parallel_for.py, OUT_TYPE_MAPPING.
    """
    if step.type in LOOPS:
        body = found.steps[body_name(step, found)]
        ports = body.component.outputs.values() if body.component else ()
        return [(port, "mltable" if step.type == PARALLEL_FOR and not port.is_literal else port.type) for port in ports]
    return [(port, port.type) for port in step.component.outputs.values()] if step.component else []


def body_name(loop: Step, found: Graph) -> str:
    """Returns the step that a loop repeats."""
    return next(body for body, owner in found.bodies.items() if owner == loop.name)


def _check_step(scene: Scene, found: Read, step: Step, world: values.World) -> list[tuple[str, str]]:
    """Checks a step; returns the pipeline's outputs that it makes, each with its type."""
    if step.type in CONTROL:
        return _check_control(found, step, world)
    drawn = _drawn(found, step, world)
    try:
        scene.check(drawn.body, drawn.pending)
    except BadRequest as error:
        raise _at(step.field, error) from error
    return _bound(found, step)


def _bound(found: Read, step: Step) -> list[tuple[str, str]]:
    made = []
    for port, kind in ports_of(step, found.graph):
        given = fields.nested(step.node, f"{step.field}.outputs").get(port.name) or {}
        sent = given if isinstance(given, Mapping) else {"value": given}
        if bodies.bound_output(sent, found.frame.body, f"{step.field}.outputs.{port.name}"):
            name = next(values.bindings_of(sent["value"])).removeprefix(values.OUTPUT)
            made.append((name, "uri_file" if port.is_literal else kind))
    return made


def _drawn(found: Read, step: Step, world: values.World) -> Drawn:
    """Draws a step's job; inputs that a loop will set are taken as set."""
    loop = found.graph.steps.get(found.graph.bodies.get(step.name, ""))
    if not loop or not step.component:
        return bodies.body_of(found.frame, step, world)
    if loop.type == PARALLEL_FOR:
        items = items_of(loop, world)
        drawn = [bodies.body_of(found.frame, step, world, one) for one in items.values()] if items else []
        if drawn:
            return drawn[0]
    sent = step.inputs
    unset = {name: Value("", is_pending=True) for name in step.component.inputs if name not in sent}
    return bodies.body_of(found.frame, step, world, unset)


def items_of(loop: Step, world: values.World) -> dict[str, dict[str, Value]] | None:
    """Returns what a parallel_for goes through, each by its key; None while a step has yet to make it."""
    field = f"{loop.field}.items"
    value = values.value_of(components.literal(loop.node.get("items") or ""), world, field)
    if value and value.is_pending:
        return None
    try:
        given = json.loads(value.text if value else "")
    except ValueError:
        given = None
    if isinstance(given, list):
        given = {str(index): one for index, one in enumerate(given)}
    if not isinstance(given, dict) or not given or not all(isinstance(one, dict) for one in given.values()):
        raise BadRequest(
            f"{field} must be a list or an object of objects, not empty, but is {loop.node.get('items')!r:.120}.",
            target=f"properties.{field}",
        )
    return {key: {name: _item(one, world, field) for name, one in item.items()} for key, item in given.items()}


def _item(one: Any, world: values.World, field: str) -> Value:
    if isinstance(one, Mapping):
        return Value(
            str(one.get("job_input_type") or "uri_folder"), str(one.get("uri") or ""), str(one.get("mode") or "")
        )
    return values.value_of(components.literal(one), world, field) or Value(LITERAL)


def _check_control(found: Read, step: Step, world: values.World) -> list[tuple[str, str]]:
    if step.type == IF_ELSE:
        condition = step.node.get("condition")
        value = (
            None if isinstance(condition, bool) else values.value_of(str(condition), world, f"{step.field}.condition")
        )
        if value and not value.is_literal:
            raise BadRequest(
                f"{step.field}.condition is bound to data of type {value.kind}, but must be true or false.",
                target=f"properties.{step.field}.condition",
            )
        return []
    body = found.graph.steps[body_name(step, found.graph)]
    if step.type == DO_WHILE and body.component:
        for what, names, known in (
            ("condition", [condition_of(step)] if step.node.get("condition") else [], body.component.outputs),
            ("mapping", list(mapping_of(step)), body.component.outputs),
            ("mapping", [name for one in mapping_of(step).values() for name in one], body.component.inputs),
        ):
            for name in names:
                if name not in known:
                    raise BadRequest(
                        f'{step.field}.{what} names "{name}", but {components.has(known, f"step {body.name}")}',
                        target=f"properties.{step.field}.{what}",
                    )
    if step.type == PARALLEL_FOR:
        items_of(step, world)
    return _bound(found, step)


def condition_of(loop: Step) -> str:
    """Returns the output by which a do_while goes on: its name, or the end of a binding to it; "" for none."""
    return _last(loop.node.get("condition") or "")


def mapping_of(loop: Step) -> dict[str, list[str]]:
    """Returns which outputs of one round of a do_while become which inputs of the next."""
    given = fields.nested(loop.node, f"{loop.field}.mapping")
    return {
        _last(name): [_last(one) for one in (many if isinstance(many, list) else [many])]
        for name, many in given.items()
    }


def _last(text: Any) -> str:
    return str(text).strip().removeprefix("${{").removesuffix("}}").strip().rpartition(".")[2]


def _at(field: str, error: LazuliteError) -> BadRequest:
    return BadRequest(f"{field}: {error.message}", target=f"properties.{field}", hint=error.hint)
