"""Blobs as files with rows: finds them, and changes both together. The file is the truth; the row comes last."""

import contextlib
import dataclasses
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from lazulite import clock
from lazulite.artifacts import files, links, refs
from lazulite.artifacts.files import Draft, Staging
from lazulite.artifacts.refs import BlobRef
from lazulite.blob import index, refusals
from lazulite.blob.assembly import Assemblies
from lazulite.blob.index import APPEND, BLOCK, DIRECTORY, Blob, Container
from lazulite.store.db import Database

# 100 ns from the year 1 to 1970: Azure's entity tags are such moments in hexadecimal.
_EPOCH_TICKS = 621_355_968_000_000_000
DEFAULT_HEADERS = {"content-type": "application/octet-stream"}
_UNCOMMITTED_KEPT_NS = 7 * 86_400 * 1_000_000_000  # Source: learn.microsoft.com/rest/api/storageservices/put-block
_SLOW_TO_FREE_BYTES = 16 << 20


@dataclasses.dataclass(frozen=True)
class _Seen:
    """What stands at a blob's place."""

    path: str
    is_directory: bool
    size_bytes: int
    modified_ns: int
    inode: int


class Storage:
    """The opened blob storage of one home. Safe to use from any thread of one process."""

    def __init__(self, home: Path, signing_key: bytes) -> None:
        """Opens `storage/` and `storage.db`, and sweeps out what a crash has left.

        signing_key: the home's secret, which every account's key is derived from.
        """
        self.home = home
        self.signing_key = signing_key
        self.root = str(refs.storage_path(home))
        self.staging = Staging(Path(self.root, ".staging"))
        self.uncommitted = f"{self.root}/.blocks"
        os.makedirs(self.uncommitted, exist_ok=True)
        self.db = Database(f"sqlite:///{home / 'storage.db'}", index.metadata)
        self.assemblies = Assemblies(self.uncommitted, self._sweep_blocks())
        self._freeing = ThreadPoolExecutor(1, "blob-free")

    def close(self) -> None:
        """Closes the index."""
        self._freeing.shutdown()
        self.db.close()

    def _sweep_blocks(self) -> set[BlobRef]:
        """Forgets blocks that are a week old, and removes files of none; returns the blobs that others wait for."""
        with self.db.write() as connection:
            waiting = index.drop_blocks_before(connection, now_ns() - _UNCOMMITTED_KEPT_NS)
        wanted = {path for path, _ in waiting}
        for name in os.listdir(self.uncommitted):
            if f"{self.uncommitted}/{name}" not in wanted:
                files.remove(f"{self.uncommitted}/{name}")
        return {ref for _, ref in waiting}

    def folder(self, ref: BlobRef) -> str:
        """Returns the folder of ref's container."""
        return f"{self.root}/{ref.account}/{ref.container}"

    def odd_folder(self, ref: BlobRef) -> str:
        """Returns the folder of those blobs of ref's container whose names no file can have."""
        return refs.odd_folder(self.root, ref.account, ref.container)

    def place(self, ref: BlobRef) -> str | None:
        """Returns the file of a blob's very name; None when none can, or a link on the way leaves the container.

        A job may have left such a link. What lies behind it is neither read nor written.
        """
        folder = self.folder(ref)
        path = refs.plain_path(folder, ref.name)
        return None if path and links.leads_out(folder, path) else path

    def find(self, ref: BlobRef) -> Blob | None:
        """Returns a blob, None when there is none."""
        seen = self._look(ref)
        if not seen:
            return None
        with self.db.read() as connection:
            row = index.get(connection, ref)
        if row and _is_about(row, seen):
            return _joined(row, seen)
        # A commit may stand between its file and its row: looked at again with the writer's lock, it does not.
        with self.db.write() as connection:
            return self.find_within(connection, ref)

    def describe(self, ref: BlobRef, row: Blob | None) -> Blob | None:
        """Returns a blob given the row that was found for it, None when it has gone meanwhile."""
        seen = self._look(ref)
        if seen and row and _is_about(row, seen):
            return _joined(row, seen)
        return self.find(ref) if seen and row else _derived_file(ref.name, seen)

    def get(self, ref: BlobRef) -> Blob:
        """Returns a blob. Raises BlobNotFound or ContainerNotFound (404)."""
        blob = self.find(ref)
        if not blob:
            self.check_container(ref)
            raise refusals.blob_not_found(ref.name)
        return blob

    def find_within(self, connection: Connection, ref: BlobRef) -> Blob | None:
        """Returns a blob as a writing transaction sees it."""
        seen = self._look(ref)
        row = index.get(connection, ref) if seen else None
        if seen and row and _is_about(row, seen):
            return _joined(row, seen)
        return _derived_file(ref.name, seen)

    def find_directory(self, ref: BlobRef) -> Blob | None:
        """Returns a directory, also one that is there only because something is in it."""
        seen = self._look(ref)
        return _derived(ref.name, seen) if seen and seen.is_directory else None

    def _look(self, ref: BlobRef) -> _Seen | None:
        plain = _stat(self.place(ref))
        if plain and not plain.is_directory:
            return plain
        return _stat(refs.odd_path(self.odd_folder(ref), ref.name)) or plain

    def check_container(self, ref: BlobRef) -> None:
        """Raises ContainerNotFound (404)."""
        if not os.path.isdir(self.folder(ref)):
            raise refusals.container_not_found(ref.container)

    @contextmanager
    def change(self, ref: BlobRef) -> Iterator["Change"]:
        """Opens the one transaction in which a blob's file and row change; on an exception both are as before.

        Raises ContainerNotFound (404), OutOfSpace (507).
        """
        change = None
        try:
            with files.full_disk_is_an_error(), self.db.write() as connection:
                self.check_container(ref)
                change = Change(self, connection, ref)
                yield change
        except BaseException:
            if change:
                change.undo()
            raise
        for path in change.replaced():
            self.free(path)

    def free(self, path: str) -> None:
        """Removes a file that nobody sees any more; a large one in the background, since that takes its time."""
        try:
            is_slow = os.path.getsize(path) > _SLOW_TO_FREE_BYTES
        except FileNotFoundError:
            return
        if is_slow:
            self._freeing.submit(files.remove, path)
        else:
            files.remove(path)

    def container(self, account: str, name: str) -> Container:
        """Returns a container; one that another program made as a folder has derived properties.

        Raises ContainerNotFound (404).
        """
        ref = BlobRef(account, name, "")
        with self.db.read() as connection:
            row = index.get_container(connection, account, name)
        try:
            seen = os.stat(self.folder(ref))
        except OSError:
            raise refusals.container_not_found(name) from None
        return row or Container(account, name, _derived_etag(seen.st_ino, 0, 0), int(seen.st_mtime) * 1_000_000_000)

    def container_names(self, account: str, prefix: str) -> list[str]:
        """Returns the names of an account's containers that begin with the prefix, in order."""
        try:
            found = os.listdir(f"{self.root}/{account}")
        except FileNotFoundError:
            return []
        return sorted(
            name for name in found if name.startswith(prefix) and os.path.isdir(f"{self.root}/{account}/{name}")
        )

    def delete_container(self, account: str, name: str) -> None:
        """Removes a container with everything in it: out of sight at once, the bytes after that."""
        ref, doomed = BlobRef(account, name, ""), []
        with self.db.write() as connection:
            self.check_container(ref)
            for folder in (self.folder(ref), self.odd_folder(ref)):
                doomed.append(self.staging.new_path())
                with contextlib.suppress(FileNotFoundError):
                    os.rename(folder, doomed[-1])
            index.delete_container(connection, account, name)
        for path in doomed:
            self._freeing.submit(files.remove, path)


class Change:
    """One blob within a writing transaction. blob: how it is before the change, None when it is not there."""

    def __init__(self, storage: Storage, connection: Connection, ref: BlobRef) -> None:
        self.connection = connection
        self.ref = ref
        self.blob = storage.find_within(connection, ref)
        self._steps: list[tuple[str, str]] = []  # (file put aside or "", place)
        self._storage = storage

    def put(
        self,
        draft: Draft,
        headers: Mapping[str, str],
        metadata: Mapping[str, str],
        *,
        kind: str = BLOCK,
        block_list: list[tuple[str, int]] | None = None,
    ) -> Blob:
        """Moves a finished draft to the blob's place and writes its row. Discards uncommitted blocks."""
        size_bytes, file_ns, moment = draft.size_bytes, draft.modified_ns, now_ns()
        path = self._move_in(draft.path)
        draft.close()
        blob = Blob(
            name=self.ref.name,
            kind=kind,
            size_bytes=size_bytes,
            file_ns=file_ns,
            etag=etag_of(moment),
            created_ns=moment,
            modified_ns=moment,
            headers={**DEFAULT_HEADERS, **headers},
            metadata=metadata,
            block_count=len(block_list or ()),
            path=path,
        )
        index.put(self.connection, self.ref, blob, block_list)
        if self._storage.assemblies.may_wait(self.ref):
            index.delete_blocks(self.connection, self.ref)
        return blob

    def put_directory(self, headers: Mapping[str, str], metadata: Mapping[str, str]) -> Blob | None:
        """Makes the blob a directory, with its parents; None when a file is in the way of one."""
        path = self._storage.place(self.ref)
        try:
            if not path or (self.blob and self.blob.kind != DIRECTORY):
                return None
            os.makedirs(path, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            return None
        moment = now_ns()
        blob = Blob(self.ref.name, DIRECTORY, 0, 0, etag_of(moment), moment, moment, headers, metadata, path=path)
        index.put(self.connection, self.ref, blob)
        return blob

    def rewrite(self, blob: Blob, **changed: Any) -> Blob:
        """Changes what the row says and leaves the bytes; the blob gets a new entity tag."""
        moment = now_ns()
        changed = {"etag": etag_of(moment), "modified_ns": moment, **changed}
        written = dataclasses.replace(blob, **changed)
        index.put_metadata(self.connection, self.ref, written)
        return written

    def delete(self, blob: Blob) -> None:
        """Removes the file or the empty folder, then the row, then folders that nothing is left in."""
        if blob.kind == DIRECTORY:
            with contextlib.suppress(OSError):
                os.rmdir(blob.path)
        for path in self._places():
            self._steps.append((self._storage.staging.new_path(), path))
            os.rename(path, self._steps[-1][0])
        index.delete(self.connection, self.ref)
        self._prune()

    def undo(self) -> None:
        """Puts back the files that were there before."""
        for kept, path in reversed(self._steps):
            with contextlib.suppress(OSError):
                if kept:
                    os.rename(kept, path)
                else:
                    os.unlink(path)

    def replaced(self) -> list[str]:
        """Returns the files that the change has put aside."""
        return [kept for kept, _ in self._steps if kept]

    def _places(self) -> list[str]:
        plain = self._storage.place(self.ref)
        odd = refs.odd_path(self._storage.odd_folder(self.ref), self.ref.name)
        return [path for path in (plain, odd) if path and os.path.isfile(path)]

    def _move_in(self, draft: str) -> str:
        before = self._places()
        for path in before:
            kept = self._storage.staging.new_path()
            with contextlib.suppress(OSError):  # some file systems have no links: then there is no way back
                os.link(path, kept)
                self._steps.append((kept, path))
        path = self._move_to_name(draft)
        for other in before:
            if other != path:
                os.unlink(other)
        if path not in before:
            self._steps.append(("", path))
        return path

    def _move_to_name(self, draft: str) -> str:
        plain = self._storage.place(self.ref)
        if plain and self._is_moved(draft, plain):
            return plain
        odd = refs.odd_path(self._storage.odd_folder(self.ref), self.ref.name)
        if not odd:
            raise refs.too_long(self.ref.name)
        os.makedirs(os.path.dirname(odd), exist_ok=True)
        os.rename(draft, odd)
        return odd

    def _is_moved(self, draft: str, plain: str) -> bool:
        """Renames, making folders as needed; False when a folder has that name or a file has one above it."""
        try:
            os.rename(draft, plain)
        except FileNotFoundError:
            try:
                os.makedirs(os.path.dirname(plain), exist_ok=True)
            except (FileExistsError, NotADirectoryError):
                return False
            os.rename(draft, plain)
        except NotADirectoryError:
            return False
        except IsADirectoryError:
            try:
                os.rmdir(plain)  # an empty folder is no blob, unless its row says so
            except OSError:
                return False
            os.rename(draft, plain)
        return True

    def _prune(self) -> None:
        parts = self.ref.name.split("/")
        parents = ["/".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]
        kept = index.are_directories(self.connection, self.ref, parents) if parents else set()
        for parent in parents:
            path = self._storage.place(dataclasses.replace(self.ref, name=parent))
            if parent in kept or not path:
                return
            try:
                os.rmdir(path)
            except OSError:
                return


def now_ns() -> int:
    """Returns the present moment in nanoseconds since 1970, by the platform's clock."""
    moment = clock.now()
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1_000


def etag_of(moment_ns: int) -> str:
    """Returns the entity tag of a change made at a moment, `"0x8DD…"`."""
    return f'"0x{moment_ns // 100 + _EPOCH_TICKS:X}"'


def http_date(moment_ns: int) -> str:
    """Prints a moment as HTTP headers do."""
    return formatdate(moment_ns // 1_000_000_000, usegmt=True)


def _stat(path: str | None) -> _Seen | None:
    try:
        found = os.stat(path) if path else None
    except OSError:
        return None
    if not found or not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        return None
    return _Seen(path or "", stat.S_ISDIR(found.st_mode), found.st_size, found.st_mtime_ns, found.st_ino)


def _is_about(row: Blob, seen: _Seen) -> bool:
    if row.kind == DIRECTORY or seen.is_directory:
        return row.kind == DIRECTORY and seen.is_directory
    if row.kind == APPEND:  # what a crash left behind the last committed byte does not count
        return row.size_bytes <= seen.size_bytes
    return row.size_bytes == seen.size_bytes and row.file_ns == seen.modified_ns


def _joined(row: Blob, seen: _Seen) -> Blob:
    return dataclasses.replace(row, path=seen.path)


def _derived_file(name: str, seen: _Seen | None) -> Blob | None:
    return _derived(name, seen) if seen and not seen.is_directory else None


def _derived(name: str, seen: _Seen) -> Blob:
    """Describes a file or folder that another program has put there."""
    return Blob(
        name=name,
        kind=DIRECTORY if seen.is_directory else BLOCK,
        size_bytes=0 if seen.is_directory else seen.size_bytes,
        file_ns=seen.modified_ns,
        etag=_derived_etag(seen.inode, seen.size_bytes, seen.modified_ns),
        created_ns=seen.modified_ns,
        modified_ns=seen.modified_ns,
        headers={} if seen.is_directory else DEFAULT_HEADERS,
        path=seen.path,
    )


def _derived_etag(inode: int, size_bytes: int, modified_ns: int) -> str:
    seen = f"{inode}/{size_bytes}/{modified_ns}".encode()
    return f'"0x8D{hashlib.blake2b(seen, digest_size=6).hexdigest().upper()}"'
