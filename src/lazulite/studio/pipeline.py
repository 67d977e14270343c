"""A pipeline's graph: its steps with their states as they are now, nested ones opened in place."""

import re
from collections.abc import Mapping, Sequence

from lazulite.engine.courses import STEP
from lazulite.http.call import JsonObject
from lazulite.studio import graph, job_parts, logs, places, records, run
from lazulite.studio import shown as s
from lazulite.studio.graph import Step
from lazulite.studio.html import Html, a, div, join
from lazulite.studio.inside import segment
from lazulite.studio.run import Run

_TAKES = re.compile(r"\$\{\{\s*parent\.jobs\.([^.}\s]+)\.outputs")
_TONES = {"Completed": "good", "Failed": "bad", "Queued": "wait", "NotStarted": "wait", "Canceled": "off"}
_DEEPEST = 4


def show(found: Run) -> Html:
    """Draws the graph, and below it the step that was chosen."""
    steps = _steps(found, found.name, found.job, 0)
    if not steps:
        return s.empty("This pipeline has no steps.")
    chosen = found.visit.asked("step")
    drawing = div(graph.draw(steps), class_="graph")
    return div(drawing, _panel(found, chosen) if chosen else s.muted("Choose a step to look into it."), class_="stack")


def _steps(found: Run, name: str, job: JsonObject, depth: int) -> dict[str, Step]:
    """Reads the steps of a pipeline's job and the runs that they have become."""
    children = {_step_of(found, child): child for child in records.children(found.visit, name)}
    nodes: Mapping[str, JsonObject] = job.get("jobs") or {}
    names = [*nodes, *(step for step in children if step not in nodes)]
    return {step: _step(found, step, nodes.get(step) or {}, children.get(step), depth) for step in names}


def _step(found: Run, step: str, node: JsonObject, child: JsonObject | None, depth: int) -> Step:
    inner: dict[str, Step] = {}
    if child and child["kind"] == "azureml.PipelineRun" and depth < _DEEPEST:
        inner = _steps(found, child["name"], run.find(found.visit, child["name"]).job, depth + 1)
    link = found.link(tab="graph", step=child["name"]) if child else found.link(tab="graph")
    return Step(
        name=child["name"] if child else step,
        words=step,
        about=_about(child) if child else "not started",
        tone=_TONES.get(child["status"], "live") if child else "off",
        link=link,
        after=_taken(node),
        is_chosen=bool(child) and found.visit.asked("step") == (child or {})["name"],
        within=inner,
    )


def _about(child: JsonObject) -> str:
    took = records.took(child)
    return f"{child['status']} · {s.duration(took)}" if took is not None else str(child["status"])


def _taken(node: JsonObject) -> Sequence[str]:
    """Returns the steps whose outputs a node's inputs name."""
    values = [
        one.get("value") or one.get("uri") if isinstance(one, dict) else one
        for one in (node.get("inputs") or {}).values()
    ]
    return [*dict.fromkeys(name for value in values for name in _TAKES.findall(str(value)))]


def _step_of(found: Run, child: JsonObject) -> str:
    record = found.visit.api.history(f"runs/{segment(child['name'])}")
    return str(record["properties"].get(STEP) or child["shown"])


def _panel(found: Run, chosen: str) -> Html:
    step = run.find(found.visit, chosen)
    names = job_parts.log_names(step)
    why = [note for _, _, note in step.events if note]
    about = s.facts(
        ("State", s.badge(step.status)),
        ("Took", s.span_of(step.record["startTimeUtc"], step.record["endTimeUtc"])),
        ("Why", join(*(div(note) for note in why)) if why else None),
        (
            "Inputs",
            join(*(div(s.muted(f"{name} "), job_parts.input_value(step, one)) for name, one in step.inputs.items())),
        ),
        ("Command", s.mono(step.job["command"]) if step.job.get("command") else None),
    )
    address = logs.of_file(found.visit, places.below(step.artifacts, names[0])) if names else ""
    viewer = logs.viewer(address, live=not step.is_over) if names else s.muted("Nothing was printed yet.")
    link = a("Open", href=step.link(), class_="button")
    return div(s.card(step.shown, about, beside=link), viewer, class_="stack")
