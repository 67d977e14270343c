"""`lazulite online-endpoint`: as az ml online-endpoint."""

from pathlib import Path

from lazulite.cli import rest
from lazulite.cli.entities import ONLINE_ENDPOINT
from lazulite.cli.grammar import Arguments, Command, Group, Json, Misuse, flag
from lazulite.cli.session import Session, open_workspace, token
from lazulite.cli.verbs import (
    COMMON,
    DESCRIPTION,
    NAME,
    NEW_NAME,
    NO_WAIT,
    SET,
    TAGS,
    Noun,
    creating,
    deleting,
    listing,
    readable,
    sdk,
    showing,
)

ENDPOINT = Noun("online-endpoint", "onlineEndpoints", ONLINE_ENDPOINT)
_FIELDS = (
    NEW_NAME,
    flag("--auth-mode", choices=("key", "aml_token", "aad_token"), help="What callers must present."),
    DESCRIPTION,
    TAGS,
)
_ML = "https://ml.azure.com"
# Azure's limit of a request, and a little for the way. Source: learn.microsoft.com/azure/machine-learning/how-to-
# manage-quotas, online endpoints.
_INVOKE_LIMIT_S = 190


def _update(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    weights = {
        field: _weights(text)
        for field, text in (("traffic", arguments.traffic), ("mirrorTraffic", arguments.mirror_traffic))
        if text is not None
    }
    if weights:
        set_properties(session, arguments.name, weights)
    if arguments.set:
        sdk().update(session, ENDPOINT.word, {"name": arguments.name}, dict(arguments.set), not arguments.no_wait)
    return ENDPOINT.show(session, arguments.name)


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
    if arguments.deployment_name:
        headers["azureml-model-deployment"] = arguments.deployment_name
    bundle = str(session.arm.settings.home / "ca" / "bundle.pem")
    uri = endpoint["properties"]["scoringUri"]
    answer = rest.send("POST", uri, body, headers, timeout_s=_INVOKE_LIMIT_S, bundle=bundle)
    return answer.raw.decode(errors="replace")


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

GROUPS = (
    Group(
        "online-endpoint",
        (
            listing(ENDPOINT),
            showing(ENDPOINT),
            creating(ENDPOINT, _FIELDS, "lazulite online-endpoint create -n churn --auth-mode key"),
            Command(
                "update",
                "Change traffic or other fields of an online-endpoint; no request fails while traffic moves.",
                _update,
                (NAME, _TRAFFIC, _MIRROR, SET, NO_WAIT, *COMMON),
                'lazulite online-endpoint update -n churn --traffic "blue=90 green=10"',
            ),
            deleting(ENDPOINT),
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
