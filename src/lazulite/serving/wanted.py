"""Online endpoints and deployments as they were asked for, and the one door by which a deployment's state moves."""

import functools
import re
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from lazulite import clock, fields
from lazulite.errors import BadRequest, InvalidName
from lazulite.ids import WorkspaceId
from lazulite.serving import collecting, containers, scaling
from lazulite.serving.collecting import Collector
from lazulite.serving.containers import Probe
from lazulite.serving.scaling import Scale
from lazulite.store import resources, workspaces
from lazulite.store.operations import total
from lazulite.store.tables import deployments, secrets

ENDPOINTS = "onlineEndpoints"
DEPLOYMENTS = "onlineEndpoints/deployments"

# Source: azure-ai-ml 1.35.2 _utils/_endpoint_utils.py, validate_endpoint_or_deployment_name.
_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]$")

# Source: learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-managed-online, request_settings, probes.
REQUEST_DEFAULTS: dict[str, Any] = {
    "requestTimeout": "PT5S",
    "maxConcurrentRequestsPerInstance": 1,
    "maxQueueWait": "PT0.5S",
}
PROBE_DEFAULTS: dict[str, Any] = {
    "failureThreshold": 30,
    "successThreshold": 1,
    "timeout": "PT2S",
    "period": "PT10S",
    "initialDelay": "PT10S",
}
_MAX_REQUEST_TIMEOUT_S = 180.0
_STARTUP_S = 600.0


@dataclass(frozen=True)
class DeploymentSpec:
    """One body of a managed online deployment, read. References are as sent; "" means none."""

    model: str
    environment: str
    code: str
    scoring_script: str
    variables: dict[str, str]
    instance_type: str
    instances: int
    timeout_ms: int
    concurrency: int
    queue_wait_ms: int
    startup_s: float
    model_mount_path: str
    is_apart: bool
    scale: Scale
    live: Probe
    ready: Probe
    collector: Collector | None = None


@dataclass(frozen=True)
class Wanted:
    """A deployment that should run.

    generation: counts the bodies asked for, on this platform. first_generation: that of its first body; what is older
    belongs to a deleted deployment of its name. live_generation: the one that serves, or 0.
    """

    workspace: WorkspaceId
    endpoint: str
    name: str
    spec: DeploymentSpec
    generation: int
    first_generation: int
    live_generation: int
    state: str
    operation: str

    @property
    def label(self) -> str:
        """Returns `endpoint/deployment` in lower case: unique on a platform, as endpoint names are."""
        return f"{self.endpoint}/{self.name}".lower()


@dataclass(frozen=True)
class WantedEndpoint:
    """An endpoint whose requests are to be routed. traffic and mirror are percent by deployment, lower case."""

    workspace: WorkspaceId
    name: str
    auth_mode: str
    keys: tuple[str, ...]
    traffic: dict[str, int]
    mirror: dict[str, int]


def check_endpoint_name(name: str, what: str) -> str:
    """Returns the name if Azure would take it for an endpoint or a deployment; raises InvalidName if not."""
    if not _NAME.match(name):
        raise InvalidName(
            f'"{name}" is not a valid {what} name: it must be 3 to 32 letters, digits or "-", begin with a letter '
            "and end with a letter or a digit.",
            target="name",
        )
    return name


def spec_of(body: dict[str, Any]) -> DeploymentSpec:
    """Reads a deployment's body (`{sku: {capacity}, properties: {...}}`).

    Raises BadRequest naming the field that cannot be right.
    """
    properties = body["properties"]
    code = fields.nested(properties, "properties.codeConfiguration")
    instances = fields.count(fields.nested(body, "sku"), "sku.capacity", 1)
    request = REQUEST_DEFAULTS | fields.nested(properties, "properties.requestSettings")
    return DeploymentSpec(
        model=fields.text(properties, "properties.model"),
        environment=fields.text(properties, "properties.environmentId"),
        code=fields.text(code, "properties.codeConfiguration.codeId"),
        scoring_script=fields.text(code, "properties.codeConfiguration.scoringScript"),
        variables=fields.texts(properties, "properties.environmentVariables"),
        instance_type=fields.text(properties, "properties.instanceType"),
        instances=instances,
        timeout_ms=int(1000 * _request_timeout_s(request)),
        concurrency=fields.count(request, "properties.requestSettings.maxConcurrentRequestsPerInstance", 1),
        queue_wait_ms=int(1000 * clock.seconds(request["maxQueueWait"], "requestSettings.maxQueueWait", 0)),
        startup_s=_startup_s(properties),
        model_mount_path=fields.text(properties, "properties.modelMountPath"),
        is_apart=_is_apart(properties),
        live=_live(properties),
        ready=containers.probe_of(properties, "readinessProbe", PROBE_DEFAULTS),
        scale=scaling.scale_of(properties, instances),
        collector=collecting.collector_of(properties),
    )


def _live(properties: dict[str, Any]) -> Probe:
    """Reads the liveness probe, which waits for a startup probe. Source: Kubernetes, pod lifecycle: startup probe."""
    probe = containers.probe_of(properties, "livenessProbe", PROBE_DEFAULTS)
    return replace(probe, delay_s=_startup_s(properties)) if properties.get("startupProbe") else probe


def _is_apart(properties: dict[str, Any]) -> bool:
    told = fields.text(properties, "properties.egressPublicNetworkAccess").lower() or "enabled"
    if told not in ("enabled", "disabled"):
        raise BadRequest(
            f'egressPublicNetworkAccess is "{told}", but must be Enabled or Disabled.',
            target="properties.egressPublicNetworkAccess",
        )
    return told == "disabled"


def _request_timeout_s(request: dict[str, Any]) -> float:
    timeout = clock.seconds(request["requestTimeout"], "requestSettings.requestTimeout", 0)
    if not 0 < timeout <= _MAX_REQUEST_TIMEOUT_S:
        raise BadRequest(
            f"requestSettings.requestTimeout is {timeout:g} s, but must be over 0 and at most "
            f"{_MAX_REQUEST_TIMEOUT_S:g} s (request_timeout_ms 180000).",
            target="properties.requestSettings.requestTimeout",
        )
    return timeout


def _startup_s(properties: dict[str, Any]) -> float:
    """Returns how long init() may take: what the probe gives it, and never less than ten minutes."""
    kind = "startupProbe" if properties.get("startupProbe") else "readinessProbe"
    probe = PROBE_DEFAULTS | fields.nested(properties, f"properties.{kind}")
    period = clock.seconds(probe["period"], f"{kind}.period", 0)
    delay = clock.seconds(probe["initialDelay"], f"{kind}.initialDelay", 0)
    failures = fields.count(probe, f"properties.{kind}.failureThreshold", 0, most=10_000)
    return max(_STARTUP_S, delay + period * failures)


def ask(connection: Connection, scope: str, endpoint: str, name: str, operation: str) -> int:
    """Records that a new body was put: the next generation is to be made. Returns its number.

    Numbers are never used twice, also when a deployment is deleted and made again: each has a folder of its own.
    """
    number = total(connection)
    row = connection.execute(select(deployments).where(*_at(scope, endpoint, name))).one_or_none()
    if not row:
        connection.execute(
            insert(deployments).values(
                scope=scope,
                endpoint=endpoint.lower(),
                name=name.lower(),
                generation=number,
                first_generation=number,
                live_generation=0,
                state="Creating",
                operation=operation,
            )
        )
        return number
    values = {"generation": number, "state": "Updating", "error": None, "operation": operation}
    connection.execute(update(deployments).where(*_at(scope, endpoint, name)).values(**values))
    return number


def settle(connection: Connection, deployment: Wanted, error: dict[str, Any] | None) -> None:
    """Records how the making of a generation ended: what is live now, and Succeeded or Failed.

    The state stays when another body was asked for meanwhile; what became live is live all the same, until that is.
    """
    at = _at(deployment.workspace.scope, deployment.endpoint, deployment.name)
    of_this = (*at, deployments.c.first_generation <= deployment.generation)
    if not error:
        newer = deployments.c.live_generation < deployment.generation
        values: dict[str, Any] = {"live_generation": deployment.generation}
        connection.execute(update(deployments).where(*of_this, newer).values(**values))
    connection.execute(
        update(deployments)
        .where(*at, deployments.c.generation == deployment.generation)
        .values(state="Failed" if error else "Succeeded", error=error)
    )


def state(connection: Connection, scope: str, endpoint: str, name: str) -> tuple[str, dict[str, Any] | None]:
    """Returns ARM's provisioningState and the error, if it failed."""
    row = connection.execute(select(deployments).where(*_at(scope, endpoint, name))).one_or_none()
    return (row.state, row.error) if row else ("Deleting", None)


def generation(connection: Connection, deployment: Wanted) -> int:
    """Returns the generation that is asked for now, 0 when the deployment is gone."""
    at = _at(deployment.workspace.scope, deployment.endpoint, deployment.name)
    return connection.execute(select(deployments.c.generation).where(*at)).scalar_one_or_none() or 0


def forget(connection: Connection, scope: str, endpoint: str, name: str) -> None:
    """Removes a deployment from what is wanted."""
    connection.execute(delete(deployments).where(*_at(scope, endpoint, name)))


def forget_workspace(connection: Connection, scope: str) -> None:
    """Removes what is wanted in a workspace, with the keys of its endpoints."""
    connection.execute(delete(deployments).where(deployments.c.scope == scope))
    connection.execute(delete(secrets).where(secrets.c.owner.startswith(f"{scope}/", autoescape=True)))


def all_deployments(connection: Connection) -> list[Wanted]:
    """Returns every deployment that is wanted, with its newest body read."""
    bodies = {(one.place.scope, one.place.name.lower()): one for one in resources.everywhere(connection, DEPLOYMENTS)}
    workspace_of = functools.cache(functools.partial(workspaces.of_scope, connection))
    found = []
    for row in connection.execute(select(deployments)).all():
        resource = bodies.get((row.scope, f"{row.endpoint}/{row.name}"))
        if resource:
            endpoint, _, name = resource.place.name.partition("/")
            workspace, spec = workspace_of(row.scope).id, spec_of(resource.body)
            generations = (row.generation, row.first_generation, row.live_generation)
            found.append(Wanted(workspace, endpoint, name, spec, *generations, row.state, row.operation))
    return found


def all_endpoints(connection: Connection) -> list[WantedEndpoint]:
    """Returns every endpoint with what decides who may call it and where a call goes."""
    workspace_of = functools.cache(functools.partial(workspaces.of_scope, connection))
    kept = {(row.owner, row.name): row.value for row in connection.execute(select(secrets))}
    found = []
    for row in resources.everywhere(connection, ENDPOINTS):
        workspace, properties = workspace_of(row.place.scope).id, row.body["properties"]
        owner = secret_owner(workspace, row.place.name)
        keys = tuple(kept.get((owner, name), "") for name in ("primaryKey", "secondaryKey"))
        found.append(
            WantedEndpoint(
                workspace,
                row.place.name,
                properties["authMode"],
                tuple(key for key in keys if key),
                {name: percent for name, percent in properties["traffic"].items() if percent},
                dict(properties["mirrorTraffic"]),
            )
        )
    return found


def secret_owner(workspace: WorkspaceId, endpoint: str) -> str:
    """Returns the name under which an endpoint's keys are kept."""
    return f"{workspace.scope}/{ENDPOINTS}/{endpoint}".lower()


def token_audience(workspace: WorkspaceId, endpoint: str) -> str:
    """Returns the audience of the tokens that open an endpoint of auth mode AMLToken."""
    return f"lazulite:{secret_owner(workspace, endpoint)}"


def secret(connection: Connection, owner: str, name: str) -> str:
    """Returns a kept secret, "" when there is none."""
    query = select(secrets.c.value).where(secrets.c.owner == owner, secrets.c.name == name)
    return connection.execute(query).scalar_one_or_none() or ""


def put_secret(connection: Connection, owner: str, name: str, value: str) -> None:
    """Keeps a secret in place of the one before."""
    connection.execute(delete(secrets).where(secrets.c.owner == owner, secrets.c.name == name))
    connection.execute(insert(secrets).values(owner=owner, name=name, value=value))


def forget_secrets(connection: Connection, owner: str) -> None:
    """Removes every secret of an owner."""
    connection.execute(delete(secrets).where(secrets.c.owner == owner))


def _at(scope: str, endpoint: str, name: str) -> tuple[Any, ...]:
    c = deployments.c
    return c.scope == scope, c.endpoint == endpoint.lower(), c.name == name.lower()
