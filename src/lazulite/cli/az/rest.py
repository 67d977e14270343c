"""`az rest`: any request to Azure, with a token; every host of Azure's is here, others are asked where they are."""

import http
import json
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from lazulite.cli import rest, session
from lazulite.cli.az.flags import GLOBAL, subscription
from lazulite.cli.grammar import Arguments, Command, Group, Json, Misuse, flag
from lazulite.cli.rest import ARM, Answer, Arm
from lazulite.edge import hosts
from lazulite.errors import LazuliteError

_PLACEHOLDERS = ("{subscriptionId}", "{subscription_id}", "%7BsubscriptionId%7D")
_LIMIT_S = 100
# The resource whose token a host wants, where it is not the host itself. Source: azure-cli-core 2.91, util.py.
_RESOURCES = {ARM: f"https://{ARM}", "graph.microsoft.com": "https://graph.microsoft.com"}


def _rest(arguments: Arguments) -> Json:
    line = session.arm()
    url = _url(line, arguments)
    headers = _pairs(arguments.headers, ":")
    body = arguments.body
    if body is not None and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/json" if _is_json(body) else "application/octet-stream"
    if not arguments.skip_authorization_header and not any(name.lower() == "authorization" for name in headers):
        headers |= _authorization(line, url, arguments.resource)
    answer = _send(line, arguments.method, url, None if body is None else body.encode(), headers)
    if arguments.output_file:
        Path(arguments.output_file).write_bytes(answer.raw)
        return None
    try:
        return answer.json()
    except rest.Refused:
        return answer.raw.decode(errors="replace")


def _url(line: Arm, arguments: Arguments) -> str:
    url = str(arguments.url)
    if any(one in url for one in _PLACEHOLDERS):
        here = subscription(line, arguments)
        for one in _PLACEHOLDERS:
            url = url.replace(one, here)
    if url.startswith("/"):
        url = f"https://{ARM}{url}"
    given = _pairs(arguments.url_parameters, "=")
    return f"{url}{'&' if '?' in url else '?'}{urlencode(given)}" if given else url


def _pairs(words: list[str] | None, between: str) -> dict[str, str]:
    """Reads `NAME=VALUE ...`, or one JSON object."""
    found: dict[str, str] = {}
    for word in words or []:
        if _is_json(word) and word.lstrip().startswith("{"):
            found |= {name: str(value) for name, value in json.loads(word).items()}
            continue
        cut = "=" if "=" in word and (between == "=" or word.index("=") < (word + ":").index(":")) else between
        name, sign, value = word.partition(cut)
        if not sign:
            raise Misuse(f'"{word}" is not NAME=VALUE.')
        found[name.strip()] = value.strip()
    return found


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _authorization(line: Arm, url: str, resource: str | None) -> dict[str, str]:
    host = urlsplit(url).hostname or ""
    mount = hosts.azure_mount(host)
    wanted = resource or _RESOURCES.get(host) or ("https://ml.azure.com" if mount in ("dataplane", "scoring") else None)
    if not wanted:
        return {}
    return {"Authorization": f"Bearer {session.token(line.settings, wanted)}"}


def _send(line: Arm, method: str, url: str, body: bytes | None, headers: dict[str, str]) -> Answer:
    parts = urlsplit(url)
    where = url
    if hosts.azure_mount(parts.hostname or ""):
        headers = {"Host": parts.netloc, **headers}
        where = f"{line.settings.url}{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    bundle = str(line.settings.home / "ca" / "bundle.pem")
    try:
        return rest.send(method.upper(), where, body, headers, timeout_s=_LIMIT_S, bundle=bundle)
    except rest.Refused as error:
        said = {"error": {"code": error.code, "message": error.message}}
        reason = http.HTTPStatus(error.status).phrase if error.status else "No answer"
        raise LazuliteError(f"{reason}({json.dumps(said)})") from error


GROUPS = (
    Group(
        "rest",
        (
            Command(
                "",
                "Send a request to Azure, with a token.",
                _rest,
                (
                    flag(
                        "--method",
                        "-m",
                        default="get",
                        type=str.lower,
                        choices=("get", "put", "post", "patch", "delete", "head", "options"),
                        help="How: get if not given.",
                    ),
                    flag(
                        "--url",
                        "--uri",
                        "-u",
                        required=True,
                        help="Where; a path alone is Azure Resource Manager's, {subscriptionId} is filled in.",
                    ),
                    flag("--body", "-b", metavar="TEXT", help="What to send; @FILE is a file's content."),
                    flag("--headers", nargs="+", metavar="NAME=VALUE", help="Headers, or one JSON object of them."),
                    flag(
                        "--url-parameters",
                        "--uri-parameters",
                        nargs="+",
                        metavar="NAME=VALUE",
                        help="Parameters of the query, or one JSON object of them.",
                    ),
                    flag("--resource", metavar="URL", help="What the token is for, where the address does not say."),
                    flag("--skip-authorization-header", action="store_true", help="Send no token."),
                    flag("--output-file", metavar="FILE", help="Write the answer here instead of printing it."),
                    *GLOBAL,
                ),
                "az rest --method get --url /subscriptions/{subscriptionId}/resourceGroups?api-version=2021-04-01",
            ),
        ),
    ),
)
