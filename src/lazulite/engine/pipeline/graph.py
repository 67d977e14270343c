"""A pipeline's steps and which has to wait for which. Pure, but for how components are found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lazulite import fields
from lazulite.engine.pipeline.components import AUTOML_DATA, Component, Port, of_automl
from lazulite.engine.pipeline.values import bindings_of, made_by
from lazulite.engine.references import ARTIFACTS
from lazulite.errors import BadRequest, NotFound, NotImplementedHere

# Steps that become jobs, by the type of node, and the jobType that each becomes.
JOB_TYPES = {"command": "Command", "parallel": "Parallel", "pipeline": "Pipeline", "sweep": "Sweep", "automl": "AutoML"}
AUTOML = "automl"
IF_ELSE, DO_WHILE, PARALLEL_FOR = "if_else", "do_while", "parallel_for"
LOOPS = (DO_WHILE, PARALLEL_FOR)
CONTROL = (IF_ELSE, *LOOPS)
# The fields of control flow that name steps to be run, rather than steps to wait for.
_FLOW: Mapping[str, Sequence[str]] = {
    IF_ELSE: ("true_block", "false_block"),
    DO_WHILE: ("body", "mapping", "condition"),
    PARALLEL_FOR: ("body",),
}
_MOST_ITERATIONS = 1000  # Source: azure-ai-ml 1.35.2 constants/_component.py, DO_WHILE_MAX_ITERATION


@dataclass(frozen=True)
class Step:
    """One node of a pipeline. component: None of control flow; made up for AutoML, which has none."""

    name: str
    type: str
    node: Mapping[str, Any]
    component: Component | None = None

    @property
    def field(self) -> str:
        """Returns where it stands in the body."""
        return f"jobs.{self.name}"

    @property
    def inputs(self) -> dict[str, Any]:
        """Returns what it says of its inputs, by their names; AutoML says it in fields of the node."""
        if self.type != AUTOML:
            return fields.nested(self.node, f"{self.field}.inputs")
        given = {name: self.node[name] for name in AUTOML_DATA if self.node.get(name) is not None}
        return {
            name: {**one, "uri": one.get("uri") or one.get("path")} if isinstance(one, dict) else {"value": one}
            for name, one in given.items()
        }


@dataclass(frozen=True)
class Graph:
    """A pipeline's steps. needs: by step, those that must have ended before it can begin. They make no cycle.

    bodies: by a step that a loop repeats, the loop. branches: by a step that is run only if, (the if_else, whether on
    true). Whoever needs a repeated step needs its loop.
    """

    steps: Mapping[str, Step]
    needs: Mapping[str, frozenset[str]]
    bodies: Mapping[str, str]
    branches: Mapping[str, tuple[str, bool]]


def read(nodes: Mapping[str, Any], component: Callable[[str], Component], settings: Mapping[str, Any]) -> Graph:
    """Reads a body's `jobs`. component: finds one by its reference.

    Raises BadRequest naming step and field: a component that is not there, a step that needs itself.
    """
    steps = {name: _step(name, fields.nested(nodes, f"jobs.{name}"), component) for name in nodes}
    steps |= _with_artifacts(steps)
    bodies = {body: step.name for step in steps.values() if step.type in LOOPS for body in [_body(step, steps)]}
    branches = {
        name: (step.name, when)
        for step in steps.values()
        if step.type == IF_ELSE
        for when, block in ((True, "true_block"), (False, "false_block"))
        for name in blocks(step, block, steps)
    }
    needs: dict[str, set[str]] = {name: set() for name in steps}
    for step in steps.values():
        owner = bodies.get(step.name, step.name)
        for needed in _needed(step, steps):
            needs[owner].add(bodies.get(needed, needed))
    for name, (owner, _) in branches.items():
        needs[bodies.get(name, name)].add(owner)
    for name in needs:
        if name in bodies:
            needs[name] = {bodies[name]}
    _bracket(needs, settings, steps)
    _check_order(needs)
    return Graph(steps, {name: frozenset(one) for name, one in needs.items()}, bodies, branches)


def _step(name: str, node: Mapping[str, Any], component: Callable[[str], Component]) -> Step:
    kind = str(node.get("type") or "command").lower()
    if kind not in JOB_TYPES and kind not in CONTROL:
        raise NotImplementedHere(
            f"jobs.{name} is of type {kind}, and Lazulite does not run such steps. It runs "
            f"{', '.join((*JOB_TYPES, *CONTROL))}.",
            target=f"properties.jobs.{name}.type",
        )
    holder, field = (fields.nested(node, f"jobs.{name}.trial"), "trial.") if kind == "sweep" else (node, "")
    reference = fields.text(holder, f"jobs.{name}.{field}componentId")
    if kind in CONTROL:
        return Step(name, kind, node)
    if kind == AUTOML:
        return Step(name, kind, node, of_automl(node))
    target = f"properties.jobs.{name}.{field}componentId"
    if not reference:
        raise BadRequest(f"jobs.{name}.{field}componentId must name a component, but is missing.", target=target)
    try:
        found = component(reference)
    except (NotFound, BadRequest) as error:
        raise BadRequest(f"jobs.{name}.{field}componentId: {error.message}", target=target, hint=error.hint) from error
    wanted = "command" if kind == "sweep" else kind
    if found.kind != wanted:
        raise BadRequest(
            f"jobs.{name} is of type {kind}, but component {found.name} is of type {found.kind}.", target=target
        )
    return Step(name, kind, node, found)


def _with_artifacts(steps: Mapping[str, Step]) -> dict[str, Step]:
    """Returns the commands whose artifacts others want, which their components need not name among the outputs."""
    found = {}
    bound = (name for step in steps.values() for name in bindings_of(step.node))
    for name, output in filter(None, map(made_by, bound)):
        step = steps.get(name)
        if output in ARTIFACTS and step and step.type == "command" and step.component:
            port = Port(ARTIFACTS[0], "uri_folder")
            outputs = {port.name: port, **step.component.outputs}
            found[name] = replace(step, component=replace(step.component, outputs=outputs))
    return found


def blocks(step: Step, field: str, steps: Mapping[str, Any]) -> Sequence[str]:
    """Returns the steps that a block of an if_else names, `"${{parent.jobs.n}}"` or a list of such."""
    given = step.node.get(field) or []
    return [_named(step, field, one, steps) for one in (given if isinstance(given, list) else [given])]


def _body(step: Step, steps: Mapping[str, Any]) -> str:
    _check_loop(step)
    return _named(step, "body", step.node.get("body"), steps)


def _check_loop(step: Step) -> None:
    if step.type == DO_WHILE:
        limits = fields.nested(step.node, f"{step.field}.limits")
        fields.count(limits, f"{step.field}.limits.max_iteration_count", _MOST_ITERATIONS, most=_MOST_ITERATIONS)


def _named(step: Step, field: str, text: Any, steps: Mapping[str, Any]) -> str:
    names = list(bindings_of(text))
    name = names[0].removeprefix("parent.jobs.") if len(names) == 1 else ""
    if name not in steps:
        raise BadRequest(
            f"{step.field}.{field} is {text!r}, but must name a step, as ${{{{parent.jobs.NAME}}}} does. "
            f"There are {', '.join(steps)}.",
            target=f"properties.{step.field}.{field}",
        )
    return name


def _needed(step: Step, steps: Mapping[str, Step]) -> set[str]:
    flow = _FLOW[step.type] if step.type in CONTROL else ()
    found = set()
    for field, part in step.node.items():
        for name in bindings_of(part) if field not in flow else ():
            made = made_by(name)
            if made and made[0] not in steps:
                raise BadRequest(
                    f'{step.field}.{field} is bound to step "{made[0]}", which is not there. '
                    f"There are {', '.join(steps)}.",
                    target=f"properties.{step.field}.{field}",
                )
            if made:
                found.add(made[0])
    return found


def _bracket(needs: dict[str, set[str]], settings: Mapping[str, Any], steps: Mapping[str, Step]) -> None:
    """Has all steps wait for the one that `on_init` names."""
    first = str(settings.get("on_init") or "")
    last = str(settings.get("on_finalize") or "")
    for field, name in (("on_init", first), ("on_finalize", last)):
        if name and name not in steps:
            raise BadRequest(
                f"settings.{field} is {name!r}, but there is no such step. There are {', '.join(steps)}.",
                target=f"properties.settings.{field}",
            )
    for name, needed in needs.items():
        if first and name != first:
            needed.add(first)


def _check_order(needs: Mapping[str, set[str]]) -> None:
    """Raises BadRequest naming the steps of a cycle, in their order."""
    done: set[str] = set()
    path: dict[str, None] = {}  # in order, and looked up
    for start in needs:
        waiting = [(start, False)]
        while waiting:
            name, is_left = waiting.pop()
            if is_left:
                done.add(name)
                del path[name]
            elif name in path:
                steps = list(path)
                cycle = [*steps[steps.index(name) :], name]
                raise BadRequest(
                    f"The steps wait for one another: {' -> '.join(reversed(cycle))}.",
                    target=f"properties.jobs.{name}",
                )
            elif name not in done:
                path[name] = None
                waiting.append((name, True))
                waiting += [(one, False) for one in sorted(needs[name])]
