"""`lazulite environment bind`: interpreters of this machine, bound without a platform being up."""

import platform as machine
import sys


def test_an_interpreter_is_bound_listed_and_unbound(own_cli):
    bound = own_cli.json("environment", "bind", "train:3", "--python", sys.executable)
    assert (bound["name"], bound["version"], bound["python"]) == ("train", "3", sys.executable)
    assert bound["python_version"] == machine.python_version()
    assert own_cli.json("environment", "bind", "train", "--python", sys.executable)["version"] is None
    assert len(own_cli.json("environment", "list-bindings")) == 2
    own_cli.json("environment", "unbind", "train:3")
    assert own_cli.json("environment", "list-bindings", "--query", "[].version") == [None]
    assert 'bound to "train:3"' in own_cli.refused("environment", "unbind", "train:3", code=3)


def test_what_is_no_interpreter_is_refused(own_cli, tmp_path):
    (tmp_path / "python").write_text("")
    for path in (tmp_path / "python", tmp_path / "none"):
        assert "is not a Python interpreter" in own_cli.refused(
            "environment", "bind", "e", "--python", str(path), code=1
        )
