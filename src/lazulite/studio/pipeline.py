"""A pipeline's graph: its steps with their states as they are now, nested ones opened in place."""

from lazulite.engine.courses import STEP
from lazulite.studio import graph, job_parts, jobs, logs, places, run, steps
from lazulite.studio import shown as s
from lazulite.studio.html import Html, a, div, join
from lazulite.studio.run import Run

WHY = "lazulite.why"


def show(found: Run) -> Html:
    """Draws the graph, and below it the step that was chosen."""
    drawn = steps.of(found)
    if not drawn:
        return s.empty("This pipeline has no steps yet.")
    chosen = found.visit.asked("step")
    panel = _panel(found, chosen) if chosen else s.muted("Choose a step to look into it.")
    return div(div(graph.draw(drawn), class_="graph", data_soft=True, tabindex="0"), panel, class_="stack")


def why(found: Run) -> Html | None:
    """Says why a step ran, or which earlier one stands for it; None of what is no step."""
    properties = found.record["properties"]
    earlier = properties.get(steps.REUSED_FROM)
    if earlier:
        return join("reused from ", a(earlier, href=jobs.address(found.visit, earlier)))
    return join(properties[WHY]) if properties.get(WHY) else None


def _panel(found: Run, chosen: str) -> Html:
    step = run.find(found.visit, chosen)
    names = job_parts.log_names(step)
    outputs = [
        div(a(name, href=step.link(tab="files", output=name)), " ", s.muted(one.get("uri")))
        for name, one in step.outputs.items()
    ]
    values = [div(s.muted(f"{name} "), job_parts.input_value(step, one)) for name, one in step.inputs.items()]
    about = s.facts(
        ("State", s.badge(step.status)),
        ("Took", s.span_of(step.record["startTimeUtc"], step.record["endTimeUtc"])),
        ("Why it ran", why(step)),
        ("Inputs", join(*values) if values else None),
        ("Outputs", join(*outputs) if outputs else None),
        ("Command", s.mono(step.job["command"]) if step.job.get("command") else None),
    )
    address = logs.of_file(found.visit, places.below(step.artifacts, names[0])) if names else ""
    viewer = logs.viewer(address, live=not step.is_over) if names else s.muted("It has printed nothing.")
    link = a("Open", href=step.link(), class_="button")
    return div(s.card(step.record["properties"].get(STEP) or step.shown, about, beside=link), viewer, class_="stack")
