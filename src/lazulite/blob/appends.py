"""Append blobs: Append Block. The row says how long the blob is; what a crash leaves behind that is no part of it.

Source: learn.microsoft.com/rest/api/storageservices/append-block.
"""

from lazulite.artifacts.files import Draft
from lazulite.blob import conditions, refusals
from lazulite.blob.assembly import Part, copy_part
from lazulite.blob.blobs import check_md5, too_large, written
from lazulite.blob.call import BlobCall, BlobReply, in_thread, receive_into
from lazulite.blob.index import APPEND, Blob
from lazulite.blob.storage import Storage
from lazulite.errors import BadRequest, Conflict, PreconditionFailed

_APPEND_LIMIT_BYTES = 100 << 20
_COUNT_LIMIT = 50_000


async def append_block(call: BlobCall, storage: Storage) -> BlobReply:
    """Append Block: adds the body to the end of an append blob. 201."""
    if call.size_bytes > _APPEND_LIMIT_BYTES:
        raise too_large(_APPEND_LIMIT_BYTES)
    if not call.size_bytes:
        raise refusals.bad_header("Content-Length", "0", "the length of a block, 1 or more")
    draft = storage.staging.draft(with_md5="content-md5" in call.headers)
    try:
        await receive_into(draft, call)
        check_md5(call, draft)
        before, after = await in_thread(_append, call, storage, draft)
    finally:
        draft.discard()
    return BlobReply(
        201,
        {
            **written(after),
            "x-ms-blob-append-offset": str(before.size_bytes),
            "x-ms-blob-committed-block-count": str(after.block_count),
        },
    )


def _append(call: BlobCall, storage: Storage, draft: Draft) -> tuple[Blob, Blob]:
    with storage.change(call.ref) as change:
        blob = change.blob
        if not blob:
            raise refusals.blob_not_found(call.ref.name)
        if blob.kind != APPEND:
            raise refusals.wrong_kind(call.ref.name, blob.kind)
        conditions.check_write(call.headers, blob, call.ref.name)
        _check_position(call, blob, draft.size_bytes)
        target = Draft(blob.path)
        try:
            copy_part(Part(draft.path, 0, draft.size_bytes), target, blob.size_bytes)
            file_ns = target.modified_ns
        finally:
            target.close()
        size, count = blob.size_bytes + draft.size_bytes, blob.block_count + 1
        return blob, change.rewrite(blob, size_bytes=size, block_count=count, file_ns=file_ns)


def _check_position(call: BlobCall, blob: Blob, size_bytes: int) -> None:
    if blob.block_count >= _COUNT_LIMIT:
        raise Conflict(f"The blob has {_COUNT_LIMIT} blocks already.", code="BlockCountExceedsLimit")
    position = _number(call, "x-ms-blob-condition-appendpos")
    if position is not None and position != blob.size_bytes:
        raise PreconditionFailed(
            f"The append position condition specified was not met: the blob has {blob.size_bytes} bytes.",
            code="AppendPositionConditionNotMet",
        )
    limit = _number(call, "x-ms-blob-condition-maxsize")
    if limit is not None and blob.size_bytes + size_bytes > limit:
        raise PreconditionFailed(
            f"The max blob size condition specified was not met: the blob has {blob.size_bytes} bytes.",
            code="MaxBlobSizeConditionNotMet",
        )


def _number(call: BlobCall, name: str) -> int | None:
    text = call.headers.get(name)
    if text is None:
        return None
    if not text.isdecimal():
        raise refusals.bad_header(name, text, "a number of bytes")
    try:
        return int(text)
    except ValueError as error:
        raise BadRequest(f"{name} is too long a number.", code="InvalidHeaderValue", target=name) from error
