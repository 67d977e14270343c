"""The outer shape of everything that ARM answers: id, name, type, properties, systemData; lists and their pages."""

import re
from collections.abc import Sequence
from typing import Any

from lazulite import clock, fields
from lazulite.errors import BadRequest
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.ids import PROVIDER
from lazulite.store.resources import Resource

_WHOLE_NUMBER = re.compile(r"^[0-9]{1,18}$")  # what fits a column of the database


def envelope(resource: Resource, arm_id: str, kind: str, properties: JsonObject) -> JsonObject:
    """Wraps properties: `{id, name, type, properties, systemData}` and whatever else the client had sent beside them.

    kind: the ARM type below `workspaces` or `registries`, `models/versions`.
    """
    beside = {name: value for name, value in resource.body.items() if name not in ("properties", "id", "name", "type")}
    name = resource.place.version or resource.place.name.rpartition("/")[2]
    owners = "registries" if arm_id.startswith("azureml:") else "workspaces"
    return {
        "id": arm_id,
        "name": name,
        "type": f"{PROVIDER}/{owners}/{kind}",
        **beside,
        "properties": properties,
        "systemData": system_data(resource),
    }


def system_data(resource: Resource) -> JsonObject:
    """Returns who made and last changed the resource, and when."""
    return {
        "createdAt": clock.iso(resource.created_at),
        "createdBy": resource.created_by,
        "createdByType": "Application",
        "lastModifiedAt": clock.iso(resource.modified_at),
        "lastModifiedBy": resource.modified_by,
        "lastModifiedByType": "Application",
    }


def page(values: Sequence[Any], link: str | None = None) -> Reply:
    """Answers a list; link leads to the next page."""
    return Reply({"value": list(values), "nextLink": link})


def properties_of(body: JsonObject) -> JsonObject:
    """Returns the body's `properties`, once all that every resource shares is of ARM's types.

    Raises BadRequest for `properties` that is missing or no object, for `location`, `kind`, `identity`, `sku`, `tags`
    beside it and `description`, `tags`, `properties`, `isArchived`, `isAnonymous` in it that are of another type: the
    SDK could never read such a resource again, nor a list with it.
    """
    for path in ("location", "kind"):
        fields.text(body, path)
    for path in ("identity", "sku"):
        fields.nested(body, path)
    fields.texts(body, "tags")
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise BadRequest('The body has no "properties" object.', target="properties", code="InvalidRequestContent")
    fields.text(properties, "properties.description")
    fields.texts(properties, "properties.tags")
    fields.nested(properties, "properties.properties")
    for path in ("properties.isArchived", "properties.isAnonymous"):
        fields.flag(properties, path)
    return properties


def patched(before: JsonObject, body: JsonObject) -> JsonObject:
    """Returns a body as it is after a PATCH: what the PATCH names beside `properties` and in it, the rest as before.

    Raises BadRequest as properties_of does.
    """
    given = properties_of({"properties": {}, **body})
    return {**before, **body, "properties": {**before["properties"], **given}}


def wants_archived(call: Call) -> bool | None:
    """Reads `listViewType`: False for active only, True for archived only, None for both.

    The SDK sends `ListViewType.ACTIVE_ONLY` for registries, its enum printed; that is read too.
    """
    view = call.query.get("listviewtype", "").rpartition(".")[2].replace("_", "").lower()
    return {"": False, "activeonly": False, "archivedonly": True, "all": None}.get(view, False)


def whole_number(call: Call, name: str) -> int:
    """Returns a query parameter that counts something, 0 when absent. Raises BadRequest when it is no such number."""
    value = call.query.get(name.lower(), "0")
    if not _WHOLE_NUMBER.match(value):
        raise BadRequest(f"{name} must be a whole number of at most 18 digits, but is {value[:40]!r}.", target=name)
    return int(value)
