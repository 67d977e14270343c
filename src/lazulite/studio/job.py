"""One job, or another run: what it did, does and made. Its parts are tabs; `?tab=` leads to each."""

from collections.abc import Callable, Mapping

from lazulite.errors import NotFound
from lazulite.http.call import JsonObject, Reply
from lazulite.studio import batch_job, job_acts, job_parts, jobs, logs, pipeline, places, records, run, sweep
from lazulite.studio import shown as s
from lazulite.studio.html import Child, Html, a, div, join, li, ol, pre, span, strong
from lazulite.studio.inside import segment
from lazulite.studio.layout import shown
from lazulite.studio.run import Run
from lazulite.studio.visit import Shown, Visit

# What follows one another in a job's life; a state beside these stands where it came.
_LIFE = ("Queued", "Preparing", "Starting", "Running", "Completed")
_ONE_METRIC_TILES = 12
_BATCH = "azureml.batchEndpoint"  # the property of jobs that a batch endpoint has made
_SYSTEM_LOG = "system_logs/lazulite.log"


def show(visit: Visit) -> Shown:
    """Shows a run by its name, in whatever workspace it is: the SDK's address names one, a person may not."""
    name = visit.call.ids["name"]
    try:
        found = run.find(visit, name)
    except NotFound:
        owner = None if visit.asked("wsid") else records.find_everywhere(visit, name)
        if not owner:
            raise
        return Reply(None, 303, {"location": f"/runs/{segment(name)}?wsid={owner}"})
    parts = _parts(found)
    asked, first = visit.asked("tab"), next(iter(parts))
    tab = next((words for words in parts if words.lower() == asked.lower()), first)
    tabs = s.tabs([(words, found.link(tab=words.lower() if words != first else "")) for words in parts], tab)
    return found.shown, join(_title(found), _trouble(found, is_whole=tab == first), tabs, parts[tab](found))


def _parts(found: Run) -> Mapping[str, Callable[[Run], Html]]:
    is_pipeline = found.kind == "Pipeline"
    is_batch = _BATCH in found.record["properties"]
    has_children = bool(found.children)
    return {
        **({"Graph": pipeline.show} if is_pipeline and not is_batch else {}),
        "Overview": overview,
        **({"Graph": pipeline.show} if is_batch else {}),
        "Metrics": job_parts.metrics,
        **({"Trials": sweep.show} if found.kind == "Sweep" else {}),
        **({"Children": job_parts.children} if has_children and found.kind != "Sweep" else {}),
        "Logs": job_parts.logs_of,
        "Files": job_parts.files_of,
        **({"Code": job_parts.code_of} if found.job.get("codeId") else {}),
        **({"Environment": job_parts.environment} if found.job.get("environmentId") else {}),
        **({"Usage": job_parts.usage} if found.job else {}),
        "Definition": job_parts.definition,
    }


def _title(found: Run) -> Html:
    visit = found.visit
    crumbs: list[Child] = [a("Jobs", href=visit.link("/jobs"))]
    parent = found.record.get("parentRunId")
    if parent:
        crumbs += [" / ", a(parent, href=jobs.address(visit, parent))]
    return s.title(found.shown, s.badge(found.status), above=crumbs, actions=job_acts.buttons(found))


def _trouble(found: Run, *, is_whole: bool) -> Html:
    """Shows why a run failed and what it is warned of. is_whole: with its last lines unfolded, which fill a window."""
    error = (found.record.get("error") or {}).get("error") or {}
    message, _, rest = str(error.get("message") or "").partition("\n")
    lines = pre(rest) if is_whole else s.fold("its last lines", pre(rest))
    shown = [div(strong(message), lines if rest else None, class_="notice bad")] if message else []
    warnings = [*found.warnings]
    if found.status == "Queued" and not message:
        warnings += [note for _, _, note in found.events[-1:] if note]
    return join(shown, [div(text, class_="notice wait") for text in warnings])


def overview(found: Run) -> Html:
    """Shows what most readers want: how far it is, its numbers, what went in and came out."""
    metrics = found.tracked["data"]["metrics"]
    params = found.tracked["data"]["params"]
    tiles = [_tile(found, one) for one in metrics[:_ONE_METRIC_TILES]]
    main = [
        s.card("Time line", _line(found), beside=s.span_of(found.record["startTimeUtc"], found.record["endTimeUtc"])),
        _preparing(found),
        job_parts.services_of(found),
        batch_job.cards(found),
        div(tiles, class_="tiles") if tiles else None,
        _inputs(found),
        _outputs(found),
        _models(found),
    ]
    side = [
        s.card("About", _facts(found), s.tags(_own_tags(found))),
        sweep.about(found),
        s.card("Parameters", s.facts(*((one["key"], one["value"]) for one in params))) if params else None,
    ]
    return div(div(main, class_="stack"), div(side, class_="stack"), class_="columns")


def _own_tags(found: Run) -> JsonObject:
    """Returns the tags that people set: MLflow keeps its own ones among them."""
    return {name: value for name, value in found.record["tags"].items() if not name.startswith("mlflow.")}


def _preparing(found: Run) -> Html | None:
    """Shows how a job is being prepared, which may take minutes: its environment's build, line by line."""
    if found.status not in ("Preparing", "Starting") or _SYSTEM_LOG not in job_parts.log_names(found):
        return None
    address = logs.of_file(found.visit, places.below(found.artifacts, _SYSTEM_LOG))
    return s.card("Being prepared", logs.viewer(address, live=True, key="preparing"))


def _tile(found: Run, metric: JsonObject) -> Html:
    value = metric["value"]
    figure = s.number(value) if isinstance(value, int | float) else str(value)
    return a(s.muted(metric["key"]), span(figure, class_="figure"), href=found.link(tab="metrics"), class_="card tile")


def _line(found: Run) -> Html:
    """Draws the states that a job passed, with the time it spent in each, and those that are to come."""
    events = [one for one in found.events if one[0] != "NotStarted"]
    if not events:
        record = found.record
        events = [("Running", record["startTimeUtc"] or record["createdUtc"], "")]
        events += [(found.status, record["endTimeUtc"], "")] if record["endTimeUtc"] else []
    steps = [_step(events, index, found.is_over) for index in range(len(events))]
    last = events[-1][0]
    come = _LIFE[_LIFE.index(last) + 1 :] if last in _LIFE else ()
    return ol(steps, [li(strong(state), span("to come"), class_="off") for state in come], class_="line")


def _step(events: list[tuple[str, str, str]], index: int, is_over: bool) -> Html:
    state, at, note = events[index]
    is_last = index == len(events) - 1
    tone = {"Completed": "good", "Failed": "bad", "Canceled": "off"}.get(state, "live")
    if is_last:
        took: Child = s.moment(at) if is_over else s.span_of(at, None)
    else:
        took = s.span_of(at, events[index + 1][1])
    shown_note = span(note) if note else None
    return li(strong(state), span(took), shown_note, class_=f"{tone} {'now' if is_last and not is_over else 'done'}")


def _facts(found: Run) -> Html:
    visit, record, job = found.visit, found.record, found.job
    experiment = job.get("experimentName") or records_experiment(found)
    resources = job.get("resources") or {}
    distribution = job.get("distribution") or {}
    compute = record.get("target")
    by = record["createdBy"]["userName"]
    return s.facts(
        ("Name", join(s.mono(found.name), s.copy(found.name))),
        ("Type", found.kind),
        ("Experiment", a(experiment, href=visit.link("/jobs", experiment=experiment)) if experiment else None),
        ("Compute", a(compute, href=visit.link(f"/compute/{segment(compute)}")) if compute else None),
        ("Instances", resources.get("instanceCount") if (resources.get("instanceCount") or 1) > 1 else None),
        ("Distribution", distribution.get("distributionType")),
        ("Submitted", s.moment(record["createdUtc"])),
        ("By", by if by and len(by) < 36 else None),
        ("Why it ran", pipeline.why(found)),
        ("Command", s.mono(job["command"]) if job.get("command") else None),
        ("Description", record.get("description")),
    )


def records_experiment(found: Run) -> str:
    """Returns the name of the experiment of a run that is no job."""
    known = found.visit.api.history(f"experimentids/{segment(found.record['experimentId'])}")
    return str(known["name"])


def _inputs(found: Run) -> Html | None:
    rows = [
        s.row(strong(name), _kind(one, "jobInputType"), job_parts.input_value(found, one), key=name)
        for name, one in found.inputs.items()
    ]
    return s.card("Inputs", s.grid(["Name", "Type", "Value"], rows), class_="flush") if rows else None


def _outputs(found: Run) -> Html | None:
    rows = []
    for name, one in found.outputs.items():
        browse = found.link(tab="files", output=name)
        register = job_acts.register(found, name, str(one.get("uri") or "")) if found.status == "Completed" else None
        rows.append(
            s.row(a(strong(name), href=browse), _kind(one, "jobOutputType"), s.mono(one.get("uri")), register, key=name)
        )
    if not rows:
        return None
    return s.card("Outputs", s.grid(["Name", "Type", "Where", ""], rows), class_="flush")


def _models(found: Run) -> Html | None:
    """Shows the models that were registered from this run."""
    if not found.is_over or not found.visit.workspace:
        return None
    made = records.models_of(found.visit, found.name)
    chips = [
        a(f"{name}:{version}", href=found.visit.link(f"/model/{segment(f'{name}:{version}')}/details"), class_="chip")
        for name, version in made
    ]
    return s.card("Registered models", div(chips, class_="chips")) if made else None


def _kind(one: JsonObject, field: str) -> Child:
    kind = str(one.get(field) or "")
    return s.muted("value" if kind == "literal" else kind)


ROUTES = (shown("/runs/{name}", show), shown("/experiments/{experiment}/runs/{name}", show), *job_acts.ROUTES)
