"""Storage accounts: their names, their keys and the shared access signatures made with them. Nothing is stored."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from urllib.parse import quote

from lazulite.ids import Owner

SAS_VERSION = "2021-08-06"

# The signed fields in the order of the string to sign, before and after the resource and the policy's name.
# Source: learn.microsoft.com/rest/api/storageservices/create-service-sas, version 2020-12-06 and later.
_BEFORE = ("sp", "st", "se")
_AFTER = ("si", "sip", "spr", "sv", "sr", "snapshot", "ses", "rscc", "rscd", "rsce", "rscl", "rsct")


def account_name(owner: Owner) -> str:
    """Returns the name of a workspace's or registry's storage account: 3 to 24 lower-case letters and digits, fixed.

    It begins with the workspace's own letters, so that a person finds the folder: `churnst4f1c09a7be22d`.
    """
    letters = re.sub(r"[^a-z0-9]", "", owner.name.lower())[:9]
    return f"{letters}st{hashlib.sha256(owner.scope.encode()).hexdigest()[:13]}"


def registry_name(owner: Owner) -> str:
    """Returns the name of the container registry that a workspace has unless it is given another."""
    letters, _, rest = account_name(owner).rpartition("st")
    return f"{letters}acr{rest}"


def account_key(signing_key: bytes, account: str, generation: int = 0) -> str:
    """Returns an account's shared key, base64 of 64 bytes, derived from the home's own secret.

    generation: raised by one each time the key is regenerated.
    """
    purpose = f"storage account key/{account}/{generation}".encode()
    return base64.b64encode(hmac.digest(signing_key, purpose, "sha512")).decode()


def sign(key: str, text: str) -> str:
    """Signs as Azure Storage does: base64 of the HMAC-SHA256 of UTF-8 text with the account's base64 key."""
    return base64.b64encode(hmac.digest(base64.b64decode(key), text.encode(), "sha256")).decode()


def sas_signature(key: str, account: str, path: str, query: Mapping[str, str]) -> str:
    """Returns the `sig` that a service SAS must bear.

    path: `container` or `container/blob`, decoded; query: the SAS's decoded parameters (`sp`, `se`, `sr`, ...).
    Source: learn.microsoft.com/rest/api/storageservices/create-service-sas; azure-storage-blob 12.31.1
    _shared_access_signature.py, add_resource_signature.
    """
    before = [query.get(name, "") for name in _BEFORE]
    after = [query.get(name, "") for name in _AFTER]
    return sign(key, "\n".join([*before, f"/blob/{account}/{path}", *after]))


def sign_sas(
    account: str,
    key: str,
    container: str,
    blob: str | None,
    permissions: str,
    expires_at: datetime,
) -> str:
    """Makes a service SAS for one blob, or for a container when blob is None.

    permissions: letters in Azure's order, of `racwdxltmeop`. Returns the query string, without `?`.
    """
    query = {
        "sv": SAS_VERSION,
        "se": expires_at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "sr": "c" if blob is None else "b",
        "sp": permissions,
    }
    path = container if blob is None else f"{container}/{blob}"
    query["sig"] = sas_signature(key, account, path, query)
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
