"""Azure Monitor's autoscale settings of online deployments. What they do is in serving/autoscaler.py."""

from collections.abc import Sequence

from sqlalchemy import Connection

from lazulite import fields
from lazulite.arm import shapes
from lazulite.errors import BadRequest, Conflict, NotFound
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.ids import check_name
from lazulite.serving import autoscale, wanted
from lazulite.serving.autoscale import KIND, Setting
from lazulite.serving.autoscaler import SCALED_AT
from lazulite.store import resources
from lazulite.store.resources import Place, Resource


def put(call: Call, parts: Parts) -> Reply:
    """Makes or replaces a setting; it is in force within seconds. 201 for a new one, else 200."""
    return _write(call, parts, call.body)


def patch(call: Call, parts: Parts) -> Reply:
    """Changes tags or the properties that the body names."""
    with parts.db.read() as connection:
        row = _find(connection, call)
    return _write(call, parts, shapes.patched(row.body, call.body))


def _write(call: Call, parts: Parts, given: JsonObject) -> Reply:
    properties = shapes.properties_of(given)
    setting = autoscale.read({"enabled": True, **properties}, strict=parts.settings.strict)
    place = _place(call, check_name(call.ids["name"], "autoscale setting"))
    with parts.db.write() as connection:
        _check_target(connection, place, setting)
        location = fields.text(given, "location") or parts.settings.region
        scopes.ensure_group(connection, call.ids["subscription"], call.ids["group"], location, call)
        before = resources.get(connection, place)
        body = {
            "location": location,
            "tags": fields.texts(given, "tags"),
            "properties": _complete(properties, place.name),
            **({SCALED_AT: before.body[SCALED_AT]} if before and SCALED_AT in before.body else {}),
        }
        row, is_new = resources.put(connection, place, body, now=call.now, who=call.who.name)
    return Reply(_show(row, call), 201 if is_new else 200)


def _check_target(connection: Connection, place: Place, setting: Setting) -> None:
    """Refuses a deployment that is not there, moves by settings of its own, or has another autoscale setting."""
    target = setting.target
    found = resources.get(
        connection, Place(target.workspace.scope, wanted.DEPLOYMENTS, f"{target.endpoint}/{target.deployment}")
    )
    if not found:
        raise BadRequest(
            f'Endpoint "{target.endpoint}" in {target.workspace.described} has no deployment "{target.deployment}".',
            code="ResourceNotFound",
            target="properties.targetResourceUri",
        )
    if not wanted.spec_of(found.body).scale.is_fixed:
        raise BadRequest(
            f'Deployment "{target.deployment}" moves by its own scale_settings of type target_utilization.',
            target="properties.targetResourceUri",
            hint="Give it scale_settings of type default first.",
        )
    for row in resources.everywhere(connection, KIND):
        is_other = (row.place.scope, row.place.name.lower()) != (place.scope, place.name.lower())
        if is_other and autoscale.read(row.body["properties"]).target.label == target.label:
            raise Conflict(
                f'Autoscale setting "{row.place.name}" is for deployment "{target.deployment}" of endpoint '
                f'"{target.endpoint}" already; a resource can have one.',
                target="properties.targetResourceUri",
                hint="Change or delete that one.",
            )


def _complete(properties: JsonObject, name: str) -> JsonObject:
    """Fills in what Azure does. Numbers of instances are text, as its client reads them."""
    profiles = [
        {**profile, "capacity": {field: str(value) for field, value in profile["capacity"].items()}}
        for profile in properties["profiles"]
    ]
    return {"name": name, "enabled": True, "notifications": [], **properties, "profiles": profiles}


def get(call: Call, parts: Parts) -> Reply:
    """Answers one setting."""
    with parts.db.read() as connection:
        return Reply(_show(_find(connection, call), call))


def list_settings(call: Call, parts: Parts) -> Reply:
    """Lists the settings of a resource group, or of a subscription."""
    with parts.db.read() as connection:
        rows: Sequence[Resource] = (
            resources.containers(connection, _place(call, "").scope, KIND)
            if "group" in call.ids
            else resources.in_scopes_under(connection, call.ids["subscription"].lower(), KIND)
        )
    return shapes.page([_show(row, call) for row in rows])


def delete(call: Call, parts: Parts) -> Reply:
    """Deletes a setting; the deployment keeps the instances that it has."""
    with parts.db.write() as connection:
        was_there = resources.remove(connection, _place(call, call.ids["name"]))
    return Reply(status=200 if was_there else 204)


def _place(call: Call, name: str) -> Place:
    return Place(f"{call.ids['subscription']}/{call.ids['group']}".lower(), KIND, name)


def _find(connection: Connection, call: Call) -> Resource:
    row = resources.get(connection, _place(call, call.ids["name"]))
    if not row:
        raise NotFound(
            f"The Resource '{KIND}/{call.ids['name']}' under resource group '{call.ids['group']}' was not found."
        )
    return row


def _show(row: Resource, call: Call) -> JsonObject:
    group = call.ids.get("group") or row.place.scope.partition("/")[2]
    return {
        "id": f"/subscriptions/{call.ids['subscription']}/resourceGroups/{group}/providers/{KIND}/{row.place.name}",
        "name": row.place.name,
        "type": KIND,
        **{name: row.body[name] for name in ("location", "tags", "properties")},
        "systemData": shapes.system_data(row),
    }


_ONE = f"{scopes.GROUP}/providers/{KIND}/{{name}}"
_PARTIAL = "online deployments; no notifications, predictions or rules by dimensions"

ROUTES = (
    Route("GET", f"/subscriptions/{{subscription}}/providers/{KIND}", list_settings),
    Route("GET", f"{scopes.GROUP}/providers/{KIND}", list_settings),
    Route("GET", _ONE, get),
    Route("PUT", _ONE, put, _PARTIAL),
    Route("PATCH", _ONE, patch, _PARTIAL),
    Route("DELETE", _ONE, delete),
)
