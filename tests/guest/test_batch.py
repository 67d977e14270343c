"""A batch worker, to the message: the test plays the conductor. docs/guest-protocol.md says what passes."""

import json
import os
import re
import socket
import subprocess
import textwrap
from pathlib import Path

import pytest

from lazulite.batch.grouping import GUEST

ROOT = Path(__file__).resolve().parent.parent.parent
SECTION = (ROOT / "docs/guest-protocol.md").read_text(encoding="utf-8").partition("## Batch workers")[2]


class Worker:
    """A worker's process, and the conductor's end of its channel."""

    def __init__(self, folder, python, script, parent=None, **order):
        (folder / "code").mkdir()
        (folder / "own").mkdir()
        (folder / "code" / "score.py").write_text(textwrap.dedent(script))
        self.log = folder / "log"
        ours, theirs = socket.socketpair()
        with theirs, self.log.open("ab") as log:
            command = (python, GUEST, "batch", str(theirs.fileno()))
            self.process = subprocess.Popen(command, stdout=log, stderr=log, pass_fds=(theirs.fileno(),))
        self.socket, self.lines = ours, ours.makefile("rb")
        ours.settimeout(20)
        self.order = {
            "parent": parent or os.getpid(),
            "code": str(folder / "code"),
            "script": "score.py",
            "arguments": ["--x", "1"],
            "logging_level": "INFO",
            "process": "process007",
            "log_dir": str(folder),
            "output_dir": str(folder / "own"),
            "appends": True,
            "isolated": False,
            "views": [],
            "readonly": [],
            "writable": [],
            "private": [[str(folder / "own"), str(folder / "out")]],
            **order,
        }
        self.say(self.order)

    def say(self, message):
        self.socket.sendall(json.dumps(message).encode() + b"\n")

    def hear(self):
        """Returns the next message and its rows; None when there will be none."""
        line = self.lines.readline()
        if not line:
            return None, b""
        message = json.loads(line)
        return message, self.lines.read(message.get("bytes", 0))


@pytest.fixture
def start(tmp_path, bare_python):
    started = []

    def make(script, python=bare_python, **more):
        started.append(Worker(tmp_path, python, script, **more))
        return started[-1]

    yield make
    for worker in started:
        worker.socket.close()
        worker.lines.close()
        worker.process.kill()
        worker.process.wait()


def test_a_worker_says_what_the_page_says_and_nothing_else(start):
    worker = start("""
        import sys

        def run(mini_batch, context):
            print("now", context)
            if context.minibatch_index == 2:
                raise ValueError("two")
            return sys.argv[1:] + [context.partition_key_value.get("k", "é")] * (len(mini_batch) - 2)
    """)
    assert worker.hear() == ({"state": "ready"}, b"")
    worker.say({"id": 1, "files": ["a", "b", "c"], "keys": {"k": "v"}})
    worker.say({"id": 2, "files": ["d"]})  # queued
    done, rows = worker.hear()
    failed, _ = worker.hear()
    assert rows == b"--x\n1\nv\n"
    assert done.pop("run_s") >= 0 and done.pop("log_bytes") < failed.pop("log_bytes")
    assert done == {"state": "done", "id": 1, "items": 3, "count": 3, "wrote": False, "bytes": len(rows)}
    error = failed.pop("error")
    assert failed == {"state": "failed", "id": 2, "items": 1, "wrote": False}
    assert error["summary"] == "ValueError: two (score.py, line 7)" and error["kind"] == "raised"
    documented = set(re.findall(r"`(\w+)`", SECTION)) | set(re.findall(r'"(\w+)"', SECTION))
    assert {*worker.order, *done, *failed, *error, "run_s", "log_bytes", "count", "returned", "bytes"} <= documented
    worker.say({"end": True})
    assert worker.hear()[0] is None and worker.process.wait(10) == 0


def test_it_goes_on_only_when_its_files_have_been_taken_away(start, tmp_path):
    worker = start("""
        import os

        def run(mini_batch):
            open(os.path.join(mini_batch[0], "x"), "x").close()  # fails if it is there
            return mini_batch
    """)
    worker.hear()
    for number in (1, 2):
        worker.say({"id": number, "files": [str(tmp_path / "own")]})
    assert worker.hear()[0]["wrote"] is True
    (tmp_path / "own" / "x").unlink()
    worker.say({"go": True})
    told = worker.hear()[0]
    assert (told["id"], told["state"]) == (2, "done")


def test_a_worker_ends_with_its_conductor_and_is_nobody_elses(start):
    worker = start("def run(mini_batch):\n    while True: pass", parent=1)
    assert worker.hear()[0] is None and worker.process.wait(10) == 0


def test_any_python_from_3_8_on_works(tmp_path, any_python):
    worker = Worker(tmp_path, any_python, "def init():\n    pass\n\ndef run(mini_batch):\n    return mini_batch\n")
    assert worker.hear()[0] == {"state": "ready"}
    worker.say({"id": 0, "files": ["a", "b"]})
    assert worker.hear()[1] == b"a\nb\n"
    worker.socket.shutdown(socket.SHUT_RDWR)
    worker.socket.close()
    worker.lines.close()
    assert worker.process.wait(10) == 0


def test_large_rows_and_odd_names_pass(start):
    worker = start("def run(mini_batch):\n    return [mini_batch[0]] + ['x' * 3_000_000] * (len(mini_batch) - 1)")
    worker.hear()
    worker.say({"id": 0, "files": ["ä \ud800\n", *map(str, range(3))]})
    told, rows = worker.hear()
    assert told["count"] == 4 and len(rows) == told["bytes"] == len("ä ".encode() + b"\\ud800\n\n") + 9_000_003
