"""Components as pipelines see them: what goes in, what comes out, and the spec that says what runs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from lazulite import fields
from lazulite.errors import BadRequest, NotImplementedHere
from lazulite.ids import WorkspaceId, parse_asset
from lazulite.store import assets

# Source: azure-ai-ml 1.35.2 constants/_component.py, ComponentParameterTypes.
PRIMITIVE = ("integer", "number", "boolean", "string")
# Where a step of type automl says what tables go in.
# Source: azure-ai-ml 1.35.2 _schema/automl/table_vertical/table_vertical.py.
AUTOML_DATA = ("training_data", "validation_data", "test_data")
_TRUTHS = ("true", "false")


@dataclass(frozen=True)
class Port:
    """One input or output of a component. default: as text, None for none. rules: `min`, `max` and `enum`."""

    name: str
    type: str
    is_optional: bool = False
    default: str | None = None
    rules: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_literal(self) -> bool:
        """Tells whether it holds a number, a truth or a text, rather than data."""
        return self.type in PRIMITIVE


@dataclass(frozen=True)
class Component:
    """A component's version. id: with the version, whatever it was named by. kind: `command`, `pipeline`, …"""

    id: str
    name: str
    kind: str
    spec: Mapping[str, Any]
    inputs: Mapping[str, Port]
    outputs: Mapping[str, Port]

    @property
    def is_deterministic(self) -> bool:
        """Tells whether it makes the same of the same; it does unless it says otherwise."""
        return self.spec.get("is_deterministic") is not False


def find(connection: Connection, workspace: WorkspaceId, reference: str) -> Component:
    """Returns the component that a reference means. Raises NotFound naming the versions that there are."""
    asset = parse_asset(reference, "components", workspace)
    row = assets.resolve(connection, asset)
    head = str(asset).partition("/components/")[0]
    return of_spec(
        f"{head}/components/{row.place.name}/versions/{row.place.version}", row.body["properties"]["componentSpec"]
    )


def of_spec(identifier: str, spec: Mapping[str, Any]) -> Component:
    """Reads a component's spec; what the component is called stands in it.

    Raises NotImplementedHere for one that imports data, which is a command called import on the wire.
    """
    if spec.get("type") == "import" or spec.get("command") == "import":
        raise NotImplementedHere(
            f"{identifier} imports data, which Lazulite does not do.",
            hint="Fetch the data in a command, or register it as a data asset.",
        )
    ports = [
        {name: _port(name, one) for name, one in fields.nested(spec, f"componentSpec.{field}").items()}
        for field in ("inputs", "outputs")
    ]
    return Component(identifier, str(spec.get("name") or ""), str(spec.get("type") or "command"), spec, *ports)


def of_automl(node: Mapping[str, Any]) -> Component:
    """Makes up the component of a step of type automl, which has none: its tables go in, what it names comes out."""
    outputs = {
        name: Port(name, str(one.get("job_output_type") or one.get("type") or "mlflow_model"))
        for name, one in fields.nested(node, "outputs").items()
        if isinstance(one, dict)
    }
    inputs = {name: Port(name, "mltable", is_optional=name != AUTOML_DATA[0]) for name in AUTOML_DATA}
    return Component("", "automl", "automl", {}, inputs, outputs)


def _port(name: str, one: Mapping[str, Any]) -> Port:
    default = one.get("default")
    text = None if default is None else literal(default)
    rules = {rule: one[rule] for rule in ("min", "max", "enum") if one.get(rule) not in (None, [])}
    kind = str(one.get("type") or "uri_folder").lower()
    return Port(name, kind, bool(one.get("optional")), text, rules)


def literal(value: Any) -> str:
    """Prints a literal as clients do: everything is text on the wire, and truths are capitalised."""
    return value if isinstance(value, str) else str(value)


def check(port: Port, text: str, field: str) -> None:
    """Raises BadRequest, naming the field, where a literal is not of the port's type or breaks its rules.

    A text may be another than those that the component lists: see outside.
    """
    if port.type in ("integer", "number"):
        number = _number(port, text, field)
        for rule, sign in (("min", 1), ("max", -1)):
            if rule in port.rules and (number - float(port.rules[rule])) * sign < 0:
                raise _wrong(field, f"is {text}, but its {rule} is {port.rules[rule]}")
    if port.type == "boolean" and text.lower() not in _TRUTHS:
        raise _wrong(field, f"is {text!r}, but must be true or false")
    if port.type != "string" and outside(port, text):
        raise _wrong(field, f"is {text!r}, but must be {outside(port, text)}")


def outside(port: Port, text: str) -> str:
    """Returns what a literal must be one of when it is none of those, "" otherwise.

    Azure takes a text that its component does not list. Source: azureml-examples, cli/jobs/pipelines-with-components/
    image_classification_with_densenet, whose center_crop is 224 and its component's True or False.
    """
    if "enum" not in port.rules or _is_one_of(port, text):
        return ""
    return f"one of {', '.join(map(str, port.rules['enum']))}"


def _number(port: Port, text: str, field: str) -> float:
    try:
        return int(text) if port.type == "integer" else float(text)
    except ValueError:
        pass
    article = "a whole number" if port.type == "integer" else "a number"
    raise _wrong(field, f"is {text!r}, but must be {article}")


def _is_one_of(port: Port, text: str) -> bool:
    known = [str(one) for one in port.rules["enum"]]
    if port.type in ("integer", "number"):
        return any(float(text) == float(one) for one in known)
    return text in known


def _wrong(field: str, what: str) -> BadRequest:
    return BadRequest(f"{field} {what}.", target=f"properties.{field}")


def has(names: Iterable[str], of: str) -> str:
    """Says which names there are, for whoever asked for another."""
    known = ", ".join(names)
    return f"{of} has {known}." if known else f"{of} has none."
