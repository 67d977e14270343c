"""From a blob's name or URL to its place on disk: one rule, no state, no I/O but a look at what is there.

A blob's bytes are the plain file `storage/{account}/{container}/{name}`. A name that no file can have there (a segment
that is empty, `.`, `..` or over 255 bytes; a name that a folder has already, or below one that a file has) stands in
`storage/.odd/{account}/{container}/` under the hexadecimal of its UTF-8 bytes, which sorts as the name does.
"""

import glob
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lazulite.artifacts import links
from lazulite.errors import BadRequest, Forbidden, InvalidName

# Source: learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata.
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_CONTAINER = re.compile(r"(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*|\$root|\$web|\$logs")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NAME_LIMIT = 1024

_NO_SEGMENT = re.compile(r"(?:^|/)\.{0,2}(?:/|$)")
_SEGMENT_LIMIT_BYTES = 255
_PATH_LIMIT_BYTES = 4000  # Linux allows 4095, macOS 1023; a little is left for staging names
_ODD_DIGITS = 200
_ODD_FOLDER = "+"  # sorts before every digit, and never ends a file

_HOST = re.compile(r"(?P<account>[a-z0-9]{3,24})(?:-secondary)?\.(?:blob|dfs)\.[a-z0-9.-]+", re.IGNORECASE)
PATH_PREFIX = "/_blob/"


@dataclass(frozen=True)
class BlobRef:
    """Names a blob: account, container, name. A folder of blobs is named alike, with or without a final slash."""

    account: str
    container: str
    name: str


def storage_path(home: Path) -> Path:
    """Returns the folder of all storage accounts."""
    return home / "storage"


def container_path(home: Path, account: str, container: str) -> Path:
    """Returns the folder that is a container; making it makes the container.

    Raises InvalidName (400) for names that Azure refuses.
    """
    check_account_name(account)
    check_container_name(container)
    return storage_path(home) / account / container


def check_account_name(name: str) -> None:
    """Raises InvalidName (400) for a storage account's name that Azure refuses."""
    if not _ACCOUNT.fullmatch(name):
        raise InvalidName(
            f'"{name}" is not a storage account\'s name: 3 to 24 lower-case letters and digits.',
            code="InvalidResourceName",
        )


def check_container_name(name: str) -> None:
    """Raises InvalidName (400) for a container's name that Azure refuses."""
    if not _CONTAINER.fullmatch(name):
        raise InvalidName(
            f'"{name}" is not a container\'s name: 3 to 63 lower-case letters, digits and single dashes.',
            code="InvalidResourceName",
        )


def container_of(home: Path, path: Path) -> Path | None:
    """Returns the folder of the container that a place in storage lies in; None for a place elsewhere."""
    storage = storage_path(home)
    return storage.joinpath(*path.relative_to(storage).parts[:2]) if path.is_relative_to(storage) else None


def blob_path(home: Path, account: str, container: str, name: str) -> Path:
    """Returns where the bytes of a blob stand, or where those of a folder of blobs do, whether they exist or not.

    Raises InvalidName (400) for names that Azure or this file system cannot hold, Forbidden (403) where a link leads
    there out of the container: a job may have left one.
    """
    folder = container_path(home, account, container)
    bare = name.rstrip("/")
    if not bare:
        return folder
    check_blob_name(bare)
    plain = plain_path(str(folder), bare)
    odd = odd_path(odd_folder(str(storage_path(home)), account, container), name)
    if plain and not (odd and os.path.isfile(odd) and not os.path.isfile(plain)):
        if links.leads_out(str(folder), plain):
            raise Forbidden(
                f'"{name}" in container "{container}" is, or lies behind, a link that leads out of the container.',
                hint="Copy what it leads to in its place.",
            )
        return Path(plain)
    if not odd:
        raise too_long(name)
    return Path(odd)


def is_blob_name(name: str) -> bool:
    """Tells whether Azure takes a blob's name: neither empty nor too long, and without control characters."""
    return 0 < len(name) <= _NAME_LIMIT and not _CONTROL.search(name)


def check_blob_name(name: str) -> None:
    """Raises InvalidName (400) for a blob name that Azure refuses."""
    if not is_blob_name(name):
        raise InvalidName(
            f"The blob name {name[:80]!r} is not valid: it must be 1 to {_NAME_LIMIT} characters, "
            "none of them a control character.",
            code="InvalidResourceName",
        )


def plain_path(folder: str, name: str) -> str | None:
    """Returns the file of that very name in a container's folder, None when no file can have it."""
    encoded = name.encode()
    if _NO_SEGMENT.search(name) or len(folder) + len(encoded) > _PATH_LIMIT_BYTES:
        return None
    if len(encoded) > _SEGMENT_LIMIT_BYTES and max(map(len, encoded.split(b"/"))) > _SEGMENT_LIMIT_BYTES:
        return None
    return f"{folder}/{name}"


def odd_folder(storage: str, account: str, container: str) -> str:
    """Returns the folder of a container's odd names."""
    return f"{storage}/.odd/{account}/{container}"


def odd_path(folder: str, name: str) -> str | None:
    """Returns the file of an odd name: its bytes in hexadecimal, 200 digits a folder; None when that is too long."""
    digits = name.encode().hex()
    pieces = [digits[start : start + _ODD_DIGITS] for start in range(0, len(digits), _ODD_DIGITS)]
    path = "/".join([folder, *(piece + _ODD_FOLDER for piece in pieces[:-1]), *pieces[-1:]])
    return path if len(path) <= _PATH_LIMIT_BYTES else None


def too_long(name: str) -> InvalidName:
    """Returns the error for a name that this file system cannot hold in any way."""
    return InvalidName(
        f"The blob name {name[:80]!r}… takes {len(name.encode())} bytes and cannot be held by this file system.",
        code="InvalidResourceName",
        hint="Use a shorter name, or one whose parts between slashes are at most 255 bytes long.",
    )


def odd_name(relative: str) -> str:
    """Reads the name back from an odd file's path in its folder, or the beginning of names from a folder's path.

    Raises ValueError when the path is none that odd_path makes.
    """
    return bytes.fromhex(relative.replace(_ODD_FOLDER + "/", "").rstrip(_ODD_FOLDER)).decode()


def read_url(home: Path, url: str) -> BlobRef:
    """Reads the URL of a blob, a folder of blobs or a container; a SAS on it is ignored.

    Forms: `https://{account}.blob.core.windows.net/{container}/{name}` (or `.dfs.`, or another suffix), and
    `http[s]://localhost:8765/_blob/` followed by what `read_path` reads.
    Raises BadRequest (400) for anything else.
    """
    parts = urlsplit(url)
    account = host_account(parts.netloc.rpartition("@")[2].partition(":")[0])
    path = unquote(parts.path)
    if parts.scheme in ("http", "https") and account:
        container, _, name = path.lstrip("/").partition("/")
        return BlobRef(account, container, name)
    if parts.scheme in ("http", "https") and path.startswith(PATH_PREFIX):
        return read_path(home, path.removeprefix(PATH_PREFIX))
    raise BadRequest(f'"{parts._replace(query="").geturl()}" is not the URL of a blob.', code="InvalidUri")


def read_path(home: Path, path: str) -> BlobRef:
    """Reads what follows `/_blob/`: `{account}/{container}/{name}`, the account with or without Azure's host suffix.

    The SDK loses the account in the address of a build context; the only account that has a container of that name
    is meant then. Source: azure-ai-ml 1.35.2, urljoin in _artifacts/_artifact_utilities.py.
    """
    first, _, rest = path.partition("/")
    account = host_account(first) or first
    if account == first and not os.path.isdir(f"{home}/storage/{account}"):
        owners = _owners_of(home, first)
        if len(owners) == 1:
            return BlobRef(owners[0], first, rest)
    container, _, name = rest.partition("/")
    return BlobRef(account, container, name)


def host_account(host: str) -> str | None:
    """Returns the account that a host name `{account}.blob|dfs.{suffix}` is for, None for any other host name."""
    match = _HOST.fullmatch(host)
    return match["account"].lower() if match else None


def _owners_of(home: Path, container: str) -> list[str]:
    if not _CONTAINER.fullmatch(container):
        return []
    return [path.parent.name for path in storage_path(home).glob(f"[!.]*/{glob.escape(container)}")]
