"""The tabs of a job's page, besides its overview: each takes the run and returns what it shows."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from lazulite.engine import services
from lazulite.errors import LazuliteError
from lazulite.http.call import JsonObject
from lazulite.ids import parse_asset
from lazulite.studio import curves, files, job_acts, jobs, logged, logs, places, records, variables
from lazulite.studio import shown as s
from lazulite.studio.html import Child, Html, a, div, join, span, strong
from lazulite.studio.run import Run

# Where a run's logs are, of all that it has. Source: azure-ai-ml 1.35.2 constants/_jobs.py, JobLogPattern.
_LOGS = ("user_logs", "logs", "azureml-logs", "system_logs")
# What a job used in all, of its run's properties: name, words, how the value is shown.
_SPENT: tuple[tuple[str, str, Callable[[str], str]], ...] = (
    ("lazulite.seconds", "Ran for", lambda text: s.duration(float(text))),
    ("lazulite.cpu_seconds", "Processor time", lambda text: s.duration(float(text))),
    ("lazulite.peak_memory_bytes", "Most memory", lambda text: s.size(int(text))),
)
_BEFORE = ("NotStarted", "Queued", "Preparing", "Provisioning", "Starting")  # a job's command and services run
_IS_ASSET = re.compile(r"/(?P<kind>data|models)/(?P<name>[^/]+)/versions/(?P<version>[^/]+)$", re.IGNORECASE)
_NAMES_FILE = re.compile(r"(?!.*\.\.)[\w][\w./-]*")
_IS_PATH = re.compile(r"azureml://|https?://|wasbs?://|abfss?://")


def metrics(found: Run) -> Html:
    """Shows every metric as a curve, and images and tables that were logged."""
    address = found.visit.link("/_studio/metrics", runs=found.name)
    nothing = "This run has logged no metrics. mlflow.log_metric() and run.log() show here as they happen."
    plots = curves.plots(address, live=not found.is_over, empty=nothing)
    return div(plots, logged.show(found), class_="stack")


def children(found: Run) -> Html:
    """Shows the runs below this one."""
    table = jobs.table(found.visit, found.children, empty=s.muted("None yet."), picks=True)
    return s.card(None, table, class_="flush")


def logs_of(found: Run) -> Html:
    """Shows a run's logs, one at a time: the first rank's, or the one that was chosen."""
    names = log_names(found)
    if not names:
        return s.empty("Nothing was printed yet." if not found.is_over else "This run left no logs.")
    asked = found.visit.asked("log")
    chosen = asked if asked in names else names[0]
    tabs = [(name, found.link(tab="logs", log=name)) for name in names]
    address = logs.of_file(found.visit, places.below(found.artifacts, chosen))
    return join(s.tabs(tabs, chosen) if len(tabs) > 1 else None, logs.viewer(address, live=not found.is_over))


def log_names(found: Run) -> list[str]:
    """Lists a run's logs, the user's own first."""
    try:
        folder = places.find(found.visit, found.artifacts)
    except LazuliteError:
        return []
    shown = [path for name in _LOGS for path in sorted((folder / name).rglob("*")) if path.is_file()]
    return [path.relative_to(folder).as_posix() for path in shown[:200]]


def files_of(found: Run) -> Html:
    """Shows what the run wrote, and what it was given: each input and output is a root of its own."""
    visit = found.visit
    roots: dict[str, tuple[str, dict[str, str]]] = {"Outputs and logs": (found.artifacts, {})}
    for which, values in (("output", found.outputs), ("input", found.inputs)):
        for name, one in values.items():
            uri = str(one.get("uri") or "")
            if uri:
                roots[f"{which} {name}"] = (uri, {which: name})
    asked = next((f"{which} {visit.asked(which)}" for which in ("output", "input") if visit.asked(which)), "")
    chosen = asked if asked in roots else "Outputs and logs"
    root, query = roots[chosen]
    tabs = [(words, found.link(tab="files", **more)) for words, (_, more) in roots.items()]

    def link(path: str) -> str:
        return found.link(tab="files", **query, path=path)

    def beside(path: str) -> Child:
        return (
            job_acts.register(found, query.get("output", ""), places.below(root, path))
            if "input" not in query
            else None
        )

    try:
        shown = files.browser(visit, root, visit.asked("path"), link, empty=s.empty("Nothing here yet."), beside=beside)
    except LazuliteError as error:
        shown = s.empty(error.message)
    return join(s.tabs(tabs, chosen) if len(tabs) > 1 else None, shown)


def services_of(found: Run) -> Html | None:
    """Shows a job's interactive services, TensorBoard and the like: where each answers while the job runs."""
    asked = {name: one for name, one in (found.job.get("services") or {}).items() if one}
    rows = [_service(found, name, one) for name, one in asked.items() if one.get("jobServiceType") in services.KINDS]
    if not rows:
        return None
    far = "They answer on the platform's own machine: from elsewhere, forward their ports."
    hint = s.muted(far) if found.visit.parts.settings.is_exposed else None
    return s.card(
        "Services", s.grid(["Name", "Type", "State", span("Where", class_="wide-only"), ""], rows), hint, class_="flush"
    )


def _service(found: Run, name: str, one: JsonObject) -> Html:
    state = "To come" if found.status in _BEFORE else str(one.get("status") or "Not started")
    address = str(one.get("endpoint") or "") if state == "Running" else ""
    where = s.mono(urlsplit(address).netloc) if address else s.muted("–")  # what follows may hold its token
    opened = a("Open", href=address, target="_blank", rel="noreferrer", class_="button") if address else None
    return s.row(
        strong(name), s.muted(one["jobServiceType"]), s.badge(state), span(where, class_="wide-only"), opened, key=name
    )


def code_of(found: Run) -> Html:
    """Shows the code as it was submitted."""
    asset = parse_asset(found.job["codeId"], "codes", found.visit.workspace)  # type: ignore[arg-type]
    version = found.visit.api.get(f"codes/{asset.name}/versions/{asset.version}")
    uri = str(version["properties"]["codeUri"])

    def link(path: str) -> str:
        return found.link(tab="code", path=path)

    told = str(found.job.get("command") or "")
    path = found.visit.asked("path") or _script(places.find(found.visit, uri), told)
    command = s.card("Command", s.source(told))
    shown = files.browser(found.visit, uri, path, link, empty=s.empty("No files."))
    return div(command, shown, class_="stack")


def _script(folder: Path, command: str) -> str:
    """Returns the file that a command names first, "" where it names none."""
    words = (word.strip("'\"").removeprefix("./") for word in command.split())
    return next((word for word in words if _NAMES_FILE.fullmatch(word) and (folder / word).is_file()), "")


def environment(found: Run) -> Html:
    """Shows what the job ran in: the environment, every package's version, every variable with its origin."""
    told = records.plan(found.visit, found.name).get("variables") or {}
    venv = Path(told["VIRTUAL_ENV"]) if told.get("VIRTUAL_ENV") else None
    own = found.job.get("environmentVariables") or {}
    reference = str(found.job["environmentId"])
    return div(
        s.card("Environment", _reference(found, reference), _python(venv)),
        variables.lock(venv),
        variables.table(found.visit.parts.settings, told, own, "the job")
        if told
        else s.muted("Its variables are known once it has started."),
        class_="stack",
    )


def _reference(found: Run, reference: str) -> Html:
    name, _, version = reference.rpartition("/versions/")
    name = name.rpartition("/")[2]
    link = found.visit.link(f"/environments/{name}", version=version)
    return s.facts(("Name", a(f"{name}:{version}", href=link)), ("Notes", join(*map(div, found.warnings))))


def _python(venv: Path | None) -> Html | None:
    recipe = venv and venv / "recipe.json"
    if not recipe or not recipe.exists():
        return s.facts(("Python", s.mono(str(venv)))) if venv else None
    told = json.loads(recipe.read_text(encoding="utf-8"))
    wanted = told["python"].get("wanted")
    version = told["python"]["version"] + (
        f", {wanted} was asked for" if wanted and wanted != told["python"]["version"] else ""
    )
    return s.facts(
        ("Python", version), ("Image", told["image"]), ("Built", s.moment(told["builtAt"])), ("In", s.mono(str(venv)))
    )


def usage(found: Run) -> Html:
    """Shows processor and memory over the job's time."""
    address = found.visit.link("/_studio/usage", run=found.name)
    properties = found.record["properties"]
    nothing = "Nothing was measured: samples are taken every second, and the job was over before the first."
    spent = [(words, shown(properties[name])) for name, words, shown in _SPENT if name in properties]
    return div(
        s.card("In all", s.facts(*spent)) if spent else None,
        curves.plots(address, live=not found.is_over, empty=nothing, plain=True),
        class_="stack",
    )


def definition(found: Run) -> Html:
    """Shows the job's body and its record as they are stored."""
    body = json.dumps(found.job, indent=2, ensure_ascii=False) if found.job else ""
    record = json.dumps(found.record, indent=2, ensure_ascii=False)
    return div(
        s.card("Job", s.source(body)) if body else None,
        s.card("Run", s.fold("the record of run history", s.source(record), is_open=not body)),
        class_="stack",
    )


def input_value(found: Run, one: JsonObject) -> Child:
    """Shows an input: its value, or its URI with a way to what is there."""
    value = str(one.get("value") if one.get("value") is not None else one.get("uri") or "")
    asset = _IS_ASSET.search(value)
    if asset:
        page = {"data": "/assets/data", "models": "/models"}[asset["kind"].lower()]
        label = f"{asset['name']}:{asset['version']}"
        return a(s.mono(label), href=found.visit.link(f"{page}/{asset['name']}", version=asset["version"]))
    if not _IS_PATH.match(value):
        return s.mono(value)
    name = next((name for name, other in found.inputs.items() if other is one), "")
    return a(s.mono(value), href=found.link(tab="files", input=name))
