"""SDK v1's models: the same rows that ARM shows, as `{name}:{version}` with an asset behind each that has the files."""

import functools
import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from lazulite import clock, fields
from lazulite.artifacts.locate import locate
from lazulite.dataplane import run_files, sent
from lazulite.engine import references
from lazulite.errors import BadRequest, LazuliteError, NotFound
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Handler, Route
from lazulite.ids import AssetId, DatastorePath, WorkspaceId, parse_datastore
from lazulite.store import assets, datastores, resources
from lazulite.store.resources import Place, Resource

_PAGE = 255
_ASSETS, _ASIDE = "v1assets", "models/v1"
_ASSET_URL = "aml://asset/"
# Where an asset's artifacts are that no run made: the first part of an artifact's id, before a datastore's name.
_ELSEWHERE = "Datastore"
# What only SDK v1 knows of a model. Source: azureml-core 1.61 _restclient/models/model.py.
_OWN = (
    "framework",
    "frameworkVersion",
    "mimeType",
    "unpack",
    "experimentName",
    "datasets",
    "sampleInputData",
    "sampleOutputData",
    "resourceRequirements",
)


def create_asset(call: Call, parts: Parts) -> Reply:
    """Keeps which artifacts a model will be made of: `{name, artifacts: [{prefix | id}], runid}`."""
    workspace, given = scopes.workspace(call, parts), call.body
    _common_place(sent.objects(given, "artifacts"))
    place = Place(workspace.scope, _ASSETS, str(uuid.uuid4()))
    with parts.db.write() as connection:
        row, _ = resources.put(connection, place, {"properties": given}, now=call.now, who=call.who.name)
    return Reply(_show_asset(row))


def get_asset(call: Call, parts: Parts) -> Reply:
    """Answers an asset, or the one that any model has: its id is the model's."""
    workspace, asset_id = scopes.workspace(call, parts), call.ids["id"]
    with parts.db.read() as connection:
        row = resources.get(connection, Place(workspace.scope, _ASSETS, asset_id))
        if row:
            return Reply(_show_asset(row))
        model = _find(connection, workspace, asset_id)
    prefix = _artifact_id(str(model.body["properties"]["modelUri"]))
    return Reply({"id": asset_id, "name": model.place.name, "artifacts": [{"prefix": prefix}], "kvTags": {}})


def register(call: Call, parts: Parts) -> Reply:
    """Registers a model: `{name, url: "aml://asset/ID", kvTags, properties, description, runId, framework, …}`."""
    workspace, given = scopes.workspace(call, parts), call.body
    name, url = fields.text(given, "name", required=True), fields.text(given, "url", required=True)
    with parts.db.write() as connection:
        asset = resources.get(connection, Place(workspace.scope, _ASSETS, url.removeprefix(_ASSET_URL)))
        if not asset or not url.startswith(_ASSET_URL):
            raise BadRequest(f'"{url}" is not the URL of an asset in this workspace.', target="url")
        artifacts = _common_place(sent.objects(asset.body["properties"], "artifacts"))
        uri = f"azureml://datastores/{references.ARTIFACT_STORE}/paths/{artifacts}"
        locate(parts.settings.home, uri, datastores.reader(connection, workspace))
        properties = {
            "modelUri": references.long_form(uri, workspace),
            "modelType": "custom_model",
            "description": fields.text(given, "description"),
            "tags": sent.texts(given, "kvTags"),
            "properties": sent.texts(given, "properties"),
            "flavors": {},
            "isAnonymous": False,
            "jobName": fields.text(given, "runId") or None,
        }
        asset_id = AssetId(workspace, "models", name)
        row = assets.register(connection, asset_id, properties, now=call.now, who=call.who.name)
        own = {field: given[field] for field in _OWN if given.get(field) is not None}
        resources.put(connection, _aside(row), own, now=call.now, who=call.who.name)
        return Reply(_show(connection, row))


def get(call: Call, parts: Parts) -> Reply:
    """Answers the model `{name}:{version}`, whichever SDK has registered it."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        return Reply(_show(connection, _find(connection, workspace, call.ids["id"])))


def list_models(call: Call, parts: Parts) -> Reply:
    """Lists models, the newest first: by name, tags, properties (`a,b=c`), runId, framework, latestVersionOnly.

    Versions that are no whole numbers are left out: SDK v1 can read no others.
    """
    workspace, query = scopes.workspace(call, parts), call.query
    token, count = query.get("$skiptoken", ""), query.get("count") or str(_PAGE)
    if not count.isdecimal() or (token and not token.isdecimal()):
        raise BadRequest("count must be a whole number, and $skipToken one that was given out here.")
    limit = max(1, min(int(count), _PAGE))
    with parts.db.read() as connection:
        if name := query.get("name"):
            rows = resources.versions(connection, workspace.scope, "models", name, before=int(token or 0))
        else:
            rows = resources.all_versions(connection, workspace.scope, "models", before=int(token or 0))
        if query.get("latestversiononly", "").lower() == "true":
            rows = list({row.place.name.lower(): row for row in reversed(rows)}.values())[::-1]
        shown = [(row, _show(connection, row)) for row in rows if row.place.version.isdecimal()]
    found = [(row, model) for row, model in shown if _is_asked_for(model, query)]
    more = str(found[limit - 1][0].sequence) if len(found) > limit else None
    return Reply({"value": [model for _, model in found[:limit]], "continuationToken": more, "nextLink": None})


def _is_asked_for(model: JsonObject, query: Mapping[str, str]) -> bool:
    for parameter, field in (("runid", "runId"), ("framework", "framework")):
        if query.get(parameter) and model[field] != query[parameter]:
            return False
    return _has_all(model["kvTags"], query.get("tags", "")) and _has_all(
        model["properties"], query.get("properties", "")
    )


def _has_all(values: Mapping[str, str], wanted: str) -> bool:
    """Tells whether values fulfil `key,key=value`."""
    pairs = (one.partition("=") for one in wanted.split(",") if one)
    return all(key in values and (not equals or values[key] == value) for key, equals, value in pairs)


def patch(call: Call, parts: Parts) -> Reply:
    """Changes a model by a JSON patch of whole fields: `/kvTags`, `/description`, `/properties`, and v1's own."""
    workspace = scopes.workspace(call, parts)
    with parts.db.write() as connection:
        row = _find(connection, workspace, call.ids["id"])
        properties, own = dict(row.body["properties"]), _own(connection, row)
        for field, value in _patches(call):
            if field == "kvTags":
                properties["tags"] = sent.texts({field: value}, field)
            elif field == "properties":
                properties["properties"] = sent.texts({field: value}, field)
            elif field == "description":
                properties["description"] = fields.text({field: value}, field)
            elif field in _OWN:
                own[field] = value
            else:
                raise BadRequest(f'A model\'s "{field}" cannot be changed.', target=field)
        row, _ = resources.put(connection, row.place, {"properties": properties}, now=call.now, who=call.who.name)
        resources.put(connection, _aside(row), own, now=call.now, who=call.who.name)
        return Reply(_show(connection, row))


def _patches(call: Call) -> list[tuple[str, Any]]:
    try:
        given = json.loads(call.raw)
    except ValueError as error:
        raise BadRequest(f"The body is not JSON: {error}.", code="InvalidRequestContent") from error
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise BadRequest("The body must list operations: [{op, path, value}].", code="InvalidRequestContent")
    return [(fields.text(one, "path", required=True).removeprefix("/"), one.get("value")) for one in given]


def delete(call: Call, parts: Parts) -> Reply:
    """Deletes a model's version. Its files stay: other models may share them."""
    workspace = scopes.workspace(call, parts)
    with parts.db.write() as connection:
        row = _find(connection, workspace, call.ids["id"])
        resources.remove(connection, row.place)
        resources.remove(connection, _aside(row))
    return Reply(status=200)


def list_files(call: Call, parts: Parts) -> Reply:
    """Lists the files of a model that lies in another datastore than runs' artifacts do, each with a URL."""
    workspace = scopes.workspace(call, parts)
    uri = f"azureml://datastores/{call.ids['datastore']}/paths/{call.ids['path']}"
    with parts.db.read() as connection:
        folder = locate(parts.settings.home, uri, datastores.reader(connection, workspace))
    path = call.ids["path"].rstrip("/")
    values = [
        {
            "origin": _ELSEWHERE,
            "container": call.ids["datastore"],
            "path": path if one == folder else f"{path}/{one.relative_to(folder).as_posix()}",
            "contentUri": run_files.url(call, parts, one),
        }
        for one in run_files.files(folder)
    ]
    return Reply({"value": values, "continuationToken": None, "nextLink": None})


def _find(connection: Connection, workspace: WorkspaceId, model_id: str) -> Resource:
    name, _, version = model_id.rpartition(":")
    return assets.resolve(connection, AssetId(workspace, "models", name, version))


def _common_place(artifacts: list[JsonObject]) -> str:
    """Returns the path of the one file or folder that artifacts make up. Raises BadRequest when there is none."""
    paths = [fields.text(one, "prefix") or fields.text(one, "id") for one in artifacts]
    if len(paths) != 1 or len(paths[0].strip("/").split("/")) < 3 or ".." in paths[0].split("/"):
        raise BadRequest(
            "A model is made of one artifact or one prefix of artifacts, as ExperimentRun/dcid.RUN/outputs/model.",
            target="artifacts",
        )
    return paths[0].strip("/")


def _artifact_id(uri: str) -> str:
    place = parse_datastore(uri) or DatastorePath(None, "", uri)
    path = place.path.strip("/")
    return path if place.datastore == references.ARTIFACT_STORE else f"{_ELSEWHERE}/{place.datastore}/{path}"


def _show_asset(row: Resource) -> JsonObject:
    return {"kvTags": {}, **row.body["properties"], "id": row.place.name, "createdTime": clock.iso(row.created_at)}


def _aside(row: Resource) -> Place:
    return Place(row.place.scope, _ASIDE, f"{row.place.name}/{row.place.version}")


def _own(connection: Connection, row: Resource) -> JsonObject:
    found = resources.get(connection, _aside(row))
    return dict(found.body) if found else {}


def _show(connection: Connection, row: Resource) -> JsonObject:
    properties, model_id = row.body["properties"], f"{row.place.name}:{row.place.version}"
    return {
        "framework": "Custom",
        "frameworkVersion": None,
        "mimeType": "application/x-python",
        "unpack": False,
        "experimentName": None,
        "datasets": [],
        **_own(connection, row),
        "id": model_id,
        "name": row.place.name,
        "version": int(row.place.version) if row.place.version.isdecimal() else None,
        "url": f"{_ASSET_URL}{model_id}",
        "description": properties.get("description"),
        "kvTags": properties.get("tags") or {},
        "properties": properties.get("properties") or {},
        "runId": properties.get("jobName"),
        "derivedModelIds": [],
        "createdTime": clock.iso(row.created_at),
        "modifiedTime": clock.iso(row.modified_at),
        "createdBy": {"userObjectId": None, "userName": row.created_by},
    }


def _in_v1_words(handler: Handler) -> Handler:
    """Lets a handler's errors bear `statusCode`, by which SDK v1 tells a model that is not there."""

    @functools.wraps(handler)
    def handle(call: Call, parts: Parts) -> Reply:
        try:
            return handler(call, parts)
        except LazuliteError as error:
            inner = error.wire()
            code = "ModelNotFound" if isinstance(error, NotFound) else error.code
            body = {**inner, "code": code, "statusCode": error.status, "correlation": {}, "error": inner}
            return Reply(body, error.status, {"x-ms-error-code": code})

    return handle


_ROOT = f"/modelmanagement/v1.0{scopes.WORKSPACE}"
_FILES = f"/artifact/v2.0{scopes.WORKSPACE}/artifacts/prefix/contentinfo/{_ELSEWHERE}/{{datastore}}/{{path:path}}"

_V1: tuple[tuple[str, str, Callable[[Call, Parts], Reply]], ...] = (
    ("POST", "assets", create_asset),
    ("GET", "assets/{id}", get_asset),
    ("POST", "models", register),
    ("GET", "models", list_models),
    ("GET", "models/{id}", get),
    ("PATCH", "models/{id}", patch),
    ("DELETE", "models/{id}", delete),
)

ROUTES = (
    *(Route(method, f"{_ROOT}/{path}", _in_v1_words(handler)) for method, path, handler in _V1),
    Route("GET", _FILES, list_files),
)
