"""Folders as archives that are made while they are sent."""

import io
import os
import zipfile
from pathlib import Path

from lazulite.artifacts import zipped


def test_an_archive_has_every_file_and_nothing_from_outside(tmp_path: Path) -> None:
    folder, large = tmp_path / "folder", bytes(range(256)) * 20_000
    (folder / "below" / "empty").mkdir(parents=True)
    (folder / "large.bin").write_bytes(large)
    (folder / "below" / "grüße & <b>.txt").write_text("text")
    (folder / os.fsdecode(b"gr\xfc\xdfe")).write_text("latin")
    (tmp_path / "secret").write_text("outside")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "gone").symlink_to(tmp_path / "nothing")
    pieces = list(zipped.pieces(folder))
    assert len(pieces) > 4 and max(map(len, pieces)) < len(large) / 2
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert sorted(archive.namelist()) == ["below/grüße & <b>.txt", "gr\ufffd\ufffde", "large.bin"]
        assert archive.testzip() is None and archive.read("large.bin") == large
