"""SDK v1's datasets: data assets of ARM with the dataflow beside them that v1 reads the files by.

A dataset of one file or folder is a uri_file or uri_folder; any other is an mltable, whose file says the dataflow.
"""

import json
import re
import uuid
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Connection

from lazulite import clock, fields
from lazulite.artifacts.locate import path_of
from lazulite.artifacts.refs import container_path
from lazulite.engine import folders, references
from lazulite.errors import BadRequest, Conflict, NotFound
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.identity import accounts
from lazulite.ids import AssetId, WorkspaceId
from lazulite.store import assets, datastores, resources
from lazulite.store.resources import Place, Resource

# Beside a version of a data asset lies what only v1 knows; a dataset that has no name lies by its id alone.
_ASIDE, _SAVED = "data/v1", "savedDatasets"
_UNREGISTERED = "unregistered-"
_TYPES = {"uri_file": "UriFile", "uri_folder": "UriFolder", "mltable": "MLTable"}
_WHOLE_FOLDER = re.compile(r"(?:/\*\*)?(?:/\*)?/?$")


def register(call: Call, parts: Parts) -> Reply:
    """Registers a dataset: `{name, description, tags, datasetType, latest: {dataflow, properties}}`.

    Raises Conflict (409) for a name that is taken, unless `ifExistsOk=true`, which makes the next version.
    """
    workspace, given = scopes.workspace(call, parts), call.body
    name, latest = fields.text(given, "name", required=True), fields.nested(given, "latest")
    dataflow = fields.text(latest, "latest.dataflow", required=True)
    with parts.db.write() as connection:
        is_taken = resources.get(connection, Place(workspace.scope, "data", name)) is not None
        if is_taken and call.query.get("ifexistsok", "").lower() != "true":
            raise Conflict(f'A data asset "{name}" exists already.', target="name")
        saved = _save(connection, call, workspace, given.get("datasetType"), dataflow, latest.get("properties"))
        uri, kind = _bytes_of(connection, parts, workspace, saved)
        properties = {
            "dataUri": references.long_form(uri, workspace),
            "dataType": kind,
            "description": fields.text(given, "description"),
            "tags": fields.texts(given, "tags"),
            "properties": {},
            "isAnonymous": False,
        }
        asset = AssetId(workspace, "data", name)
        row = assets.register(connection, asset, properties, now=call.now, who=call.who.name)
        resources.put(connection, _aside(row), saved.body, now=call.now, who=call.who.name)
        return Reply(_show(row, saved.body))


def save(call: Call, parts: Parts) -> Reply:
    """Keeps a dataset without a name, to be found by its id: `{datasetType, dataflowJson, properties}`."""
    workspace, given = scopes.workspace(call, parts), call.body
    dataflow = fields.text(given, "dataflowJson", required=True)
    with parts.db.write() as connection:
        row = _save(connection, call, workspace, given.get("datasetType"), dataflow, given.get("properties"))
    return Reply(_show_saved(row.body))


def get_saved(call: Call, parts: Parts) -> Reply:
    """Answers a dataset by its id."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        return Reply(_show_saved(_find_saved(connection, workspace, call.ids["id"]).body))


def find(call: Call, parts: Parts) -> Reply:
    """Answers `name=NAME`, the newest version or `versionId`, and `savedDatasetId=ID`, a list.

    Raises NotFound (404) for data that v1 has not registered: the client then asks for it as v2's.
    """
    workspace = scopes.workspace(call, parts)
    what, _, value = call.ids["what"].partition("=")
    with parts.db.read() as connection:
        if what == "name":
            asset = AssetId(workspace, "data", value, call.query.get("versionid") or None)
            row = assets.resolve(connection, asset)
            aside = resources.get(connection, _aside(row))
            if not aside:
                raise NotFound(f'Data asset "{value}" was not registered by SDK v1.', target="name")
            return Reply(_show(row, aside.body))
        rows = resources.with_value(connection, workspace.scope, _ASIDE, ("savedId",), value)
        names = [row.place.name.rpartition("/") for row in rows]
        found = [
            (assets.resolve(connection, AssetId(workspace, "data", name, version)), row)
            for (name, _, version), row in zip(names, rows, strict=True)
        ]
    return Reply({"value": [_show(row, aside.body) for row, aside in found], "continuationToken": None})


def list_datasets(call: Call, parts: Parts) -> Reply:
    """Lists the newest version of each dataset that v1 has registered."""
    workspace = scopes.workspace(call, parts)
    shown = []
    with parts.db.read() as connection:
        for container in resources.containers(connection, workspace.scope, "data"):
            newest = resources.versions(connection, workspace.scope, "data", container.place.name, limit=1)
            aside = resources.get(connection, _aside(newest[0])) if newest else None
            if aside:
                shown.append(_show(newest[0], aside.body))
    return Reply({"value": shown, "continuationToken": None})


def get_version(call: Call, parts: Parts) -> Reply:
    """Answers a data asset as v1 reads it: `{dataVersion: {dataUri, dataType}, legacyDataflow}`.

    name: a data asset, or `unregistered-ID`; version: a version or `latest`.
    Source: azureml-core 1.61 data/_dataset_rest_helper.py, _fetch_rslex_dataflow_yaml, _fetch_v2_data_asset.
    """
    workspace, name, version = scopes.workspace(call, parts), call.ids["name"], call.ids["version"]
    with parts.db.read() as connection:
        if name.startswith(_UNREGISTERED):
            saved = _find_saved(connection, workspace, name.removeprefix(_UNREGISTERED))
            return Reply({"dataVersion": None, "legacyDataflow": _steps(saved.body["dataflow"])})
        asset = AssetId(workspace, "data", name, None if version in ("latest", "None") else version)
        row = assets.resolve(connection, asset)
    properties = row.body["properties"]
    shown = {
        "assetId": f"{workspace}/data/{row.place.name}/versions/{row.place.version}",
        "dataContainerName": row.place.name,
        "dataType": _TYPES.get(properties["dataType"], properties["dataType"]),
        "dataUri": references.long_form(properties["dataUri"], workspace),
        "versionId": row.place.version,
        "tags": properties.get("tags") or {},
        "description": properties.get("description"),
    }
    return Reply({"dataVersion": shown, "legacyDataflow": None})


def _save(
    connection: Connection, call: Call, workspace: WorkspaceId, kind: Any, dataflow: str, properties: Any
) -> Resource:
    _steps(dataflow)
    saved_id = str(uuid.uuid4())
    body = {"savedId": saved_id, "datasetType": kind, "dataflow": dataflow, "properties": properties or {}}
    place = Place(workspace.scope, _SAVED, saved_id)
    return resources.put(connection, place, body, now=call.now, who=call.who.name)[0]


def _steps(dataflow: str) -> str:
    """Returns the YAML within a dataflow's JSON, which is an MLTable's. Raises BadRequest (400) for older dataflows."""
    try:
        found = json.loads(dataflow)["meta"]["RsDataflow"]
        if not isinstance(yaml.safe_load(found), dict):
            raise TypeError
    except (ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise BadRequest(
            "The dataset's definition cannot be read.",
            target="latest.dataflow",
            hint="It is read as azureml-dataprep writes it since version 5.",
        ) from error
    return str(found)


def _bytes_of(connection: Connection, parts: Parts, workspace: WorkspaceId, saved: Resource) -> tuple[str, str]:
    """Returns where the data of a dataset lie, and as what type. Writes an MLTable's file where it takes one."""
    steps = yaml.safe_load(_steps(saved.body["dataflow"]))
    paths = steps.get("paths")
    only = paths[0] if isinstance(paths, list) and len(paths) == 1 and isinstance(paths[0], dict) else {}
    place = next((str(value) for value in only.values()), "")
    folder = _WHOLE_FOLDER.sub("", place)
    if place and not steps.get("transformations") and "*" not in folder:
        if place != folder:
            return f"{folder}/", "uri_folder"
        path = path_of(parts.settings.home, place, datastores.reader(connection, workspace))
        return place, "uri_folder" if path.is_dir() else "uri_file"
    name = f"LocalUpload/{saved.place.name}"
    account = accounts.account_name(workspace)
    target = container_path(parts.settings.home, account, folders.ARTIFACTS_CONTAINER) / name / "MLTable"
    _write(parts, target, yaml.safe_dump(steps, sort_keys=False))
    return f"azureml://datastores/{references.ARTIFACT_STORE}/paths/{name}/", "mltable"


def _write(parts: Parts, target: Path, text: str) -> None:
    draft = parts.uploads.draft()
    draft.write([text.encode()])
    draft.close()
    target.parent.mkdir(parents=True, exist_ok=True)
    Path(draft.path).replace(target)


def _find_saved(connection: Connection, workspace: WorkspaceId, saved_id: str) -> Resource:
    row = resources.get(connection, Place(workspace.scope, _SAVED, saved_id))
    if not row:
        raise NotFound(f'There is no dataset with id "{saved_id}".', target="id")
    return row


def _aside(row: Resource) -> Place:
    return Place(row.place.scope, _ASIDE, f"{row.place.name}/{row.place.version}")


def _show(row: Resource, own: JsonObject) -> JsonObject:
    """Source of the fields: azureml-core 1.61 _restclient/models/dataset_dto.py, dataset_definition_dto.py."""
    properties, dataset_id = row.body["properties"], str(uuid.uuid5(uuid.NAMESPACE_URL, f"data/{row.place.name}"))
    return {
        "datasetId": dataset_id,
        "datasetState": {"state": "active"},
        "name": row.place.name,
        "description": properties.get("description"),
        "tags": properties.get("tags") or {},
        "isVisible": True,
        "datasetType": own["datasetType"],
        "createdTime": clock.iso(row.created_at),
        "modifiedTime": clock.iso(row.modified_at),
        "latest": {
            "datasetId": dataset_id,
            "versionId": row.place.version,
            "dataflow": own["dataflow"],
            "properties": own["properties"],
            "savedDatasetId": own["savedId"],
            "createdTime": clock.iso(row.created_at),
            "modifiedTime": clock.iso(row.modified_at),
        },
    }


def _show_saved(own: JsonObject) -> JsonObject:
    shown = {"id": own["savedId"], "datasetType": own["datasetType"], "dataflowJson": own["dataflow"]}
    return {**shown, "properties": own["properties"], "dataChanged": False}


_ROOT = f"/dataset/v1.0{scopes.WORKSPACE}"

ROUTES = (
    Route("POST", f"{_ROOT}/datasets", register),
    Route("GET", f"{_ROOT}/datasets", list_datasets),
    Route("GET", f"{_ROOT}/datasets/query/{{what}}", find),
    Route("POST", f"{_ROOT}/saveddatasets", save),
    Route("GET", f"{_ROOT}/saveddatasets/{{id}}", get_saved),
    Route("GET", f"/data/v1.0{scopes.WORKSPACE}/dataversion/{{name}}/versions/{{version}}", get_version),
)
