"""Writing files whole: bytes go to a draft, hashed on the way, and get their name when they are complete."""

import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lazulite.errors import OutOfSpace

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_COPY_BYTES = 8 << 20
_BUFFERS_A_CALL = 512  # Linux takes 1024 in one pwritev


@contextmanager
def full_disk_is_an_error() -> Iterator[None]:
    """Turns the system's "no space left" into OutOfSpace (507)."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise OutOfSpace("The disk is full: nothing was changed.", hint="Free some space, then repeat.") from error
        raise


class Draft:
    """A file being written; whoever makes one either moves it into place or discards it.

    Several drafts may write into one file, each its own range.
    """

    def __init__(self, path: str, offset: int = 0, *, with_md5: bool = False) -> None:
        """Opens the file, making it if need be. Writing begins at offset, in bytes."""
        with full_disk_is_an_error():
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self.path = path
        self.offset = offset
        self.size_bytes = 0
        self._md5 = hashlib.md5(usedforsecurity=False) if with_md5 else None

    def write(self, chunks: Sequence[bytes]) -> None:
        """Appends the chunks. Raises OutOfSpace (507) when the disk is full."""
        for chunk in chunks if self._md5 else ():
            self._md5.update(chunk)  # type: ignore[union-attr]
        with full_disk_is_an_error():
            for start in range(0, len(chunks), _BUFFERS_A_CALL):
                self._write_all(chunks[start : start + _BUFFERS_A_CALL])

    def _write_all(self, chunks: Sequence[bytes]) -> None:
        wanted = sum(map(len, chunks))
        written = os.pwritev(self._descriptor, chunks, self.offset + self.size_bytes)
        while written < wanted:  # a nearly full disk takes a part first
            rest = b"".join(chunks)[written:]
            written += os.pwrite(self._descriptor, rest, self.offset + self.size_bytes + written)
        self.size_bytes += wanted

    def copy_from(self, source: int, offset: int, size_bytes: int, at: int) -> None:
        """Copies a range of an open file to a place in this one, inside the kernel where that is possible.

        Hashes nothing and does not count as written; `resize` says how long the file is then.
        Raises OutOfSpace (507), EOFError.
        """
        with full_disk_is_an_error():
            copy_range(source, offset, self._descriptor, at, size_bytes)

    def resize(self, size_bytes: int) -> None:
        """Cuts the file, or extends it with zeros, to its final size."""
        with full_disk_is_an_error():
            os.ftruncate(self._descriptor, size_bytes)
        self.size_bytes = size_bytes

    @property
    def md5(self) -> bytes | None:
        """Returns the MD5 of what was written so far, None if it was not asked for."""
        return self._md5.digest() if self._md5 else None

    @property
    def modified_ns(self) -> int:
        """Returns the file's modification time in nanoseconds."""
        return os.fstat(self._descriptor).st_mtime_ns

    def close(self) -> None:
        """Closes the file, which stays where it is."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def discard(self) -> None:
        """Closes and removes the file."""
        self.close()
        remove(self.path)


def copy_range(source: int, offset: int, target: int, target_offset: int, size_bytes: int) -> None:
    """Copies between open files; a file system that shares extents copies nothing. Raises EOFError if cut short."""
    done = 0
    while done < size_bytes:
        wanted = min(_COPY_BYTES, size_bytes - done)
        copied = _copy_some(source, offset + done, target, target_offset + done, wanted)
        if not copied:
            raise EOFError(f"the source ends {size_bytes - done} bytes early")
        done += copied


def _copy_some(source: int, offset: int, target: int, target_offset: int, wanted: int) -> int:
    if hasattr(os, "copy_file_range"):
        try:
            return os.copy_file_range(source, target, wanted, offset, target_offset)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
                raise
    data = os.pread(source, wanted, offset)
    written = 0
    while written < len(data):
        written += os.pwrite(target, data[written:], target_offset + written)
    return written


class Staging:
    """A folder of drafts on the file system that they will be moved within."""

    def __init__(self, folder: Path) -> None:
        """Opens the folder and sweeps out what a crash has left in it."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._folder = str(folder)

    def new_path(self) -> str:
        """Returns a path in the folder that nobody else has."""
        return f"{self._folder}/{uuid.uuid4().hex}"

    def draft(self, *, with_md5: bool = False) -> Draft:
        """Begins a file. Raises OutOfSpace (507)."""
        return Draft(self.new_path(), with_md5=with_md5)


def remove(path: str) -> None:
    """Removes a file or a folder with all that is in it; nothing to remove is fine."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except (IsADirectoryError, PermissionError):  # macOS says the latter of a folder
        shutil.rmtree(path, ignore_errors=True)
