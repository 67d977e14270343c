"""Code snapshots: versioned, found again by the hash of their content, each in a container of its own."""

from datetime import timedelta

from lazulite import fields
from lazulite.arm import shapes
from lazulite.arm.families import Asset, Context
from lazulite.artifacts.refs import container_path
from lazulite.http import addresses, scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.identity import accounts
from lazulite.ids import check_name
from lazulite.store import resources

_UPLOAD_FOR = timedelta(hours=24)


def accept(given: JsonObject, context: Context) -> JsonObject:
    """Checks the uri."""
    fields.text(given, "properties.codeUri", required=True)
    return {"isAnonymous": False, **given, "properties": given.get("properties") or {}}


def list_versions(call: Call, parts: Parts) -> Reply:
    """Lists a code's versions; with `hash`, those of any name in the workspace that have this content.

    The SDK asks this of a name that it has just made up, and gives up on a 404. It then takes name and version out
    of the id in the answer. Source: azure-ai-ml 1.35.2 operations/_code_operations.py.
    """
    wanted = call.query.get("hash")
    if not wanted:
        return CODE.list_versions(call, parts)
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        rows = resources.with_value(
            connection, workspace.scope, "codes", ("properties", "properties", "hash_sha256"), wanted
        )
    return shapes.page([CODE.show(workspace, row) for row in rows[:1]])


def start_pending_upload(call: Call, parts: Parts) -> Reply:
    """Answers where to put the files of a code or another asset: a new container, and a SAS for it."""
    workspace = scopes.workspace(call, parts)
    account = accounts.account_name(workspace)
    name, version = check_name(call.ids["name"], "asset"), check_name(call.ids["version"], "version")
    container = container_of(name, version)
    container_path(parts.settings.home, account, container).mkdir(parents=True, exist_ok=True)
    key = accounts.account_key(parts.signing_key, account)
    sas = accounts.sign_sas(account, key, container, None, "racwdl", call.now + _UPLOAD_FOR)
    url = addresses.blob_url(call, account, container)
    return Reply(
        {
            "pendingUploadId": f"{name}:{version}",
            "pendingUploadType": "TemporaryBlobReference",
            "blobReferenceForConsumption": {
                "blobUri": url,
                "storageAccountArmId": str(workspace),
                "credential": {"credentialType": "SAS", "sasUri": f"{url}?{sas}"},
            },
        }
    )


def container_of(name: str, version: str) -> str:
    """Returns the container of an uploaded asset: the name as blob storage allows it, 3 to 63 of [a-z0-9-]."""
    allowed = "".join(char if char.isascii() and char.isalnum() else "-" for char in name.lower()).strip("-")
    return "-".join(part for part in (allowed[:48], version.lower()) if part).replace("--", "-")


CODE = Asset("codes", accept, fixed=("codeUri",))

_VERSIONS = f"{scopes.WORKSPACE}/codes/{{name}}/versions"

ROUTES = (
    *(route for route in CODE.routes() if not (route.method == "GET" and route.template == _VERSIONS)),
    Route("GET", _VERSIONS, list_versions),
    *(
        Route(
            "POST", f"{scopes.WORKSPACE}/{kind}/{{name}}/versions/{{version}}/startPendingUpload", start_pending_upload
        )
        for kind in ("codes", "models", "data")
    ),
)
