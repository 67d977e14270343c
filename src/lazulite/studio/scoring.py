"""The test form's other side: sends a request through the gateway as any client would, with the endpoint's own key."""

import http.client
import json
from urllib.parse import urlsplit

from lazulite import clock
from lazulite.errors import BadRequest, LazuliteError, Unavailable
from lazulite.http.call import JsonObject, Reply
from lazulite.identity import tokens
from lazulite.identity.environment import CLIENT, TENANT
from lazulite.studio import sample
from lazulite.studio.inside import segment
from lazulite.studio.visit import Visit, data

_AUDIENCE = "https://ml.azure.com"
_LIMIT_S, _SAMPLE_LIMIT_S = 190, 10
_MOST_HEADERS = 8000
_HEADER = "azureml-model-deployment"
_METHODS = ("POST", "GET", "PUT", "DELETE")


def post(visit: Visit) -> Reply:
    """Sends the body on; answers what came back as bytes, its status, type and time in headers `x-answer-…`.

    `path`: below the endpoint, `/score` by default; `deployment`: which one, by Azure's header; `type`: of the body.
    """
    name, deployment = visit.asked("endpoint"), visit.asked("deployment")
    endpoint = visit.api.get(f"onlineEndpoints/{segment(name)}")
    method = visit.asked("method") or "POST"
    path = visit.asked("path") or "/score"
    if method not in _METHODS or not path.startswith("/") or not path.isprintable() or " " in path:
        raise BadRequest(f"{method} {path} cannot be asked.", target="path")
    headers = {"authorization": f"Bearer {credential(visit, endpoint)}"}
    if visit.asked("type"):
        headers["content-type"] = visit.asked("type")
    if deployment:
        headers[_HEADER] = deployment
    body = visit.call.raw if method in ("POST", "PUT") else None
    return _ask(endpoint["properties"]["scoringUri"], method, path, body, headers, _LIMIT_S)


def _ask(uri: str, method: str, path: str, body: bytes | None, headers: dict[str, str], limit_s: float) -> Reply:
    address = urlsplit(uri)
    base = address.path.rpartition("/")[0]
    began = clock.monotonic()
    link = http.client.HTTPConnection(address.hostname or "", address.port, timeout=limit_s)
    try:
        link.request(method, base + path, body, headers)
        answer = link.getresponse()
        content = answer.read()
    except (TimeoutError, OSError, http.client.HTTPException) as error:
        raise Unavailable(
            f"The gateway at {address.netloc} did not answer: {error or type(error).__name__}."
        ) from error
    finally:
        link.close()
    headers_told = json.dumps(dict(answer.headers.items()))
    told = {
        "x-answer-status": str(answer.status),
        "x-answer-type": answer.headers.get("content-type", ""),
        "x-answer-ms": f"{(clock.monotonic() - began) * 1000:.0f}",
        "x-answer-headers": headers_told if len(headers_told) <= _MOST_HEADERS else "{}",
        "content-type": "application/octet-stream",
        "x-content-type-options": "nosniff",
    }
    return Reply(content, 200, told)


def credential(visit: Visit, endpoint: JsonObject) -> str:
    """Returns what opens an endpoint: its key, a token of its own, or one of Entra's, as its auth mode asks."""
    where, mode = f"onlineEndpoints/{segment(endpoint['name'])}", endpoint["properties"]["authMode"]
    if mode == "Key":
        return str(visit.api.post(f"{where}/listKeys")["primaryKey"])
    if mode == "AMLToken":
        return str(visit.api.post(f"{where}/token")["accessToken"])
    return tokens.issue(
        visit.parts.signing_key, _AUDIENCE, tenant=TENANT, oid=CLIENT, name="Studio", now=visit.call.now
    )


def show_sample(visit: Visit) -> Reply:
    """Answers `{sample}`: the text of a body that the deployment understands, "" where nothing tells of one."""
    where = f"onlineEndpoints/{segment(visit.asked('endpoint'))}"
    deployment = visit.api.get(f"{where}/deployments/{segment(visit.asked('deployment'))}")
    return Reply({"sample": sample_of(visit, visit.api.get(where), deployment, _SAMPLE_LIMIT_S)})


def sample_of(visit: Visit, endpoint: JsonObject, deployment: JsonObject, limit_s: float) -> str:
    """Returns a body that a deployment understands, "" where nothing tells of one.

    Its swagger is asked first, for so long at most; then files are looked for.
    """
    headers = {"authorization": f"Bearer {credential(visit, endpoint)}", _HEADER: str(deployment["name"])}
    try:
        reply = _ask(endpoint["properties"]["scoringUri"], "GET", "/swagger.json", None, headers, limit_s)
        example = sample.of_swagger(json.loads(reply.body))
    except (LazuliteError, ValueError):
        example = None
    if example is not None:
        return json.dumps(example, indent=2, ensure_ascii=False)
    return sample.beside(visit, deployment)


ROUTES = (data("POST", "/_studio/score", post), data("GET", "/_studio/sample", show_sample))
