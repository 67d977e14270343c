"""A pipeline's steps as its graph shows them: nodes with the runs they became, groups, loops with their rounds."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from lazulite.engine.courses import STEP
from lazulite.engine.pipeline.graph import DO_WHILE, IF_ELSE, LOOPS
from lazulite.http.call import JsonObject
from lazulite.studio import shown as s
from lazulite.studio.graph import Step
from lazulite.studio.inside import segment
from lazulite.studio.run import Run

# Source: azureml-core 1.61, pipeline steps that were not run again have these among their properties.
REUSED, REUSED_FROM = "azureml.isreused", "azureml.reusedrunid"
_PIPELINE = "azureml.PipelineRun"
_TAKES = re.compile(r"\$\{\{\s*parent\.jobs\.([^.}\s]+)")
_TONES = {"Completed": "good", "Failed": "bad", "Queued": "wait", "NotStarted": "wait", "Canceled": "off"}
_WORST = ("bad", "live", "wait", "off", "good")
_DEEPEST = 6
_MOST_OPEN = 30  # steps of a group that is open unless it is closed


def of(found: Run) -> dict[str, Step]:
    """Returns the steps of a pipeline. `?step=` is the one that was chosen; `?flip=` names groups that were opened or
    closed against what they are without a word.
    """
    asked = found.visit.asked
    return _Reader(found, asked("step"), tuple(filter(None, asked("flip").split(",")))).steps(found.name, found.job, 0)


@dataclass(frozen=True)
class _Reader:
    found: Run
    chosen: str
    flips: tuple[str, ...]

    def steps(self, name: str, job: JsonObject, depth: int) -> dict[str, Step]:
        """Reads the steps of a pipeline's job and the runs that they have become."""
        listed = self.found.visit.api.history(f"runs/{segment(name)}/children")["value"]
        children = {str(one["properties"].get(STEP) or one["displayName"]): one for one in listed}
        nodes: Mapping[str, JsonObject] = job.get("jobs") or {}
        bodies = {body: step for step, node in nodes.items() for body in _bodies(node)}
        made = {} if nodes else {step: self._job(child["runId"]) for step, child in children.items()}
        steps: dict[str, Step] = {}
        for step in [*nodes, *(step for step in children if step not in nodes)]:
            if step in bodies or (step not in nodes and _body_of(step, bodies)):
                continue  # it is shown as the rounds of its loop
            after = _taken(nodes, step, bodies) if step in nodes else _fed(step, made)
            rounds = {one: child for one, child in children.items() if bodies.get(_body_of(one, bodies)) == step}
            is_loop = nodes.get(step, {}).get("type") in LOOPS
            steps[step] = (
                self._loop(step, nodes[step], after, rounds, f"{name}.{step}", depth)
                if is_loop
                else self._step(step, after, children.get(step), str(nodes.get(step, {}).get("type") or ""), depth)
            )
        return steps

    def _job(self, name: str) -> JsonObject:
        found: JsonObject = self.found.visit.api.get(f"jobs/{segment(name)}")["properties"]
        return found

    def _link(self, step: str = "") -> str:
        return self.found.link(tab="graph", step=step, flip=",".join(self.flips))

    def _step(self, step: str, after: Sequence[str], child: JsonObject | None, kind: str, depth: int) -> Step:
        if not child:
            return Step(step, step, "a condition" if kind == IF_ELSE else "not started", "off", self._link(), after)
        name = str(child["runId"])
        tone = _TONES.get(child["status"], "live")
        drawn = Step(name, step, _about(child), tone, self._link(name), after, self.chosen == name)
        if child["runType"] != _PIPELINE or depth >= _DEEPEST:
            return drawn
        return self._group(drawn, name, self.steps(name, self._job(name), depth + 1))

    def _loop(
        self, step: str, node: JsonObject, after: Sequence[str], rounds: Mapping[str, JsonObject], key: str, depth: int
    ) -> Step:
        words = "one after the other" if node["type"] == DO_WHILE else "side by side"
        inner: dict[str, Step] = {}
        for one, child in rounds.items():
            before = tuple(inner)[-1:] if node["type"] == DO_WHILE else ()
            inner[one] = self._step(one, before, child, "", depth + 1)
        tone = min((one.tone for one in inner.values()), key=_WORST.index, default="off")
        drawn = Step(key, step, words if inner else "a loop, not started", tone, self._link(), after)
        return self._group(drawn, key, inner) if inner else drawn

    def _group(self, drawn: Step, key: str, inner: Mapping[str, Step]) -> Step:
        """Returns a step with what is in it, or how much that is."""
        is_open = (len(inner) <= _MOST_OPEN) != (key in self.flips)
        flips = [one for one in self.flips if one != key] if key in self.flips else [*self.flips, key]
        link = self.found.link(tab="graph", step=self.chosen, flip=",".join(flips))
        about = drawn.about if is_open else f"{len(inner)} steps · {drawn.about}"
        return Step(**{**vars(drawn), "about": about, "toggle": link, "within": inner if is_open else {}})


def _about(child: JsonObject) -> str:
    if child["properties"].get(REUSED) == "true":
        return "reused"
    began, ended = child["startTimeUtc"], child["endTimeUtc"]
    if not began or not ended:
        return str(child["status"])
    took = (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
    return f"{child['status']} · {s.duration(took)}"


def _bodies(node: JsonObject) -> list[str]:
    """Returns the step that a loop repeats; nothing of another node."""
    return _TAKES.findall(str(node.get("body"))) if node.get("type") in LOOPS else []


def _body_of(step: str, bodies: Iterable[str]) -> str:
    """Returns the body that a step, `train.0`, is a round of; "" of another."""
    return next((body for body in bodies if step.startswith(f"{body}.")), "")


def _taken(nodes: Mapping[str, JsonObject], step: str, bodies: Mapping[str, str]) -> Sequence[str]:
    """Returns the steps whose results a node's inputs, its condition or its items name; bodies by their loops."""
    node = nodes[step]
    told = [*(node.get("inputs") or {}).values(), node.get("condition"), node.get("items")]
    told += [value for body in _bodies(node) for value in (nodes.get(body, {}).get("inputs") or {}).values()]
    for branch in (one for one, other in nodes.items() if _leads(other, step)):
        told.append(f"${{{{parent.jobs.{branch}}}}}")
    values = [one.get("value") or one.get("uri") if isinstance(one, dict) else one for one in told]
    names = [bodies.get(name, name) for value in values for name in _TAKES.findall(str(value))]
    return [name for name in dict.fromkeys(names) if name != step]


def _leads(node: JsonObject, step: str) -> bool:
    """Tells whether a node is a condition upon which a step runs."""
    blocks = (node.get("true_block"), node.get("false_block"))
    return node.get("type") == IF_ELSE and step in [name for one in blocks for name in _TAKES.findall(str(one))]


def _fed(step: str, made: Mapping[str, JsonObject]) -> Sequence[str]:
    """Returns the steps whose outputs lie where an input of this one does, for steps whose bindings are not known."""
    wanted = [str(one.get("uri") or "").rstrip("/") for one in (made[step].get("inputs") or {}).values() if one]
    return [
        name
        for name, job in made.items()
        if name != step
        and any(
            str(one.get("uri") or "-").rstrip("/") in wanted
            for output, one in (job.get("outputs") or {}).items()
            if one and output != "default"
        )
    ]
