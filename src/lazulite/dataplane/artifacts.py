"""The artifact service: files by origin, container and path, as SDK v1 and the azureml-mlflow plugin reach them.

`ExperimentRun/dcid.{run}/{path}` is a run's file, `LocalUpload/{upload}/{path}` a model's; both are blobs of that very
name in the workspace's artifact store. Bytes do not pass here: clients get URLs that bear a signature.
"""

from collections.abc import Callable
from pathlib import Path

from lazulite import fields
from lazulite.artifacts import refs
from lazulite.artifacts.refs import BlobRef
from lazulite.dataplane import run_files, sent
from lazulite.engine import folders
from lazulite.errors import BadRequest, InvalidName, NotFound
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.identity import accounts
from lazulite.ids import WorkspaceId
from lazulite.tracking import logged_models

_ALL_RIGHTS = "rcw"

# Which files a path names: the beginning of an artifact's id, `{origin}/{container}`.
_Where = Callable[[Call, Parts, WorkspaceId], str]


def _by_id(call: Call, parts: Parts, workspace: WorkspaceId) -> str:
    return f"{call.ids['origin']}/{call.ids['container']}"


def _by_run(call: Call, parts: Parts, workspace: WorkspaceId) -> str:
    with parts.db.read() as connection:
        return logged_models.artifacts_of(connection, workspace.scope, call.ids["run"])


def create(call: Call, parts: Parts, where: _Where) -> Reply:
    """Says where to write files: `{paths: [{path}]}` in, `{artifacts, artifactContentInformation, errors}` out.

    Source: azureml-core 1.61 _restclient/models/batch_artifact_content_information_dto.py.
    """
    workspace = scopes.workspace(call, parts)
    head, artifacts, places, errors = where(call, parts, workspace), {}, {}, {}
    for one in sent.objects(call.body, "paths"):
        path = fields.text(one, "path", required=True)
        try:
            places[path] = _place(call, parts, _blob(workspace, f"{head}/{path}"), head, path, _ALL_RIGHTS)
            artifacts[path] = _artifact(head, path)
        except InvalidName as error:
            errors[path] = {"error": error.wire()}
    return Reply({"artifacts": artifacts, "artifactContentInformation": places, "errors": errors})


def list_all(call: Call, parts: Parts, where: _Where) -> Reply:
    """Lists files, all on one page: of a container, or of a folder or file in it."""
    workspace = scopes.workspace(call, parts)
    head = where(call, parts, workspace)
    return _page([_artifact(head, path) for path in _paths(parts, workspace, head, _path(call))])


def list_places(call: Call, parts: Parts, where: _Where) -> Reply:
    """Lists files of a folder, or a file alone, each with the URL where it can be read."""
    workspace = scopes.workspace(call, parts)
    head = where(call, parts, workspace)
    found = _paths(parts, workspace, head, _path(call))
    return _page([_place(call, parts, _blob(workspace, f"{head}/{path}"), head, path) for path in found])


def get_place(call: Call, parts: Parts, where: _Where) -> Reply:
    """Answers the URL where a file can be read. Raises NotFound (404)."""
    workspace, path = scopes.workspace(call, parts), _path(call)
    head = where(call, parts, workspace)
    blob = _blob(workspace, f"{head}/{path}")
    if not path or not refs.blob_path(parts.settings.home, blob.account, blob.container, blob.name).is_file():
        raise NotFound(f'There is no artifact "{path}" in {head}.', target="path")
    return Reply(_place(call, parts, blob, head, path))


def get_place_to_write(call: Call, parts: Parts, where: _Where) -> Reply:
    """Answers the URL where a file can be written."""
    workspace, path = scopes.workspace(call, parts), _path(call)
    head = where(call, parts, workspace)
    return Reply(_place(call, parts, _blob(workspace, f"{head}/{path}"), head, path, _ALL_RIGHTS))


def _path(call: Call) -> str:
    return (call.ids.get("path") or call.query.get("path", "")).strip("/")


def _blob(workspace: WorkspaceId, name: str) -> BlobRef:
    refs.check_blob_name(name)
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise InvalidName(f'"{name}" is no path of an artifact.', target="path")
    return BlobRef(accounts.account_name(workspace), folders.ARTIFACTS_CONTAINER, name)


def _paths(parts: Parts, workspace: WorkspaceId, head: str, below: str) -> list[str]:
    """Returns the paths in a container of the files in a folder, or of one file."""
    home = parts.settings.home
    root = _on_disk(home, _blob(workspace, head))
    start = _on_disk(home, _blob(workspace, f"{head}/{below}")) if below else root
    return [path.relative_to(root).as_posix() for path in run_files.files(start)]


def _on_disk(home: Path, blob: BlobRef) -> Path:
    plain = refs.plain_path(str(refs.container_path(home, blob.account, blob.container)), blob.name)
    if not plain:
        raise BadRequest(f'"{blob.name}" is longer than a file\'s path can be.', target="path")
    return refs.blob_path(home, blob.account, blob.container, blob.name)


def _artifact(head: str, path: str) -> JsonObject:
    """Prints an artifact. Its id is `origin/container/path`: SDK v1 takes it apart."""
    origin, _, container = head.partition("/")
    return {"artifactId": f"{head}/{path}", "origin": origin, "container": container, "path": path, "tags": {}}


def _place(call: Call, parts: Parts, blob: BlobRef, head: str, path: str, permissions: str = "r") -> JsonObject:
    origin, _, container = head.partition("/")
    address = run_files.url_of(call, parts, blob, permissions)
    return {"contentUri": address, "origin": origin, "container": container, "path": path}


def _page(values: list[JsonObject]) -> Reply:
    return Reply({"value": values, "continuationToken": None, "nextLink": None})


_ARTIFACTS = f"/artifact/v2.0{scopes.WORKSPACE}/artifacts"
_ID = "{origin}/{container}"
_RUN_ROOTS = (
    f"/history/v1.0{scopes.WORKSPACE}/experiments/{{experiment}}/runs/{{run}}/artifacts",
    f"/history/v1.0{scopes.WORKSPACE}/experimentids/{{experiment_id}}/runs/{{run}}/artifacts",
)


def _route(method: str, template: str, handle: Callable[[Call, Parts, _Where], Reply]) -> Route:
    where = _by_id if template.startswith(_ARTIFACTS) else _by_run

    def handler(call: Call, parts: Parts) -> Reply:
        return handle(call, parts, where)

    handler.__name__, handler.__doc__ = handle.__name__, handle.__doc__
    return Route(method, template, handler)


def _of_run(root: str) -> tuple[Route, ...]:
    return (
        _route("GET", root, list_all),
        _route("GET", f"{root}/path/{{path:path}}", list_all),
        _route("GET", f"{root}/contentinfo", get_place),
        _route("GET", f"{root}/contentinfo/{{path:path}}", get_place),
        _route("GET", f"{root}/prefix/contentinfo", list_places),
        _route("GET", f"{root}/prefix/contentinfo/{{path:path}}", list_places),
        _route("POST", f"{root}/batch/metadata", create),
    )


ROUTES = (
    _route("POST", f"{_ARTIFACTS}/batch/metadata/{_ID}", create),
    _route("GET", f"{_ARTIFACTS}/{_ID}", list_all),
    _route("GET", f"{_ARTIFACTS}/{_ID}/{{path:path}}", list_all),
    _route("GET", f"{_ARTIFACTS}/contentinfo/{_ID}/{{path:path}}", get_place),
    _route("GET", f"{_ARTIFACTS}/prefix/contentinfo/{_ID}/{{path:path}}", list_places),
    _route("GET", f"{_ARTIFACTS}/write/{_ID}/{{path:path}}", get_place_to_write),
    # The azureml-mlflow plugin has the same in another order. Source: its _restclient/artifact, 1.62.
    _route("POST", f"{_ARTIFACTS}/{_ID}/batch/metadata", create),
    _route("GET", f"{_ARTIFACTS}/{_ID}/contentinfo", get_place),
    _route("GET", f"{_ARTIFACTS}/{_ID}/prefix/contentinfo", list_places),
    *(route for root in _RUN_ROOTS for route in _of_run(root)),
)
