"""Copy Blob, Copy Blob From URL and Put Blob From URL: within the storage of this home, done when answered.

Source: learn.microsoft.com/rest/api/storageservices copy-blob, copy-blob-from-url, put-blob-from-url.
"""

import uuid
from dataclasses import replace
from urllib.parse import urlsplit

from lazulite import clock
from lazulite.artifacts import refs
from lazulite.artifacts.refs import BlobRef
from lazulite.blob import access, conditions, refusals
from lazulite.blob.assembly import Part, copy_part
from lazulite.blob.blobs import check_replace, content_headers, written
from lazulite.blob.call import BlobCall, BlobReply, read_query
from lazulite.blob.index import BLOCK, DIRECTORY, Blob
from lazulite.blob.storage import Storage, http_date, now_ns
from lazulite.errors import BadRequest, Conflict, LazuliteError, NotFound

_SOURCE = "x-ms-copy-source"


def copy(call: BlobCall, storage: Storage) -> BlobReply:
    """Makes the blob a copy of the one that `x-ms-copy-source` names. 202, or 201 for Put Blob From URL.

    Content headers and metadata are the source's unless the call gives some.
    Raises CannotVerifyCopySource (404) for a source that the caller may not read.
    """
    source = _source(call, storage)
    copy_id, is_put = str(uuid.uuid4()), "x-ms-blob-type" in call.headers
    about = {
        "x-ms-copy-id": copy_id,
        "x-ms-copy-status": "success",
        "x-ms-copy-source": call.headers[_SOURCE].partition("?")[0],
        "x-ms-copy-progress": f"{source.size_bytes}/{source.size_bytes}",
        "x-ms-copy-completion-time": http_date(now_ns()),
    }
    kept = {name: value for name, value in source.headers.items() if not name.startswith("x-ms-copy-")}
    headers = kept | content_headers(call, from_plain=False) | ({} if is_put else about)
    draft = storage.staging.draft()
    try:
        copy_part(Part(source.path, 0, source.size_bytes), draft, 0)
        draft.resize(source.size_bytes)
        with storage.change(call.ref) as change:
            check_replace(call, change.blob)
            blob = change.put(draft, headers, call.metadata or source.metadata)
    except BaseException:
        draft.discard()
        raise
    if is_put:
        return BlobReply(201, written(blob))
    return BlobReply(202, {**written(blob), "x-ms-copy-id": copy_id, "x-ms-copy-status": "success"})


def _source(call: BlobCall, storage: Storage) -> Blob:
    kind = call.headers.get("x-ms-blob-type", BLOCK)
    if kind != BLOCK:
        raise refusals.not_implemented(f"a copy into a {kind}")
    url = call.headers[_SOURCE]
    ref = _source_ref(call, storage, url)
    try:
        _check_readable(call, storage, ref, url)
        source = storage.get(ref)
    except LazuliteError as error:
        raise NotFound(
            f"Could not verify the copy source. {error.message}", code="CannotVerifyCopySource", hint=error.hint
        ) from error
    if source.kind == DIRECTORY:
        raise Conflict(f'The copy source "{ref.name}" is a directory.', code="InvalidSourceBlobType")
    conditions.check_read(call.headers, source, prefix="x-ms-source-")
    return source


def _source_ref(call: BlobCall, storage: Storage, url: str) -> BlobRef:
    try:
        ref = refs.read_url(storage.home, url)
        refs.check_blob_name(ref.name)
        refs.container_path(storage.home, ref.account, ref.container)
    except (BadRequest, ValueError) as error:
        raise refusals.bad_header(_SOURCE, url.partition("?")[0], "the URL of a blob in this storage") from error
    return ref


def _check_readable(call: BlobCall, storage: Storage, ref: BlobRef, url: str) -> None:
    """Raises unless the source's own signature lets it be read, or whoever copies holds all of its account."""
    parts = urlsplit(url)
    query = read_query(parts.query.encode())
    if "sig" in query:
        headers = {"host": parts.netloc}
        asked = replace(call, method="GET", ref=ref, query=query, headers=headers, raw_path=parts.path)
        access.authorize(asked, level="o", needs="r", signing_key=storage.signing_key, now=clock.now())
    elif "sig" in call.query or not (call.who or ref.account == call.ref.account):
        raise refusals.not_authentic("The source needs a shared access signature of its own.")


def abort(call: BlobCall, storage: Storage) -> BlobReply:
    """Abort Copy Blob: there is never one under way. Raises NoPendingCopyOperation (409)."""
    storage.get(call.ref)
    raise Conflict("There is currently no pending copy operation.", code="NoPendingCopyOperation")
