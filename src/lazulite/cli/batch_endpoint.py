"""`lazulite batch-endpoint`: as az ml batch-endpoint."""

import json
from urllib.parse import urlsplit

from lazulite.cli import batch_request, changes, rest
from lazulite.cli.entities import BATCH_ENDPOINT, BATCH_JOB, entity
from lazulite.cli.grammar import Arguments, Command, Group, Json, flag
from lazulite.cli.session import Session, open_workspace, token
from lazulite.cli.verbs import (
    COMMON,
    DESCRIPTION,
    MAX_RESULTS,
    NAME,
    NEW_NAME,
    NO_WAIT,
    TAGS,
    Noun,
    alter,
    creating,
    deleting,
    listing,
    showing,
)

ENDPOINT = Noun("batch-endpoint", "batchEndpoints", BATCH_ENDPOINT)
_ML = "https://ml.azure.com"


def _update(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    if arguments.defaults:
        set_default(session, arguments.name, arguments.defaults)
    if changes.asked(arguments):
        alter(session, ENDPOINT.word, {"name": arguments.name}, arguments)
    return ENDPOINT.show(session, arguments.name)


def set_default(session: Session, name: str, deployment: str) -> None:
    """Makes a deployment the one that answers where none is named."""
    path = session.path(ENDPOINT.kind, name)
    properties = {"defaults": {"deploymentName": deployment.removeprefix("deployment_name=")}}
    session.arm.finish(session.arm.call("PATCH", path, {"properties": properties}))


def _invoke(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    endpoint = session.arm.get(session.path(ENDPOINT.kind, arguments.name))
    body = json.dumps({"properties": batch_request.properties(session, arguments)}).encode()
    headers = {"Authorization": f"Bearer {token(session.arm.settings, _ML)}", "Content-Type": "application/json"}
    if arguments.deployment_name:
        headers["azureml-model-deployment"] = arguments.deployment_name
    made = rest.send("POST", endpoint["properties"]["scoringUri"], body, headers).json()
    return entity(made, BATCH_JOB)


def _list_jobs(arguments: Arguments) -> Json:
    return jobs(open_workspace(arguments), arguments.max_results, arguments.name)


def jobs(session: Session, limit: int | None, *segments: str) -> Json:
    """Returns the jobs of an endpoint, or of `endpoint, "deployments", deployment`, newest first."""
    path = f"/mferp/managementfrontend{session.path(ENDPOINT.kind, *segments, 'jobs')}"
    found: list[Json] = []
    while path:
        page = session.arm.data_plane("GET", path).json()
        found += page["value"]
        link = urlsplit(page["nextLink"] or "")
        path = "" if limit and len(found) >= limit else link.path and f"{link.path}?{link.query}"
    return [entity(one, BATCH_JOB) for one in found[:limit]]


_FIELDS = (NEW_NAME, DESCRIPTION, TAGS)
_DEFAULTS = flag(
    "--defaults", metavar="NAME", help="The deployment that answers where none is named; or deployment_name=NAME."
)

GROUPS = (
    Group(
        "batch-endpoint",
        (
            listing(ENDPOINT),
            showing(ENDPOINT),
            creating(ENDPOINT, _FIELDS, "lazulite batch-endpoint create -n digits"),
            Command(
                "update",
                "Change fields of a batch-endpoint.",
                _update,
                (NAME, _DEFAULTS, *changes.FLAGS, NO_WAIT, *COMMON),
                "lazulite batch-endpoint update -n digits --set defaults.deployment_name=blue",
            ),
            deleting(ENDPOINT),
            Command(
                "invoke",
                "Start a job of an endpoint: a folder or file, here or in a datastore, scored in mini-batches.",
                _invoke,
                (NAME, *batch_request.FLAGS, *COMMON),
                "lazulite batch-endpoint invoke -n digits --input ./data --query name -o tsv",
            ),
            Command("list-jobs", "List an endpoint's jobs, newest first.", _list_jobs, (NAME, MAX_RESULTS, *COMMON)),
        ),
    ),
)
