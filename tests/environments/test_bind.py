"""Interpreters that the user bound."""

import sys
from pathlib import Path

import pytest

from lazulite.environments import bind
from lazulite.errors import BadRequest, InvalidName, UserCodeError


def test_a_bound_interpreter_serves_as_it_is(tmp_path):
    binding = bind.bind(tmp_path, "detector", None, Path(sys.executable))
    assert binding.python_version == sys.version.split()[0]
    environment = bind.bound(tmp_path, "Detector", "3")
    assert environment.python == Path(sys.executable) and environment.lock is None
    assert sys.executable in environment.notes[0]


def test_a_virtual_environment_may_be_named_by_its_folder_and_keeps_its_own_path(tmp_path):
    folder = tmp_path / "venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "python").symlink_to(Path(sys.executable).resolve())
    assert bind.bind(tmp_path, "detector", None, tmp_path / "venv").python == str(folder / "python")


def test_a_version_goes_before_the_name_alone(tmp_path):
    other = tmp_path / "python"
    other.symlink_to(Path(sys.executable).resolve())
    bind.bind(tmp_path, "detector", None, Path(sys.executable))
    bind.bind(tmp_path, "detector", "2", other)
    assert bind.bound(tmp_path, "detector", "1").python == Path(sys.executable)
    assert bind.bound(tmp_path, "detector", "2").python == other
    assert [binding.version for binding in bind.bindings(tmp_path)] == [None, "2"]
    assert bind.unbind(tmp_path, "detector", "2") and not bind.unbind(tmp_path, "detector", "2")
    assert bind.bound(tmp_path, "detector", "2").python == Path(sys.executable)


def test_nothing_is_bound_at_first(tmp_path):
    assert bind.bound(tmp_path, "detector", "1") is None and bind.bindings(tmp_path) == []


def test_what_is_no_python_is_refused(tmp_path):
    (tmp_path / "no-python").write_text("#!/bin/sh\necho hello\n")
    (tmp_path / "no-python").chmod(0o755)
    (tmp_path / "old").write_text("#!/bin/sh\necho 3.7.16\necho cpython\necho /x\n")
    (tmp_path / "old").chmod(0o755)
    for path, words in (
        ("no-python", "not a Python"),
        ("missing", "not a Python"),
        (".", "not a Python"),
        ("old", r"3\.7"),
    ):
        with pytest.raises(BadRequest, match=words):
            bind.bind(tmp_path, "detector", None, tmp_path / path)
    with pytest.raises(InvalidName):
        bind.bind(tmp_path, "../x", None, Path(sys.executable))
    assert bind.bindings(tmp_path) == []


def test_an_interpreter_that_went_away_is_named(tmp_path):
    python = tmp_path / "python"
    python.symlink_to(Path(sys.executable).resolve())
    bind.bind(tmp_path, "detector", None, python)
    python.unlink()
    with pytest.raises(UserCodeError, match="no longer there") as caught:
        bind.bound(tmp_path, "detector", "1")
    assert "environment bind detector --python" in caught.value.hint
