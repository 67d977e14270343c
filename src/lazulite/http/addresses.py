"""The addresses that replies carry, as the client that asked can reach them."""

from urllib.parse import urlencode

from lazulite.http.call import Call
from lazulite.ids import WorkspaceId
from lazulite.settings import Settings

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def is_direct(call: Call) -> bool:
    """Tells a client that came to this machine by name (`lazulite env --no-proxy`) from one that came by Azure's."""
    host = call.base_url.partition("://")[2]
    return host.rsplit(":", 1)[0] in _LOOPBACK or host in _LOOPBACK


def data_plane(call: Call, settings: Settings, region: str) -> str:
    """Returns the base of run history, MLflow and the other data planes, https and without a trailing slash.

    The SDK sends bearer tokens there, which azure-core refuses to do over http.
    """
    if is_direct(call):
        return "https://" + call.base_url.partition("://")[2]
    return f"https://{region or settings.region}.api.azureml.ms"


def mlflow_tracking_uri(call: Call, settings: Settings, region: str, workspace: WorkspaceId) -> str:
    """Returns what `mlflow.set_tracking_uri` takes where the azureml-mlflow plugin is installed."""
    host = data_plane(call, settings, region).partition("://")[2]
    return f"azureml://{host}/mlflow/v1.0{workspace}"


def storage_account(call: Call, account: str) -> str:
    """Returns the account name to print in a datastore.

    The SDK builds `https://{accountName}.blob.{suffix}` itself and ignores the datastore's endpoint, so a client that
    uses no proxy gets a name that leads it back here. Source: azure-ai-ml 1.35.2 _utils/_storage_utils.py.
    """
    if not is_direct(call):
        return account
    return f"{call.base_url.partition('://')[2]}/_blob/{account}"


def blob_url(call: Call, account: str, container: str) -> str:
    """Returns the URL of a container."""
    if is_direct(call):
        return f"{call.base_url}/_blob/{account}/{container}"
    return f"https://{account}.blob.core.windows.net/{container}"


def next_link(call: Call, **changes: str | int) -> str:
    """Returns this call's own address with some query parameters changed, for `nextLink`."""
    query = {**call.query, **{name: str(value) for name, value in changes.items()}}
    return f"{call.base_url}{call.path}?{urlencode(query)}"
