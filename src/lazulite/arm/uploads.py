"""Where clients put the bytes of assets, and where they get them: a container each, and a SAS for it."""

import re
import uuid
from datetime import timedelta
from urllib.parse import quote

from lazulite import fields
from lazulite.artifacts.refs import container_path, read_url
from lazulite.errors import BadRequest
from lazulite.http import addresses, registries, scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.identity import accounts
from lazulite.ids import Owner, WorkspaceId, check_name

_UPLOAD_FOR = timedelta(hours=24)


def start_pending_upload(call: Call, parts: Parts) -> Reply:
    """Answers where to put the files of a code or another asset of a workspace: a new container, and a SAS for it."""
    workspace = scopes.workspace(call, parts)
    name, version = _named(call)
    reference = _reference(call, parts, workspace, container_of(name, version), "racwdl")
    return Reply(
        {
            "pendingUploadId": f"{name}:{version}",
            "pendingUploadType": "TemporaryBlobReference",
            "blobReferenceForConsumption": reference,
        }
    )


def start_temporary(call: Call, parts: Parts) -> Reply:
    """Answers where to put the files of a registry's asset: a container that nothing else is in.

    Azure answers 409 where the version exists, and the SDK then goes on without an upload, with a path that means
    nothing here. So the upload is taken, and its files tell whether the version has changed.
    """
    registry = registries.registry(call, parts)
    name, _ = _named(call)
    container = container_of(name, uuid.uuid4().hex[:12])
    return Reply(
        {
            "temporaryDataReferenceId": container,
            "temporaryDataReferenceType": "TemporaryBlobReference",
            "blobReferenceForConsumption": _reference(call, parts, registry, container, "racwdl"),
        }
    )


def read_reference(call: Call, parts: Parts) -> Reply:
    """Answers a SAS by which to read the files of a registry's asset, `blobUri`.

    Raises BadRequest when the bytes are not in this registry.
    """
    registry = registries.registry(call, parts)
    _named(call)
    uri = fields.text(call.body, "blobUri", required=True)
    blob = read_url(parts.settings.home, uri)
    if blob.account != accounts.account_name(registry):
        raise BadRequest(f'"{uri}" does not lie in registry "{registry.name}".', target="blobUri")
    return Reply({"blobReferenceForConsumption": _reference(call, parts, registry, blob.container, "rl")})


def _named(call: Call) -> tuple[str, str]:
    return check_name(call.ids["name"], "asset"), check_name(call.ids["version"], "version")


def _reference(call: Call, parts: Parts, owner: Owner, container: str, permissions: str) -> JsonObject:
    account = accounts.account_name(owner)
    container_path(parts.settings.home, account, container).mkdir(parents=True, exist_ok=True)
    key = accounts.account_key(parts.signing_key, account)
    sas = accounts.sign_sas(account, key, container, None, permissions, call.now + _UPLOAD_FOR)
    url = addresses.blob_url(call, account, container)
    return {
        "blobUri": url,
        "storageAccountArmId": str(owner),
        "credential": {"credentialType": "SAS", "sasUri": f"{url}?{sas}"},
    }


def uri_of(uri: str, owner: Owner, parts: Parts) -> str:
    """Returns the URI to keep of bytes that were uploaded: in a registry by Azure's host, which its clients insist on.

    Source: azure-ai-ml 1.35.2 constants/_common.py, STORAGE_URI_REGEX.
    """
    if isinstance(owner, WorkspaceId) or not uri.startswith(("http://", "https://")):
        return uri
    try:
        blob = read_url(parts.settings.home, uri)
    except BadRequest:
        return uri  # a web address, read when it is wanted
    return blob_uri(blob.account, blob.container, blob.name)


def blob_uri(account: str, container: str, name: str) -> str:
    """Returns the URL of a blob by Azure's host."""
    return f"https://{account}.blob.core.windows.net/{container}/{quote(name)}"


def container_of(name: str, version: str) -> str:
    """Returns the container of an uploaded asset: the name as blob storage allows it, 3 to 63 of [a-z0-9-]."""
    words = f"{name[:44]}-{version[:16]}".lower()
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-").rjust(3, "0")
