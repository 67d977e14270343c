"""Who may pass: the endpoint that a request is for, its key or token, its size, and what needs no worker at all."""

import hmac
import json
import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lazulite import clock
from lazulite.errors import MethodNotAllowed, NotFound, TooLarge, Unauthorized, Unavailable
from lazulite.identity import tokens
from lazulite.serving.gateway.endpoints import Endpoint, Endpoints
from lazulite.serving.gateway.exchange import Exchange
from lazulite.serving.gateway.forward import Deployment
from lazulite.serving.gateway.heads import CHUNKED, RequestHead
from lazulite.serving.gateway.replies import JSON_LINE, TEXT_LINE

log = logging.getLogger(__name__)

_REMEMBERED_TOKENS = 1024
# Source: azureml-inference-server-http 1.5.1 server/routes.py, handle_score.
_SCORING_METHODS = frozenset((b"GET", b"POST", b"OPTIONS", b"HEAD"))
_WENT_BY_TRAFFIC = b"x-lazulite-warning: no such deployment as azureml-model-deployment names; went by traffic\r\n"


@dataclass(frozen=True)
class Answer:
    """An answer that the gateway gives by itself."""

    status: int
    lines: bytes
    body: bytes


def admit(exchange: Exchange, endpoints: Endpoints, signing_key: bytes) -> Deployment | Answer:
    """Decides what becomes of a request, from its head: the deployment that answers, or the answer.

    Sets the exchange's deployment, the deployment that gets a copy, and the warning.
    Raises NotFound (404), Unauthorized (401), TooLarge (413), Unavailable (503), MethodNotAllowed (405).
    """
    head = exchange.head
    endpoint = endpoints.by_name.get(head.endpoint)
    if endpoint is None:
        raise _unknown_endpoint(head, endpoints)
    if head.is_preflight and allows_origin(endpoint, head):
        return Answer(204, b"access-control-allow-methods: GET, POST\r\naccess-control-max-age: 600\r\n", b"")
    if head.path == "/" and _answers_liveness(endpoint):
        return _liveness(endpoint, head)
    _check_credential(endpoint, head, signing_key)
    deployment = _choose(endpoint, exchange)
    if head.body_bytes != CHUNKED and head.body_bytes > deployment.spec.max_body_bytes:
        raise too_large(deployment.name, deployment.spec.max_body_bytes)
    exchange.deployment = deployment
    if deployment.spec.protocol == "frames" and not _is_for_worker(deployment, head):
        return _beside_scoring(deployment, head)
    if deployment.spec.protocol == "frames" and head.method not in _SCORING_METHODS:
        return _as_the_container(405, "Method not allowed")
    if endpoint.has_mirror and not head.deployment:
        name = endpoint.mirror.pick(of=100)
        exchange.shadow = endpoint.deployments[name] if name else None
    return deployment


def allows_origin(endpoint: Endpoint, head: RequestHead) -> bool:
    """Tells whether pages of the request's origin may call the endpoint."""
    cors = endpoint.spec.cors
    return bool(head.origin) and ("*" in cors or head.origin.decode("latin-1") in cors)


def too_large(deployment: str, limit_bytes: int) -> TooLarge:
    """Returns the error for a body that is longer than the deployment takes."""
    return TooLarge(f'The body is longer than the {limit_bytes} bytes that deployment "{deployment}" takes.')


def _unknown_endpoint(head: RequestHead, endpoints: Endpoints) -> NotFound:
    if not head.endpoint:
        return NotFound(
            "This is the scoring port; the path names no endpoint.", hint="Send requests to /{endpoint}/score."
        )
    known = ", ".join(sorted(endpoints.by_name)[:10]) or "none"
    return NotFound(f"There is no endpoint {head.endpoint[:64]!r} here. Endpoints: {known}.", target="endpoint")


def _check_credential(endpoint: Endpoint, head: RequestHead, signing_key: bytes) -> None:
    # Source: answers of managed endpoints that public code quotes. Of the code with "token": Source: guess.
    auth = endpoint.spec.auth
    if auth == "none":
        return
    if not head.credential:
        raise Unauthorized(
            "The request has no `Authorization: Bearer ...` header.",
            code="key_auth_bad_header_forbidden" if auth == "key" else "token_auth_bad_header_forbidden",
            hint=f"Get what goes there with: lazulite online-endpoint get-credentials -n {endpoint.name}.",
        )
    if auth == "key":
        # Every key is compared, so that the time taken does not tell which one was nearly right.
        if not sum(hmac.compare_digest(head.credential, key) for key in endpoint.keys):
            raise Unauthorized(
                f'The key sent is not a key of endpoint "{endpoint.name}".',
                code="key_auth_access_denied",
                hint=f"Its keys: lazulite online-endpoint get-credentials -n {endpoint.name}.",
            )
        return
    now = clock.now()
    if endpoint.tokens.get(head.credential, 0.0) <= now.timestamp():
        _verify_token(endpoint, head.credential, signing_key, now)


def _verify_token(endpoint: Endpoint, credential: bytes, signing_key: bytes, now: datetime) -> None:
    claims = tokens.verify(signing_key, credential.decode("latin-1"), {endpoint.spec.audience}, now)
    if len(endpoint.tokens) >= _REMEMBERED_TOKENS:
        endpoint.tokens.clear()
    endpoint.tokens[credential] = claims.expires_at.timestamp()


def _choose(endpoint: Endpoint, exchange: Exchange) -> Deployment:
    """Picks the deployment that the header names, else by traffic.

    azure-ai-ml 1.35.2 keeps the header of one `invoke(deployment_name=)` for all later calls of that process, to any
    endpoint. Azure answers 404 to a deployment that the endpoint lacks; here such a request goes by traffic, and its
    answer says so, since scripts that only run into the SDK's mistake would break otherwise.
    """
    wanted = exchange.head.deployment
    if wanted:
        named = endpoint.deployments.get(wanted)
        if named:
            return named
    name = endpoint.traffic.pick()
    if name:
        if wanted:
            exchange.warning = _WENT_BY_TRAFFIC
        return endpoint.deployments[name]
    known = ", ".join(sorted(endpoint.deployments)) or "none"
    if wanted:
        raise NotFound(
            f'Endpoint "{endpoint.name}" has no deployment {wanted[:64]!r}. Deployments: {known}.', target="deployment"
        )
    raise NotFound(
        f'Specified traffic group could not be found: endpoint "{endpoint.name}" has no deployment with traffic. '
        f"Deployments: {known}.",
        hint="Name one in the header azureml-model-deployment, or give it traffic: lazulite online-endpoint update "
        f'-n {endpoint.name} --traffic "NAME=100".',
        target="traffic",
    )


def _answers_liveness(endpoint: Endpoint) -> bool:
    return all(deployment.spec.protocol == "frames" for deployment in endpoint.deployments.values())


def _liveness(endpoint: Endpoint, head: RequestHead) -> Answer:
    """Answers the bare address without a key, as probes send none. A server of its own answers its own `/` instead.

    Source: azureml-inference-server-http 1.5.1 server/routes.py, health_probe.
    """
    if head.method not in (b"GET", b"HEAD"):
        raise MethodNotAllowed("The bare address of an endpoint takes GET only.", hint="Send data to its /score.")
    if not any(
        deployment.spec.is_asleep or any(worker.is_ready for worker in deployment.workers)
        for deployment in endpoint.deployments.values()
    ):
        raise Unavailable(f'Endpoint "{endpoint.name}" has no worker that is ready: no healthy upstream.')
    return Answer(200, TEXT_LINE, b"Healthy")


def _is_for_worker(deployment: Deployment, head: RequestHead) -> bool:
    describes_itself = head.path == "/swagger.json" and not deployment.spec.swagger
    return describes_itself or head.path == deployment.spec.scoring_path


def _beside_scoring(deployment: Deployment, head: RequestHead) -> Answer:
    """Answers the paths of azureml-inference-server-http that need no script."""
    swagger = deployment.spec.swagger
    if head.path != "/swagger.json" or not swagger:
        return _as_the_container(404, "The requested URL was not found on the server.")
    if head.method not in (b"GET", b"HEAD"):
        return _as_the_container(405, "Method not allowed")
    try:
        return Answer(200, JSON_LINE, Path(swagger).read_bytes())
    except OSError:
        return _as_the_container(404, "Swagger definition not found.")


def _as_the_container(status: int, message: str) -> Answer:
    """Azure's front hands every path to the container, so that the container's own 404 and 405 come out as 424."""
    return Answer(status, JSON_LINE, json.dumps({"message": message}).encode())
