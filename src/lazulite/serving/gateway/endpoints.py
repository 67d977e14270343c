"""The endpoints in force: what the routing file says, kept alive from one version of it to the next."""

from collections.abc import Callable
from typing import Any

from lazulite.serving import routing
from lazulite.serving.gateway.choose import Shares
from lazulite.serving.gateway.forward import Deployment, Worker
from lazulite.serving.gateway.frames import FramesWorker
from lazulite.serving.gateway.proxied import HttpWorker

_WORKERS: dict[str, Callable[[routing.Worker, Deployment], Worker]] = {"frames": FramesWorker, "http": HttpWorker}


class Endpoint:
    """One endpoint: who may call it and how its calls are shared out. Made anew with each routing file.

    tokens: bearer tokens found good, and until when (epoch seconds).
    """

    def __init__(self, name: str, spec: routing.Endpoint, deployments: dict[str, Deployment]) -> None:
        self.name = name
        self.spec = spec
        self.deployments = deployments
        self.keys = tuple(key.encode() for key in spec.keys)
        self.tokens: dict[bytes, float] = {}
        self.traffic = Shares({to: weight for to, weight in spec.traffic.items() if to in deployments})
        self.mirror = Shares({to: percent for to, percent in spec.mirror.items() if to in deployments})
        self.has_mirror = any(spec.mirror.values())


class Endpoints:
    """All endpoints by name. Deployments that left the file stay until they have answered what they have.

    wakes: asks for a worker of a deployment that has none.
    """

    def __init__(self, wakes: Callable[[str, str], None]) -> None:
        self._wakes = wakes
        self.generation = 0
        self.by_name: dict[str, Endpoint] = {}
        self._deployments: dict[tuple[str, str], Deployment] = {}
        self._leaving: list[Deployment] = []

    def apply(self, routes: routing.Routes) -> None:
        """Puts a routing file in force. No request is lost: who was let in under the old one is answered."""
        before, self._deployments = self._deployments, {}
        by_name = {}
        for name, spec in routes.endpoints.items():
            deployments = {}
            for deployment_name, deployment_spec in spec.deployments.items():
                key = (name, deployment_name)
                deployment = before.pop(key, None) or Deployment(*key, self._wakes)
                deployment.apply(deployment_spec, _workers(deployment, deployment_spec))
                self._deployments[key] = deployments[deployment_name] = deployment
            by_name[name] = Endpoint(name, spec, deployments)
        for deployment in before.values():
            deployment.apply(routing.Deployment(workers=(), max_wait_ms=deployment.spec.max_wait_ms), [])
            self._leaving.append(deployment)
        self.by_name, self.generation = by_name, routes.generation

    def sweep(self, now: float) -> None:
        """Ends what waited or ran for too long, everywhere."""
        for deployment in (*self._deployments.values(), *self._leaving):
            deployment.sweep(now)
        self._leaving = [deployment for deployment in self._leaving if not deployment.has_ended()]

    def is_idle(self) -> bool:
        """Tells whether nothing is being answered or waits."""
        return all(deployment.is_idle for deployment in (*self._deployments.values(), *self._leaving))

    def wire(self) -> dict[str, Any]:
        """Returns `{endpoint: {"deployments": {name: {...}}, "leaving": {name: {...}}}}`."""
        found: dict[str, Any] = {}
        for kind, deployments in (("deployments", self._deployments.values()), ("leaving", self._leaving)):
            for deployment in deployments:
                of_endpoint = found.setdefault(deployment.endpoint, {"deployments": {}, "leaving": {}})
                of_endpoint[kind][deployment.name] = deployment.wire()
        return found


def _workers(deployment: Deployment, spec: routing.Deployment) -> list[Worker]:
    present = {worker.spec: worker for worker in deployment.workers if deployment.spec.protocol == spec.protocol}
    make = _WORKERS[spec.protocol]
    return [present.get(worker) or make(worker, deployment) for worker in spec.workers]
