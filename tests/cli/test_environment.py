"""`lazulite environment bind`: interpreters of this machine, bound without a platform being up."""

import platform as machine
import sys

import pytest

from tests.cli.conftest import Cli
from tests.conftest import Platform


@pytest.fixture
def bare(tmp_path):
    """The command line on a home where no platform is up, nor will be."""
    return Cli(Platform(tmp_path / "home"))


def test_an_interpreter_is_bound_listed_and_unbound(bare):
    bound = bare.json("environment", "bind", "train:3", "--python", sys.executable)
    assert (bound["name"], bound["version"], bound["python"]) == ("train", "3", sys.executable)
    assert bound["python_version"] == machine.python_version()
    assert bare.json("environment", "bind", "train", "--python", sys.executable)["version"] is None
    assert len(bare.json("environment", "list-bindings")) == 2
    bare.json("environment", "unbind", "train:3")
    assert [one["version"] for one in bare.json("environment", "list-bindings")] == [None]
    assert 'bound to "train:3"' in bare.refused("environment", "unbind", "train:3", code=3)


def test_what_is_no_interpreter_is_refused(bare, tmp_path):
    (tmp_path / "python").write_text("")
    for path in (tmp_path / "python", tmp_path / "none"):
        assert "is not a Python interpreter" in bare.refused("environment", "bind", "e", "--python", str(path), code=1)
