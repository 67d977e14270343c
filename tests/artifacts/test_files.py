"""A draft is nothing until it is moved, and leaves nothing when it is not."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from lazulite.artifacts import files
from lazulite.artifacts.files import Draft, Staging
from lazulite.errors import OutOfSpace


def test_a_draft_holds_what_was_written_and_its_md5(tmp_path: Path) -> None:
    chunks = [os.urandom(7) for _ in range(2000)]  # more than one system call takes
    draft = Staging(tmp_path / "s").draft(with_md5=True)
    draft.write(chunks[:1500])
    draft.write(chunks[1500:])
    draft.close()
    whole = b"".join(chunks)
    assert Path(draft.path).read_bytes() == whole
    assert draft.md5 == hashlib.md5(whole).digest() and draft.size_bytes == len(whole)


def test_drafts_share_a_file_each_in_its_own_range(tmp_path: Path) -> None:
    path = str(tmp_path / "f")
    second, first = Draft(path, 4), Draft(path)
    second.write([b"5678"])
    first.write([b"12", b"34"])
    assert Path(path).read_bytes() == b"12345678"
    first.close(), second.close()


def test_a_discarded_draft_leaves_nothing(tmp_path: Path) -> None:
    draft = Staging(tmp_path / "s").draft()
    draft.write([b"x"])
    draft.discard()
    assert list((tmp_path / "s").iterdir()) == []


def test_opening_the_staging_folder_sweeps_out_what_a_crash_left(tmp_path: Path) -> None:
    (tmp_path / "s" / "old").mkdir(parents=True)
    (tmp_path / "s" / "draft").write_bytes(b"half")
    Staging(tmp_path / "s")
    assert list((tmp_path / "s").iterdir()) == []


def test_a_range_is_copied_to_a_place_in_a_draft(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"0123456789")
    draft = Staging(tmp_path / "s").draft()
    with (tmp_path / "source").open("rb") as source:
        draft.copy_from(source.fileno(), 2, 3, at=1)
        with pytest.raises(EOFError):
            draft.copy_from(source.fileno(), 8, 3, at=4)
    draft.resize(4)
    assert Path(draft.path).read_bytes()[1:] == b"234"
    draft.close()


def test_a_full_disk_is_out_of_space_and_other_errors_stay(tmp_path: Path) -> None:
    with pytest.raises(OutOfSpace, match="nothing was changed"), files.full_disk_is_an_error():
        raise OSError(errno.ENOSPC, "no space")
    with pytest.raises(PermissionError), files.full_disk_is_an_error():
        raise PermissionError


def test_a_write_to_a_full_device_is_out_of_space() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    draft = Draft("/dev/full")
    with pytest.raises(OutOfSpace):
        draft.write([b"x"])
    draft.close()
