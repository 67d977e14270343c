"""A pipeline's graph: its steps with their states as they are now, nested ones opened in place."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from lazulite.engine.courses import STEP
from lazulite.http.call import JsonObject
from lazulite.studio import graph, job_parts, jobs, logs, places, run
from lazulite.studio import shown as s
from lazulite.studio.graph import Step
from lazulite.studio.html import Html, a, div, join
from lazulite.studio.inside import segment
from lazulite.studio.run import Run
from lazulite.studio.visit import Visit

# Source: azureml-core 1.61, pipeline steps that were not run again have these among their properties.
REUSED, REUSED_FROM = "azureml.isreused", "azureml.reusedrunid"
WHY = "lazulite.why"
_PIPELINE = "azureml.PipelineRun"
_TAKES = re.compile(r"\$\{\{\s*parent\.jobs\.([^.}\s]+)\.outputs")
_TONES = {"Completed": "good", "Failed": "bad", "Queued": "wait", "NotStarted": "wait", "Canceled": "off"}
_DEEPEST = 4


def show(found: Run) -> Html:
    """Draws the graph, and below it the step that was chosen."""
    steps = _steps(found, found.name, found.job, 0)
    if not steps:
        return s.empty("This pipeline has no steps yet.")
    chosen = found.visit.asked("step")
    drawing = div(graph.draw(steps), class_="graph")
    return div(drawing, _panel(found, chosen) if chosen else s.muted("Choose a step to look into it."), class_="stack")


def _steps(found: Run, name: str, job: JsonObject, depth: int) -> dict[str, Step]:
    """Reads the steps of a pipeline's job and the runs that they have become."""
    listed = found.visit.api.history(f"runs/{segment(name)}/children")["value"]
    children = {str(one["properties"].get(STEP) or one["displayName"]): one for one in listed}
    nodes: Mapping[str, JsonObject] = job.get("jobs") or {}
    made = {} if nodes else {step: _job(found.visit, child["runId"]) for step, child in children.items()}
    names = [*nodes, *(step for step in children if step not in nodes)]
    return {
        step: _step(found, step, _taken(nodes[step]) if step in nodes else _fed(step, made), children.get(step), depth)
        for step in names
    }


def _job(visit: Visit, name: str) -> JsonObject:
    found: JsonObject = visit.api.get(f"jobs/{segment(name)}")["properties"]
    return found


def _step(found: Run, step: str, after: Sequence[str], child: JsonObject | None, depth: int) -> Step:
    if not child:
        return Step(step, step, "not started", "off", found.link(tab="graph"), after)
    name = str(child["runId"])
    inner: dict[str, Step] = {}
    if child["runType"] == _PIPELINE and depth < _DEEPEST:
        inner = _steps(found, name, _job(found.visit, name), depth + 1)
    return Step(
        name=name,
        words=step,
        about=_about(child),
        tone=_TONES.get(child["status"], "live"),
        link=found.link(tab="graph", step=name),
        after=after,
        is_chosen=found.visit.asked("step") == name,
        within=inner,
    )


def _about(child: JsonObject) -> str:
    if child["properties"].get(REUSED) == "true":
        return "reused"
    began, ended = child["startTimeUtc"], child["endTimeUtc"]
    if not began or not ended:
        return str(child["status"])
    took = (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
    return f"{child['status']} · {s.duration(took)}"


def _taken(node: JsonObject) -> Sequence[str]:
    """Returns the steps whose outputs a node's inputs name."""
    inputs = (node.get("inputs") or {}).values()
    values = [one.get("value") or one.get("uri") if isinstance(one, dict) else one for one in inputs]
    return [*dict.fromkeys(name for value in values for name in _TAKES.findall(str(value)))]


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


def why(found: Run) -> Html | None:
    """Says why a step ran, or which earlier one stands for it; None of what is no step."""
    properties = found.record["properties"]
    earlier = properties.get(REUSED_FROM)
    if earlier:
        return join("reused from ", a(earlier, href=jobs.address(found.visit, earlier)))
    return join(properties[WHY]) if properties.get(WHY) else None


def _panel(found: Run, chosen: str) -> Html:
    step = run.find(found.visit, chosen)
    names = job_parts.log_names(step)
    values = [div(s.muted(f"{name} "), job_parts.input_value(step, one)) for name, one in step.inputs.items()]
    about = s.facts(
        ("State", s.badge(step.status)),
        ("Took", s.span_of(step.record["startTimeUtc"], step.record["endTimeUtc"])),
        ("Why it ran", why(step)),
        ("Inputs", join(*values) if values else None),
        ("Command", s.mono(step.job["command"]) if step.job.get("command") else None),
    )
    address = logs.of_file(found.visit, places.below(step.artifacts, names[0])) if names else ""
    viewer = logs.viewer(address, live=not step.is_over) if names else s.muted("It has printed nothing.")
    link = a("Open", href=step.link(), class_="button")
    return div(s.card(step.record["properties"].get(STEP) or step.shown, about, beside=link), viewer, class_="stack")
