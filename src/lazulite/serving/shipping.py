"""What of a workspace works here and would not on Azure, each with its fix and its source. Pure.

The rules stand in shipping_online.py (endpoints and deployments), shipping_work.py (jobs, batches, computes, data) and
here (environments, quotas, the workspace itself).
"""

import math
from collections import Counter
from collections.abc import Iterator

from lazulite.catalog import base_images, quotas, vm_sizes
from lazulite.serving import shipping_online, shipping_work
from lazulite.serving.shipped import DOCS, Shipped, Trouble, Used
from lazulite.serving.shipping_work import registry

# Source: learn.microsoft.com/azure/machine-learning/how-to-manage-quotas, online endpoints, note 4: 20 % more instances
# than asked for must be within quota; GPUs start with no cores, other families with 24 to 300.
_RESERVED = 0.2
_QUOTAS = f"{DOCS}how-to-manage-quotas"
_PUBLIC_HOSTS = ("mcr.microsoft.com",)
_PULLED = f"{DOCS}how-to-troubleshoot-online-endpoints"
# Source: learn.microsoft.com/azure/machine-learning/v1/how-to-deploy-custom-container: conda is to be in an image.
_CUSTOM_IMAGES = f"{DOCS}concept-environments"
_WITH_CONDA = ("mcr.microsoft.com/azureml/", "continuumio/", "condaforge/", "mambaorg/", "docker.io/continuumio/")
_LIMITS = f"{DOCS}resource-limits-capacity"
_CONTEXT_FILES, _CONTEXT_BYTES = 100, 1 << 20
# Source: azure-ai-ml 1.35.2 _restclient, the pattern of workspaceName.
_NAME_CHARACTERS = range(3, 34)
_ISOLATED = f"{DOCS}how-to-secure-workspace-vnet"


def troubles(shipped: Shipped) -> list[Trouble]:
    """Lists what would not ship: of deployments first, of the whole workspace last; each said once."""
    found = [
        *shipping_online.troubles(shipped),
        *shipping_work.troubles(shipped),
        *(one for used in _used(shipped) for one in _environment(shipped, used)),
        *(one for name, used in shipped.environments.items() for one in registry("environment", used.label, name)),
        *(one for name in shipped.models for one in registry("model", name.rpartition("/models/")[2], name)),
        *_cores(shipped),
        *_counts(shipped),
        *_workspace(shipped),
    ]
    return list(dict.fromkeys(found))


def _used(shipped: Shipped) -> list[Used]:
    return list({used.label: used for used in shipped.environments.values()}.values())


def _environment(shipped: Shipped, used: Used) -> Iterator[Trouble]:
    where = used.label
    if used.is_bound:
        said = "It is served by an interpreter of this machine; Azure builds it from its image and conda file."
        fix = f"lazulite environment unbind {where.partition(':')[0]}, and see that it builds."
        yield Trouble("environment", where, said, fix, _CUSTOM_IMAGES)
    host = used.image.partition("/")[0]
    if host.endswith(".azurecr.io"):
        fix = f"Build it there: az acr build -r {host.partition('.')[0]} -t {used.image.partition('/')[2]} FOLDER."
        yield Trouble(
            "environment", where, f"Image {used.image} is in the registry of this machine only.", fix, _PULLED
        )
    elif used.image and shipped.is_private and host in _PUBLIC_HOSTS:
        fix = "Import it into the workspace's registry (az acr import) and name it from there."
        yield Trouble(
            "environment", where, f"Image {used.image} cannot be reached from a private network.", fix, _ISOLATED
        )
    elif used.image and not base_images.describe(used.image):
        fix = "See that the workspace may pull it: az acr import, or credentials by a connection."
        yield Trouble(
            "environment",
            where,
            f"Nothing is known of image {used.image}; Azure has to be able to pull it.",
            fix,
            _PULLED,
            is_refused=False,
        )
    if used.image and used.body.get("condaFile") and not used.image.lower().startswith(_WITH_CONDA):
        said = (
            f"Azure makes its conda environment with the conda of image {used.image}, which has none as far as known."
        )
        fix = "Start from mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04, or install by pip in a build context."
        yield Trouble("environment", where, said, fix, _CUSTOM_IMAGES)
    yield from _context(shipped, used)


def _context(shipped: Shipped, used: Used) -> Iterator[Trouble]:
    context = used.context
    if context and (context.files > _CONTEXT_FILES or context.size_bytes > _CONTEXT_BYTES):
        said = (
            f"Its build context has {context.files} files, {context.size_bytes:,} bytes; the limits are "
            f"{_CONTEXT_FILES} and {_CONTEXT_BYTES:,}."
        )
        fix = "Leave data and models out of it (.dockerignore), or build the image yourself: az acr build."
        yield Trouble("environment", used.label, said, fix, _LIMITS, is_refused=False)
    is_built = used.context is not None or used.body.get("condaFile")
    builder = (shipped.workspace.get("properties") or {}).get("imageBuildCompute")
    if shipped.is_private and is_built and not builder:
        said = "A private workspace's registry cannot build it: it needs a cluster to build images on."
        fix = "az ml workspace update --image-build-compute CLUSTER."
        yield Trouble("environment", used.label, said, fix, _ISOLATED)


def _cores(shipped: Shipped) -> Iterator[Trouble]:
    """Adds up the cores of each family: what deployments hold, with 20 % more for upgrades, and clusters at most."""
    cores: Counter[str] = Counter()
    on_gpu: set[str] = set()
    sized = [
        (body["properties"].get("instanceType"), math.ceil(_capacity(body) * (1 + _RESERVED)))
        for _, body in shipped.deployments
        if body["properties"].get("endpointComputeType") == "Managed"
    ]
    for compute in shipped.computes:
        inner = compute.properties.get("properties") or {}
        if str(inner.get("vmPriority") or "").lower() != "lowpriority":
            nodes = int((inner.get("scaleSettings") or {}).get("maxNodeCount") or 1)
            sized.append((inner.get("vmSize"), nodes))
    for name, machines in sized:
        size = vm_sizes.find(str(name or ""))
        if size:
            cores[size.family] += machines * size.vcpus
            on_gpu |= {size.family} if size.gpus else set()
    for family, wanted in cores.items():
        yield from _quota_of(family, wanted, family in on_gpu)


def _quota_of(family: str, wanted: int, is_gpu: bool) -> Iterator[Trouble]:
    said = f"Deployments, with 20 % for upgrades, and clusters need {wanted} cores of it; a subscription begins with "
    fix = "Ask for quota (ml.azure.com/quota) before, or use fewer or smaller machines."
    if wanted > quotas.DEDICATED_CORES:
        yield Trouble("quota", family, f"{said}{quotas.DEDICATED_CORES} at most.", fix, _QUOTAS)
    elif is_gpu:
        yield Trouble("quota", family, f"{said}none, for they have GPUs.", fix, _QUOTAS, is_refused=False)
    elif wanted > quotas.LEAST_DEDICATED_CORES:
        least = f"{quotas.LEAST_DEDICATED_CORES} to {quotas.DEDICATED_CORES}."
        yield Trouble("quota", family, said + least, fix, _QUOTAS, is_refused=False)


def _capacity(body: object) -> int:
    sku = body.get("sku") if isinstance(body, dict) else None
    return int((sku or {}).get("capacity") or 1)


def _counts(shipped: Shipped) -> Iterator[Trouble]:
    """Compares numbers with the limits of a region."""
    endpoints = len(shipped.endpoints) + len(shipped.batch_endpoints)
    per_endpoint = Counter(name for name, _ in (*shipped.deployments, *shipped.batch_deployments))
    limits = [
        ("endpoints", endpoints, quotas.ENDPOINTS_PER_SUBSCRIPTION, "There are {0}; a region of a subscription has"),
        (
            "deployments",
            per_endpoint.total(),
            quotas.DEPLOYMENTS_PER_SUBSCRIPTION,
            "There are {0}; a region of a subscription has",
        ),
        *(
            (name, number, quotas.DEPLOYMENTS_PER_ENDPOINT, "It has {0} deployments; an endpoint has")
            for name, number in per_endpoint.items()
        ),
        *(
            (
                f"{name}/{body['name']}",
                _capacity(body),
                quotas.INSTANCES_PER_DEPLOYMENT,
                "It has {0} instances; a deployment has",
            )
            for name, body in shipped.deployments
        ),
    ]
    for where, number, most, said in limits:
        if number > most:
            yield Trouble(
                "quota", where, f"{said.format(number)} {most} at most.", "Have fewer, or ask for more.", _QUOTAS
            )


def _workspace(shipped: Shipped) -> Iterator[Trouble]:
    properties = shipped.workspace.get("properties") or {}
    if len(shipped.name) not in _NAME_CHARACTERS:
        said = f"Its name has {len(shipped.name)} characters, not {_NAME_CHARACTERS[0]} to {_NAME_CHARACTERS[-1]}."
        yield Trouble("workspace", shipped.name, said, "Name another in the program's MLClient.", _LIMITS)
    if str(properties.get("systemDatastoresAuthMode") or "").lower() == "identity":
        said = "Its datastores take identities only, no keys: clients need the role Storage Blob Data Contributor."
        fix = "az role assignment create --role 'Storage Blob Data Contributor' --assignee WHO --scope STORAGE."
        source = f"{DOCS}how-to-disable-local-auth-storage"
        yield Trouble("workspace", shipped.name, said, fix, source, is_refused=False)
    called = [one["name"] for one in shipped.endpoints if _is_public(one)]
    if called and shipped.is_private:
        said = f"Its public access is off, so {', '.join(called)} is reached from inside its network only."
        fix = "Call from a virtual machine of that network, or through a gateway there."
        yield Trouble("workspace", shipped.name, said, fix, f"{DOCS}concept-secure-online-endpoint", is_refused=False)


def _is_public(endpoint: object) -> bool:
    properties = endpoint.get("properties") if isinstance(endpoint, dict) else None
    return str((properties or {}).get("publicNetworkAccess") or "enabled").lower() == "enabled"
