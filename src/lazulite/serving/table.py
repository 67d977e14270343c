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
    origins: dict[str, set[str]] = {}
    for one in deployments:
        routes = by_endpoint.setdefault(one.endpoint.lower(), {})
        routes[one.name.lower()] = _deployment(one, _answering(one, crews))
        origins.setdefault(one.endpoint.lower(), set()).update(_origins(one))
    return {
        name: _endpoint(one, by_endpoint.get(name, {}), origins.get(name, set()))
        for name, one in ((one.name.lower(), one) for one in endpoints)
    }


def _origins(deployment: Wanted) -> set[str]:
    """Returns the origins whose pages may call a deployment, as Azure's inference server reads AML_CORS_ORIGINS."""
    return {origin.strip() for origin in deployment.spec.variables.get("AML_CORS_ORIGINS", "").split(",")} - {""}


def _endpoint(
    endpoint: WantedEndpoint, deployments: dict[str, routing.Deployment], origins: set[str]
) -> routing.Endpoint:
    auth = _AUTH[endpoint.auth_mode]
    is_own = auth == "aml_token"
    return routing.Endpoint(
        deployments=deployments,
        auth=auth,
        keys=endpoint.keys if auth == "key" else (),
        audience=wanted.token_audience(endpoint.workspace, endpoint.name) if is_own else _ENTRA_AUDIENCE,
        traffic=endpoint.traffic,
        mirror=endpoint.mirror,
        cors=tuple(sorted(origins)),
    )


def _answering(deployment: Wanted, crews: Mapping[str, Crew]) -> Crew:
    """Returns the workers of a deployment. A crew that is older than the deployment itself is left from one of
    the same name that was deleted: it must not answer for the new one.
    """
    crew = crews.get(deployment.label)
    return crew if crew and crew.generation >= deployment.first_generation else Crew(0)


def _deployment(deployment: Wanted, crew: Crew) -> routing.Deployment:
    """Says how a deployment's requests wait.

    Azure lets 2 x concurrency x instances requests be in process, and turns the next one away with 429. Of these,
    concurrency x instances are the containers' own, whatever their servers do with them; the others wait
    max_queue_wait at most. Source: learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints.
    """
    spec = deployment.spec
    answering = crew.routes()
    places, slots = spec.concurrency * max(crew.instances, 1), sum(worker.slots for worker in answering)
    is_scarce = places <= slots
    return routing.Deployment(
        workers=answering,
        protocol=crew.protocol,
        timeout_ms=spec.timeout_ms,
        queue=max(2 * places - slots, places),
        scoring_path=crew.scoring_path,
        is_asleep=crew.is_asleep,
        wake_ms=int(1000 * spec.startup_s),
        max_wait_ms=spec.queue_wait_ms if is_scarce else max(spec.timeout_ms, spec.queue_wait_ms),
    )
