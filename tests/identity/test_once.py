"""Small files that are made once."""

import stat

import pytest

from lazulite.identity.once import make_once, replace


def test_what_is_there_stays(tmp_path):
    path = tmp_path / "deep" / "file"
    assert make_once(path, lambda: b"first") == b"first"
    assert make_once(path, lambda: pytest.fail("made twice")) == b"first"


def test_a_replacement_keeps_no_draft_and_has_the_mode_asked_for(tmp_path):
    path = tmp_path / "file"
    replace(path, b"one", 0o644)
    replace(path, b"two", 0o644)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_no_draft(tmp_path, monkeypatch):
    path = tmp_path / "file"
    replace(path, b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
