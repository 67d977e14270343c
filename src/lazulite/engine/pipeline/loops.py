"""Steps that repeat another: do_while, one round after the other, and parallel_for, many at a time. Pure.

A round is a child whose step is the body's name and the round's key, `train.0`.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from lazulite import fields
from lazulite.engine.courses import Child
from lazulite.engine.pipeline import bodies
from lazulite.engine.pipeline.accept import Read, body_name, condition_of, items_of, mapping_of
from lazulite.engine.pipeline.graph import DO_WHILE, Step
from lazulite.engine.pipeline.values import Value, World
from lazulite.engine.spec import LITERAL
from lazulite.engine.states import ENDED, Job

_MOST_ROUNDS = 1000


class Loop(Protocol):
    """One loop of one pipeline. body: the step that it repeats. files: what its outputs need to be written."""

    body: str
    files: dict[str, str]

    @property
    def running(self) -> list[str]:
        """Returns the steps of its rounds that have not ended."""

    @property
    def is_over(self) -> bool:
        """Tells whether there will be no more rounds, and none runs."""

    def hear(self, child: Child) -> None:
        """Hears of one of its rounds."""

    def next_rounds(self) -> Iterator[tuple[str, Mapping[str, Value]]]:
        """Yields the rounds to be started: the step, and the inputs that the loop sets."""

    def outputs(self, body: Step) -> Iterator[tuple[str, Value]]:
        """Yields what it has made when it is over."""


def of(step: Step, found: Read, job: Job, world: World) -> Loop:
    """Begins a loop. world: what its items are bound to has been made."""
    body = found.graph.steps[body_name(step, found.graph)]
    if step.type == DO_WHILE:
        return _DoWhile(step, body)
    places = {name: _place(step, name, found, job) for name in (body.component.outputs if body.component else ())}
    return _ParallelFor(step, body.name, items_of(step, world) or {}, places)


def outputs_of(step: Step, child: Child) -> Iterator[tuple[str, Value]]:
    """Yields what a child that has completed made: data by where it is, numbers and truths as text."""
    shown = child.job.body.get("outputs") or {}
    for port in step.component.outputs.values() if step.component else ():
        if port.is_literal:
            yield port.name, Value(LITERAL, child.read(port.name))
        elif port.name in shown:
            yield port.name, Value(port.type, str(shown[port.name]["uri"]), is_made=True)


class _DoWhile:
    def __init__(self, step: Step, body: Step) -> None:
        self.body = body.name
        self._step = body
        self.files: dict[str, str] = {}
        self._condition = condition_of(step)
        self._mapping = mapping_of(step)
        limits = fields.nested(step.node, f"{step.field}.limits")
        self._most = int(limits.get("max_iteration_count") or _MOST_ROUNDS)
        self._rounds: list[Child] = []
        self._begun = 0

    @property
    def running(self) -> list[str]:
        return [child.step for child in self._rounds[-1:] if child.job.state not in ENDED]

    @property
    def is_over(self) -> bool:
        """Tells whether it is over; one without a condition goes on until it has had its most rounds.

        Source: azure-ai-ml 1.35.2 tests, test_do_while_true_pipeline_omit_condition.
        """
        if not self._rounds or self._rounds[-1].job.state not in ENDED:
            return False
        if len(self._rounds) >= self._most:
            return True
        return bool(self._condition) and self._rounds[-1].read(self._condition).strip().lower() != "true"

    def hear(self, child: Child) -> None:
        number = int(child.step.rpartition(".")[2])
        self._begun = max(self._begun, number + 1)
        self._rounds[number:] = [child]

    def next_rounds(self) -> Iterator[tuple[str, Mapping[str, Value]]]:
        if self._begun == len(self._rounds):
            yield f"{self.body}.{self._begun}", self._given()
            self._begun += 1

    def _given(self) -> dict[str, Value]:
        if not self._rounds:
            return {}
        made = dict(outputs_of(self._step, self._rounds[-1]))
        return {name: made[output] for output, inputs in self._mapping.items() for name in inputs}

    def outputs(self, body: Step) -> Iterator[tuple[str, Value]]:
        return outputs_of(body, self._rounds[-1])


class _ParallelFor:
    def __init__(
        self, step: Step, body: str, items: Mapping[str, Mapping[str, Value]], places: Mapping[str, str]
    ) -> None:
        self.body = body
        self.files: dict[str, str] = {}
        self._items = items
        self._places = places
        self._at_a_time = int(step.node.get("max_concurrency") or len(items))
        self._rounds: dict[str, Child] = {}
        self._begun: set[str] = set()

    @property
    def running(self) -> list[str]:
        return [child.step for child in self._rounds.values() if child.job.state not in ENDED]

    @property
    def is_over(self) -> bool:
        return len(self._rounds) == len(self._items) and not self.running

    def hear(self, child: Child) -> None:
        key = child.step.removeprefix(f"{self.body}.")
        self._begun.add(key)
        self._rounds[key] = child

    def next_rounds(self) -> Iterator[tuple[str, Mapping[str, Value]]]:
        ended = sum(child.job.state in ENDED for child in self._rounds.values())
        free = self._at_a_time - (len(self._begun) - ended)
        for key in [key for key in self._items if key not in self._begun][: max(0, free)]:
            self._begun.add(key)
            yield f"{self.body}.{key}", self._items[key]

    def outputs(self, body: Step) -> Iterator[tuple[str, Value]]:
        """Yields each output of all rounds together: data as a table of where it is, all else as a list.

        Source: azure-ai-ml 1.35.2 entities/_builders/parallel_for.py, OUT_TYPE_MAPPING, for the types alone.
        """
        made: dict[str, list[Value]] = {}
        for key in self._items:
            for name, value in outputs_of(body, self._rounds[key]):
                made.setdefault(name, []).append(value)
        for name, many in made.items():
            place = self._places[name]
            if many[0].is_literal:
                text = json.dumps([value.text for value in many])
                self.files[place.rstrip("/")] = text
                yield name, Value(LITERAL, text)
            else:
                self.files[f"{place.rstrip('/')}/MLTable"] = _table(many)
                yield name, Value("mltable", place, is_made=True)


def _table(many: list[Value]) -> str:
    """Prints an MLTable, which is YAML, and JSON is YAML."""
    kind = {"uri_file": "file"}
    paths: list[dict[str, Any]] = [{kind.get(value.kind, "folder"): value.text} for value in many]
    return json.dumps({"type": "mltable", "paths": paths}, indent=1)


def _place(step: Step, output: str, found: Read, job: Job) -> str:
    """Returns where a loop's table or list goes: the place of the pipeline's output that it is bound to, if any."""
    given = fields.nested(step.node, f"{step.field}.outputs").get(output) or {}
    sent = given if isinstance(given, Mapping) else {"value": given}
    bound = bodies.bound_output(sent, found.frame.body, f"{step.field}.outputs.{output}")
    datastore = found.frame.datastore or "workspaceblobstore"
    own = f"azureml://datastores/{datastore}/paths/azureml/{job.name}/{step.name}.{output}/"
    return str(bound.get("uri") or own)
