"""Artifacts of MLflow: listed by run and by model, and carried for clients that have no way to storage of their own."""

import os
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection

from lazulite import fields
from lazulite.artifacts import refs
from lazulite.artifacts.files import remove
from lazulite.dataplane.mlflow import addresses, wire
from lazulite.dataplane.mlflow.addresses import Stored
from lazulite.errors import BadRequest, NotFound
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.ids import WorkspaceId
from lazulite.store import datastores
from lazulite.tracking import logged_models, runs

# A page of another program's making must not run in the platform's own origin.
_DOWNLOAD = {
    "content-type": "application/octet-stream",
    "content-disposition": "attachment",
    "x-content-type-options": "nosniff",
}


def list_of_run(call: Call, parts: Parts) -> Reply:
    """Lists what lies directly in a folder of a run: `{root_uri, files: [{path, is_dir, file_size}]}`."""
    workspace, run_id = scopes.workspace(call, parts), wire.run_id_of(call.query)
    with parts.db.read() as connection:
        run = runs.find(connection, workspace.scope, run_id)
        root = addresses.of_run(run)
        files = _below(parts, connection, workspace, root, fields.text(call.query, "path"))
    return Reply({"root_uri": addresses.artifact_uri(call, workspace, run.experiment, root), "files": files})


def list_of_model(call: Call, parts: Parts) -> Reply:
    """Lists what lies directly in a folder of a logged model."""
    workspace, folder = scopes.workspace(call, parts), fields.text(call.query, "artifact_directory_path")
    with parts.db.read() as connection:
        model = logged_models.find(connection, workspace.scope, call.ids["model"])
        files = _below(parts, connection, workspace, addresses.of_model(model), folder)
    return Reply({"root_uri": addresses.model_uri(call, workspace, model), "files": files})


def list_carried(call: Call, parts: Parts) -> Reply:
    """Lists what lies directly in a folder, by the names in it. `path`: a datastore, then a path in it."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        folder = place(parts, connection, workspace, _stored(fields.text(call.query, "path", required=True)))
    return Reply({"files": _entries(folder, "")})


def download(call: Call, parts: Parts) -> Reply:
    """Sends a file. Raises NotFound (404)."""
    path = _path(call, parts)
    if not path.is_file():
        raise NotFound(f'There is no artifact "{call.ids["path"]}".', target="path")
    return Reply(path, headers=_DOWNLOAD)


def upload(call: Call, parts: Parts) -> Reply:
    """Takes a file of any size. It has its name once it is whole."""
    path, draft = _path(call, parts), call.file
    assert draft is not None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Path(draft.path).replace(path)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise BadRequest(f'"{call.ids["path"]}" would be a file and a folder at once.', target="path") from error
    return Reply({})


def delete(call: Call, parts: Parts) -> Reply:
    """Removes a file, or a folder with all that is in it. Raises NotFound (404)."""
    path = _path(call, parts)
    if not path.exists():
        raise NotFound(f'There is no artifact "{call.ids["path"]}".', target="path")
    remove(str(path))
    return Reply({})


def place(parts: Parts, connection: Connection, workspace: WorkspaceId, stored: Stored) -> Path:
    """Returns where bytes lie on this machine. Raises NotFound (404) for a datastore, BadRequest (400) for a path."""
    if stored.path and not addresses.is_clean(stored.path):
        raise BadRequest(f'"{stored.path}" is no path of an artifact.', target="path")
    properties = datastores.reader(connection, workspace)(None, stored.datastore)
    container = properties.get("containerName") or properties.get("filesystem")
    if not container:
        raise BadRequest(f'Datastore "{stored.datastore}" is no blob storage.', target="path")
    return refs.blob_path(parts.settings.home, str(properties["accountName"]), str(container), stored.path)


def _path(call: Call, parts: Parts) -> Path:
    workspace, stored = scopes.workspace(call, parts), _stored(call.ids["path"])
    if not stored.path:
        raise BadRequest(
            f'"{call.ids["path"]}" is no path of an artifact: after the datastore comes one.', target="path"
        )
    with parts.db.read() as connection:
        return place(parts, connection, workspace, stored)


def _stored(path: str) -> Stored:
    datastore, _, rest = path.strip("/").partition("/")
    return Stored(datastore, rest)


def _below(parts: Parts, connection: Connection, workspace: WorkspaceId, root: Stored, path: str) -> list[JsonObject]:
    below = path.strip("/")
    stored = Stored(root.datastore, f"{root.path}/{below}".rstrip("/"))
    return _entries(place(parts, connection, workspace, stored), f"{below}/" if below else "")


def _entries(folder: Path, before: str) -> list[JsonObject]:
    """Prints what is in a folder, sorted by name; nothing, where there is a file or nothing at all."""
    if not folder.is_dir():
        return []
    entries: list[JsonObject] = []
    with os.scandir(folder) as found:
        for entry in sorted(found, key=lambda entry: entry.name):
            with suppress(FileNotFoundError):  # what a running job has removed meanwhile
                size = {} if entry.is_dir() else {"file_size": entry.stat(follow_symlinks=False).st_size}
                entries.append({"path": before + entry.name, "is_dir": entry.is_dir(), **size})
    return entries


_CARRIED = f"{wire.ROOT}/api/2.0/mlflow-artifacts/artifacts"

ROUTES = (
    Route("GET", f"{wire.API}/artifacts/list", list_of_run),
    Route("GET", f"{wire.API}/logged-models/{{model}}/artifacts/directories", list_of_model),
    Route("GET", _CARRIED, list_carried),
    Route("GET", f"{_CARRIED}/{{path:path}}", download),
    Route("PUT", f"{_CARRIED}/{{path:path}}", upload, takes_file=True),
    Route("DELETE", f"{_CARRIED}/{{path:path}}", delete),
)
