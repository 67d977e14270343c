"""Which Python serves for which wish."""

import sys

import pytest

from lazulite.environments import interpreters

MINE = sys.version_info[1]


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Makes this machine have, beside the running Python, those that the test names; each answers as it should."""

    def install(*versions):
        for version in versions:
            minor = version.split(".")[1]
            folder = tmp_path / ".pyenv" / "versions" / version / "bin"
            folder.mkdir(parents=True)
            script = folder / f"python3.{minor}"
            script.write_text(f"#!/bin/sh\necho {version}\necho cpython\necho /bundled\n")
            script.chmod(0o755)

    monkeypatch.setattr(interpreters.Path, "home", lambda: tmp_path)
    monkeypatch.setattr(interpreters, "_PLACES", interpreters._PLACES[:1])
    monkeypatch.setenv("PATH", str(tmp_path / "shims"))
    return install


@pytest.mark.parametrize(
    "wanted", ["", f"==3.{MINE}.*", f"==3.{MINE}.999.*", f">=3.{MINE}", f">=3.{MINE - 1},<3.{MINE + 1}"]
)
def test_the_running_python_serves_where_it_fits(wanted):
    choice = interpreters.choose(wanted)
    assert choice.interpreter.version == sys.version.split()[0] and choice.note is None and choice.missing is None


def test_another_minor_version_is_found_and_the_newest_patch_taken(installed):
    installed(f"3.{MINE + 1}.2", f"3.{MINE + 1}.10")
    choice = interpreters.choose(f"==3.{MINE + 1}.*")
    assert (choice.interpreter.version, choice.note) == (f"3.{MINE + 1}.10", None)


def test_of_a_range_the_newest_that_is_installed_serves(installed):
    installed(f"3.{MINE + 1}.0", f"3.{MINE + 2}.0")
    assert interpreters.choose(f">{3}.{MINE}.999").interpreter.version == f"3.{MINE + 2}.0"


def test_else_the_nearest_newer_one_serves_and_it_is_said(installed):
    installed(f"3.{MINE + 3}.0", f"3.{MINE + 2}.0")
    choice = interpreters.choose(f"==3.{MINE + 1}.*")
    assert choice.interpreter.version == f"3.{MINE + 2}.0" and choice.missing == f"3.{MINE + 1}"
    assert f"Python 3.{MINE + 1} is asked for" in choice.note and f"3.{MINE + 2}.0" in choice.note


def test_else_the_nearest_older_one(installed):
    assert interpreters.choose("==3.20.*").interpreter.minor == MINE


def test_what_is_too_old_to_be_served_is_not_missing(installed):
    choice = interpreters.choose("==2.7.*")
    assert choice.missing is None and "nothing before 3.8" in choice.note


def test_shims_and_what_does_not_start_are_passed_over(installed, tmp_path):
    (tmp_path / "shims").mkdir()
    for folder in ("shims", f".pyenv/versions/3.{MINE + 1}.0/bin"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        script = tmp_path / folder / f"python3.{MINE + 1}"
        script.write_text("#!/bin/sh\nexit 127\n")
        script.chmod(0o755)
    assert interpreters.find(MINE + 1) is None
    assert interpreters.probe(tmp_path / "missing") is None


def test_a_real_interpreter_says_its_version_and_where_pip_lies():
    found = interpreters.probe(interpreters.Path(sys.executable))
    assert found.version == sys.version.split()[0]
