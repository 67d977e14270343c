"""Files in datastores: listed, read and fetched by the blob API, as any client of it would."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from urllib.parse import quote, unquote, urlencode, urlsplit
from xml.etree import ElementTree

from lazulite.artifacts.refs import PATH_PREFIX, host_account
from lazulite.cli import rest
from lazulite.cli.grammar import Json
from lazulite.cli.session import Session, token
from lazulite.errors import BadRequest, NotFound
from lazulite.ids import parse_datastore

COLUMNS = (("Name", "name"), ("Size", "size"), ("LastModified", "last_modified"))
_STORAGE = "https://storage.azure.com"
_VERSION = "2024-11-04"
_PIECE_BYTES = 16 << 20
_LOOK_BYTES = 64 << 10


@dataclass(frozen=True)
class Entry:
    """A file, or a folder. name: below the place that was listed; blob: in the container."""

    name: str
    blob: str
    is_folder: bool
    size: int = 0
    modified: str = ""

    def print(self) -> Json:
        """Returns it as commands print it."""
        if self.is_folder:
            return {"name": self.name, "type": "folder"}
        return {"name": self.name, "type": "file", "size": self.size, "last_modified": self.modified}


@dataclass(frozen=True)
class Place:
    """A file or a folder in a container. path: without slashes at its ends, "" for the container itself."""

    session: Session
    account: str
    container: str
    path: str

    def entries(self, *, is_deep: bool = False) -> Iterator[Entry]:
        """Yields what is in a folder, or the file itself; is_deep: all files below. Raises NotFound for nothing."""
        found = False
        for entry in chain(self._file(), self._listed(f"{self.path}/" if self.path else "", is_deep)):
            if entry.name:  # a marker of the folder itself has none
                found = True
                yield entry
        if not found:
            raise NotFound(f'There is nothing at "{self.path}" in container "{self.container}".')

    def _file(self) -> list[Entry]:
        if not self.path:
            return []
        same = (one for one in self._listed(self.path, False) if one.blob == self.path)
        return [Entry(self.path.rpartition("/")[2], self.path, False, one.size, one.modified) for one in same][:1]

    def _listed(self, prefix: str, is_deep: bool) -> Iterator[Entry]:
        marker, query = "", {"restype": "container", "comp": "list", "prefix": prefix}
        query |= {} if is_deep else {"delimiter": "/"}
        while True:
            raw = self._send("", {**query, "marker": marker}, {})
            page = ElementTree.fromstring(raw)
            for one in page.iterfind("./Blobs/*"):
                yield _entry(one, prefix)
            marker = page.findtext("NextMarker") or ""
            if not marker:
                return

    def read(self, entry: Entry, begin: int, size: int) -> bytes:
        """Returns up to `size` bytes of a file."""
        return self._send(entry.blob, {}, {"Range": f"bytes={begin}-{begin + size - 1}"})

    def _send(self, blob: str, query: dict[str, str], headers: dict[str, str]) -> bytes:
        settings = self.session.arm.settings
        where = f"{settings.url}{PATH_PREFIX}{self.account}/{self.container}/{quote(blob)}".rstrip("/")
        bearer = {"Authorization": f"Bearer {token(settings, _STORAGE)}", "x-ms-version": _VERSION}
        return rest.send("GET", f"{where}?{urlencode(query)}" if query else where, None, {**bearer, **headers}).raw

    def fetch(self, folder: Path) -> int:
        """Writes the file, or all of the folder, below a folder of this machine; returns how many files those were."""
        count = 0
        for entry in self.entries(is_deep=True):
            target = folder / entry.name
            if not target.resolve().is_relative_to(folder.resolve()):
                raise BadRequest(f'"{entry.name}" would lie outside of {folder}.')
            target.parent.mkdir(parents=True, exist_ok=True)
            partly = target.with_name(f"{target.name}.part")
            with partly.open("wb") as file:
                for begin in range(0, entry.size, _PIECE_BYTES):
                    file.write(self.read(entry, begin, _PIECE_BYTES))
            shutil.move(partly, target)
            count += 1
        return count

    def head(self, lines: int) -> str:
        """Returns the first lines of a file of text, or says that it is none.

        Of a folder, those of its first file; an MLTable's own file says what the others are, and is passed over.
        """
        first = next((one for one in self.entries(is_deep=True) if one.name != "MLTable"), None)
        if not first:
            return "There is no file in it.\n"
        raw = self.read(first, 0, _LOOK_BYTES) if first.size else b""
        if first.size > len(raw):
            raw = raw[: raw.rfind(b"\n") + 1]
        try:
            shown = "".join(raw.decode().splitlines(keepends=True)[:lines])
        except UnicodeDecodeError:
            shown = "\x00"
        if "\x00" in shown or (first.size and not raw):
            return f"{first.name}: {first.size} bytes that are no lines of text.\n"
        return f"{first.name}, {first.size} bytes\n\n{shown}{'' if shown.endswith(chr(10)) else chr(10)}"


def _entry(one: ElementTree.Element, prefix: str) -> Entry:
    blob = one.findtext("Name") or ""
    is_folder = one.tag == "BlobPrefix" or one.findtext("Properties/ResourceType") == "directory"
    size, modified = one.findtext("Properties/Content-Length") or "0", one.findtext("Properties/Last-Modified") or ""
    return Entry(blob.removeprefix(prefix), blob, is_folder, int(size), modified)


def place_of(session: Session, uri: str, below: str | None = None) -> Place:
    """Returns where a datastore's URI, or the URL of a blob, leads; below: a path further down.

    Raises BadRequest for an address of any other kind, NotFound for a datastore that is not there.
    """
    stored = parse_datastore(uri)
    if stored:
        path = session.path("datastores", stored.datastore)
        if stored.workspace:
            path = f"{stored.workspace}/datastores/{stored.datastore}"
        properties = session.arm.get(path)["properties"]
        container = properties.get("containerName") or properties.get("fileShareName") or properties.get("filesystem")
        return _place(session, properties["accountName"], str(container), unquote(stored.path), below)
    parts = urlsplit(uri)
    account = host_account(parts.hostname or "")
    if not account:
        raise BadRequest(f'"{uri}" does not lie in storage here.', hint="Fetch it from where it is.")
    container, _, path = unquote(parts.path).lstrip("/").partition("/")
    return _place(session, account, container, path, below)


def _place(session: Session, account: str, container: str, path: str, below: str | None) -> Place:
    both = (part.strip("/") for part in (path, below or ""))
    return Place(session, account, container, "/".join(part for part in both if part))
