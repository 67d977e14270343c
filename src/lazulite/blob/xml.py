"""The XML documents of blob storage: prints what Azure answers, reads what clients send."""

import re
from collections.abc import Iterable, Mapping, Sequence
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from lazulite.blob.index import APPEND, BLOCK, DIRECTORY, Blob, Block, Container
from lazulite.blob.storage import http_date
from lazulite.errors import BadRequest, LazuliteError

_HEAD = '<?xml version="1.0" encoding="utf-8"?>'
_NOT_IN_XML = re.compile("[\ufffe\uffff]")
_HEADER_ELEMENTS = {
    "content-type": "Content-Type",
    "content-encoding": "Content-Encoding",
    "content-language": "Content-Language",
    "content-md5": "Content-MD5",
    "cache-control": "Cache-Control",
    "content-disposition": "Content-Disposition",
}
_KINDS = {"Committed": "Committed", "Uncommitted": "Uncommitted", "Latest": "Latest"}


def element(name: str, text: object = "") -> str:
    """Prints one element that holds only text."""
    escaped = escape(str(text))
    return f"<{name}>{escaped}</{name}>" if escaped else f"<{name} />"


def error(failure: LazuliteError, request_id: str, moment: str) -> bytes:
    """Prints an error: code, message, and where it is about one, the header or parameter."""
    wire = failure.wire()
    about = element("HeaderName", wire["target"]) if wire["target"] else ""
    message = f"{wire['message']}\nRequestId:{request_id}\nTime:{moment}"
    return f"{_HEAD}<Error>{element('Code', wire['code'])}{element('Message', message)}{about}</Error>".encode()


def blob_list(
    endpoint: str,
    container: str,
    given: Mapping[str, str],
    entries: Iterable[Blob | str],
    next_marker: str,
    *,
    with_metadata: bool,
) -> bytes:
    """Prints a page of blobs. entries: blobs, and prefixes as text; given: the query as sent, repeated in the head."""
    names = (("Prefix", "prefix"), ("Marker", "marker"), ("MaxResults", "maxresults"), ("Delimiter", "delimiter"))
    head = "".join(element(name, given[key]) for name, key in names if key in given)
    items = "".join(
        f"<BlobPrefix>{_name(entry)}</BlobPrefix>" if isinstance(entry, str) else _blob(entry, with_metadata)
        for entry in entries
    )
    attributes = f'ServiceEndpoint="{escape(endpoint)}" ContainerName="{escape(container)}"'
    tail = element("NextMarker", next_marker)
    return f"{_HEAD}<EnumerationResults {attributes}>{head}<Blobs>{items}</Blobs>{tail}</EnumerationResults>".encode()


def _name(name: str) -> str:
    if _NOT_IN_XML.search(name):
        encoded = "".join(f"%{byte:02X}" for byte in name.encode())
        return f'<Name Encoded="true">{encoded}</Name>'
    return f"<Name>{escape(name)}</Name>"


def _blob(blob: Blob, with_metadata: bool) -> str:
    headers = "".join(
        element(tag, blob.headers[header]) for header, tag in _HEADER_ELEMENTS.items() if header in blob.headers
    )
    is_directory = blob.kind == DIRECTORY
    metadata = {**blob.metadata, "hdi_isfolder": "true"} if is_directory else blob.metadata
    described = _metadata(metadata) if with_metadata else ""
    resource = "directory" if is_directory else "file"
    return (
        f"<Blob>{_name(blob.name)}<Properties>"
        f"<Creation-Time>{http_date(blob.created_ns)}</Creation-Time>"
        f"<Last-Modified>{http_date(blob.modified_ns)}</Last-Modified><Etag>{blob.etag.strip(chr(34))}</Etag>"
        f"<ResourceType>{resource}</ResourceType><Content-Length>{blob.size_bytes}</Content-Length>{headers}"
        f"<BlobType>{APPEND if blob.kind == APPEND else BLOCK}</BlobType>"
        "<AccessTier>Hot</AccessTier><AccessTierInferred>true</AccessTierInferred>"
        "<LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState><ServerEncrypted>true</ServerEncrypted>"
        f"</Properties>{described}<OrMetadata /></Blob>"
    )


def _metadata(metadata: Mapping[str, str]) -> str:
    return f"<Metadata>{''.join(element(name, value) for name, value in metadata.items())}</Metadata>"


def container_list(
    endpoint: str, given: Mapping[str, str], containers: Iterable[Container], next_marker: str, *, with_metadata: bool
) -> bytes:
    """Prints a page of containers."""
    names = (("Prefix", "prefix"), ("Marker", "marker"), ("MaxResults", "maxresults"))
    head = "".join(element(name, given[key]) for name, key in names if key in given)
    items = "".join(
        f"<Container>{element('Name', one.name)}<Properties>"
        f"<Last-Modified>{http_date(one.modified_ns)}</Last-Modified><Etag>{escape(one.etag)}</Etag>"
        "<LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>"
        "<HasImmutabilityPolicy>false</HasImmutabilityPolicy><HasLegalHold>false</HasLegalHold></Properties>"
        f"{_metadata(one.metadata) if with_metadata else ''}</Container>"
        for one in containers
    )
    return (
        f'{_HEAD}<EnumerationResults ServiceEndpoint="{escape(endpoint)}">{head}<Containers>{items}</Containers>'
        f"{element('NextMarker', next_marker)}</EnumerationResults>"
    ).encode()


def block_list(committed: Sequence[tuple[str, int]] | None, uncommitted: Sequence[Block] | None) -> bytes:
    """Prints the blocks of a blob; None leaves a kind out."""
    parts = []
    if committed is not None:
        parts.append(("CommittedBlocks", committed))
    if uncommitted is not None:
        parts.append(("UncommittedBlocks", [(block.block_id, block.size_bytes) for block in uncommitted]))
    body = "".join(
        f"<{tag}>"
        + "".join(f"<Block>{element('Name', block_id)}{element('Size', size)}</Block>" for block_id, size in blocks)
        + f"</{tag}>"
        for tag, blocks in parts
    )
    return f"{_HEAD}<BlockList>{body}</BlockList>".encode()


def read_block_list(body: bytes) -> list[tuple[str, str]]:
    """Reads the body of Put Block List: [(`Committed`, `Uncommitted` or `Latest`, block id), ...] in order.

    Raises BadRequest (400), code InvalidXmlDocument.
    """
    root = _parsed(body)
    if root.tag != "BlockList" or any(child.tag not in _KINDS for child in root):
        raise BadRequest(
            "The body must be a BlockList of Committed, Uncommitted and Latest.", code="InvalidXmlDocument"
        )
    return [(child.tag, (child.text or "").strip()) for child in root]


def read_texts(body: bytes) -> dict[str, str]:
    """Reads a document whose elements hold only text, `<KeyInfo><Start>…</Start>…`: {"Start": "…"}."""
    return {child.tag: (child.text or "").strip() for child in _parsed(body)}


def user_delegation_key(fields: Mapping[str, str]) -> bytes:
    """Prints a user delegation key."""
    body = "".join(element(name, value) for name, value in fields.items())
    return f"{_HEAD}<UserDelegationKey>{body}</UserDelegationKey>".encode()


def document(body: str) -> bytes:
    """Prints a document whose root element is given as text."""
    return f"{_HEAD}{body}".encode()


def _parsed(body: bytes) -> ElementTree.Element:
    try:
        if b"<!" in body or b"\0" in body:  # no document type, in UTF-16 neither: entities can blow up
            raise ElementTree.ParseError("a document type is not allowed")
        return ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError) as failure:
        raise BadRequest(
            f"XML specified is not syntactically valid: {failure}.", code="InvalidXmlDocument"
        ) from failure
