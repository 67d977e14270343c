"""`lazulite batch-deployment`: as az ml batch-deployment."""

from lazulite.cli import batch_endpoint, changes
from lazulite.cli.batch_endpoint import ENDPOINT
from lazulite.cli.entities import BATCH_DEPLOYMENT, entity
from lazulite.cli.grammar import Arguments, Command, Group, Json, flag
from lazulite.cli.session import Session, open_workspace
from lazulite.cli.verbs import (
    COMMON,
    DESCRIPTION,
    FILE,
    MAX_RESULTS,
    NAME,
    NEW_NAME,
    NO_WAIT,
    SET,
    TAGS,
    YES,
    alter,
    overrides,
    sdk,
)

_WORD = "batch-deployment"
_ENDPOINT = flag("--endpoint-name", "-e", required=True, metavar="NAME", help="Its endpoint.")
_FIELDS = (
    NEW_NAME,
    flag("--endpoint-name", "-e", metavar="NAME", help="Its endpoint, if not the file's."),
    DESCRIPTION,
    TAGS,
)


def _path(session: Session, endpoint: str, *rest: str) -> str:
    return session.path(ENDPOINT.kind, endpoint, "deployments", *rest)


def _list(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    rows = session.arm.all(_path(session, arguments.endpoint_name))
    return [entity(row, BATCH_DEPLOYMENT) for row in rows[: arguments.max_results]]


def _show(arguments: Arguments) -> Json:
    return _shown(open_workspace(arguments), arguments.endpoint_name, arguments.name)


def _shown(session: Session, endpoint: str, name: str) -> Json:
    return entity(session.arm.get(_path(session, endpoint, name)), BATCH_DEPLOYMENT)


def _create(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    made = sdk().create(session, _WORD, arguments.file, overrides(arguments, _FIELDS), not arguments.no_wait)
    if arguments.set_default:
        batch_endpoint.set_default(session, made.endpoint_name, made.name)
    return _shown(session, made.endpoint_name, made.name)


def _update(arguments: Arguments) -> Json:
    session, which = open_workspace(arguments), {"name": arguments.name, "endpoint_name": arguments.endpoint_name}
    alter(session, _WORD, which, arguments)
    return _shown(session, arguments.endpoint_name, arguments.name)


def _delete(arguments: Arguments) -> None:
    session = open_workspace(arguments)
    answer = session.arm.call("DELETE", _path(session, arguments.endpoint_name, arguments.name))
    if not arguments.no_wait:
        session.arm.finish(answer)


def _list_jobs(arguments: Arguments) -> Json:
    session, endpoint = open_workspace(arguments), arguments.endpoint_name
    return batch_endpoint.jobs(session, arguments.max_results, endpoint, "deployments", arguments.name)


_SET_DEFAULT = flag("--set-default", action="store_true", help="Then make it the endpoint's default.")
_SKIP = flag("--skip-script-validation", action="store_true", help="Taken, as az does; the script is checked anyway.")

GROUPS = (
    Group(
        _WORD,
        (
            Command("list", "List an endpoint's deployments.", _list, (_ENDPOINT, MAX_RESULTS, *COMMON)),
            Command("show", "Show one deployment.", _show, (NAME, _ENDPOINT, *COMMON)),
            Command(
                "create",
                "Create a deployment from a YAML file; code, model and environment are uploaded first.",
                _create,
                (FILE, *_FIELDS, _SET_DEFAULT, _SKIP, SET, NO_WAIT, *COMMON),
                "lazulite batch-deployment create -f blue.yml --set-default",
            ),
            Command(
                "update", "Change fields of a deployment.", _update, (NAME, _ENDPOINT, *changes.FLAGS, NO_WAIT, *COMMON)
            ),
            Command("delete", "Delete a deployment.", _delete, (NAME, _ENDPOINT, YES, NO_WAIT, *COMMON)),
            Command(
                "list-jobs",
                "List a deployment's jobs, newest first.",
                _list_jobs,
                (NAME, _ENDPOINT, MAX_RESULTS, *COMMON),
            ),
        ),
    ),
)
