"""A folder as a zip archive, piece by piece: nothing of it is held on disk or in memory."""

import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

_PIECE_BYTES = 1 << 20


class _Sink(io.RawIOBase):
    """What an archive is written to, and taken from at once. It has no position to go back to."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, piece: object) -> int:
        self._written += bytes(piece)  # type: ignore[call-overload]
        return len(piece)  # type: ignore[arg-type]

    def taken(self) -> bytes:
        found = bytes(self._written)
        self._written.clear()
        return found


def pieces(folder: Path) -> Iterator[bytes]:
    """Yields an archive of all files below a folder, not compressed. Links that lead out of it are left out."""
    sink, root = _Sink(), folder.resolve()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for path in _files(root):
            name = os.fsencode(path.relative_to(root)).decode("utf-8", "replace")  # archives have names in UTF-8 only
            about = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
            with path.open("rb") as file, archive.open(about, "w", force_zip64=True) as into:
                while piece := file.read(_PIECE_BYTES):
                    into.write(piece)
                    yield sink.taken()
    yield sink.taken()


def _files(root: Path) -> Iterator[Path]:
    for above, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            path = Path(above, name)
            if path.is_file() and path.resolve().is_relative_to(root):
                yield path
