"""A storage account's blob containers by the management API; what is in them is blob storage's."""

from pathlib import Path

from lazulite.arm import shapes
from lazulite.artifacts import refs
from lazulite.errors import NotFound
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route

_KIND = "Microsoft.Storage/storageAccounts/blobServices/containers"


def put(call: Call, parts: Parts) -> Reply:
    """Makes a container, if it is not there; 201, else 200."""
    path = _path(call, parts)
    is_new = not path.is_dir()
    path.mkdir(parents=True, exist_ok=True)
    return Reply(_show(path.name, call), 201 if is_new else 200)


def get(call: Call, parts: Parts) -> Reply:
    """Answers one container."""
    path = _path(call, parts)
    if not path.is_dir():
        raise NotFound("The specified container does not exist.", code="ContainerNotFound")
    return Reply(_show(path.name, call))


def list_containers(call: Call, parts: Parts) -> Reply:
    """Lists an account's containers by name."""
    account = call.ids["account"].lower()
    refs.check_account_name(account)
    folder = refs.storage_path(parts.settings.home) / account
    found = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return shapes.page([_show(name, call) for name in found])


def _path(call: Call, parts: Parts) -> Path:
    return refs.container_path(parts.settings.home, call.ids["account"].lower(), call.ids["container"])


def _show(name: str, call: Call) -> JsonObject:
    account = (
        f"/subscriptions/{call.ids['subscription']}/resourceGroups/{call.ids['group']}/providers/Microsoft.Storage"
    )
    return {
        "id": f"{account}/storageAccounts/{call.ids['account']}/blobServices/default/containers/{name}",
        "name": name,
        "type": _KIND,
        "properties": {"publicAccess": "None", "leaseState": "Available", "hasImmutabilityPolicy": False},
    }


_ALL = f"{scopes.GROUP}/providers/Microsoft.Storage/storageAccounts/{{account}}/blobServices/default/containers"
_ONE = f"{_ALL}/{{container}}"

ROUTES = (
    Route("GET", _ALL, list_containers),
    Route("GET", _ONE, get),
    Route("PUT", _ONE, put, "access is by key, token or signature alone: there is no public access"),
)
