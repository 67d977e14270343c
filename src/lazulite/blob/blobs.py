"""Whole blobs: Put Blob, Get Blob and its properties, Set Metadata, Set Properties, Set Tier, Delete Blob."""

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Mapping

from lazulite.artifacts.files import Draft
from lazulite.artifacts.refs import BlobRef
from lazulite.blob import access, conditions, refusals
from lazulite.blob.call import INLINE_BYTES, BlobCall, BlobReply, FileRange, in_thread, receive_into
from lazulite.blob.index import APPEND, BLOCK, DIRECTORY, Blob
from lazulite.blob.storage import DEFAULT_HEADERS, Storage, http_date
from lazulite.errors import BadRequest, TooLarge

# Source: learn.microsoft.com/rest/api/storageservices/put-blob, version 2019-12-12 and later.
_PUT_LIMIT_BYTES = 5000 << 20
_RANGE_MD5_LIMIT_BYTES = 4 << 20
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_TRIES = 20
_TIERS = ("Hot", "Cool", "Cold", "Premium")
_CONTENT_HEADERS = ("content-type", "content-encoding", "content-language", "content-disposition", "cache-control")


async def put(call: BlobCall, storage: Storage) -> BlobReply:
    """Put Blob: replaces the whole blob with the body. 201.

    Content-MD5, if sent, must be the body's; the blob's MD5 is computed and kept in any case.
    """
    kind = call.headers.get("x-ms-blob-type")
    if not kind:
        raise refusals.missing_header("x-ms-blob-type")
    if kind == "PageBlob":
        raise refusals.not_implemented("Put Blob of a page blob")
    if kind not in (BLOCK, APPEND):
        raise refusals.bad_header("x-ms-blob-type", kind, "BlockBlob or AppendBlob")
    size = call.size_bytes
    if size > (_PUT_LIMIT_BYTES if kind == BLOCK else 0):
        raise too_large(_PUT_LIMIT_BYTES)
    headers = content_headers(call)
    if size > INLINE_BYTES:  # say no before the bytes have come
        await in_thread(_check, call, storage)
    draft = storage.staging.draft(with_md5=True)
    try:
        await receive_into(draft, call)
        check_md5(call, draft)
        headers.setdefault("content-md5", base64.b64encode(draft.md5 or b"").decode())
        if size > INLINE_BYTES:
            blob = await in_thread(_commit, call, storage, draft, headers, kind)
        else:
            blob = _commit(call, storage, draft, headers, kind)
    except BaseException:
        draft.discard()
        raise
    return BlobReply(201, {**written(blob), "content-md5": headers["content-md5"]})


def _check(call: BlobCall, storage: Storage) -> None:
    storage.check_container(call.ref)
    conditions.check_write(call.headers, storage.find(call.ref), call.ref.name)


def _commit(call: BlobCall, storage: Storage, draft: Draft, headers: Mapping[str, str], kind: str) -> Blob:
    with storage.change(call.ref) as change:
        check_replace(call, change.blob)
        if is_folder_marker(call.metadata) and not draft.size_bytes:
            directory = change.put_directory(headers, call.metadata)
            if directory:
                draft.discard()
                return directory
        return change.put(draft, headers, call.metadata, kind=kind)


def check_replace(call: BlobCall, blob: Blob | None) -> None:
    """Raises when the call's conditions or its caller's rights forbid to write over the blob (403, 409, 412)."""
    conditions.check_write(call.headers, blob, call.ref.name)
    if blob:
        access.check_overwrite(call)


def is_folder_marker(metadata: Mapping[str, str]) -> bool:
    """Tells the empty blobs by which Hadoop, Data Lake and Storage Explorer mark folders."""
    return metadata.get("hdi_isfolder", "").lower() == "true"


def content_headers(call: BlobCall, *, from_plain: bool = True) -> dict[str, str]:
    """Returns the headers to keep with the blob. from_plain: `Content-Type` and its like are about the blob too."""
    headers = {}
    for name in _CONTENT_HEADERS:
        value = call.headers.get(f"x-ms-blob-{name}") or call.headers.get(f"x-ms-{name}")
        if not value and from_plain:
            value = call.headers.get(name)
        if value:
            headers[name] = value
    md5 = call.headers.get("x-ms-blob-content-md5")
    if md5:
        headers["content-md5"] = base64.b64encode(read_md5("x-ms-blob-content-md5", md5)).decode()
    tier = call.headers.get("x-ms-access-tier")
    if tier:
        headers["x-ms-access-tier"] = _tier(tier)
    return headers


def _tier(tier: str) -> str:
    if tier == "Archive":
        raise refusals.not_implemented("the access tier Archive")
    if tier not in _TIERS:
        raise refusals.bad_header("x-ms-access-tier", tier, "Hot, Cool or Cold")
    return tier


def read_md5(name: str, text: str) -> bytes:
    """Reads a header that is an MD5 in base64. Raises InvalidMd5 (400)."""
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != 16:
        raise BadRequest(
            f'The MD5 value specified in the request is invalid: {name} is "{text[:80]}", '
            "but must be 16 bytes in base64.",
            code="InvalidMd5",
            target=name,
        )
    return digest


def check_md5(call: BlobCall, draft: Draft) -> None:
    """Raises Md5Mismatch (400) when the body is not the one that Content-MD5 is about."""
    given = call.headers.get("content-md5")
    if given and read_md5("content-md5", given) != draft.md5:
        computed = base64.b64encode(draft.md5 or b"").decode()
        raise BadRequest(
            "The MD5 value specified in the request did not match with the MD5 value calculated by the server: "
            f'"{given}" was given, "{computed}" calculated.',
            code="Md5Mismatch",
            target="Content-MD5",
        )
    if "x-ms-content-crc64" in call.headers:
        raise refusals.not_implemented("checking x-ms-content-crc64; send Content-MD5")


def too_large(limit_bytes: int) -> TooLarge:
    """Returns the error for a body over the limit."""
    return TooLarge(
        f"The request body is too large and exceeds the maximum permissible limit of {limit_bytes} bytes.",
        code="RequestBodyTooLarge",
    )


def written(blob: Blob) -> dict[str, str]:
    """Returns the headers that every answer to a write has."""
    return {
        "etag": blob.etag,
        "last-modified": http_date(blob.modified_ns),
        "x-ms-request-server-encrypted": "true",
    }


def get(call: BlobCall, storage: Storage) -> BlobReply:
    """Get Blob, whole (200) or a range of it (206).

    Raises BlobNotFound (404), InvalidRange (416), NotModified (304), ConditionNotMet (412).
    """
    _refuse_versions(call)
    blob, descriptor = _opened(storage, call.ref)
    try:
        conditions.check_read(call.headers, blob)
        headers = described(blob) | call.overrides
        wanted = _range(call, blob)
        if not wanted:
            return BlobReply(200, headers, FileRange(descriptor, 0, blob.size_bytes))
        first, last = wanted
        size = last - first + 1
        headers["content-range"] = f"bytes {first}-{last}/{blob.size_bytes}"
        whole_md5 = headers.pop("content-md5", None)
        if whole_md5:
            headers["x-ms-blob-content-md5"] = whole_md5
        if call.headers.get("x-ms-range-get-content-md5", "").lower() == "true":
            headers["content-md5"] = _range_md5(descriptor, first, size)
        return BlobReply(206, headers, FileRange(descriptor, first, size))
    except BaseException:
        os.close(descriptor)
        raise


def _opened(storage: Storage, ref: BlobRef) -> tuple[Blob, int]:
    """Finds a blob and opens the very file that it is about, whatever is put in its place meanwhile."""
    for _ in range(_TRIES):
        blob = storage.get(ref)
        if blob.kind == DIRECTORY:
            return blob, os.open(os.devnull, os.O_RDONLY)
        try:
            descriptor = os.open(blob.path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        seen = os.fstat(descriptor)
        is_same = seen.st_mtime_ns == blob.file_ns and seen.st_size == blob.size_bytes
        if is_same or (blob.kind == APPEND and seen.st_size >= blob.size_bytes):
            return blob, descriptor
        os.close(descriptor)
    raise refusals.Busy(f'"{ref.name}" is being written over and over by another program.')


def _range(call: BlobCall, blob: Blob) -> tuple[int, int] | None:
    """Returns the first and last byte wanted; None for all, also where the header is none that Azure knows."""
    match = _RANGE.fullmatch(call.headers.get("x-ms-range") or call.headers.get("range") or "")
    if not match:
        return None
    first, last = int(match[1]), int(match[2] or blob.size_bytes)
    if last < first and match[2]:
        return None
    if first >= blob.size_bytes:
        raise refusals.RangeNotSatisfiable(
            f"The range specified is invalid for the current size of the resource: it begins at {first}, "
            f"but the blob has {blob.size_bytes} bytes."
        )
    return first, min(last, blob.size_bytes - 1)


def _range_md5(descriptor: int, first: int, size: int) -> str:
    if size > _RANGE_MD5_LIMIT_BYTES:
        raise refusals.bad_header("x-ms-range-get-content-md5", "true", "absent for a range of over 4 MiB")
    return base64.b64encode(hashlib.md5(os.pread(descriptor, size, first), usedforsecurity=False).digest()).decode()


def head(call: BlobCall, storage: Storage) -> BlobReply:
    """Get Blob Properties. 200."""
    _refuse_versions(call)
    blob = storage.get(call.ref)
    conditions.check_read(call.headers, blob)
    return BlobReply(200, described(blob) | call.overrides, size_bytes=blob.size_bytes)


def _refuse_versions(call: BlobCall) -> None:
    for name in ("snapshot", "versionid"):
        if name in call.query:
            raise refusals.blob_not_found(f"{call.ref.name}?{name}={call.query[name]}")


def described(blob: Blob) -> dict[str, str]:
    """Returns the headers that tell a blob's properties and metadata."""
    headers = {
        "etag": blob.etag,
        "last-modified": http_date(blob.modified_ns),
        "accept-ranges": "bytes",
        "x-ms-creation-time": http_date(blob.created_ns),
        "x-ms-blob-type": APPEND if blob.kind == APPEND else BLOCK,
        "x-ms-lease-status": "unlocked",
        "x-ms-lease-state": "available",
        "x-ms-server-encrypted": "true",
        "x-ms-access-tier": "Hot",
        **blob.headers,
    }
    if "x-ms-access-tier" not in blob.headers:
        headers["x-ms-access-tier-inferred"] = "true"
    if blob.kind == APPEND:
        headers["x-ms-blob-committed-block-count"] = str(blob.block_count)
    headers.update((f"x-ms-meta-{name}", value) for name, value in blob.metadata.items())
    if blob.kind == DIRECTORY:
        headers |= {"x-ms-meta-hdi_isfolder": "true", "x-ms-resource-type": "directory"}
    return headers


def set_metadata(call: BlobCall, storage: Storage) -> BlobReply:
    """Set Blob Metadata: replaces all of it. 200."""
    with storage.change(call.ref) as change:
        blob = _existing(call, change.blob)
        return BlobReply(200, written(change.rewrite(blob, metadata=call.metadata)))


def set_properties(call: BlobCall, storage: Storage) -> BlobReply:
    """Set Blob Properties: replaces the content headers; those not given are cleared. 200."""
    headers = content_headers(call, from_plain=False)
    with storage.change(call.ref) as change:
        blob = _existing(call, change.blob)
        tier = {name: value for name, value in blob.headers.items() if name == "x-ms-access-tier"}
        return BlobReply(200, written(change.rewrite(blob, headers=DEFAULT_HEADERS | tier | headers)))


def set_tier(call: BlobCall, storage: Storage) -> BlobReply:
    """Set Blob Tier: remembered and told again; all tiers are the same disk. 200. The entity tag stays."""
    tier = _tier(call.headers.get("x-ms-access-tier", ""))
    with storage.change(call.ref) as change:
        blob = _existing(call, change.blob)
        headers = {**blob.headers, "x-ms-access-tier": tier}
        change.rewrite(blob, headers=headers, etag=blob.etag, modified_ns=blob.modified_ns)
    return BlobReply(200)


def _existing(call: BlobCall, blob: Blob | None) -> Blob:
    if not blob:
        raise refusals.blob_not_found(call.ref.name)
    conditions.check_write(call.headers, blob, call.ref.name)
    return blob


def delete(call: BlobCall, storage: Storage) -> BlobReply:
    """Delete Blob. 202."""
    _refuse_versions(call)
    if call.headers.get("x-ms-delete-snapshots") == "only":
        storage.get(call.ref)
        return BlobReply(202)  # there are never any
    with storage.change(call.ref) as change:
        change.delete(_existing(call, change.blob))
    return BlobReply(202, {"x-ms-delete-type-permanent": "true"})
