"""A process that sees nothing of some folders but what is its own: by real ones, root or not."""

import json
import subprocess
import sys

import pytest

from lazulite.engine.processes import GUEST
from lazulite.serving import hidden

pytestmark = pytest.mark.skipif(not hidden.is_possible(), reason="this system allows no namespaces")

LOOK = """
import json, os, socket, sys
root, number = sys.argv[1:]
seen = sorted(os.path.join(folder, name)[len(root) + 1 :] for folder, _, names in os.walk(root) for name in names)
tried = {}
for name, act in {
    "write": lambda: open(os.path.join(root, "new"), "w"),
    "up": lambda: os.listdir("../secrets"),
    "look": lambda: os.readlink("/proc/%d/cwd" % os.getppid()),
    "own": lambda: open("kept", "w"),
}.items():
    try:
        act()
        tried[name] = "done"
    except OSError as error:
        tried[name] = type(error).__name__
print(json.dumps([seen, tried, socket.socket(fileno=int(number)).getsockname()]))
"""


def test_only_what_is_shown_is_there_and_a_socket_is_bound_in_what_is_not(tmp_path):
    for name in ("secrets/key", "own/file", "ca.pem"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    shown = [str(tmp_path / name) for name in ("own", "ca.pem", "never made")]
    seen = {"hidden": [str(tmp_path)], "shown": shown}
    address = str(tmp_path / "s.sock")
    words = hidden.command(seen, address, [sys.executable, "-c", LOOK, str(tmp_path), address])
    done = subprocess.run(words, cwd=tmp_path / "own", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    files, tried, bound = json.loads(done.stdout)
    assert (files, bound) == (["ca.pem", "own/file"], address)
    assert (tried["write"], tried["up"], tried["own"]) == ("OSError", "FileNotFoundError", "done")
    assert tried["look"] == "PermissionError"
    assert (tmp_path / "own" / "kept").exists() and (tmp_path / "s.sock").is_socket()


def test_what_cannot_be_hidden_is_not_run(tmp_path):
    plan = {"hidden": [str(tmp_path / "missing")], "shown": [], "socket": ""}
    words = [sys.executable, "-I", str(GUEST), "hidden", json.dumps(plan), "echo", "it ran"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (126, "")
    assert "echo cannot be run by itself" in done.stderr
