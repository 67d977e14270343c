"""Uploads by the browser: files with a bar of progress into a datastore, and there into a new data asset or model."""

import secrets

from lazulite.errors import BadRequest
from lazulite.http.call import JsonObject
from lazulite.studio import job_acts
from lazulite.studio import shown as s
from lazulite.studio.html import Html, div, element
from lazulite.studio.inside import segment
from lazulite.studio.visit import Visit, act

_STORE = "workspaceblobstore"
_UPLOAD = element("lz-upload")
_DATA_TYPES = (("uri_folder", "a folder"), ("uri_file", "a file"))
_WHERE = {"models": "/model/{label}/details", "data": "/assets/data/{name}"}


def here(visit: Visit, store: str, folder: str) -> Html:
    """Shows where files are dropped to be put into a folder of a datastore."""
    base = f"/_studio/upload/{segment(store)}/{folder.strip('/')}"
    words = f"into {folder or store}"
    return s.popup(
        "Upload", "upload", _UPLOAD(src=visit.link(base.rstrip("/")), words=words), heading=f"Upload {words}"
    )


def button(visit: Visit, kind: str) -> Html:
    """Returns the button that makes a new asset of files from the reader's machine."""
    folder = f"UI/{secrets.token_hex(8)}"
    types = job_acts.MODEL_TYPES if kind == "models" else _DATA_TYPES
    one = "model" if kind == "models" else "data asset"
    return s.sheet(
        "Upload",
        visit.link("/_studio/register"),
        _UPLOAD(src=visit.link(f"/_studio/upload/{_STORE}/{folder}"), words="files or a folder", field="path"),
        div(s.field("Name", "name", required=True), s.choice("Type", "type", types), class_="pair"),
        s.field("Description", "description"),
        s.hidden("kind", kind),
        s.hidden("folder", folder),
        heading=f"Upload a {one}",
        press="Register",
        tone="primary",
        name="upload",
    )


def do_register(visit: Visit) -> JsonObject:
    """Makes the next version of an asset of what was uploaded."""
    kind, name = visit.field("kind", required=True), visit.field("name", required=True)
    folder, path = visit.field("folder", required=True), visit.field("path")
    if not path:
        raise BadRequest("Choose files first: nothing was uploaded yet.", target="path")
    if kind not in _WHERE:
        raise BadRequest(f"{kind} cannot be made of files.", target="kind")
    uri = f"azureml://datastores/{_STORE}/paths/{folder}/{path}".rstrip("/")
    version, about = job_acts.next_version(visit, kind, name), visit.field("description") or None
    if kind == "models":
        properties: JsonObject = {"modelUri": uri, "modelType": visit.field("type") or "custom_model"}
    else:
        is_file = visit.field("type") == "uri_file"
        properties = {"dataUri": uri if is_file else uri + "/", "dataType": "uri_file" if is_file else "uri_folder"}
    visit.api.put(f"{kind}/{segment(name)}/versions/{version}", {"properties": {**properties, "description": about}})
    return {"to": visit.link(_WHERE[kind].format(label=segment(f"{name}:{version}"), name=segment(name)))}


ROUTES = (act("/_studio/register", do_register),)
