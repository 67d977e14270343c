"""Secrets of key vaults, at `https://{vault}.vault.azure.net/secrets`; keys and certificates are not here.

A vault of any name holds what is put into it, as a storage account does; whoever has a token may read it. What is
deleted is gone: there is no bin to recover it from. Source: learn.microsoft.com/rest/api/keyvault/secrets.
"""

import re
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from lazulite import fields
from lazulite.errors import BadRequest, Forbidden, LazuliteError, NotFound, Unauthorized
from lazulite.http import stack
from lazulite.http.addresses import next_link
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.identity.environment import TENANT
from lazulite.store import resources
from lazulite.store.resources import Place, Resource

AUDIENCE = "https://vault.azure.net"
_KIND = "vaults/secrets"
_PAGE = 25  # Source: learn.microsoft.com/rest/api/keyvault/secrets/get-secrets, maxresults
_NAME = re.compile(r"^[0-9a-zA-Z-]{1,127}$")
_VALUE_LIMIT_BYTES = 25 << 10  # Source: learn.microsoft.com/azure/key-vault/secrets/about-secrets
# Where clients are sent for a token. Source: azure-keyvault-secrets, ChallengeAuthPolicy.
_CHALLENGE = f'Bearer authorization="https://login.microsoftonline.com/{TENANT}", resource="{AUDIENCE}"'


def refuse(error: LazuliteError) -> Reply:
    """Makes the answer of an error; one who has no token is told where to get it."""
    reply = stack.refuse_as_arm(error)
    challenge = {"www-authenticate": _CHALLENGE} if isinstance(error, Unauthorized) else {}
    return Reply(reply.body, reply.status, {**reply.headers, **challenge})


def put(call: Call, parts: Parts) -> Reply:
    """Makes a secret, or another version of it; answers it with its value."""
    name, value = call.ids["name"], fields.text(call.body, "value")
    if not _NAME.match(name):
        raise BadRequest(f'"{name}" is no name of a secret: 1 to 127 letters, digits and "-".', code="BadParameter")
    if "value" not in call.body or len(value.encode()) > _VALUE_LIMIT_BYTES:
        raise BadRequest(f"value must be text of {_VALUE_LIMIT_BYTES} bytes at most.", code="BadParameter")
    version = uuid.uuid4().hex
    body = {"value": value, **_told(call.body)}
    with parts.db.write() as connection:
        resources.put(connection, _place(call, name), {}, now=call.now, who=call.who.name)
        row, _ = resources.put(connection, _place(call, name, version), body, now=call.now, who=call.who.name)
    return Reply({"value": value, **_shown(row, call)})


def _told(given: Mapping[str, Any]) -> JsonObject:
    attributes = fields.nested(given, "attributes")
    enabled = True if attributes.get("enabled") is None else fields.flag(attributes, "attributes.enabled")
    times = {name: attributes[name] for name in ("nbf", "exp") if isinstance(attributes.get(name), int)}
    return {
        "contentType": fields.text(given, "contentType"),
        "attributes": {"enabled": enabled, **times},
        "tags": fields.texts(given, "tags"),
    }


def get(call: Call, parts: Parts) -> Reply:
    """Answers a secret with its value: the newest version, or the one that is named. Forbidden (403) if disabled."""
    with parts.db.read() as connection:
        row = _find(connection, call)
    if not row.body["attributes"]["enabled"]:
        raise Forbidden(f'Secret "{row.place.name}" is disabled.', code="Forbidden")
    return Reply({"value": row.body["value"], **_shown(row, call)})


def patch(call: Call, parts: Parts) -> Reply:
    """Changes contentType, attributes and tags of a version."""
    with parts.db.write() as connection:
        row, given = _find(connection, call), call.body
        attributes = {**row.body["attributes"], **fields.nested(given, "attributes")}
        body = {"value": row.body["value"], **_told({**row.body, **given, "attributes": attributes})}
        row, _ = resources.put(connection, row.place, body, now=call.now, who=call.who.name)
    return Reply(_shown(row, call))


def list_secrets(call: Call, parts: Parts) -> Reply:
    """Lists the secrets of a vault without their values, by name: each as its newest version is."""
    size, after = _page_size(call), call.query.get("$skiptoken", "")
    with parts.db.read() as connection:
        rows = resources.newest(connection, _place(call, "").scope, _KIND, after=after, limit=size)
    more = next_link(call, **{"$skiptoken": rows[-1].place.name.lower()}) if len(rows) == size else None
    return Reply({"value": [_shown(row, call, with_version=False) for row in rows], "nextLink": more})


def list_versions(call: Call, parts: Parts) -> Reply:
    """Lists the versions of a secret without their values, newest first."""
    size, before = _page_size(call), call.query.get("$skiptoken", "0")
    if not before.isdecimal() or len(before) > 18:
        raise BadRequest("$skiptoken must be one that was given out here.", code="BadParameter")
    scope, name = _place(call, "").scope, call.ids["name"]
    with parts.db.read() as connection:
        rows = resources.versions(connection, scope, _KIND, name, before=int(before), limit=size)
    more = next_link(call, **{"$skiptoken": rows[-1].sequence}) if len(rows) == size else None
    return Reply({"value": [_shown(row, call) for row in rows], "nextLink": more})


def _page_size(call: Call) -> int:
    text = call.query.get("maxresults", str(_PAGE))
    if not (text.isdecimal() and len(text) < 3 and 1 <= int(text) <= _PAGE):
        raise BadRequest(f"maxresults must be from 1 to {_PAGE}, but is {text[:40]!r}.", code="BadParameter")
    return int(text)


def delete(call: Call, parts: Parts) -> Reply:
    """Deletes a secret with all its versions, for good."""
    with parts.db.write() as connection:
        row = _find(connection, call)
        resources.remove(connection, _place(call, row.place.name))
    return Reply(_shown(row, call))


def _place(call: Call, name: str, version: str = "") -> Place:
    vault = call.headers.get("host", "").partition(".")[0].lower()
    return Place(f"vaults/{vault}", _KIND, name, version)


def _find(connection: Connection, call: Call) -> Resource:
    name, version = call.ids["name"], call.ids.get("version", "")
    place = _place(call, name, version)
    if version:
        row = resources.get(connection, place)
    else:
        row = next(iter(resources.versions(connection, place.scope, _KIND, name, limit=1)), None)
    if not row:
        vault = place.scope.partition("/")[2]
        raise NotFound(
            f"A secret with (name/id) {name}{'/' * bool(version)}{version} was not found in this key vault, {vault}.",
            code="SecretNotFound",
        )
    return row


def _shown(row: Resource, call: Call, *, with_version: bool = True) -> JsonObject:
    times = {"created": int(row.created_at.timestamp()), "updated": int(row.modified_at.timestamp())}
    below = f"/{row.place.version}" if with_version else ""
    shown: JsonObject = {
        "id": f"{call.base_url}/secrets/{row.place.name}{below}",
        "attributes": {**row.body["attributes"], **times, "recoveryLevel": "Purgeable"},
        "tags": row.body["tags"],
    }
    return {**shown, "contentType": row.body["contentType"]} if row.body["contentType"] else shown


_ONE = "/secrets/{name}"

ROUTES = (
    Route("GET", "/secrets", list_secrets),
    Route("GET", f"{_ONE}/versions", list_versions),
    Route("PUT", _ONE, put),
    Route("GET", _ONE, get),
    Route("DELETE", _ONE, delete, "there is no bin: what is deleted is gone"),
    Route("PATCH", _ONE, patch),
    Route("GET", f"{_ONE}/{{version}}", get),
    Route("PATCH", f"{_ONE}/{{version}}", patch),
)
