"""From what is wanted and who is ready to the routing table. Pure."""

from collections.abc import Mapping, Sequence

from lazulite.serving import routing, wanted
from lazulite.serving.crew import Crew
from lazulite.serving.wanted import Wanted, WantedEndpoint

_AUTH: Mapping[str, routing.Auth] = {"Key": "key", "AMLToken": "aml_token", "AADToken": "aad_token"}
_ENTRA_AUDIENCE = "https://ml.azure.com"


def table(
    endpoints: Sequence[WantedEndpoint], deployments: Sequence[Wanted], crews: Mapping[str, Crew]
) -> dict[str, routing.Endpoint]:
    """Returns the routes of every endpoint by its name in lower case. crews: by `endpoint/deployment`, lower case."""
    by_endpoint: dict[str, dict[str, routing.Deployment]] = {}
    for one in deployments:
        routes = by_endpoint.setdefault(one.endpoint.lower(), {})
        routes[one.name.lower()] = _deployment(one, _answering(one, crews))
    return {one.name.lower(): _endpoint(one, by_endpoint.get(one.name.lower(), {})) for one in endpoints}


def _endpoint(endpoint: WantedEndpoint, deployments: dict[str, routing.Deployment]) -> routing.Endpoint:
    auth = _AUTH[endpoint.auth_mode]
    is_own = auth == "aml_token"
    return routing.Endpoint(
        deployments=deployments,
        auth=auth,
        keys=endpoint.keys if auth == "key" else (),
        audience=wanted.token_audience(endpoint.workspace, endpoint.name) if is_own else _ENTRA_AUDIENCE,
        traffic=endpoint.traffic,
        mirror=endpoint.mirror,
    )


def _answering(deployment: Wanted, crews: Mapping[str, Crew]) -> tuple[routing.Worker, ...]:
    """Returns the ready workers of a deployment. A crew of another generation than those that it can have now is left
    from a deployment of the same name that was deleted: it must not answer for the new one.
    """
    crew = crews.get(deployment.label)
    if crew and crew.generation in (deployment.live_generation, deployment.generation):
        return crew.routes()
    return ()


def _deployment(deployment: Wanted, answering: tuple[routing.Worker, ...]) -> routing.Deployment:
    """Says how a deployment's requests wait.

    Azure lets 2 x concurrency x instances requests be in process, and turns the next one away with 429. Of these,
    concurrency x instances are the containers' own, whatever their servers do with them; the others wait
    max_queue_wait at most. Source: learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints.
    """
    spec = deployment.spec
    places = spec.concurrency * spec.instances
    is_scarce = places <= len(answering)
    return routing.Deployment(
        workers=answering,
        timeout_ms=spec.timeout_ms,
        queue=max(2 * places - len(answering), places),
        max_wait_ms=spec.queue_wait_ms if is_scarce else max(spec.timeout_ms, spec.queue_wait_ms),
    )
