"""Data Lake Storage's calls on the same blobs: file systems are containers, paths are blobs, directories are folders.

Source: learn.microsoft.com/rest/api/storageservices/data-lake-storage-gen2; azure-storage-file-datalake 12.26.1.
"""

import base64
import binascii
import dataclasses
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from lazulite.artifacts import refs
from lazulite.artifacts.refs import BlobRef
from lazulite.blob import blobs, blocks, conditions, containers, folders, index, listing, refusals
from lazulite.blob.assembly import Part
from lazulite.blob.call import BlobCall, BlobReply, in_thread
from lazulite.blob.index import DIRECTORY, Blob, Block
from lazulite.blob.storage import Storage, http_date
from lazulite.errors import BadRequest, Conflict, InvalidName, NotFound

_JSON = {"content-type": "application/json;charset=utf-8"}
_APPENDED = "dfs:"  # no block id of the blob service: those are base64
_FILETIME_EPOCH_S = 11_644_473_600
_OWNER = {"owner": "$superuser", "group": "$superuser"}


def list_file_systems(call: BlobCall, storage: Storage) -> BlobReply:
    """Lists the file systems. 200."""
    names = storage.container_names(call.ref.account, call.query.get("prefix", ""))
    found = [storage.container(call.ref.account, name) for name in names]
    systems = [{"name": one.name, "lastModified": http_date(one.modified_ns), "etag": one.etag} for one in found]
    return _json({"filesystems": systems})


def create_file_system(call: BlobCall, storage: Storage) -> BlobReply:
    """Creates a file system. 201."""
    return containers.create(dataclasses.replace(call, metadata=_properties(call)), storage)


def set_file_system_properties(call: BlobCall, storage: Storage) -> BlobReply:
    """Replaces a file system's properties. 200."""
    return containers.set_metadata(dataclasses.replace(call, metadata=_properties(call)), storage)


def list_paths(call: BlobCall, storage: Storage) -> BlobReply:
    """Lists what is in a directory, or below it if `recursive` is true. 200. Raises PathNotFound (404)."""
    directory = call.query.get("directory", "").strip("/")
    page = listing.paths(
        storage,
        dataclasses.replace(call.ref, name=directory),
        is_recursive=call.query.get("recursive", "false").lower() == "true",
        marker=call.query.get("continuation", ""),
        limit=containers.limit_of(call, "maxresults"),
    )
    reply = _json({"paths": [_path(entry) for entry in page.entries if isinstance(entry, Blob)]})
    if page.next_marker:
        return dataclasses.replace(reply, headers={**reply.headers, "x-ms-continuation": page.next_marker})
    return reply


def _json(body: Any) -> BlobReply:
    return BlobReply(200, _JSON, json.dumps(body, ensure_ascii=False).encode())


def _path(blob: Blob) -> dict[str, str]:
    return {
        "name": blob.name,
        **({"isDirectory": "true"} if blob.kind == DIRECTORY else {}),
        "contentLength": str(blob.size_bytes),
        "lastModified": http_date(blob.modified_ns),
        "etag": blob.etag.strip('"'),
        "creationTime": str((blob.created_ns // 100) + _FILETIME_EPOCH_S * 10_000_000),
        "permissions": _permissions(blob),
        **_OWNER,
    }


def _permissions(blob: Blob) -> str:
    return "rwxr-x---" if blob.kind == DIRECTORY else "rw-r-----"


def create(call: BlobCall, storage: Storage) -> BlobReply:
    """Creates an empty file or a directory, its parents too, or renames one here. 201.

    Raises PathAlreadyExists, PathConflict (409), ConditionNotMet (412).
    """
    if "x-ms-rename-source" in call.headers:
        return _rename(call, storage)
    kind = call.query.get("resource")
    if kind not in ("file", "directory"):
        raise refusals.bad_query("resource", kind or "", "file or directory")
    headers, metadata = blobs.content_headers(call, from_plain=False), _properties(call)
    draft = storage.staging.draft() if kind == "file" else None
    try:
        with storage.change(call.ref) as change:
            _check_new(call, change.blob)
            folders.make_parents(storage, change.connection, call.ref)
            if draft and storage.find_directory(call.ref):
                raise _conflict(call.ref)
            blob = change.put(draft, headers, metadata) if draft else change.put_directory(headers, metadata)
            if not blob:
                raise _conflict(call.ref)
    except BaseException:
        if draft:
            draft.discard()
        raise
    return BlobReply(201, blobs.written(blob))


def _check_new(call: BlobCall, blob: Blob | None) -> None:
    try:
        blobs.check_replace(call, blob)
    except Conflict as error:
        raise Conflict(f'The specified path already exists: "{call.ref.name}".', code="PathAlreadyExists") from error


def _conflict(ref: BlobRef) -> Conflict:
    return Conflict(f'"{ref.name}" is there already, as a file or directory of the other kind.', code="PathConflict")


def _properties(call: BlobCall) -> dict[str, str]:
    """Reads `x-ms-properties`: `name=base64 of the value`, separated by commas. Raises InvalidHeaderValue (400)."""
    text = call.headers.get("x-ms-properties", "")
    pairs = (pair.strip().partition("=") for pair in text.split(",") if pair.strip())
    try:
        return {name.lower(): base64.b64decode(value, validate=True).decode("latin-1") for name, _, value in pairs}
    except (binascii.Error, ValueError):
        raise refusals.bad_header("x-ms-properties", text, "name=base64 pairs") from None


def _rename(call: BlobCall, storage: Storage) -> BlobReply:
    source = _rename_source(call)
    if call.ref.name == source.name and call.ref.container == source.container:
        raise _conflict(call.ref)
    folders.rename(storage, source, call.ref, lambda blob: _check_new(call, blob))
    return BlobReply(201)


def _rename_source(call: BlobCall) -> BlobRef:
    text = call.headers["x-ms-rename-source"]
    try:
        container, _, name = unquote(text.partition("?")[0], errors="strict").strip("/").partition("/")
        refs.check_blob_name(name)
        refs.check_container_name(container)
    except (InvalidName, UnicodeError):
        raise refusals.bad_header("x-ms-rename-source", text, "/{filesystem}/{path}") from None
    return BlobRef(call.ref.account, container, name)


async def append(call: BlobCall, storage: Storage) -> BlobReply:
    """Appends data at a position, unseen until it is flushed. 202. Raises PathNotFound (404)."""
    position = _position(call)
    if not storage.find(call.ref):
        raise refusals.path_not_found(call.ref.name)
    if call.size_bytes:
        slot = storage.assemblies.reserve(call.ref, call.size_bytes, offset=position)
        await blocks.receive_block(call, storage, f"{_APPENDED}{position:020d}", slot)
    if call.query.get("flush", "").lower() == "true":
        await in_thread(_flush, call, storage, position + call.size_bytes)
    return BlobReply(202, {"x-ms-request-server-encrypted": "true"})


async def flush(call: BlobCall, storage: Storage) -> BlobReply:
    """Makes what was appended up to a position part of the file. 200. Raises InvalidFlushPosition (400)."""
    blob = await in_thread(_flush, call, storage, _position(call))
    return BlobReply(200, {**blobs.written(blob), "content-length": "0"})


def _position(call: BlobCall) -> int:
    text = call.query.get("position", "")
    if not text.isdecimal() or len(text) > 15:
        raise refusals.bad_query("position", text, "a number of bytes")
    return int(text)


def _flush(call: BlobCall, storage: Storage, position: int) -> Blob:
    blob = storage.find(call.ref)
    if not blob:
        raise refusals.path_not_found(call.ref.name)
    conditions.check_write(_flush_conditions(call), blob, call.ref.name)
    headers = {**blob.headers, **blobs.content_headers(call, from_plain=False)}
    with storage.db.read() as connection:
        waiting = index.get_blocks(connection, call.ref)
    added = _added(waiting, blob.size_bytes, position)
    if not added:
        with storage.change(call.ref) as change:
            return change.rewrite(blob, headers=headers)
    headers.pop("content-md5", None)
    kept = [Part(blob.path, 0, blob.size_bytes)] if blob.size_bytes else []
    asked = dataclasses.replace(call, metadata=blob.metadata, headers=_flush_conditions(call))
    return blocks.commit_parts(asked, storage, [*kept, *added], waiting, headers, [])


def _flush_conditions(call: BlobCall) -> Mapping[str, str]:
    """Drops `If-None-Match: *`, which the SDK sends without `overwrite` to a file that it has just created."""
    return {name: value for name, value in call.headers.items() if (name, value) != ("if-none-match", "*")}


def _added(waiting: list[Block], start: int, end: int) -> list[Part]:
    """Returns the appended ranges from start to end. Raises InvalidFlushPosition (400) if there is a gap."""
    at, parts = start, []
    for block in sorted(waiting, key=lambda block: block.block_id):
        position = int(block.block_id.removeprefix(_APPENDED)) if block.block_id.startswith(_APPENDED) else -1
        if position == at and at < end:
            parts.append(Part(block.path, block.offset, block.size_bytes))
            at += block.size_bytes
    if at != end:
        raise BadRequest(
            f"The uploaded data is not contiguous or the position query parameter value is not equal to the length of "
            f"the file after appending the uploaded data: it reaches from {start} to {at}, not to {end}.",
            code="InvalidFlushPosition",
        )
    return parts


def set_properties(call: BlobCall, storage: Storage) -> BlobReply:
    """Replaces a path's properties and content headers. 200."""
    headers = blobs.content_headers(call, from_plain=False)
    with storage.change(call.ref) as change:
        blob = change.blob or storage.find_directory(call.ref)
        if not blob:
            raise refusals.path_not_found(call.ref.name)
        conditions.check_write(call.headers, blob, call.ref.name)
        metadata = _properties(call) if "x-ms-properties" in call.headers else blob.metadata
        written = change.rewrite(blob, headers={**blob.headers, **headers}, metadata=metadata)
    return BlobReply(200, blobs.written(written))


def describe(call: BlobCall, storage: Storage) -> BlobReply:
    """Get Properties, also as `getStatus` and `getAccessControl`. 200. Raises PathNotFound (404)."""
    blob = storage.find(call.ref) or storage.find_directory(call.ref)
    if not blob:
        raise refusals.path_not_found(call.ref.name)
    conditions.check_read(call.headers, blob)
    permissions = _permissions(blob)
    headers = {
        **blobs.described(blob),
        "x-ms-resource-type": "directory" if blob.kind == DIRECTORY else "file",
        "x-ms-owner": _OWNER["owner"],
        "x-ms-group": _OWNER["group"],
        "x-ms-permissions": permissions,
        "x-ms-acl": f"user::{permissions[:3]},group::{permissions[3:6]},other::{permissions[6:]}",
        "x-ms-properties": ",".join(
            f"{name}={base64.b64encode(value.encode('latin-1', 'replace')).decode()}"
            for name, value in blob.metadata.items()
        ),
    }
    return BlobReply(200, headers, size_bytes=blob.size_bytes)


def delete(call: BlobCall, storage: Storage) -> BlobReply:
    """Deletes a file, an empty directory, or with `recursive=true` one with all in it. 200.

    Raises PathNotFound (404), DirectoryNotEmpty (409).
    """
    blob = storage.find(call.ref)
    if blob and blob.kind != DIRECTORY:
        try:
            return dataclasses.replace(blobs.delete(call, storage), status=200)
        except NotFound as error:
            raise refusals.path_not_found(call.ref.name) from error
    directory = blob or storage.find_directory(call.ref)
    if not directory:
        raise refusals.path_not_found(call.ref.name)
    conditions.check_write(call.headers, directory, call.ref.name)
    if call.query.get("recursive", "").lower() != "true" and not folders.is_empty(storage, call.ref):
        raise Conflict(
            "The recursive query parameter value must be true to delete a non-empty directory.",
            code="DirectoryNotEmpty",
        )
    folders.delete(storage, call.ref)
    return BlobReply(200)
