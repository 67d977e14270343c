"""The ASGI app of blob storage: the tables of operations, and a request's way through them."""

import json
import logging
import os
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from lazulite import clock
from lazulite.artifacts import refs
from lazulite.blob import access, appends, batch, blobs, blocks, containers, copies, dfs, refusals, xml
from lazulite.blob.batch import SubRequest
from lazulite.blob.call import BlobCall, BlobReply, ClientGone, FileRange, Receive, Scope, Send, in_thread, read, send
from lazulite.blob.storage import Storage, http_date, now_ns
from lazulite.errors import LazuliteError, MethodNotAllowed, OutOfSpace, PreconditionFailed, Unauthorized
from lazulite.settings import Settings

log = logging.getLogger(__name__)

Handler = Callable[[BlobCall, Storage], BlobReply | Awaitable[BlobReply]]


@dataclass(frozen=True)
class Operation:
    """One of Azure's operations. level and needs: see access.authorize. is_slow: a plain function for a thread."""

    handler: Handler
    level: str
    needs: str
    is_slow: bool = False


Table = Mapping[tuple[str, str, str], Operation]

_SERVICE_VERSION = "2021-12-02"
_CHALLENGE = (
    f"Bearer authorization_uri=https://login.microsoftonline.com/common/oauth2/authorize resource_id={access.AUDIENCE}"
)
_METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE", "PATCH")

# To ignore one of these would be to store other bytes, or to keep them less safe, than the client believes.
_REFUSED_HEADERS = {
    "x-ms-structured-body": "structured bodies; send Content-MD5",
    "x-ms-encryption-key": "keys that the client provides",
    "x-ms-encryption-scope": "encryption scopes",
    "x-ms-tags": "blob index tags",
    "x-ms-if-tags": "conditions on blob index tags",
    "x-ms-immutability-policy-mode": "immutability policies",
    "x-ms-legal-hold": "legal holds",
}
_LEVELS = {"s": "account", "c": "container", "o": "blob"}
_INTERNAL = LazuliteError(
    "Lazulite itself failed here.", code="InternalError", hint="`lazulite logs platform` shows the traceback."
)

_DESCRIBE_CONTAINER = Operation(containers.describe, "c", "r")
_ACCOUNT = Operation(containers.account_information, "s", "rl")
_HEAD = Operation(blobs.head, "o", "r")
_COPY = Operation(copies.copy, "o", "cw", is_slow=True)

# What the path names (s account, c container, o blob), method, `comp`.
BLOB: Table = {
    ("s", "GET", "list"): Operation(containers.list_containers, "s", "l", is_slow=True),
    ("s", "GET", "properties"): Operation(containers.service_properties, "s", "r"),
    ("s", "POST", "userdelegationkey"): Operation(containers.user_delegation_key, "s", "r"),
    ("c", "PUT", ""): Operation(containers.create, "c", "cw"),
    ("c", "DELETE", ""): Operation(containers.delete, "c", "d", is_slow=True),
    ("c", "GET", ""): _DESCRIBE_CONTAINER,
    ("c", "HEAD", ""): _DESCRIBE_CONTAINER,
    ("c", "GET", "metadata"): _DESCRIBE_CONTAINER,
    ("c", "HEAD", "metadata"): _DESCRIBE_CONTAINER,
    ("c", "PUT", "metadata"): Operation(containers.set_metadata, "c", "w"),
    ("c", "GET", "acl"): Operation(containers.get_acl, "c", "r"),
    ("c", "HEAD", "acl"): Operation(containers.get_acl, "c", "r"),
    ("c", "PUT", "acl"): Operation(containers.set_acl, "c", "w"),
    ("c", "GET", "list"): Operation(containers.list_blobs, "l", "l", is_slow=True),
    ("o", "PUT", ""): Operation(blobs.put, "o", "cw"),
    ("o", "GET", ""): Operation(blobs.get, "o", "r"),
    ("o", "HEAD", ""): _HEAD,
    ("o", "DELETE", ""): Operation(blobs.delete, "o", "d"),
    ("o", "GET", "metadata"): _HEAD,
    ("o", "HEAD", "metadata"): _HEAD,
    ("o", "PUT", "metadata"): Operation(blobs.set_metadata, "o", "w"),
    ("o", "PUT", "properties"): Operation(blobs.set_properties, "o", "w"),
    ("o", "PUT", "tier"): Operation(blobs.set_tier, "o", "w"),
    ("o", "PUT", "block"): Operation(blocks.put_block, "o", "cw"),
    ("o", "PUT", "blocklist"): Operation(blocks.put_block_list, "o", "cw"),
    ("o", "GET", "blocklist"): Operation(blocks.get_block_list, "o", "r"),
    ("o", "PUT", "appendblock"): Operation(appends.append_block, "o", "aw"),
    ("o", "PUT", "copy"): Operation(copies.abort, "o", "w"),
}

# What the path names, method, `action`.
DFS: Table = {
    ("s", "GET", ""): Operation(dfs.list_file_systems, "s", "l", is_slow=True),
    ("c", "PUT", ""): Operation(dfs.create_file_system, "c", "cw"),
    ("c", "DELETE", ""): Operation(containers.delete, "c", "d", is_slow=True),
    ("c", "HEAD", ""): _DESCRIBE_CONTAINER,
    ("c", "PATCH", ""): Operation(dfs.set_file_system_properties, "c", "w"),
    ("c", "GET", ""): Operation(dfs.list_paths, "l", "l", is_slow=True),
    ("o", "PUT", ""): Operation(dfs.create, "o", "cw", is_slow=True),
    ("o", "GET", ""): Operation(blobs.get, "o", "r"),
    ("o", "HEAD", ""): Operation(dfs.describe, "o", "r"),
    ("o", "HEAD", "getstatus"): Operation(dfs.describe, "o", "r"),
    ("o", "HEAD", "getaccesscontrol"): Operation(dfs.describe, "o", "re"),
    ("o", "DELETE", ""): Operation(dfs.delete, "o", "d", is_slow=True),
    ("o", "PATCH", "append"): Operation(dfs.append, "o", "aw"),
    ("o", "PATCH", "flush"): Operation(dfs.flush, "o", "aw"),
    ("o", "PATCH", "setproperties"): Operation(dfs.set_properties, "o", "w"),
}


def app(settings: Settings, signing_key: bytes) -> "BlobStorage":
    """Opens the home's blob storage and makes its ASGI app.

    It answers `{account}.blob|dfs.core.windows.net` by the Host header, and `/_blob/{account}/…` on any other host.
    """
    return BlobStorage(Storage(settings.home, signing_key))


class BlobStorage:
    """Blob storage as an ASGI app."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def close(self) -> None:
        """Closes the storage; nothing can be answered after that."""
        self.storage.close()

    async def __call__(self, scope: Scope, receive: Receive, send_message: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return
        request_id = str(uuid.uuid4())
        try:
            call, reply = await self._attempt(scope, receive, request_id)
        except ClientGone:
            return
        log.debug("%s %s %d %s", scope["method"], scope["path"], reply.status, request_id)
        try:
            await send(receive, reply, send_message, scope["method"] == "HEAD", _always(call, request_id))
        except ClientGone:
            pass
        finally:
            if isinstance(reply.body, FileRange):
                os.close(reply.body.descriptor)

    async def _attempt(
        self, scope: Scope, receive: Receive, request_id: str, signed_path: str | None = None
    ) -> tuple[BlobCall | None, BlobReply]:
        """Answers a request; whatever goes wrong becomes the answer. Raises ClientGone.

        signed_path: the path that the client has signed, where that is not the one asked for.
        """
        call = None
        try:
            call = read(self.storage.home, scope, receive)
            call = call if signed_path is None else replace(call, raw_path=signed_path)
            return call, await self._answer(call)
        except ClientGone:
            raise
        except LazuliteError as error:
            return call, _refusal(error, call, request_id)
        except Exception:
            log.exception("%s %s failed", scope["method"], request_id)
            return call, _refusal(_INTERNAL, call, request_id)

    async def _answer(self, call: BlobCall) -> BlobReply:
        if call.service == "blob" and call.method == "POST" and call.query.get("comp") == "batch":
            return await batch.run(call, lambda request: self._answer_one(call, request))
        operation = _operation(call)
        key = self.storage.signing_key
        call = access.authorize(call, level=operation.level, needs=operation.needs, signing_key=key, now=clock.now())
        if operation.is_slow:
            reply: BlobReply = await in_thread(operation.handler, call, self.storage)
            return reply
        result = operation.handler(call, self.storage)
        return result if isinstance(result, BlobReply) else await result

    async def _answer_one(self, call: BlobCall, request: SubRequest) -> tuple[int, dict[str, str], bytes]:
        """Answers one request of a batch as if it had come alone."""
        request_id, path = str(uuid.uuid4()), request.raw_path
        # The SDK writes the account's name before the container, wherever it is that the account was reached.
        if call.raw_path.startswith(refs.PATH_PREFIX) and not path.startswith(refs.PATH_PREFIX):
            path = refs.PATH_PREFIX[:-1] + path
        scope = {
            "method": request.method,
            "raw_path": path.encode("latin-1"),
            "query_string": request.raw_query.encode("latin-1"),
            "headers": [
                (name.encode("latin-1"), value.encode("latin-1"))
                for name, value in {"host": call.headers.get("host", ""), **request.headers}.items()
            ],
            "scheme": call.scheme,
            "client": (call.client, 0),
        }
        one, reply = await self._attempt(scope, call.receive, request_id, request.raw_path)
        body = reply.body if isinstance(reply.body, bytes) else b""
        return reply.status, {**_always(one, request_id), **reply.headers, "content-length": str(len(body))}, body


def _operation(call: BlobCall) -> Operation:
    level = "o" if call.ref.name else "c" if call.ref.container else "s"
    if call.service == "dfs":
        found = DFS.get((level, call.method, call.query.get("action", "").lower()))
    elif call.query.get("restype") == "account":
        found = _ACCOUNT if call.method in ("GET", "HEAD") else None
    else:
        comp = call.query.get("comp", "").lower()
        found = BLOB.get((level, call.method, comp))
        if "x-ms-copy-source" in call.headers and call.method == "PUT":
            found = _COPY if (level, comp) == ("o", "") else None
    if found:
        _check_headers(call)
        return found
    if call.method not in _METHODS:
        raise MethodNotAllowed(f"The resource doesn't support the HTTP verb {call.method}.", code="UnsupportedHttpVerb")
    asked = [f"{name}={call.query[name]}" for name in ("restype", "resource", "comp", "action") if name in call.query]
    raise refusals.not_implemented(" ".join([call.method, _LEVELS[level], *asked]))


def _check_headers(call: BlobCall) -> None:
    for name in _REFUSED_HEADERS.keys() & call.headers.keys():
        raise refusals.not_implemented(f"{name}, {_REFUSED_HEADERS[name]}")
    if "x-ms-lease-id" in call.headers:
        raise PreconditionFailed(
            "There is currently no lease on the resource: Lazulite has none.",
            code="LeaseNotPresentWithBlobOperation",
            target="x-ms-lease-id",
        )


def _always(call: BlobCall | None, request_id: str) -> dict[str, str]:
    """Returns the headers that every answer has. `Date` is the server's own."""
    headers = {
        "x-ms-request-id": request_id,
        "x-ms-version": call.headers.get("x-ms-version", _SERVICE_VERSION) if call else _SERVICE_VERSION,
    }
    client_id = call.headers.get("x-ms-client-request-id") if call else None
    if client_id:
        headers["x-ms-client-request-id"] = client_id[:1024]
    return headers


def _refusal(error: LazuliteError, call: BlobCall | None, request_id: str) -> BlobReply:
    """Makes an answer of an error: XML for blobs, JSON for Data Lake Storage."""
    headers = {"x-ms-error-code": error.code}
    if isinstance(error, refusals.NotModified):
        return BlobReply(304, headers)
    if isinstance(error, Unauthorized):
        headers["www-authenticate"] = _CHALLENGE
    # A client repeats anything from 500 up for a minute; a full disk stays full.
    status = 409 if isinstance(error, OutOfSpace) else error.status
    if call and call.service == "dfs":
        wire = error.wire()
        told = {"error": {"code": wire["code"], "message": f"{wire['message']}\nRequestId:{request_id}"}}
        return BlobReply(status, headers | {"content-type": "application/json"}, json.dumps(told).encode())
    body = xml.error(error, request_id, http_date(now_ns()))
    return BlobReply(status, headers | {"content-type": "application/xml"}, body)
