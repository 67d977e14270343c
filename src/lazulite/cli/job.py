"""`lazulite job`: as az ml job, and debug."""

import json
import webbrowser
from typing import Any

from lazulite.cli import job_debug, job_stream
from lazulite.cli.assets import ARCHIVED_ONLY, INCLUDE_ARCHIVED
from lazulite.cli.entities import JOB, entity
from lazulite.cli.grammar import Arguments, Command, Flag, Group, Json, flag
from lazulite.cli.session import Session, open_workspace
from lazulite.cli.verbs import COMMON, FILE, NAME, NEW_NAME, SET, Noun, overrides, sdk
from lazulite.errors import BadRequest, NotFound

_JOB = Noun("job", "jobs", JOB)
# What can still change of a job, in the YAML file's words and in run history's.
# Source: azure-ai-ml 1.35.2 operations/_job_operations.py, update.
_CHANGEABLE = {"display_name": "displayName", "description": "description", "tags": "tags", "properties": "properties"}
_BY_KEY = ("tags", "properties")


def _create(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    made = sdk().create(session, _JOB.word, arguments.file, overrides(arguments, (NEW_NAME,)), wait=True)
    if arguments.web:
        _open(session, made.name)
    if arguments.stream:
        job_stream.follow(session, made.name)
    return _JOB.show(session, made.name)


def _validate(arguments: Arguments) -> Json:
    return sdk().validate_job(open_workspace(arguments), arguments.file, overrides(arguments, ()))


def _list(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    view = "All" if arguments.include_archived else "ArchivedOnly" if arguments.archived_only else "ActiveOnly"
    limit = None if arguments.all_results else arguments.max_results
    rows = session.arm.all(session.path(_JOB.kind), {"listViewType": view}, limit)
    return [entity(row, JOB) for row in rows]


def _show(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    if arguments.web:
        _open(session, arguments.name)
    return _JOB.show(session, arguments.name)


def _open(session: Session, name: str) -> None:
    """Shows a job's page in the browser, if there is one."""
    webbrowser.open(_get(session, name)["services"]["Studio"]["endpoint"])


def _stream(arguments: Arguments) -> None:
    job_stream.follow(open_workspace(arguments), arguments.name)


def _cancel(arguments: Arguments) -> None:
    session = open_workspace(arguments)
    session.arm.finish(session.arm.call("POST", session.path(_JOB.kind, arguments.name, "cancel")))


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
    change = _change(dict(arguments.set))
    session.arm.data_plane("PATCH", f"/history/v1.0{session.path('runs', arguments.name)}", change)
    return _JOB.show(session, arguments.name)


def _change(fields: dict[str, Any]) -> Json:
    """Turns `{"display_name": "x", "tags.a": 1}` into run history's `{"displayName": "x", "tags": {"a": "1"}}`."""
    change: dict[str, Any] = {}
    for field, value in fields.items():
        name, _, key = field.partition(".")
        if name not in _CHANGEABLE or bool(key) != (name in _BY_KEY):
            hint = "What can: display_name, description, tags.NAME, properties.NAME."
            raise BadRequest(f"{field} of a job cannot be changed.", target=field, hint=hint)
        text = value if isinstance(value, str) else json.dumps(value)
        if key:
            change.setdefault(name, {})[key] = text
        else:
            change[_CHANGEABLE[name]] = text
    return change


def _show_services(arguments: Arguments) -> Json:
    return _JOB.show(open_workspace(arguments), arguments.name).get("services")


def _debug(arguments: Arguments) -> None:
    job_debug.open_shell(open_workspace(arguments), arguments.name, arguments.command, arguments.pdb)


def _get(session: Session, name: str) -> dict[str, Json]:
    """Returns a job's properties, as ARM has them."""
    return dict(session.arm.get(session.path(_JOB.kind, name))["properties"])


_YAML = Flag(FILE.names, {**FILE.options, "required": True})
_WEB = flag("--web", "-e", action="store_true", help="Show the job's page in the browser.")

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
                    flag("--all-results", action="store_true", help="As many as there are."),
                    INCLUDE_ARCHIVED,
                    ARCHIVED_ONLY,
                    *COMMON,
                ),
            ),
            Command("show", "Show one job.", _show, (NAME, _WEB, *COMMON)),
            Command(
                "create",
                "Submit a job from a YAML file; code and inputs on this machine are uploaded first.",
                _create,
                (
                    _YAML,
                    NEW_NAME,
                    flag("--stream", "-s", action="store_true", help="Then show what it prints, until it ends."),
                    _WEB,
                    flag("--skip-validation", action="store_true", help="Taken, as az does; changes nothing."),
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
            Command("cancel", "End a job.", _cancel, (NAME, *COMMON)),
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
                (NAME, SET, *COMMON),
                "lazulite job update -n brave_pear_1x2y3z --set tags.team=vision",
            ),
            _archiving("archive", True),
            _archiving("restore", False),
            Command(
                "show-services",
                "Show the addresses that belong to a job.",
                _show_services,
                (NAME, flag("--node-index", "-i", help="Taken, as az does; changes nothing."), *COMMON),
            ),
            Command(
                "validate",
                "Check a YAML file without submitting anything.",
                _validate,
                (_YAML, SET, *COMMON),
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
        ),
    ),
)
