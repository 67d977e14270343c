"""`lazulite batch-deployment`: as az ml batch-deployment."""

from lazulite.cli import batch_endpoint, changes
from lazulite.cli.batch_endpoint import ENDPOINT
from lazulite.cli.deployment import ENDPOINT_NAME, NEW_ENDPOINT_NAME, Deployment, deleting, listing, showing
from lazulite.cli.entities import BATCH_DEPLOYMENT
from lazulite.cli.grammar import Arguments, Command, Group, Json, flag
from lazulite.cli.session import open_workspace
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
    alter,
    overrides,
    sdk,
)

DEPLOYMENT = Deployment("batch-deployment", ENDPOINT, BATCH_DEPLOYMENT)
_FIELDS = (NEW_NAME, NEW_ENDPOINT_NAME, DESCRIPTION, TAGS)


def _create(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    made = sdk().create(session, DEPLOYMENT.word, arguments.file, overrides(arguments, _FIELDS), not arguments.no_wait)
    if arguments.set_default:
        batch_endpoint.set_default(session, made.endpoint_name, made.name)
    return DEPLOYMENT.show(session, made.endpoint_name, made.name)


def _update(arguments: Arguments) -> Json:
    session, which = open_workspace(arguments), {"name": arguments.name, "endpoint_name": arguments.endpoint_name}
    alter(session, DEPLOYMENT.word, which, arguments)
    return DEPLOYMENT.show(session, arguments.endpoint_name, arguments.name)


def _list_jobs(arguments: Arguments) -> Json:
    session, endpoint = open_workspace(arguments), arguments.endpoint_name
    return batch_endpoint.jobs(session, arguments.max_results, endpoint, "deployments", arguments.name)


_SET_DEFAULT = flag("--set-default", action="store_true", help="Then make it the endpoint's default.")
_SKIP = flag("--skip-script-validation", action="store_true", help="Taken, as az does; the script is checked anyway.")

GROUPS = (
    Group(
        DEPLOYMENT.word,
        (
            listing(DEPLOYMENT),
            showing(DEPLOYMENT),
            Command(
                "create",
                "Create a deployment from a YAML file; code, model and environment are uploaded first.",
                _create,
                (FILE, *_FIELDS, _SET_DEFAULT, _SKIP, SET, NO_WAIT, *COMMON),
                "lazulite batch-deployment create -f blue.yml --set-default",
            ),
            Command(
                "update",
                "Change fields of a deployment.",
                _update,
                (NAME, ENDPOINT_NAME, *changes.FLAGS, NO_WAIT, *COMMON),
            ),
            deleting(DEPLOYMENT),
            Command(
                "list-jobs",
                "List a deployment's jobs, newest first.",
                _list_jobs,
                (NAME, ENDPOINT_NAME, MAX_RESULTS, *COMMON),
            ),
        ),
    ),
)
