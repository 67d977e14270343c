"""Sharing: a workspace's asset becomes a registry's, bytes and all: nothing in a registry needs a workspace."""

import re
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lazulite import fields
from lazulite.arm import uploads
from lazulite.arm.components import REFERENCES
from lazulite.artifacts.copies import copy_folder
from lazulite.artifacts.locate import locate
from lazulite.artifacts.refs import container_of, container_path
from lazulite.errors import BadRequest, Conflict, NotFound
from lazulite.http import registries, scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.identity import accounts
from lazulite.ids import AssetId, RegistryId, WorkspaceId, check_name, parse_asset
from lazulite.store import assets, datastores, resources
from lazulite.store.resources import Place, Resource

_KINDS = ("models", "data", "environments", "components", "codes")
_URIS = {"models": "modelUri", "data": "dataUri", "codes": "codeUri"}
# `azureml://locations/{region}/workspaces/{guid}/models/m/versions/1`, or an ARM id with `azureml:/` before it.
_SOURCE = re.compile(r"azureml://locations/[^/]+/workspaces/(?P<guid>[^/]+)/(?P<rest>.+)", re.IGNORECASE)
_KIND = re.compile(r"/workspaces/[^/]+/(?P<kind>[a-z]+)/", re.IGNORECASE)


def share(call: Call, parts: Parts) -> Reply:
    """Copies a version from a workspace into the registry; done when it answers, with no body, as the SDK needs.

    Of a component, the code, the environment and the components of its steps go with it, under the names they have.
    Raises NotFound when there is no such version, Conflict when the registry has that one already.
    Source: azure-ai-ml 1.35.2 operations/_model_operations.py, create_or_update of a WorkspaceAssetReference.
    """
    registry = registries.registry(call, parts)
    given = fields.nested(call.body, "properties")
    sharing = _Sharing(call, parts, registry, [])
    source = _source(call, parts, fields.text(given, "properties.sourceAssetId", required=True))
    name = fields.text(given, "properties.destinationName") or source.name
    version = fields.text(given, "properties.destinationVersion") or sharing.row(source).place.version
    goal = AssetId(registry, source.kind, check_name(name, source.kind), check_name(version, "version"))
    if sharing.has(goal):
        raise Conflict(
            f"{registry.described} has {goal.kind} {name}:{version} already.",
            target="properties.destinationVersion",
            hint="Share it under another version.",
        )
    sharing.copy(source, goal)
    with parts.db.write() as connection:
        for each, properties in sharing.done:
            if not resources.get(connection, Place(registry.scope, each.kind, each.name, each.version or "")):
                assets.register(connection, each, properties, now=call.now, who=call.who.name)
    return Reply()


def _source(call: Call, parts: Parts, text: str) -> AssetId:
    found = _SOURCE.fullmatch(text)
    if found:
        workspace = _workspace_of(parts, found["guid"])
        bare = f"{workspace}/{found['rest']}"
    else:
        bare = re.sub(r"^azureml:/{1,2}(?=/?subscriptions/)", "/", text)
        bare = f"/{bare.lstrip('/')}"
    kind = _KIND.search(bare)
    if not kind or kind["kind"].lower() not in _KINDS:
        raise BadRequest(
            f'"{text}" names no {", ".join(_KINDS[:-1])} or {_KINDS[-1]} of a workspace.',
            target="properties.sourceAssetId",
        )
    # The owner is in the text; the one given here only stands for names without one.
    return parse_asset(bare, kind["kind"].lower(), RegistryId(call.ids["registry"]))


def _workspace_of(parts: Parts, guid: str) -> WorkspaceId:
    with parts.db.read() as connection:
        for row in resources.everywhere(connection, "workspaces"):
            if row.body["properties"]["workspaceId"].lower() == guid.lower():
                return scopes.id_of(row)
    raise NotFound(f"There is no workspace whose id is {guid}.", target="properties.sourceAssetId")


@dataclass(frozen=True)
class _Sharing:
    """One sharing under way. done: what is to be registered, in the order in which it was copied."""

    call: Call
    parts: Parts
    registry: RegistryId
    done: list[tuple[AssetId, JsonObject]]

    def row(self, asset: AssetId) -> Resource:
        with self.parts.db.read() as connection:
            return assets.resolve(connection, asset)

    def has(self, asset: AssetId) -> bool:
        place = Place(self.registry.scope, asset.kind, asset.name, asset.version or "")
        with self.parts.db.read() as connection:
            return resources.get(connection, place) is not None or any(asset == one for one, _ in self.done)

    def copy(self, source: AssetId, goal: AssetId) -> None:
        """Copies the bytes of an asset and all that it is made of; nothing is registered yet."""
        properties = dict(self.row(source).body["properties"])
        field = _URIS.get(source.kind)
        if field:
            properties[field] = self._bytes(source, goal, properties[field])
        if properties.get("build"):
            uri = self._bytes(source, goal, properties["build"]["contextUri"])
            properties["build"] = {**properties["build"], "contextUri": uri}
        if "componentSpec" in properties:
            spec = self._references(properties["componentSpec"], source)
            properties["componentSpec"] = {**spec, "name": goal.name, "version": goal.version}
        self.done.append((goal, {**properties, "isArchived": False}))

    def _bytes(self, source: AssetId, goal: AssetId, uri: str) -> str:
        home = self.parts.settings.home
        with self.parts.db.read() as connection:
            path = locate(home, uri, datastores.reader(connection, source.owner))
        account = accounts.account_name(self.registry)
        container = uploads.container_of(goal.name, uuid.uuid4().hex[:12])
        folder = container_path(home, account, container)
        folder.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            left_out = copy_folder(path, folder / path.name, within=container_of(home, path))
            if left_out:
                shutil.rmtree(folder)
                link = Path(left_out[0]).relative_to(path)
                raise BadRequest(f'"{link}" in {uri} is a link that leads out of its container: nobody may share it.')
        else:
            shutil.copy(path, folder / path.name)
        return uploads.blob_uri(account, container, path.name)

    def _references(self, value: Any, source: AssetId, field: str = "") -> Any:
        """Returns a spec whose references lead to copies in the registry, or to where they led in other registries."""
        if isinstance(value, dict):
            return {name: self._references(one, source, name) for name, one in value.items()}
        if isinstance(value, list):
            return [self._references(one, source) for one in value]
        if field not in REFERENCES or not isinstance(value, str) or "${{" in value:
            return value
        prefix = "azureml:" if value.startswith("azureml:") and not value.startswith("azureml://") else ""
        return prefix + str(self._reference(parse_asset(value, REFERENCES[field], source.owner), value))

    def _reference(self, asset: AssetId, text: str) -> AssetId | str:
        if isinstance(asset.owner, RegistryId):
            return asset
        try:
            row = self.row(asset)
        except NotFound:
            if asset.kind != "environments":
                raise
            return text.removeprefix("azureml:")  # one that Azure curates, which is everywhere
        own = AssetId(asset.owner, asset.kind, row.place.name, row.place.version)
        goal = AssetId(self.registry, asset.kind, row.place.name, row.place.version)
        if not self.has(goal):
            self.copy(own, goal)
        return goal
