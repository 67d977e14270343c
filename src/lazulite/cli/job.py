"""`lazulite job`: as az ml job, and debug."""

import copy
import sys
from pathlib import Path
from urllib.parse import urlsplit

from lazulite.cli import changes, job_debug, job_replay, job_stream
from lazulite.cli.assets import ARCHIVED_ONLY, INCLUDE_ARCHIVED, list_view
from lazulite.cli.entities import JOB, RUN, entity
from lazulite.cli.grammar import Arguments, Command, Group, Json, flag, required, switch
from lazulite.cli.session import Session, open_workspace
from lazulite.cli.verbs import (
    COMMON,
    FILE,
    NAME,
    NEW_NAME,
    NO_WAIT,
    SET,
    SKIP_VALIDATION,
    WEB,
    Noun,
    overrides,
    sdk,
    show_page,
)
from lazulite.errors import BadRequest, NotFound, NotImplementedHere

_JOB = Noun("job", "jobs", JOB)
# What can still change of a job, in the YAML file's words and in run history's.
# Source: azure-ai-ml 1.35.2 operations/_job_operations.py, update.
_CHANGEABLE = {
    "display_name": "displayName",
    "description": "description",
    "tags": "tags",
    "properties": "properties",
}
_EXPERIMENT = "experiment_name"
# What the platform notes of a step: its name in the pipeline, and why it ran.
_STEP, _WHY = "lazulite.step", "lazulite.why"
_BY_KEY = ("tags", "properties")


def _create(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    options = {"skip_validation": True} if arguments.skip_validation else {}
    wish = sdk().Wish(arguments.file, overrides(arguments, (NEW_NAME,)), options)
    made = sdk().make(session, _JOB.word, wish)
    if arguments.save_as:
        _save(session, made.name, arguments.save_as)
    if arguments.web:
        _open(session, made.name)
    if arguments.stream:
        job_stream.follow(session, made.name)
    return _JOB.show(session, made.name)


def _save(session: Session, name: str, path: str) -> None:
    """Writes a job as the YAML file of which another like it can be made."""
    import yaml  # only where a file is written

    text = yaml.safe_dump(_JOB.show(session, name), sort_keys=False, allow_unicode=True)
    Path(path).write_text(text, "utf-8")


def _validate(arguments: Arguments) -> Json:
    return sdk().validate_job(open_workspace(arguments), arguments.file, overrides(arguments, (NEW_NAME,)))


def _list(arguments: Arguments) -> Json:
    session, view = open_workspace(arguments), list_view(arguments)
    limit = None if arguments.all_results else arguments.max_results
    if arguments.parent_job_name:
        return _children(session, arguments.parent_job_name, limit)
    rows = session.arm.all(session.path(_JOB.kind), {"listViewType": view}, limit)
    return [entity(row, JOB) for row in rows]


def _children(session: Session, name: str, limit: int | None) -> Json:
    """Lists the steps of a pipeline or the trials of a sweep, as run history has them."""
    _get(session, name)  # raises for a job that is not there
    runs = _runs_below(session, name, limit)
    return [entity({**run, "id": session.path(_JOB.kind, run["runId"])}, RUN) for run in runs]


def _runs_below(session: Session, name: str, limit: int | None) -> list[Json]:
    found: list[Json] = []
    where: str | None = f"/history/v1.0{session.path('runs', name, 'children')}"
    while where and (limit is None or len(found) < limit):
        page = session.arm.data_plane("GET", where).json()
        found += page["value"]
        link = urlsplit(page.get("nextLink") or "")
        where = link.path and f"{link.path}?{link.query}"
    return found[:limit]


def _show(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    if arguments.web:
        _open(session, arguments.name)
    return _JOB.show(session, arguments.name)


def _open(session: Session, name: str) -> None:
    show_page(_get(session, name)["services"]["Studio"]["endpoint"])


def _stream(arguments: Arguments) -> None:
    job_stream.follow(open_workspace(arguments), arguments.name)


def _cancel(arguments: Arguments) -> None:
    session = open_workspace(arguments)
    answer = session.arm.call("POST", session.path(_JOB.kind, arguments.name, "cancel"))
    if not arguments.no_wait:
        session.arm.finish(answer)


def _download(arguments: Arguments) -> None:
    session = open_workspace(arguments)
    outputs = _get(session, arguments.name).get("outputs") or {}
    if arguments.output_name and arguments.output_name not in outputs:
        raise NotFound(f'Job "{arguments.name}" has no output "{arguments.output_name}". It has {", ".join(outputs)}.')
    which = {"output_name": arguments.output_name, "all": arguments.all}
    sdk().download_job(session, arguments.name, arguments.download_path, **which)


def _archiving(verb: str, is_archived: bool) -> Command:
    def run(arguments: Arguments) -> None:
        session = open_workspace(arguments)
        properties = {**_get(session, arguments.name), "isArchived": is_archived}
        session.arm.call("PUT", session.path(_JOB.kind, arguments.name), {"properties": properties})

    what = "Hide a job from lists." if is_archived else "Show a job in lists again."
    return Command(verb, what, run, (NAME, *COMMON))


def _update(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    before = _JOB.show(session, arguments.name)
    after = copy.deepcopy(before)
    changes.apply(after, arguments)
    change = _change(before, after)
    run = f"/history/v1.0{session.path('runs', arguments.name)}"
    if change:
        session.arm.data_plane("PATCH", run, change)
    if gone := [name for name in before.get("tags") or {} if name not in changes.texts(after, "tags")]:
        session.arm.data_plane("DELETE", f"{run}/tags", gone)
    if arguments.web:
        _open(session, arguments.name)
    return _JOB.show(session, arguments.name)


def _change(before: Json, after: Json) -> Json:
    """Turns what differs into run history's words: `{"displayName": "x", "tags": {"a": "1"}}`."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if _EXPERIMENT in names:  # az sends it too, and a job stays where it was submitted
        print(f"{_EXPERIMENT} of a job cannot be changed: it stays {before.get(_EXPERIMENT)}.", file=sys.stderr)
        names.remove(_EXPERIMENT)
    if fixed := [name for name in names if name not in _CHANGEABLE]:
        hint = f"What can: {', '.join(_CHANGEABLE)}."
        raise BadRequest(f"{', '.join(fixed)} of a job cannot be changed.", target=fixed[0], hint=hint)
    change = {_CHANGEABLE[name]: after.get(name) for name in names if name not in _BY_KEY}
    return change | {name: changes.texts(after, name) for name in names if name in _BY_KEY}


def _show_services(arguments: Arguments) -> Json:
    return _JOB.show(open_workspace(arguments), arguments.name).get("services")


def _why(arguments: Arguments) -> Json:
    """Says of every step of a pipeline, or of one step, why it ran or what stood for it."""
    session = open_workspace(arguments)
    run = session.arm.data_plane("GET", f"/history/v1.0{session.path('runs', arguments.name)}").json()
    runs = _runs_below(session, arguments.name, None) or [run]
    shown = [
        {
            "name": one["runId"],
            "step": (one.get("properties") or {}).get(_STEP) or one.get("displayName"),
            "status": one["status"],
            "why": (one.get("properties") or {}).get(_WHY) or "",
        }
        for one in runs
    ]
    if arguments.output or arguments.query:
        return shown
    for one in shown:
        print(f"{one['step']} ({one['status']}): {one['why'] or 'nothing is noted of it'}")
    return None


def _refuse_ssh(arguments: Arguments) -> None:
    raise NotImplementedHere(
        f'Job "{arguments.name}" runs on this machine, and nothing listens for SSH.',
        hint=f"`lazulite job debug -n {arguments.name}` opens a shell with its environment, code and inputs.",
    )


def _debug(arguments: Arguments) -> None:
    job_debug.open_shell(open_workspace(arguments), arguments.name, arguments.command, arguments.pdb)


def _replay(arguments: Arguments) -> None:
    job_replay.replay(open_workspace(arguments), arguments.name, arguments.mini_batch, arguments.pdb)


def _get(session: Session, name: str) -> dict[str, Json]:
    """Returns a job's properties, as ARM has them."""
    return dict(session.arm.get(session.path(_JOB.kind, name))["properties"])


_YAML = required(FILE)
# Source: azure-cli-extensions, src/machinelearningservices, _format.py.
_COLUMNS = (
    ("Name", "name"),
    ("Status", "status"),
    ("Experiment", "experiment_name"),
    ("Compute target", "compute"),
    ("Job type", "type"),
    ("Created on", "creation_context.created_at"),
)

GROUPS = (
    Group(
        "job",
        (
            Command(
                "list",
                "List the jobs of a workspace, the newest first.",
                _list,
                (
                    flag("--max-results", "-r", type=int, default=50, metavar="N", help="At most so many: 50."),
                    switch("--all-results", help="As many as there are."),
                    flag("--parent-job-name", "-p", metavar="NAME", help="The steps or trials of this job."),
                    INCLUDE_ARCHIVED,
                    ARCHIVED_ONLY,
                    *COMMON,
                ),
                columns=_COLUMNS,
            ),
            Command("show", "Show one job.", _show, (NAME, WEB, *COMMON)),
            Command(
                "create",
                "Submit a job from a YAML file; code and inputs on this machine are uploaded first.",
                _create,
                (
                    _YAML,
                    NEW_NAME,
                    flag("--stream", "-s", action="store_true", help="Then show what it prints, until it ends."),
                    WEB,
                    flag("--save-as", "-a", metavar="FILE", help="Write it as a YAML file."),
                    SKIP_VALIDATION,
                    SET,
                    *COMMON,
                ),
                "lazulite job create -f job.yml --set inputs.lr=0.01 --stream",
            ),
            Command(
                "stream",
                "Show what a job prints, until it ends. Exit code 1 when it fails.",
                _stream,
                (NAME, *COMMON),
                "lazulite job stream -n brave_pear_1x2y3z",
            ),
            Command("cancel", "End a job.", _cancel, (NAME, NO_WAIT, *COMMON)),
            Command(
                "download",
                "Download a job's logs and what it wrote to ./outputs, into DIR/artifacts, or its named outputs.",
                _download,
                (
                    NAME,
                    flag("--all", "-a", action="store_true", help="The logs and every output."),
                    flag("--output-name", metavar="OUTPUT", help="This output, into DIR/named-outputs."),
                    flag("--download-path", "-p", default=".", metavar="DIR", help="Where to; here if not given."),
                    *COMMON,
                ),
            ),
            Command(
                "update",
                "Change a job's display_name, description, tags or properties.",
                _update,
                (NAME, WEB, *changes.FLAGS, *COMMON),
                "lazulite job update -n brave_pear_1x2y3z --set tags.team=vision",
            ),
            _archiving("archive", True),
            _archiving("restore", False),
            Command(
                "show-services",
                "Show the addresses that belong to a job.",
                _show_services,
                (NAME, WEB, flag("--node-index", "-i", help="Taken, as az does; changes nothing."), *COMMON),
            ),
            Command(
                "why",
                "Say why the steps of a pipeline ran, or which earlier jobs they were reused from.",
                _why,
                (NAME, *COMMON),
                "lazulite job why -n brave_pear_1x2y3z",
                columns=(("Step", "step"), ("Status", "status"), ("Why", "why")),
            ),
            Command(
                "connect-ssh",
                "Refused: nothing listens for SSH here; `debug` opens a shell instead.",
                _refuse_ssh,
                (
                    NAME,
                    flag("--node-index", "-i", help="The node."),
                    flag("--private-key-file-path", "-f", help="The key."),
                    flag("--ssh-args", "-c", action="append", help="More for ssh."),
                    *COMMON,
                ),
            ),
            Command(
                "validate",
                "Check a YAML file without submitting anything.",
                _validate,
                (_YAML, NEW_NAME, SET, *COMMON),
            ),
            Command(
                "debug",
                "Open a shell as a job was given it: its environment, a fresh copy of its code, its inputs, variables.",
                _debug,
                (
                    NAME,
                    flag("--command", "-c", metavar="COMMAND", help="Run this there, instead of opening a shell."),
                    flag("--pdb", action="store_true", help="Run the job's command; stop in pdb where it raises."),
                    *COMMON,
                ),
                "lazulite job debug -n brave_pear_1x2y3z --pdb",
            ),
            Command(
                "replay",
                "Run one mini-batch of a batch job again, in a copy of the job that leaves the job alone.",
                _replay,
                (
                    NAME,
                    flag(
                        "--mini-batch",
                        required=True,
                        type=int,
                        metavar="K",
                        help="Which, from 0; failed.jsonl names it.",
                    ),
                    flag("--pdb", action="store_true", help="Stop in pdb where the script raises."),
                    *COMMON,
                ),
                "lazulite job replay -n brave_pear_1x2y3z --mini-batch 3 --pdb",
            ),
        ),
    ),
)
