"""Files as they are: shown, saved, uploaded. What users made never runs as a part of Studio."""

from pathlib import Path
from urllib.parse import quote

from lazulite.artifacts import zipped
from lazulite.artifacts.files import full_disk_is_an_error
from lazulite.artifacts.refs import check_blob_name
from lazulite.errors import BadRequest, Conflict, NotFound
from lazulite.http.call import Reply
from lazulite.studio import places
from lazulite.studio.inside import segment
from lazulite.studio.visit import Visit, data

# A document of no origin: its scripts may draw, and reach nothing, neither Studio nor the network.
SANDBOX = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; media-src data: blob:; form-action 'none'; frame-ancestors 'self'"
)
# What a browser shows without running anything, besides pictures; all else is saved.
_SHOWN = ("text/plain", "text/html", "application/pdf", "audio/", "video/", "image/")


def get(visit: Visit) -> Reply:
    """Answers a file's bytes, by ranges if asked so. `save=1` makes browsers save it."""
    path = places.find(visit, visit.asked("uri"))
    if not path.is_file():
        raise NotFound(f"{path.name} is a folder.", hint="Open it in the file browser.")
    kind = places.kind_of(path.name)
    is_shown = kind.startswith(_SHOWN) and not visit.asked("save")
    how = "inline" if is_shown else "attachment"
    headers = {
        "content-type": f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        "content-disposition": f"{how}; filename*=utf-8''{quote(path.name)}",
        "content-security-policy": SANDBOX,
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "same-origin",
        "cache-control": "private, no-cache",
    }
    return Reply(path, 200, headers)


def put(visit: Visit) -> Reply:
    """Takes a file into a datastore: `{uri}`. Raises Conflict (409) where a folder has its name."""
    store, name = visit.call.ids["datastore"], visit.call.ids["path"].strip("/")
    check_blob_name(name)
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise BadRequest(f'"{name}" is no path of a file.', target="path")
    draft = visit.call.file
    assert draft is not None
    uri = f"azureml://datastores/{segment(store)}/paths"
    target = _below(places.find(visit, uri), name)
    with full_disk_is_an_error():
        target.parent.mkdir(parents=True, exist_ok=True)
        Path(draft.path).replace(target)
    return Reply({"uri": places.below(uri, name), "size": draft.size_bytes}, 201)


def _below(folder: Path, name: str) -> Path:
    target = folder / name
    if target.is_dir() or any(parent.is_file() for parent in target.parents if parent != folder):
        raise Conflict(f'"{name}" cannot be written: a folder or a file has a part of its name.')
    return target


def get_all(visit: Visit) -> Reply:
    """Answers a folder as a zip archive, made while it is sent."""
    path = places.find(visit, visit.asked("uri"))
    if not path.is_dir():
        raise BadRequest(f"{path.name} is a file.", hint="/_studio/raw answers it.", target="uri")
    headers = {
        "content-type": "application/zip",
        "content-disposition": f"attachment; filename*=utf-8''{quote(path.name)}.zip",
        "x-content-type-options": "nosniff",
    }
    return Reply(zipped.pieces(path), 200, headers)


ROUTES = (
    data("GET", "/_studio/raw", get),
    data("GET", "/_studio/zip", get_all),
    data("PUT", "/_studio/upload/{datastore}/{path:path}", put, takes_file=True),
)
