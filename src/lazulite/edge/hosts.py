"""The one table from a host name, or a path of this machine's own, to the app that answers. Pure."""

import ipaddress
import re
from typing import Literal

Mount = Literal[
    "arm",
    "login",
    "graph",
    "dataplane",
    "mlflow",
    "blob",
    "file",
    "scoring",
    "acr",
    "studio",
    "telemetry",
    "schemas",
    "docker",
    "vault",
]

# `*.` stands for one label or more. Source: learn.microsoft.com/azure/machine-learning/how-to-access-azureml-behind-
# firewall; hosts seen in the traffic of azure-ai-ml 1.35.2, azure-identity 1.27.0 and azureml-core.
HOSTS: tuple[tuple[str, Mount], ...] = (
    ("management.azure.com", "arm"),
    ("login.microsoftonline.com", "login"),
    ("login.microsoft.com", "login"),
    ("login.windows.net", "login"),
    ("sts.windows.net", "login"),
    ("169.254.169.254", "login"),
    ("graph.microsoft.com", "graph"),
    ("graph.windows.net", "graph"),
    ("*.api.azureml.ms", "dataplane"),
    ("*.api.ml.azure.com", "dataplane"),
    ("*.experiments.azureml.net", "dataplane"),
    ("*.blob.core.windows.net", "blob"),
    ("*.dfs.core.windows.net", "blob"),
    ("*.file.core.windows.net", "file"),
    ("*.inference.ml.azure.com", "scoring"),
    ("*.azurecr.io", "acr"),
    ("*.vault.azure.net", "vault"),
    ("ml.azure.com", "studio"),
    ("azuremlschemas.azureedge.net", "schemas"),
    ("azuremlschemasprod.azureedge.net", "schemas"),
    ("dc.services.visualstudio.com", "telemetry"),
    ("rt.services.visualstudio.com", "telemetry"),
    ("*.applicationinsights.azure.com", "telemetry"),
    ("*.livediagnostics.monitor.azure.com", "telemetry"),
)

# For requests to this machine by its own name, as recipes without a proxy send them: the first prefix that fits.
PATHS: tuple[tuple[str, Mount], ...] = (
    ("/subscriptions", "arm"),
    ("/providers", "arm"),
    ("/tenants", "arm"),
    ("/metadata", "login"),
    ("/_identity", "login"),
    ("/_blob", "blob"),
    ("/discovery", "dataplane"),
    ("/history", "dataplane"),
    ("/metric", "dataplane"),
    ("/mlflow", "mlflow"),
    ("/data/v1.0", "dataplane"),
    ("/dataset", "dataplane"),
    ("/datastore", "dataplane"),
    ("/modelmanagement", "dataplane"),
    ("/modelregistry", "dataplane"),
    ("/registrymanagement", "dataplane"),
    ("/genericasset", "dataplane"),
    ("/mferp", "dataplane"),
    ("/artifact", "dataplane"),
    ("/execution", "dataplane"),
    ("/rp", "dataplane"),
    ("/v2", "acr"),
    ("/_docker", "docker"),
)

# `/{tenant}/oauth2/v2.0/token` and its like, when AZURE_AUTHORITY_HOST names this machine.
_TENANT_PATH = re.compile(r"^/[^/]+/(?:oauth2|v2\.0|discovery|\.well-known)/", re.IGNORECASE)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_LOCAL_NAMES = frozenset({"localhost", ""})


def _compiled(pattern: str) -> "re.Pattern[str]":
    bare = pattern.removeprefix("*.")
    return re.compile((rf"(?:{_LABEL}\.)+" if bare != pattern else "") + re.escape(bare))


_COMPILED = tuple((_compiled(pattern), mount) for pattern, mount in HOSTS)


def bare_name(host: str) -> str:
    """Strips a Host header or CONNECT target of its port, brackets, final dot and case: `[::1]:80` -> `::1`."""
    name = host.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    if name.count(":") == 1:
        name = name.partition(":")[0]
    return name.removesuffix(".")


def azure_mount(host: str) -> Mount | None:
    """Returns the mount of one of Azure's host names, None for any other name."""
    name = bare_name(host)
    if len(name) > 253:
        return None
    return next((mount for pattern, mount in _COMPILED if pattern.fullmatch(name)), None)


def mount_for(host: str, path: str) -> Mount:
    """Returns the mount that answers a request, by its Host header or else by its path; Studio when neither says."""
    mount, lower = azure_mount(host), path.lower()
    if mount == "arm" and lower.startswith("/metadata/"):
        return "login"  # the cloud's addresses, which clients ask for before they have a token
    if mount == "dataplane" and lower.startswith("/mlflow/"):
        return "mlflow"  # its clients know bearer tokens, passwords and nothing, and errors of MLflow's own shape
    if mount:
        return mount
    for prefix, own in PATHS:
        if lower == prefix or lower.startswith(prefix + "/"):
            return own
    return "login" if _TENANT_PATH.match(path) else "studio"


def is_local_name(host: str) -> bool:
    """Tells whether a name can only mean this machine: localhost, an IP address, or no name at all.

    Any other name in a request to a loopback port is a web page's that resolves to 127.0.0.1 (DNS rebinding).
    """
    name = bare_name(host)
    return name in _LOCAL_NAMES or name.endswith(".localhost") or is_address(name)


def is_loopback(host: str) -> bool:
    """Tells whether a name or an address leads back to this machine, whatever network it is in."""
    name = bare_name(host)
    if is_address(name):
        return ipaddress.ip_address(name).is_loopback
    return name == "localhost" or name.endswith(".localhost")


def is_address(name: str) -> bool:
    """Tells an IP address from a name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
