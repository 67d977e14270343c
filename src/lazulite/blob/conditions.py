"""If-Match, If-None-Match, If-Modified-Since and If-Unmodified-Since, as Azure decides them. Pure.

Source: learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations.
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from lazulite.blob import refusals
from lazulite.blob.index import Blob
from lazulite.errors import PreconditionFailed

_SECOND_NS = 1_000_000_000
_NAMES = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")


def check_read(headers: Mapping[str, str], blob: Blob, prefix: str = "") -> None:
    """Raises NotModified (304) or ConditionNotMet (412) when a GET or HEAD should not be answered with the blob.

    prefix: before each header's name, `x-ms-source-` for those about the source of a copy.
    """
    failed = _failed(headers, blob, prefix)
    if failed in ("if-none-match", "if-modified-since") and not prefix:
        raise refusals.NotModified("The condition specified using HTTP conditional header(s) is not met.")
    if failed:
        raise _not_met("SourceConditionNotMet" if prefix else "ConditionNotMet")


def check_write(headers: Mapping[str, str], blob: Blob | None, name: str) -> None:
    """Raises BlobAlreadyExists (409) or ConditionNotMet (412) when a write should not happen.

    blob: what is there now, None when nothing is.
    """
    if headers.get("if-none-match") == "*":
        if blob:
            raise refusals.blob_exists(name)
        return
    if not blob:
        if "if-match" in headers:
            raise _not_met("ConditionNotMet")
        return
    if _failed(headers, blob, ""):
        raise _not_met("ConditionNotMet")


def _failed(headers: Mapping[str, str], blob: Blob, prefix: str) -> str | None:
    """Returns the name of the first header whose condition is not met."""
    for name in _NAMES:
        value = headers.get(prefix + name)
        if value is not None and not _is_met(name, value, blob):
            return name
    return None


def _is_met(name: str, value: str, blob: Blob) -> bool:
    if name == "if-match":
        return _names(value, blob.etag)
    if name == "if-none-match":
        return not _names(value, blob.etag)
    is_modified = blob.modified_ns // _SECOND_NS > _seconds(name, value)
    return is_modified if name == "if-modified-since" else not is_modified


def _names(value: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in value.split(",")]
    return any(tag == "*" or tag.strip('"') == etag.strip('"') for tag in tags)


def _seconds(name: str, value: str) -> int:
    try:
        return int(parsedate_to_datetime(value).timestamp())
    except (ValueError, OverflowError):
        raise refusals.bad_header(name, value, "an HTTP date") from None


def _not_met(code: str) -> PreconditionFailed:
    return PreconditionFailed("The condition specified using HTTP conditional header(s) is not met.", code=code)
