"""What of online endpoints and their deployments works here and would not on Azure. Pure."""

from collections.abc import Iterator
from typing import Any

from lazulite.catalog import quotas, vm_sizes
from lazulite.serving.scaling import IDLE_TIMEOUT
from lazulite.serving.shipped import DOCS, Body, Shipped, Trouble, Used

_SCHEMA = f"{DOCS}reference-yaml-deployment-managed-online"
_QUOTAS = f"{DOCS}how-to-manage-quotas"
_CLOSE_TO_TIMEOUT = 0.8
# Packages that bring the server of scoring scripts; how-to-inference-server-http.
_SERVERS = ("azureml-inference-server-http", "azureml-defaults")
# Collections that hold requests and answers themselves, for which no package is needed; how-to-collect-production-data.
_PAYLOADS = ("request", "response")


def troubles(shipped: Shipped) -> Iterator[Trouble]:
    """Yields what would not ship of endpoints, then of each deployment."""
    for endpoint in shipped.endpoints:
        yield from _endpoint(endpoint)
    for endpoint_name, body in shipped.deployments:
        yield from _deployment(shipped, f"{endpoint_name}/{body['name']}", body["properties"])


def _endpoint(endpoint: Body) -> Iterator[Trouble]:
    name, properties = str(endpoint["name"]), endpoint["properties"]
    if not any(letter.isdigit() for letter in name):
        said = "Names of endpoints are the whole region's, and one without a number may well be taken."
        fix = "Add something of your own to it, as Azure's examples do."
        yield Trouble("endpoint", name, said, fix, f"{DOCS}concept-endpoints-online", is_refused=False)
    if not properties.get("compute"):
        return
    said = "It is for Kubernetes: a cluster with Azure's extension must be attached there under that name."
    fix = "az ml compute attach --type Kubernetes, or use a managed endpoint."
    source = f"{DOCS}how-to-attach-kubernetes-anywhere"
    yield Trouble("endpoint", name, said, fix, source, is_refused=False)
    if properties.get("authMode") == "AADToken":
        said = "Endpoints on Kubernetes take keys and Azure ML's tokens, not Microsoft Entra's."
        fix = "Set auth_mode to key or aml_token."
        yield Trouble("endpoint", name, said, fix, f"{DOCS}how-to-authenticate-online-endpoint")
    if any((properties.get("mirrorTraffic") or {}).values()):
        fix = "Mirror on a managed endpoint."
        source = f"{DOCS}how-to-safely-rollout-online-endpoints"
        yield Trouble("endpoint", name, "Endpoints on Kubernetes do not mirror traffic.", fix, source)


def _deployment(shipped: Shipped, where: str, properties: Body) -> Iterator[Trouble]:
    if properties.get("endpointComputeType") == "Managed":
        yield from _managed(shipped, where, properties)
    if IDLE_TIMEOUT in (properties.get("properties") or {}):
        said = f"It sleeps by {IDLE_TIMEOUT}, which means nothing on Azure: it would be paid for."
        fix = "Leave it out there; az ml online-deployment update --set instance_count scales by hand."
        yield Trouble("deployment", where, said, fix, _SCHEMA, is_refused=False)
    used = shipped.environments.get(str(properties.get("environmentId") or ""))
    if used:
        yield from _served(where, properties, used)
    yield from _model(shipped, where, properties)
    yield from _slow(shipped, where, properties)


def _managed(shipped: Shipped, where: str, properties: Body) -> Iterator[Trouble]:
    problem = vm_sizes.check_online_size(str(properties.get("instanceType") or ""))
    if problem:
        yield Trouble("deployment", where, problem.message, problem.hint, vm_sizes.SKU_LIST)
    if (properties.get("scaleSettings") or {}).get("scaleType") == "TargetUtilization":
        said = "Managed deployments know the scale type default only: scale_settings there are Kubernetes'."
        fix = "Leave scale_settings out, and autoscale by rules: az monitor autoscale create."
        yield Trouble("deployment", where, said, fix, f"{DOCS}how-to-autoscale-endpoints")
    if str(properties.get("egressPublicNetworkAccess") or "").lower() == "disabled":
        yield from _egress(shipped, where, properties)


def _egress(shipped: Shipped, where: str, properties: Body) -> Iterator[Trouble]:
    source = f"{DOCS}concept-secure-online-endpoint"
    network = (shipped.workspace.get("properties") or {}).get("managedNetwork") or {}
    if str(network.get("isolationMode") or "Disabled") != "Disabled":
        said = "egress_public_network_access is the older way to isolate, and the workspace has a managed network."
        yield Trouble("deployment", where, said, "Leave it out: the workspace's network isolates all of them.", source)
        return
    said = "egress_public_network_access: disabled needs private endpoints for storage, vault and registry there."
    fix = "Make them, or give the workspace a managed network: az ml workspace update --managed-network."
    yield Trouble("deployment", where, said, fix, source, is_refused=False)
    model = shipped.models.get(str(properties.get("model") or ""))
    if model and model.kind == "mlflow_model" and not properties.get("codeConfiguration"):
        said = "A model of MLflow without a script cannot be isolated by egress_public_network_access."
        fix = "Give it a script and an environment, or the workspace a managed network."
        yield Trouble("deployment", where, said, fix, f"{DOCS}how-to-troubleshoot-online-endpoints")


def _served(where: str, properties: Body, used: Used) -> Iterator[Trouble]:
    if not properties.get("codeConfiguration"):
        return
    if not used.has_any(*_SERVERS) and not used.body.get("inferenceConfig"):
        said = f"Environment {used.label} has no server for scoring scripts; here one comes with the platform."
        fix = "Add azureml-inference-server-http to its packages, or use an image whose name ends in -inference."
        yield Trouble("deployment", where, said, fix, f"{DOCS}how-to-inference-server-http")
    collections: dict[str, Any] = (properties.get("dataCollector") or {}).get("collections") or {}
    own = [name for name in collections if name.lower() not in _PAYLOADS]
    if own and not used.has_any("azureml-ai-monitoring"):
        said = f"It collects {', '.join(own)}, but environment {used.label} lacks the package that does."
        yield Trouble(
            "deployment", where, said, "Add azureml-ai-monitoring to it.", f"{DOCS}how-to-collect-production-data"
        )


def _model(shipped: Shipped, where: str, properties: Body) -> Iterator[Trouble]:
    folder = shipped.models.get(str(properties.get("model") or ""))
    if not folder:
        return
    problem = vm_sizes.check_memory(str(properties.get("instanceType") or ""), folder.size_bytes)
    if problem:
        source = f"{DOCS}how-to-troubleshoot-online-endpoints"
        yield Trouble("deployment", where, problem.message, problem.hint, source, problem.is_refusal)


def _slow(shipped: Shipped, where: str, properties: Body) -> Iterator[Trouble]:
    """Compares what the gateway measured with the time that a request has; 5 s where nothing is said."""
    counted = shipped.counts.get(where.lower())
    if not counted:
        return
    told = (properties.get("requestSettings") or {}).get("requestTimeout")
    limit_ms = _milliseconds(str(told or "PT5S"))
    slow = sum(
        count
        for bound, count in counted.get("latency_ms", {}).items()
        if float(bound) / 2 >= limit_ms * _CLOSE_TO_TIMEOUT
    )
    late = counted.get("statuses", {}).get("408", 0)
    took = max(slow, late)  # those that were late are among the slow, unless their bucket begins too early
    if took:
        default = "" if told else ", the default"
        said = f"{took} of {counted['requests']} requests took nearly {limit_ms:g} ms{default}, or more."
        fix = f"Raise request_timeout_ms, at most {quotas.MAX_REQUEST_TIMEOUT_MS}: instances there may be slower."
        yield Trouble("deployment", where, said, fix, _QUOTAS, is_refused=False)


def _milliseconds(duration: str) -> float:
    """Reads what ARM answers, `PT5S` or `PT1M30S`."""
    minutes, _, seconds = duration.removeprefix("PT").rpartition("M")
    return 1000 * (60 * float(minutes or 0) + float(seconds.removesuffix("S") or 0))
