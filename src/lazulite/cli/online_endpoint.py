"""`lazulite online-endpoint`: as az ml online-endpoint."""

import copy
from pathlib import Path

from lazulite.cli import changes, rest
from lazulite.cli.entities import ONLINE_ENDPOINT, entity
from lazulite.cli.grammar import Arguments, Command, Group, Json, Misuse, flag, switch
from lazulite.cli.session import Session, open_workspace, token
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
    Noun,
    alter,
    deleting,
    listing,
    overrides,
    readable,
    sdk,
    show_page,
)
from lazulite.errors import Conflict

ENDPOINT = Noun("online-endpoint", "onlineEndpoints", ONLINE_ENDPOINT)
_FIELDS = (
    NEW_NAME,
    flag("--auth-mode", choices=("key", "aml_token", "aad_token"), help="What callers must present."),
    DESCRIPTION,
    TAGS,
)
NOT_FOUND = 404
# What can be changed at once, in the file's words and in ARM's.
_CHANGEABLE = {
    "description": "description",
    "traffic": "traffic",
    "mirror_traffic": "mirrorTraffic",
    "properties": "properties",
}
LOCAL = switch("--local", help="The same endpoints: all of them are on this machine.")
_ML = "https://ml.azure.com"
# Azure's limit of a request, and a little for the way. Source: learn.microsoft.com/azure/machine-learning/how-to-
# manage-quotas, online endpoints.
_INVOKE_LIMIT_S = 190


def _create(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    given = overrides(arguments, _FIELDS)
    if given.get("name"):
        given["name"] = given["name"].lower()  # endpoints know no capitals. Source: azure-cli-extensions, ml
    wanted = sdk().read(ENDPOINT.word, sdk().Wish(arguments.file, given))
    refuse_taken(session, "endpoint", ENDPOINT.kind, wanted.name)
    made = sdk().create(session, ENDPOINT.word, arguments.file, given, not arguments.no_wait)
    return _shown(session, made.name, arguments)


def refuse_taken(session: Session, what: str, *segments: str) -> None:
    """Raises Conflict when there is one already: `create` makes new ones, as az has it."""
    try:
        session.arm.get(session.path(*segments))
    except rest.Refused as error:
        if error.status == NOT_FOUND:
            return
        raise
    raise Conflict(
        f"(UserError) {'An' if what == 'endpoint' else 'A'} {what} with this name already exists: {segments[-1]}.",
        hint=f"To change it, use `az ml online-{what} update`.",
    )


def _shown(session: Session, name: str, arguments: Arguments) -> Json:
    if arguments.web:
        show_page(f"{session.arm.settings.url}/")
    return ENDPOINT.show(session, name)


def _show(arguments: Arguments) -> Json:
    return _shown(open_workspace(arguments), arguments.name, arguments)


def _update(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    weights = {
        field: _weights(text)
        for field, text in (("traffic", arguments.traffic), ("mirrorTraffic", arguments.mirror_traffic))
        if text is not None
    }
    name = arguments.name or (arguments.file and sdk().read(ENDPOINT.word, sdk().Wish(arguments.file, {})).name)
    if not name:
        raise Misuse("It is not said which endpoint is meant.", hint="Name it by --name or in the file.")
    before = session.arm.get(session.path(ENDPOINT.kind, name))  # raises for one that is not there
    if arguments.file:
        alter(session, ENDPOINT.word, {"name": before["name"]}, arguments)
    elif changes.asked(arguments):
        _change(session, before, arguments)
    if weights:
        set_properties(session, name, weights)
    return _shown(session, name, arguments)


def _change(session: Session, before: Json, arguments: Arguments) -> None:
    """Changes what can be changed of an endpoint, without azure-ai-ml, which takes seconds."""
    shown = entity(before, ONLINE_ENDPOINT)
    was = copy.deepcopy(shown)
    changes.apply(shown, arguments)
    names = {name for name in {**was, **shown} if was.get(name) != shown.get(name)}
    if names - set(_CHANGEABLE) - {"tags"}:
        alter(session, ENDPOINT.word, {"name": before["name"]}, arguments)
        return
    for field in ("traffic", "mirror_traffic"):
        if field in names:
            shown[field] = {name.lower(): int(percent) for name, percent in (shown.get(field) or {}).items()}
    properties = {theirs: shown.get(ours) for ours, theirs in _CHANGEABLE.items() if ours in names}
    body = {"properties": properties, **({"tags": changes.texts(shown, "tags")} if "tags" in names else {})}
    session.arm.finish(session.arm.call("PATCH", session.path(ENDPOINT.kind, before["name"]), body))


def _weights(text: str) -> dict[str, int]:
    """Reads `blue=90 green=10`, commas or blanks between."""
    weights = {}
    for part in text.replace(",", " ").split():
        name, _, percent = part.partition("=")
        if not name or not percent.isdecimal():
            raise Misuse(f'"{part}" is not DEPLOYMENT=PERCENT.', hint='Write --traffic "blue=90 green=10".')
        weights[name.lower()] = int(percent)
    return weights


def set_properties(session: Session, name: str, properties: Json) -> None:
    """Changes the named properties of an endpoint and waits until they are in force; all others stay."""
    path = session.path(ENDPOINT.kind, name)
    session.arm.finish(session.arm.call("PATCH", path, {"properties": properties}))


def _invoke(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    body = Path(arguments.request_file).read_bytes()
    endpoint = session.arm.get(session.path(ENDPOINT.kind, arguments.name))
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {_credential(session, endpoint)}",
    }
    deployment = arguments.deployment_name or (arguments.local and _only_deployment(session, arguments.name))
    if deployment:
        headers["azureml-model-deployment"] = deployment
    bundle = str(session.arm.settings.home / "ca" / "bundle.pem")
    uri = endpoint["properties"]["scoringUri"]
    answer = rest.send("POST", uri, body, headers, timeout_s=_INVOKE_LIMIT_S, bundle=bundle)
    return answer.raw.decode(errors="replace")


def _only_deployment(session: Session, endpoint: str) -> str:
    """Returns the one deployment of an endpoint: a local one has no traffic to go by. "" where there are several."""
    rows = session.arm.all(session.path(ENDPOINT.kind, endpoint, "deployments"))
    return str(rows[0]["name"]) if len(rows) == 1 else ""


def _credential(session: Session, endpoint: Json) -> str:
    if endpoint["properties"]["authMode"] == "AADToken":
        return token(session.arm.settings, _ML)
    credentials = _credentials(session, endpoint)
    return str(credentials.get("primaryKey") or credentials["accessToken"])


def _get_credentials(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    return _credentials(session, session.arm.get(session.path(ENDPOINT.kind, arguments.name)))


def _credentials(session: Session, endpoint: Json) -> Json:
    verb = "token" if endpoint["properties"]["authMode"] == "AMLToken" else "listKeys"
    return session.arm.call("POST", session.path(ENDPOINT.kind, endpoint["name"], verb)).json()


def _regenerate_keys(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    path = session.path(ENDPOINT.kind, arguments.name, "regenerateKeys")
    wanted = {"keyType": arguments.key_type.capitalize(), "keyValue": arguments.key_value}
    session.arm.finish(session.arm.call("POST", path, wanted))
    return session.arm.call("POST", session.path(ENDPOINT.kind, arguments.name, "listKeys")).json()


_TRAFFIC = flag("--traffic", "-r", metavar="WEIGHTS", help='Percent by deployment: "blue=90 green=10".')
_MIRROR = flag("--mirror-traffic", metavar="WEIGHTS", help='Percent of requests to copy to a deployment: "green=10".')


def _listing() -> Command:
    made = listing(ENDPOINT)
    return Command(made.name, made.help, made.run, (LOCAL, *made.flags), columns=_COLUMNS)


def _deleting() -> Command:
    made = deleting(ENDPOINT)
    return Command(made.name, made.help, made.run, (LOCAL, *made.flags))


_COLUMNS = (
    ("Name", "name"),
    ("Location", "location"),
    ("Provisioning_state", "provisioning_state"),
    ("Kind", "kind"),
)

GROUPS = (
    Group(
        "online-endpoint",
        (
            _listing(),
            Command("show", "Show one online-endpoint.", _show, (NAME, LOCAL, WEB, *COMMON)),
            Command(
                "create",
                "Create an online-endpoint, from a YAML file or by its name; refused where there is one.",
                _create,
                (FILE, *_FIELDS, LOCAL, WEB, SET, NO_WAIT, *COMMON),
                "lazulite online-endpoint create -n churn --auth-mode key",
            ),
            Command(
                "update",
                "Change traffic or other fields of an online-endpoint; no request fails while traffic moves.",
                _update,
                (NEW_NAME, FILE, _TRAFFIC, _MIRROR, LOCAL, WEB, *changes.FLAGS, NO_WAIT, *COMMON),
                'lazulite online-endpoint update -n churn --traffic "blue=90 green=10"',
            ),
            _deleting(),
            Command(
                "invoke",
                "Send a request to an endpoint and print the answer.",
                _invoke,
                (
                    NAME,
                    flag(
                        "--request-file",
                        "-r",
                        type=readable,
                        required=True,
                        metavar="FILE",
                        help="The body to send, JSON.",
                    ),
                    flag("--deployment-name", "-d", help="The deployment to ask, whatever the traffic says."),
                    LOCAL,
                    *COMMON,
                ),
                "lazulite online-endpoint invoke -n churn -r request.json -o tsv",
            ),
            Command("get-credentials", "Show the keys, or a token, for scoring.", _get_credentials, (NAME, *COMMON)),
            Command(
                "regenerate-keys",
                "Replace a key; the old one is refused at once.",
                _regenerate_keys,
                (
                    NAME,
                    flag("--key-type", choices=("primary", "secondary"), default="primary", help="Which key."),
                    flag("--key-value", help="The new key; one is made if not given."),
                    *COMMON,
                ),
            ),
        ),
    ),
)
