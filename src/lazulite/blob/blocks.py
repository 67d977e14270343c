"""Blobs in blocks: Put Block, Put Block List, Get Block List.

Source: learn.microsoft.com/rest/api/storageservices put-block, put-block-list, get-block-list.
"""

import base64
import binascii
from collections.abc import Sequence

from lazulite.artifacts.files import Draft
from lazulite.artifacts.refs import BlobRef
from lazulite.blob import assembly, conditions, index, refusals, xml
from lazulite.blob.assembly import Part, Slot
from lazulite.blob.blobs import check_md5, check_replace, content_headers, too_large, written
from lazulite.blob.call import BlobCall, BlobReply, in_thread, read_body, receive_into
from lazulite.blob.index import BLOCK, Blob, Block
from lazulite.blob.storage import Storage, http_date, now_ns
from lazulite.errors import BadRequest

_BLOCK_LIMIT_BYTES = 4000 << 20
_ID_LIMIT_BYTES = 64
_LIST_LIMIT = 50_000
_LIST_LIMIT_BYTES = 8 << 20


async def put_block(call: BlobCall, storage: Storage) -> BlobReply:
    """Put Block: keeps the body until a block list names it, a week at most. 201."""
    block_id = _block_id(call.query.get("blockid"))
    size = call.size_bytes
    if size > _BLOCK_LIMIT_BYTES:
        raise too_large(_BLOCK_LIMIT_BYTES)
    if not size:
        raise refusals.bad_header("Content-Length", "0", "the length of a block, 1 or more")
    storage.check_container(call.ref)
    await receive_block(call, storage, block_id, storage.assemblies.reserve(call.ref, size))
    return BlobReply(201, {"x-ms-request-server-encrypted": "true", **_echo(call, "content-md5")})


def _block_id(text: str | None) -> str:
    if not text:
        raise refusals.missing_query("blockid")
    try:
        is_valid = 0 < len(base64.b64decode(text, validate=True)) <= _ID_LIMIT_BYTES
    except (binascii.Error, ValueError):
        is_valid = False
    if not is_valid:
        raise refusals.bad_query("blockid", text, f"1 to {_ID_LIMIT_BYTES} bytes in base64")
    return text


def _echo(call: BlobCall, name: str) -> dict[str, str]:
    return {name: call.headers[name]} if name in call.headers else {}


async def receive_block(call: BlobCall, storage: Storage, block_id: str, slot: Slot) -> None:
    """Writes the body to a reserved place and its row, which makes it a block."""
    is_kept, draft = False, None
    try:
        draft = Draft(slot.path, slot.offset, with_md5="content-md5" in call.headers)
        await receive_into(draft, call)
        check_md5(call, draft)
        block = Block(block_id, slot.path, slot.offset, draft.size_bytes)
        with storage.db.write() as connection:
            if slot.assembly and slot.assembly.is_closed:
                raise refusals.Busy("The blob was committed while this block arrived. Send it again.")
            index.put_block(connection, call.ref, block, now_ns())
        is_kept = True
    finally:
        storage.assemblies.release(slot, is_kept=is_kept)
        if draft and (is_kept or slot.assembly):
            draft.close()
        elif draft:
            draft.discard()


async def put_block_list(call: BlobCall, storage: Storage) -> BlobReply:
    """Put Block List: makes the blob of committed and uncommitted blocks, in the order given. 201."""
    if call.size_bytes > _LIST_LIMIT_BYTES:
        raise too_large(_LIST_LIMIT_BYTES)
    wanted = xml.read_block_list(await read_body(call, _LIST_LIMIT_BYTES))
    if len(wanted) > _LIST_LIMIT:
        raise BadRequest(f"The block list has over {_LIST_LIMIT} blocks.", code="BlockListTooLong")
    blob = await in_thread(_commit_list, call, storage, wanted)
    return BlobReply(201, written(blob))


def _commit_list(call: BlobCall, storage: Storage, wanted: Sequence[tuple[str, str]]) -> Blob:
    storage.check_container(call.ref)
    blob = storage.find(call.ref)
    check_replace(call, blob)
    with storage.db.read() as connection:
        waiting = index.get_blocks(connection, call.ref)
        listed = index.block_list(connection, call.ref) if blob else []
    chosen = _chosen(wanted, waiting, _committed(blob, listed))
    headers = content_headers(call, from_plain=False)
    block_list = [(block.block_id, block.size_bytes) for block in chosen]
    parts = [Part(block.path, block.offset, block.size_bytes) for block in chosen]
    return commit_parts(call, storage, parts, waiting, headers, block_list)


def _committed(blob: Blob | None, listed: Sequence[tuple[str, int]]) -> list[Block]:
    blocks, offset = [], 0
    for block_id, size in listed if blob else ():
        blocks.append(Block(block_id, blob.path if blob else "", offset, size))
        offset += size
    return blocks if blob and offset == blob.size_bytes else []


def _chosen(wanted: Sequence[tuple[str, str]], waiting: Sequence[Block], committed: Sequence[Block]) -> list[Block]:
    uncommitted_by_id = {block.block_id: block for block in waiting}
    committed_by_id = {block.block_id: block for block in committed}
    known = {
        "Committed": committed_by_id,
        "Uncommitted": uncommitted_by_id,
        "Latest": committed_by_id | uncommitted_by_id,
    }
    missing = [block_id for kind, block_id in wanted if block_id not in known[kind]]
    if missing:
        raise BadRequest(
            f"The specified block list is invalid: {len(missing)} of {len(wanted)} blocks are not there, "
            f'"{missing[0][:100]}" for one.',
            code="InvalidBlockList",
        )
    return [known[kind][block_id] for kind, block_id in wanted]


def commit_parts(
    call: BlobCall,
    storage: Storage,
    parts: Sequence[Part],
    waiting: Sequence[Block],
    headers: dict[str, str],
    block_list: list[tuple[str, int]],
) -> Blob:
    """Makes the blob of parts of files, and forgets its uncommitted blocks and their files."""
    base = storage.assemblies.close(call.ref)

    def step_aside(inside: Sequence[Part]) -> Sequence[Part]:
        return _stepped_aside(storage, call.ref, inside)

    try:
        draft = assembly.assemble(parts, base, storage.staging, step_aside)
    except (FileNotFoundError, EOFError) as error:
        raise BadRequest(
            "The specified block list is invalid: a block's bytes are gone.", code="InvalidBlockList"
        ) from error
    try:
        with storage.change(call.ref) as change:
            conditions.check_write(call.headers, change.blob, call.ref.name)
            doomed = {block.path for block in (*waiting, *index.get_blocks(change.connection, call.ref))}
            blob = change.put(draft, headers, call.metadata, block_list=block_list)
    except BaseException:
        draft.discard()
        raise
    for path in doomed:
        storage.free(path)
    return blob


def _stepped_aside(storage: Storage, ref: BlobRef, inside: Sequence[Part]) -> list[Part]:
    """Copies blocks of an assembly that stand where others belong to a file of their own, and says so in the index."""
    path, moved, at = storage.assemblies.new_path(), [], 0
    draft = Draft(path)
    try:
        for part in inside:
            assembly.copy_part(part, draft, at)
            moved.append(Part(path, at, part.size_bytes))
            at += part.size_bytes
        to = dict(zip(inside, moved, strict=True))
        with storage.db.write() as connection:
            for block in index.get_blocks(connection, ref):
                new = to.get(Part(block.path, block.offset, block.size_bytes))
                if new:
                    index.move_block(connection, ref, block.block_id, new.path, new.offset)
    except BaseException:
        draft.discard()
        raise
    draft.close()
    return moved


def get_block_list(call: BlobCall, storage: Storage) -> BlobReply:
    """Get Block List, by `blocklisttype`: committed, uncommitted or all. 200."""
    kind = call.query.get("blocklisttype", "committed").lower()
    if kind not in ("committed", "uncommitted", "all"):
        raise refusals.bad_query("blocklisttype", kind, "committed, uncommitted or all")
    storage.check_container(call.ref)
    blob = storage.find(call.ref)
    with storage.db.read() as connection:
        waiting = index.get_blocks(connection, call.ref)
        listed = index.block_list(connection, call.ref) if blob else []
    if not blob and not waiting:
        raise refusals.blob_not_found(call.ref.name)
    if blob and blob.kind != BLOCK:
        raise refusals.wrong_kind(call.ref.name, blob.kind)
    committed = [(block.block_id, block.size_bytes) for block in _committed(blob, listed)]
    body = xml.block_list(
        committed if kind != "uncommitted" else None,
        waiting if kind != "committed" else None,
    )
    headers = {"content-type": "application/xml"}
    if blob:
        headers |= {
            "etag": blob.etag,
            "last-modified": http_date(blob.modified_ns),
            "x-ms-blob-content-length": str(blob.size_bytes),
        }
    return BlobReply(200, headers, body)
