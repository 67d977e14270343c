"""One home, one platform: the lock tells who holds it, and a dead holder holds nothing."""

import json
import subprocess
import sys
from contextlib import contextmanager

import pytest

from lazulite import settings
from lazulite.cli import lock
from lazulite.errors import Conflict, NotFound

HOLD = """
import sys
from pathlib import Path
from lazulite import settings
from lazulite.cli import lock
with lock.hold(settings.read({}, home=Path(sys.argv[1]), port=4321, scoring_port=4322)):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(home):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, home], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def told(home, **given):
    return settings.read({}, home=home, **given)


def test_nobody_holds_a_home_that_is_not_there(tmp_path):
    assert lock.find(tmp_path / "none") is None


def test_the_holder_is_found_with_its_addresses(tmp_path):
    with holder(tmp_path) as process:
        found = lock.find(tmp_path)
        assert (found.pid, found.port, found.scoring_port, found.home) == (process.pid, 4321, 4322, str(tmp_path))
        assert lock.found(told(tmp_path, port=1)).url == "http://127.0.0.1:4321"


def test_a_second_claim_says_who_holds_the_home_and_changes_nothing(tmp_path):
    with holder(tmp_path) as process:
        before = (tmp_path / "lock").read_text()
        with pytest.raises(Conflict, match=f"held by pid {process.pid}, up since 20.* on port 4321"):
            lock.hold(told(tmp_path)).__enter__()
        with pytest.raises(Conflict, match=f"pid {process.pid}"):
            lock.refuse_held(tmp_path)
        assert (tmp_path / "lock").read_text() == before
        assert lock.find(tmp_path).pid == process.pid


def test_a_killed_holder_holds_nothing_though_its_file_is_there(tmp_path):
    with holder(tmp_path) as process:
        process.kill()
        process.wait()
        assert json.loads((tmp_path / "lock").read_text())["pid"] == process.pid
        assert lock.find(tmp_path) is None
        with lock.hold(told(tmp_path, port=5)):
            assert json.loads((tmp_path / "lock").read_text())["port"] == 5


def test_the_home_is_free_after_the_block(tmp_path):
    with lock.hold(told(tmp_path)):
        pass
    assert lock.find(tmp_path) is None
    with pytest.raises(NotFound, match="No platform is up"):
        lock.found(told(tmp_path))


def test_a_claim_gets_past_one_who_only_looks(tmp_path):
    with (tmp_path / "lock").open("w") as looking:
        assert lock._try_lock(looking, lock.fcntl.LOCK_SH)
        with pytest.raises(Conflict, match="another process"):
            lock.hold(told(tmp_path)).__enter__()
    with lock.hold(told(tmp_path)):
        pass


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}'])
def test_a_holder_that_has_not_written_yet_is_not_found(tmp_path, content):
    with lock.hold(told(tmp_path)):
        (tmp_path / "lock").write_text(content)
        assert lock.find(tmp_path) is None
