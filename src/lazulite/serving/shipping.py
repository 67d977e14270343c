"""What of a workspace's endpoints works here and would not on Azure, each with its fix. Pure."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lazulite.catalog import base_images, quotas, vm_sizes
from lazulite.serving.scaling import IDLE_TIMEOUT

# Source: learn.microsoft.com/azure/machine-learning/how-to-manage-quotas, virtual machine quota: 20 % of the instances
# are reserved for upgrades of managed endpoints.
_RESERVED = 0.2
_CLOSE_TO_TIMEOUT = 0.8
_PUBLIC_HOSTS = ("mcr.microsoft.com",)

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Shipped:
    """What is looked at. deployments: (endpoint's name, body); environments: bodies by id, lower case, as far as known.

    counts: the gateway's by `endpoint/deployment`. bound: names of environments that an interpreter here serves.
    """

    workspace: Body
    endpoints: tuple[Body, ...]
    deployments: tuple[tuple[str, Body], ...]
    environments: Mapping[str, Body] = field(default_factory=dict)
    counts: Mapping[str, Body] = field(default_factory=dict)
    bound: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Trouble:
    """One thing that Azure would refuse or do otherwise. where: `endpoint/deployment`, or what it is about."""

    where: str
    said: str
    fix: str


def troubles(shipped: Shipped) -> list[Trouble]:
    """Lists what would not ship, in the order of endpoints and deployments, what concerns all of them last."""
    found = [one for name, body in shipped.deployments for one in _of_deployment(shipped, name, body)]
    return [*found, *_quota(shipped), *_workspace(shipped)]


def _of_deployment(shipped: Shipped, endpoint: str, body: Body) -> Iterator[Trouble]:
    where, properties = f"{endpoint}/{body['name']}", body["properties"]
    if properties.get("endpointComputeType") == "Managed":
        problem = vm_sizes.check_online_size(str(properties.get("instanceType") or ""))
        if problem:
            yield Trouble(where, problem.message, problem.hint)
    if IDLE_TIMEOUT in (properties.get("properties") or {}):
        fix = "Leave it out there; az ml online-deployment update --set instance_count scales by hand."
        yield Trouble(where, f"It sleeps by {IDLE_TIMEOUT}, which means nothing on Azure: it would be paid for.", fix)
    scale = properties.get("scaleSettings") or {}
    if scale.get("scaleType") == "TargetUtilization" and not scale.get("minInstances", 1):
        yield Trouble(where, "min_instances is 0; Kubernetes endpoints keep one at least.", "Set min_instances to 1.")
    yield from _image(shipped, where, properties)
    yield from _slow(shipped, where, properties)


def _image(shipped: Shipped, where: str, properties: Body) -> Iterator[Trouble]:
    environment = shipped.environments.get(str(properties.get("environmentId") or "").lower())
    if not environment:
        return
    name = str(environment.get("name") or "")
    if name in shipped.bound:
        yield Trouble(where, f'Environment "{name}" is served by an interpreter of this machine.', "Unbind it and try.")
    image = str((environment.get("properties") or {}).get("image") or "")
    host = image.partition("/")[0]
    if host.endswith(".azurecr.io"):
        fix = f"Build it there: az acr build -r {host.partition('.')[0]} -t {image.partition('/')[2]} FOLDER."
        yield Trouble(where, f"Image {image} is in the registry of this machine only.", fix)
    elif image and _is_private(shipped.workspace) and host in _PUBLIC_HOSTS:
        fix = "Import it into the workspace's registry (az acr import) and name it from there."
        yield Trouble(where, f"Image {image} cannot be reached from a private network.", fix)
    elif image and not base_images.describe(image):
        fix = "See that the workspace may pull it: az acr import, or credentials by a connection."
        yield Trouble(where, f"Nothing is known of image {image}; Azure has to be able to pull it.", fix)


def _slow(shipped: Shipped, where: str, properties: Body) -> Iterator[Trouble]:
    counted = shipped.counts.get(where.lower())
    if not counted:
        return
    limit_ms = _milliseconds(str((properties.get("requestSettings") or {}).get("requestTimeout") or "PT5S"))
    slow = sum(
        count
        for bound, count in counted.get("latency_ms", {}).items()
        if float(bound) / 2 >= limit_ms * _CLOSE_TO_TIMEOUT
    )
    late = counted.get("statuses", {}).get("408", 0)
    if slow or late:
        said = f"{slow + late} of {counted['requests']} requests took nearly request_timeout_ms, {limit_ms:g}, or more"
        fix = f"Raise request_timeout_ms, at most {quotas.MAX_REQUEST_TIMEOUT_MS}: instances there may be slower."
        yield Trouble(where, f"{said}.", fix)


def _quota(shipped: Shipped) -> Iterator[Trouble]:
    """Adds up the cores of each family, with what managed endpoints reserve for upgrades."""
    cores: Counter[str] = Counter()
    for _, body in shipped.deployments:
        size = vm_sizes.find(str(body["properties"].get("instanceType") or ""))
        if size and body["properties"].get("endpointComputeType") == "Managed":
            instances = int((body.get("sku") or {}).get("capacity") or 1)
            cores[size.family] += math.ceil(instances * (1 + _RESERVED)) * size.vcpus
    for family, wanted in cores.items():
        if wanted > quotas.DEDICATED_CORES:
            said = (
                f"The deployments need {wanted} cores of {family}, with 20 % for upgrades; a subscription begins with"
            )
            fix = "Ask for more quota, or use fewer or smaller instances."
            yield Trouble(family, f"{said} {quotas.DEDICATED_CORES} at most.", fix)
    if len(shipped.endpoints) > quotas.ENDPOINTS_PER_SUBSCRIPTION:
        said = f"There are {len(shipped.endpoints)} endpoints; a subscription has {quotas.ENDPOINTS_PER_SUBSCRIPTION}."
        yield Trouble("endpoints", said, "Delete some, or ask for more.")


def _workspace(shipped: Shipped) -> Iterator[Trouble]:
    properties = shipped.workspace.get("properties") or {}
    if str(properties.get("systemDatastoresAuthMode") or "").lower() == "identity":
        said = "Its datastores take identities only, no keys: clients need the role Storage Blob Data Contributor."
        yield Trouble("workspace", said, "az role assignment create --role 'Storage Blob Data Contributor' ...")
    keyed = [one["name"] for one in shipped.endpoints if one["properties"].get("authMode") == "Key"]
    if keyed and _is_private(shipped.workspace):
        said = f"Its public access is off, so {', '.join(keyed)} is reached from inside its network only."
        yield Trouble("workspace", said, "Call from a virtual machine of that network, or through a gateway there.")


def _is_private(workspace: Body) -> bool:
    return str((workspace.get("properties") or {}).get("publicNetworkAccess") or "").lower() == "disabled"


def _milliseconds(duration: str) -> float:
    """Reads what ARM answers, `PT5S` or `PT1M30S`."""
    minutes, _, seconds = duration.removeprefix("PT").rpartition("M")
    return 1000 * (60 * float(minutes or 0) + float(seconds.removesuffix("S") or 0))
