"""Blobs in the order of their names, a page at a time, however many there are: the folders are walked, not kept."""

import base64
import binascii
import contextlib
import heapq
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lazulite.artifacts import refs
from lazulite.artifacts.refs import BlobRef
from lazulite.blob import index, refusals
from lazulite.blob.index import Blob
from lazulite.blob.storage import Storage

PAGE = 5000
_BATCH = 5000  # names of one folder held at a time


@dataclass(frozen=True)
class Page:
    """entries: blobs, and common prefixes as text, in order. next_marker: "" at the end."""

    entries: list[Blob | str]
    next_marker: str


@dataclass(frozen=True)
class _Walk:
    """Which names of a tree are wanted: those that begin with prefix and come after `after`.

    depth_folder: the folder, with its final slash, whose own folders are not entered but named; None enters all.
    with_folders: whether folders are named (`name/`, before what is in them) even if nothing is in them.
    """

    prefix: str = ""
    after: str = ""
    depth_folder: str | None = None
    with_folders: bool = False

    def enters(self, folder: str) -> bool:
        """Tells whether a folder, named with its final slash, is walked through."""
        return self.depth_folder is None or self.depth_folder.startswith(folder)

    def wants_folder(self, folder: str) -> bool:
        """Tells whether a folder can hold what is wanted."""
        fits = folder.startswith(self.prefix) or self.prefix.startswith(folder)
        return fits and (folder > self.after or self.after.startswith(folder)) and refs.is_blob_name(folder)

    def wants_file(self, name: str) -> bool:
        """Tells whether a file is wanted."""
        return name > self.after and name.startswith(self.prefix) and refs.is_blob_name(name)


def page(storage: Storage, ref: BlobRef, *, prefix: str, delimiter: str, marker: str, limit: int) -> Page:
    """Returns the blobs of ref's container whose names begin with the prefix, from the marker on.

    delimiter: names that have it after the prefix are given as one common prefix.
    Raises ContainerNotFound (404), InvalidQueryParameterValue (400) for a marker that is none of ours.
    """
    storage.check_container(ref)
    after = _after(marker)
    found = _collapsed(_names(storage, ref, prefix, delimiter, after), prefix, delimiter)
    names, next_marker = _page(found, after, limit)
    with storage.db.read() as connection:
        rows = index.named(connection, ref.account, ref.container, names)
    entries: list[Blob | str] = []
    for name in names:
        if delimiter and delimiter in name[len(prefix) :]:
            entries.append(name)
        elif blob := storage.describe(replace(ref, name=name), rows.get(name)):
            entries.append(blob)
    return Page(entries, next_marker)


def _names(storage: Storage, ref: BlobRef, prefix: str, delimiter: str, after: str) -> Iterator[str]:
    """Merges the names of files, of odd files and of directories, each in order."""
    folder = prefix[: prefix.rfind("/") + 1]
    walk = _Walk(prefix, after, depth_folder=folder if delimiter == "/" else None)
    return heapq.merge(
        _files(storage, ref, walk),
        _odd_names(storage, ref, walk),
        _directory_names(storage, ref, prefix, after),
    )


def _files(storage: Storage, ref: BlobRef, walk: _Walk) -> Iterator[str]:
    """Walks the deepest folder that holds all that is wanted."""
    base = walk.prefix[: walk.prefix.rfind("/") + 1]
    root = storage.place(replace(ref, name=base[:-1])) if base else storage.folder(ref)
    return _folder(root, base, walk) if root else iter(())


def _folder(path: str, base: str, walk: _Walk) -> Iterator[str]:
    for entry in _sorted_entries(path, base, walk):
        name = base + entry
        if not entry.endswith("/"):
            yield name
            continue
        inside = f"{path}/{entry[:-1]}"
        is_entered = walk.enters(name)
        is_named = walk.with_folders or (not is_entered and _holds_a_file(inside, name))
        if is_named and name > walk.after:
            yield name
        if is_entered:
            yield from _folder(inside, name, walk)


def _holds_a_file(path: str, base: str) -> bool:
    return any(True for _ in _folder(path, base, _Walk()))


def _sorted_entries(path: str, base: str, walk: _Walk) -> Iterator[str]:
    """Yields a folder's files, and its folders with a slash, in order; holds at most one batch of them."""
    last = ""
    while True:
        batch = heapq.nsmallest(_BATCH, _entries(path, base, walk, last))
        yield from batch
        if len(batch) < _BATCH:
            return
        last = batch[-1]


def _entries(path: str, base: str, walk: _Walk, last: str) -> Iterator[str]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(path) as found:
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                name = entry.name + "/"
                if name > last and walk.wants_folder(base + name):
                    yield name
            elif entry.name > last and walk.wants_file(base + entry.name) and entry.is_file():
                yield entry.name


def odd_names(storage: Storage, ref: BlobRef, prefix: str) -> Iterator[str]:
    """Yields the names in ref's container that begin with the prefix and that no file can have, in order."""
    return _odd_names(storage, ref, _Walk(prefix))


def _odd_names(storage: Storage, ref: BlobRef, walk: _Walk) -> Iterator[str]:
    """Walks the odd files, whose order is that of their names."""
    for path in _folder(storage.odd_folder(ref), "", _Walk()):
        with contextlib.suppress(ValueError):
            name = refs.odd_name(path)
            if walk.wants_file(name):
                yield name


def _directory_names(storage: Storage, ref: BlobRef, prefix: str, after: str) -> Iterator[str]:
    while True:
        with storage.db.read() as connection:
            names = index.directories(connection, ref.account, ref.container, first=prefix, after=after, limit=_BATCH)
        for name in names:
            if not name.startswith(prefix):
                return
            yield name
        if len(names) < _BATCH:
            return
        after = names[-1]


def _collapsed(names: Iterator[str], prefix: str, delimiter: str) -> Iterator[str]:
    """Gives names below a common prefix as that prefix, and everything once."""
    last = None
    for name in names:
        end = name.find(delimiter, len(prefix)) if delimiter else -1
        seen = name if end < 0 else name[: end + len(delimiter)]
        if seen != last:
            yield seen
        last = seen


def paths(storage: Storage, ref: BlobRef, *, is_recursive: bool, marker: str, limit: int) -> Page:
    """Returns what is below ref's directory as Data Lake Storage lists it, directories included.

    Raises ContainerNotFound (404), PathNotFound (404), InvalidQueryParameterValue (400).
    """
    storage.check_container(ref)
    if ref.name and not storage.find_directory(ref):
        raise refusals.path_not_found(ref.name)
    base, after = f"{ref.name}/" if ref.name else "", _after(marker)
    walk = _Walk(base, after, depth_folder=None if is_recursive else base, with_folders=True)
    odd = (name for name in _odd_names(storage, ref, walk) if is_recursive or "/" not in name[len(base) :])
    names, next_marker = _page(heapq.merge(_files(storage, ref, walk), odd), after, limit)
    found = (replace(ref, name=name.removesuffix("/")) for name in names)
    entries = (storage.find(one) or storage.find_directory(one) for one in found)
    return Page([entry for entry in entries if entry], next_marker)


def _page(names: Iterator[str], after: str, limit: int) -> tuple[list[str], str]:
    chosen: list[str] = []
    for name in names:
        if name == after:  # a common prefix that the page before has ended with
            continue
        if len(chosen) == limit:
            return chosen, base64.urlsafe_b64encode(chosen[-1].encode()).decode()
        chosen.append(name)
    return chosen, ""


def _after(marker: str) -> str:
    """Returns the name after which a marker goes on. Raises InvalidQueryParameterValue (400)."""
    try:
        return base64.b64decode(marker.encode(), b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise refusals.bad_query("marker", marker, "one that a list has answered") from None
