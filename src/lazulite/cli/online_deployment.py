"""`lazulite online-deployment`: as az ml online-deployment."""

from lazulite.cli.entities import ONLINE_DEPLOYMENT, entity
from lazulite.cli.grammar import Arguments, Command, Group, Json, flag
from lazulite.cli.online_endpoint import ENDPOINT, set_properties
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
    overrides,
    sdk,
)

_ENDPOINT = flag("--endpoint-name", "-e", required=True, metavar="NAME", help="Its endpoint.")
_FIELDS = (
    NEW_NAME,
    flag("--endpoint-name", "-e", metavar="NAME", help="Its endpoint, if not the file's."),
    flag("--instance-count", type=int, metavar="N", help="How many processes answer."),
    flag("--instance-type", metavar="SIZE", help="The VM size that is asked for."),
    DESCRIPTION,
    TAGS,
)


def _path(session: Session, endpoint: str, *rest: str) -> str:
    return session.path(ENDPOINT.kind, endpoint, "deployments", *rest)


def _list(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    rows = session.arm.all(_path(session, arguments.endpoint_name))
    return [entity(row, ONLINE_DEPLOYMENT) for row in rows[: arguments.max_results]]


def _show(arguments: Arguments) -> Json:
    return _shown(open_workspace(arguments), arguments.endpoint_name, arguments.name)


def _shown(session: Session, endpoint: str, name: str) -> Json:
    return entity(session.arm.get(_path(session, endpoint, name)), ONLINE_DEPLOYMENT)


def _create(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    given = overrides(arguments, _FIELDS)
    made = sdk().create(session, "online-deployment", arguments.file, given, not arguments.no_wait)
    if arguments.all_traffic:
        set_properties(session, made.endpoint_name, {"traffic": {made.name.lower(): 100}})
    return _shown(session, made.endpoint_name, made.name)


def _update(arguments: Arguments) -> Json:
    session, which = open_workspace(arguments), {"name": arguments.name, "endpoint_name": arguments.endpoint_name}
    sdk().update(session, "online-deployment", which, dict(arguments.set), not arguments.no_wait)
    return _shown(session, arguments.endpoint_name, arguments.name)


def _delete(arguments: Arguments) -> None:
    session = open_workspace(arguments)
    answer = session.arm.call("DELETE", _path(session, arguments.endpoint_name, arguments.name))
    if not arguments.no_wait:
        session.arm.finish(answer)


def _get_logs(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    kind = {"inference-server": "InferenceServer", "storage-initializer": "StorageInitializer"}[arguments.container]
    path = _path(session, arguments.endpoint_name, arguments.name, "getLogs")
    return session.arm.call("POST", path, {"containerType": kind, "tail": arguments.lines}).json()["content"]


GROUPS = (
    Group(
        "online-deployment",
        (
            Command("list", "List an endpoint's deployments.", _list, (_ENDPOINT, MAX_RESULTS, *COMMON)),
            Command("show", "Show one deployment.", _show, (NAME, _ENDPOINT, *COMMON)),
            Command(
                "create",
                "Create a deployment from a YAML file; code, model and environment are uploaded first.",
                _create,
                (
                    FILE,
                    *_FIELDS,
                    flag("--all-traffic", action="store_true", help="Then lead all of the endpoint's traffic here."),
                    SET,
                    NO_WAIT,
                    *COMMON,
                ),
                "lazulite online-deployment create -f blue.yml --all-traffic",
            ),
            Command("update", "Change fields of a deployment.", _update, (NAME, _ENDPOINT, SET, NO_WAIT, *COMMON)),
            Command("delete", "Delete a deployment.", _delete, (NAME, _ENDPOINT, YES, NO_WAIT, *COMMON)),
            Command(
                "get-logs",
                "Print what a deployment's server has written.",
                _get_logs,
                (
                    NAME,
                    _ENDPOINT,
                    flag("--lines", "-l", type=int, default=5000, metavar="N", help="The last so many lines."),
                    flag(
                        "--container",
                        "-c",
                        choices=("inference-server", "storage-initializer"),
                        default="inference-server",
                        help="The server, or what fetched model, code and environment before it.",
                    ),
                    *COMMON,
                ),
                "lazulite online-deployment get-logs -e churn -n blue -o tsv",
            ),
        ),
    ),
)
