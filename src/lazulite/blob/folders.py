"""Directories as wholes: their parents made, moved, deleted, with all blobs in them."""

import contextlib
import os
from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection

from lazulite.artifacts import files, refs
from lazulite.artifacts.files import Draft
from lazulite.artifacts.refs import BlobRef
from lazulite.blob import index, listing, refusals
from lazulite.blob.index import DIRECTORY, Blob
from lazulite.blob.storage import Storage, etag_of, now_ns
from lazulite.errors import Conflict, NotFound


def make_parents(storage: Storage, connection: Connection, ref: BlobRef) -> None:
    """Makes the directories above a path, with rows of their own: they stay when they are empty.

    Raises PathConflict (409) where one of them is a file.
    """
    parts = ref.name.split("/")
    names = ["/".join(parts[:count]) for count in range(1, len(parts))]
    known = index.are_directories(connection, ref, names) if names else set()
    for name in names:
        path = storage.place(replace(ref, name=name))
        try:
            os.makedirs(path or "", exist_ok=True)
        except (FileNotFoundError, FileExistsError, NotADirectoryError):
            raise Conflict(f'"{name}" cannot be a directory.', code="PathConflict") from None
        if name not in known:
            moment = now_ns()
            row = Blob(name, DIRECTORY, 0, 0, etag_of(moment), moment, moment)
            index.put(connection, replace(ref, name=name), row)


def is_empty(storage: Storage, ref: BlobRef) -> bool:
    """Tells whether nothing at all is in a directory."""
    return not listing.paths(storage, ref, is_recursive=False, marker="", limit=1).entries


def rename(storage: Storage, source: BlobRef, target: BlobRef, check: Callable[[Blob | None], None]) -> None:
    """Gives a file, or a directory with all in it, another name, over a file that may be there.

    check: told what the target is now; raises if it must stay. Raises SourcePathNotFound, FilesystemNotFound (404),
    PathConflict (409).
    """
    storage.check_container(source)
    blob = storage.find(source)
    if blob and blob.kind != DIRECTORY:
        _rename_file(storage, blob, source, target, check)
    elif storage.find_directory(source):
        _rename_directory(storage, source, target, check)
    else:
        raise NotFound(f'The source path does not exist: "{source.name}".', code="SourcePathNotFound")


def _rename_file(
    storage: Storage, blob: Blob, source: BlobRef, target: BlobRef, check: Callable[[Blob | None], None]
) -> None:
    path = storage.staging.new_path()
    os.link(blob.path, path)
    draft = Draft(path)
    draft.size_bytes = blob.size_bytes
    try:
        with storage.change(target) as change:
            check(change.blob)
            make_parents(storage, change.connection, target)
            listed = index.block_list(change.connection, source)
            change.put(draft, blob.headers, blob.metadata, kind=blob.kind, block_list=listed)
    except BaseException:
        draft.discard()
        raise
    with storage.change(source) as change:
        if change.blob:
            change.delete(change.blob)


def _rename_directory(storage: Storage, source: BlobRef, target: BlobRef, check: Callable[[Blob | None], None]) -> None:
    here, there = (storage.place(ref) for ref in (source, target))
    inside = f"{target.name}/".startswith(f"{source.name}/") and source.container == target.container
    if not here or not there or inside:
        raise Conflict(f'"{source.name}" cannot be renamed to "{target.name}".', code="PathConflict")
    odd = list(listing.odd_names(storage, source, f"{source.name}/"))
    with storage.db.write() as connection:
        storage.check_container(target)
        check(storage.find_within(connection, target))
        make_parents(storage, connection, target)
        try:
            os.rename(here, there)
        except OSError as error:
            raise Conflict(
                f'"{target.name}" is there already and is no empty directory.', code="PathConflict"
            ) from error
        index.delete_below(connection, target)
        index.move_below(connection, source, target)
        for name in odd:
            _move_odd(storage, replace(source, name=name), replace(target, name=target.name + name[len(source.name) :]))


def _move_odd(storage: Storage, source: BlobRef, target: BlobRef) -> None:
    here, there = (refs.odd_path(storage.odd_folder(ref), ref.name) for ref in (source, target))
    if not here or not there:
        raise refs.too_long(target.name)
    os.makedirs(os.path.dirname(there), exist_ok=True)
    os.rename(here, there)


def delete(storage: Storage, ref: BlobRef) -> None:
    """Removes a directory with all in it: out of sight at once, the bytes after that. Raises PathNotFound (404)."""
    odd = list(listing.odd_names(storage, ref, f"{ref.name}/"))
    doomed = storage.staging.new_path()
    with storage.db.write() as connection:
        try:
            os.rename(storage.place(ref) or "", doomed)
        except (FileNotFoundError, NotADirectoryError):
            raise refusals.path_not_found(ref.name) from None
        for name in odd:
            path = refs.odd_path(storage.odd_folder(ref), name)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path or "")
        index.delete_below(connection, ref)
    files.remove(doomed)
