"""The outer shape of everything that ARM answers: id, name, type, properties, systemData; lists and their pages."""

from collections.abc import Sequence
from typing import Any

from lazulite import clock
from lazulite.errors import BadRequest
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.ids import PROVIDER
from lazulite.store.resources import Resource


def envelope(resource: Resource, arm_id: str, kind: str, properties: JsonObject) -> JsonObject:
    """Wraps properties: `{id, name, type, properties, systemData}` and whatever else the client had sent beside them.

    kind: the ARM type below `workspaces`, `models/versions`.
    """
    beside = {name: value for name, value in resource.body.items() if name not in ("properties", "id", "name", "type")}
    name = resource.place.version or resource.place.name.rpartition("/")[2]
    return {
        "id": arm_id,
        "name": name,
        "type": f"{PROVIDER}/workspaces/{kind}",
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
    """Returns the body's `properties`. Raises BadRequest when there is none or it is no object."""
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise BadRequest('The body has no "properties" object.', target="properties", code="InvalidRequestContent")
    return properties


def text(properties: JsonObject, field: str, *, required: bool = False) -> str:
    """Returns a text field, "" when it is absent or null. Raises BadRequest when it is not text, or missing."""
    value = properties.get(field)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value):
        found = "missing" if value in (None, "") else f"{type(value).__name__} {value!r}"
        raise BadRequest(f"properties.{field} must be text, but is {found}.", target=f"properties.{field}")
    return value


def texts(properties: JsonObject, field: str) -> dict[str, str]:
    """Returns a field that maps text to text (tags, variables), {} when absent. Raises BadRequest otherwise."""
    value = properties.get(field)
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(item, str | None) for item in value.values()):
        raise BadRequest(f"properties.{field} must map names to text, but is {value!r}.", target=f"properties.{field}")
    return value


def wants_archived(call: Call) -> bool | None:
    """Reads `listViewType`: False for active only, True for archived only, None for both.

    The SDK sends `ListViewType.ACTIVE_ONLY` for registries, its enum printed; that is read too.
    """
    view = call.query.get("listviewtype", "").rpartition(".")[2].replace("_", "").lower()
    return {"": False, "activeonly": False, "archivedonly": True, "all": None}.get(view, False)


def whole_number(call: Call, name: str) -> int:
    """Returns a query parameter that counts something, 0 when absent. Raises BadRequest when it is no number."""
    value = call.query.get(name.lower(), "")
    if not value:
        return 0
    if not value.isdecimal():
        raise BadRequest(f"{name} must be a whole number, but is {value!r}.", target=name)
    return int(value)
