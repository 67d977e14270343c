"""Values that flow through a pipeline, and the bindings in its steps that stand for them. Pure.

A binding is `${{parent.inputs.NAME}}`, `${{parent.jobs.STEP.outputs.NAME}}` or, of outputs, `${{parent.outputs.NAME}}`.
It may be all of a text or stand within it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lazulite.engine import references
from lazulite.engine.spec import LITERAL
from lazulite.errors import BadRequest

# Source: azure-ai-ml 1.35.2 _utils/utils.py, is_data_binding_expression, which looks for nearly the same.
_BINDING = re.compile(r"\$\{\{\s*(\S*?)\s*\}\}")
_OUTPUT = re.compile(r"parent\.jobs\.(?P<step>.+?)\.outputs\.(?P<output>.+)")
INPUT, OUTPUT = "parent.inputs.", "parent.outputs."


@dataclass(frozen=True)
class Value:
    """What an input has. kind: `literal`, or a type of data; text: the literal, or the URI of the data.

    is_pending: it is yet to be made; the text is nothing then. mode: "" where none was said. is_made: by a step, whose
    component says what type it is.
    """

    kind: str
    text: str = ""
    mode: str = ""
    is_pending: bool = False
    is_made: bool = False

    @property
    def is_literal(self) -> bool:
        """Tells whether it is no data."""
        return self.kind == LITERAL


# What can be bound to, by the name in the binding. None: an optional input that was not given.
World = Mapping[str, Value | None]


def bindings_of(value: Any) -> Iterator[str]:
    """Yields the names in all bindings to the parent, anywhere in a part of a body."""
    if isinstance(value, str):
        yield from (name for name in _BINDING.findall(value) if name.startswith("parent."))
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from bindings_of(one)
    elif isinstance(value, list):
        for one in value:
            yield from bindings_of(one)


def names_of(step: str, output: str) -> list[str]:
    """Returns what a step's output is bound to by; its artifacts have two names."""
    names = references.ARTIFACTS if output in references.ARTIFACTS else (output,)
    return [f"parent.jobs.{step}.outputs.{name}" for name in names]


def made_by(name: str) -> tuple[str, str] | None:
    """Splits `parent.jobs.train.outputs.model` into step and output; None for any other name."""
    match = _OUTPUT.fullmatch(name)
    return (match["step"], match["output"]) if match else None


def value_of(text: str, world: World, field: str) -> Value | None:
    """Returns what a text means: the value that it is bound to, or a literal with all bindings in it replaced.

    Raises BadRequest, naming the field, for a binding to something that is not there.
    """
    whole = _BINDING.fullmatch(text.strip())
    if whole:
        return _look_up(whole[1], world, field)
    found = [_look_up(name, world, field) for name in _BINDING.findall(text)]
    if any(one and one.is_pending for one in found):
        return Value(LITERAL, is_pending=True)
    return Value(LITERAL, _BINDING.sub(lambda match: _text(_look_up(match[1], world, field)), text))


def filled(value: Any, world: World, field: str) -> Any:
    """Returns a part of a body with all bindings to the parent in it replaced by text; others stay as they are.

    A text that is nothing but a binding to an optional input that was not given becomes None.
    """
    if isinstance(value, str):
        if not any(name.startswith("parent.") for name in _BINDING.findall(value)):
            return value
        found = value_of(value, world, field)
        return found.text if found else None
    if isinstance(value, Mapping):
        return {name: filled(one, world, f"{field}.{name}") for name, one in value.items()}
    return [filled(one, world, field) for one in value] if isinstance(value, list) else value


def with_mode(value: Value, mode: str) -> Value:
    """Returns a value with the mode that its user says, or its own where that is none."""
    return replace(value, mode=mode or value.mode)


def _text(value: Value | None) -> str:
    return value.text if value else ""


def _look_up(name: str, world: World, field: str) -> Value | None:
    if name in world:
        return world[name]
    raise BadRequest(f"{field} has ${{{{{name}}}}}, but {_missing(name, world)}", target=f"properties.{field}")


def _missing(name: str, world: World) -> str:
    made = made_by(name)
    if made:
        step, output = made
        outputs = sorted(known for known in world if known.startswith(f"parent.jobs.{step}.outputs."))
        if outputs:
            names = ", ".join(known.rpartition(".outputs.")[2] for known in outputs)
            return f'step "{step}" has no output "{output}". It has {names}.'
        steps = sorted({made[0] for known in world if (made := made_by(known))})
        return f'there is no step "{step}" with outputs. Those are {", ".join(steps) or "none"}.'
    if name.startswith(INPUT):
        inputs = ", ".join(sorted(known.removeprefix(INPUT) for known in world if known.startswith(INPUT)))
        return f'the pipeline has no input "{name.removeprefix(INPUT)}". It has {inputs or "none"}.'
    return "nothing has that name. There are ${{parent.inputs.NAME}} and ${{parent.jobs.STEP.outputs.NAME}}."
