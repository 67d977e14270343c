"""`lazulite online-deployment`: as az ml online-deployment."""

import sys

from lazulite.cli import changes, rest
from lazulite.cli.deployment import ENDPOINT_NAME, NEW_ENDPOINT_NAME, Deployment, deleting, listing, showing
from lazulite.cli.entities import ONLINE_DEPLOYMENT
from lazulite.cli.grammar import Arguments, Command, Group, Json, Misuse, flag, switch
from lazulite.cli.online_endpoint import ENDPOINT, LOCAL, NOT_FOUND, refuse_taken, set_properties
from lazulite.cli.session import Session, open_workspace
from lazulite.cli.verbs import (
    COMMON,
    DESCRIPTION,
    FILE,
    NAME,
    NEW_NAME,
    NO_WAIT,
    SET,
    TAGS,
    WEB,
    alter,
    overrides,
    sdk,
)
from lazulite.errors import NotImplementedHere

DEPLOYMENT = Deployment("online-deployment", ENDPOINT, ONLINE_DEPLOYMENT)
_SCALE = (
    flag("--instance-count", type=int, metavar="N", help="How many processes answer."),
    flag("--instance-type", metavar="SIZE", help="The VM size that is asked for."),
)
_NO_EFFECT = "Taken, as az does; changes nothing."
_WEB = flag("--web", action="store_true", help=WEB.options["help"])  # -e is the endpoint
_CHECKED = (
    LOCAL,
    _WEB,
    switch("--local-enable-gpu", help=_NO_EFFECT),
    switch("--vscode-debug", help="Refused: no debugger is attached here."),
    flag("--skip-script-validation", action="store_true", help=_NO_EFFECT),
    flag("--package-model", "--with-package", action="store_true", help=_NO_EFFECT),
)
_COLUMNS = (
    ("Name", "name"),
    ("Endpoint_name", "endpoint_name"),
    ("Provisioning_state", "provisioning_state"),
    ("Instance_type", "instance_type"),
    ("Model", "model"),
    ("Type", "type"),
)
_FIELDS = (NEW_NAME, NEW_ENDPOINT_NAME, *_SCALE, DESCRIPTION, TAGS)


def _create(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    given = overrides(arguments, _FIELDS)
    if arguments.local and arguments.no_wait:
        raise Misuse('"no_wait" and "local" options are mutually exclusive. Set only one option and try again.')
    if arguments.vscode_debug:
        raise NotImplementedHere(
            "No debugger is attached here.", hint="`lazulite serve --pdb` runs a scoring script by itself."
        )
    wanted = sdk().read(DEPLOYMENT.word, sdk().Wish(arguments.file, given))
    refuse_taken(session, "deployment", ENDPOINT.kind, wanted.endpoint_name, "deployments", wanted.name)
    if arguments.local:
        _ensure_endpoint(session, wanted.endpoint_name)
    made = sdk().create(session, DEPLOYMENT.word, arguments.file, given, not arguments.no_wait)
    if arguments.all_traffic and arguments.no_wait:
        print(f"Traffic is not led to {made.name}: with --no-wait nobody waits until it serves.", file=sys.stderr)
    elif arguments.all_traffic:
        set_properties(session, made.endpoint_name, {"traffic": {made.name.lower(): 100}})
    return DEPLOYMENT.show(session, made.endpoint_name, made.name)


def _ensure_endpoint(session: Session, name: str) -> None:
    """Makes the endpoint of a local deployment where there is none, as az does."""
    try:
        session.arm.get(session.path(ENDPOINT.kind, name))
    except rest.Refused as error:
        if error.status != NOT_FOUND:
            raise
        sdk().create(session, ENDPOINT.word, None, {"name": name}, True)


def _update(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    given = {"name": arguments.name, "endpoint_name": arguments.endpoint_name}
    which = {field: value for field, value in given.items() if value}
    if arguments.file:
        read = sdk().read(DEPLOYMENT.word, sdk().Wish(arguments.file, which))
        which = {"name": read.name, "endpoint_name": read.endpoint_name}
    if len(which) < len(given):
        raise Misuse("It is not said which deployment is meant.", hint="Give --name and --endpoint-name, or a file.")
    before = DEPLOYMENT.show(session, which["endpoint_name"], which["name"])  # raises for one that is not there
    alter(session, DEPLOYMENT.word, which | {"name": before["name"]}, arguments, _SCALE)
    return DEPLOYMENT.show(session, which["endpoint_name"], which["name"])


def _get_logs(arguments: Arguments) -> None:
    session = open_workspace(arguments)
    kind = {"inference-server": "InferenceServer", "storage-initializer": "StorageInitializer"}[arguments.container]
    path = DEPLOYMENT.path(session, arguments.endpoint_name, arguments.name, "getLogs")
    content = session.arm.call("POST", path, {"containerType": kind, "tail": arguments.lines}).json()["content"]
    print(content)


def _mirror_report(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    return session.arm.get(DEPLOYMENT.path(session, arguments.endpoint_name, arguments.name, "mirrorReport"))


GROUPS = (
    Group(
        DEPLOYMENT.word,
        (
            listing(DEPLOYMENT, (LOCAL,), _COLUMNS),
            showing(DEPLOYMENT, (LOCAL, _WEB)),
            Command(
                "create",
                "Create a deployment from a YAML file; code, model and environment are uploaded first.",
                _create,
                (
                    FILE,
                    *_FIELDS,
                    flag("--all-traffic", action="store_true", help="Then lead all of the endpoint's traffic here."),
                    *_CHECKED,
                    SET,
                    NO_WAIT,
                    *COMMON,
                ),
                "lazulite online-deployment create -f blue.yml --all-traffic",
            ),
            Command(
                "update",
                "Change fields of a deployment.",
                _update,
                (FILE, *_FIELDS[:2], *_SCALE, *_CHECKED, *changes.FLAGS, NO_WAIT, *COMMON),
            ),
            deleting(DEPLOYMENT, (LOCAL,)),
            Command(
                "mirror-report",
                "Compare what a deployment answers to mirrored traffic with what the live one does.",
                _mirror_report,
                (NAME, ENDPOINT_NAME, *COMMON),
                "lazulite online-deployment mirror-report -e churn -n green",
            ),
            Command(
                "get-logs",
                "Print what a deployment's server has written.",
                _get_logs,
                (
                    NAME,
                    ENDPOINT_NAME,
                    LOCAL,
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
                "lazulite online-deployment get-logs -e churn -n blue",
            ),
        ),
    ),
)
