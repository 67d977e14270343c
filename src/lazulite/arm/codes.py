"""Code snapshots: versioned, found again by the hash of their content, each in a container of its own."""

from lazulite import fields
from lazulite.arm import shapes, uploads
from lazulite.arm.families import Asset, Context
from lazulite.http import registries, scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.store import resources


def accept(given: JsonObject, context: Context) -> JsonObject:
    """Checks the uri."""
    uri = uploads.uri_of(fields.text(given, "properties.codeUri", required=True), context.owner, context.parts)
    return {"isAnonymous": False, **given, "codeUri": uri, "properties": given.get("properties") or {}}


def list_versions(call: Call, parts: Parts) -> Reply:
    """Lists a code's versions; with `hash`, those of any name in the workspace or registry that have this content.

    The SDK asks this of a name that it has just made up, and gives up on a 404. It then takes name and version out
    of the id in the answer. Source: azure-ai-ml 1.35.2 operations/_code_operations.py.
    """
    wanted = call.query.get("hash")
    if not wanted:
        return CODE.list_versions(call, parts)
    owner = registries.owner(call, parts)
    with parts.db.read() as connection:
        rows = resources.with_value(
            connection, owner.scope, "codes", ("properties", "properties", "hash_sha256"), wanted
        )
    return shapes.page([CODE.show(owner, row) for row in rows[:1]])


CODE = Asset("codes", accept, fixed=("codeUri",))


def routes(root: str = scopes.WORKSPACE) -> tuple[Route, ...]:
    """Returns the routes of codes: those of any asset, where versions can be asked for by their hash."""
    versions = f"{root}/codes/{{name}}/versions"
    plain = (one for one in CODE.routes(root) if one.method != "GET" or one.template != versions)
    return (*plain, Route("GET", versions, list_versions))


ROUTES = (
    *routes(),
    *(
        Route(
            "POST",
            f"{scopes.WORKSPACE}/{kind}/{{name}}/versions/{{version}}/startPendingUpload",
            uploads.start_pending_upload,
        )
        for kind in ("codes", "models", "data")
    ),
)
