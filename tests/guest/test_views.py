"""What a job may change: its outputs, and nothing that it was given, root or not."""

import pytest

from lazulite.engine import processes
from tests.guest.launched import Runs, log


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    made = Runs(tmp_path_factory.mktemp("runs"))
    if not made.launcher.has_views:
        pytest.skip("this system permits no mount namespaces")
    yield made
    made.launcher.close()


@pytest.fixture
def data(runs):
    """A folder with a file in the store, as a datastore has it."""
    folder = runs.store / "data"
    (folder / "deep").mkdir(parents=True, exist_ok=True)
    (folder / "deep" / "x.csv").write_text("a,b\n")
    return folder


def view(runs, command, source, **more):
    """Runs a command where `view/`, or for a file `view/{its name}`, shows a source that lies in a read-only store."""
    here = runs.root / "views" / str(len(list((runs.root / "views").glob("*"))))
    target = here / "view" if source.is_dir() else here / "view" / source.name
    (target if source.is_dir() else target.parent).mkdir(parents=True)
    if source.is_file():
        target.touch()
    return runs.run(f"cd {here}; {command}", views=[[str(source), str(target)]], readonly=[str(runs.store)], **more)


def test_a_folder_can_be_read_and_not_changed(runs, data):
    changes = ("echo c >> view/deep/x.csv", "rm -r view/deep", "touch view/new", "chmod 0 view/deep/x.csv")
    _, printed = view(runs, f"cat view/deep/x.csv; find view -name x.csv; {'; '.join(changes)}", data)
    assert printed.startswith("a,b\nview/deep/x.csv\n")
    assert printed.count("Read-only file system") == len(changes)
    assert [path.name for path in data.rglob("*")] == ["deep", "x.csv"]
    assert (data / "deep" / "x.csv").read_text() == "a,b\n"


def test_a_file_can_be_read_and_not_changed(runs, data):
    file = data / "deep" / "x.csv"
    _, printed = view(runs, "cat view/x.csv; echo c > view/x.csv; rm -f view/x.csv", file)
    assert printed.startswith("a,b\n") and file.read_text() == "a,b\n"
    assert "Read-only file system" in printed and "rm: cannot remove" in printed


def test_the_store_itself_is_read_only_at_its_own_path(runs, data):
    _, printed = view(runs, f"echo c > {data}/deep/x.csv; rm -rf {data}", data)
    assert "Read-only file system" in printed and (data / "deep" / "x.csv").exists()


def test_outputs_within_the_store_are_written_straight_to_their_place(runs, data):
    (runs.store / "out" / "model").mkdir(parents=True)
    told, _ = view(
        runs,
        f"mkdir {runs.store}/out/model/sub && echo m > {runs.store}/out/model/sub/m.bin",
        data,
        writable=[str(runs.store / "out" / "model")],
    )
    assert told["code"] == 0 and (runs.store / "out" / "model" / "sub" / "m.bin").read_text() == "m\n"


def test_what_the_platform_writes_meanwhile_is_seen(runs, data):
    folder = runs.start(f"until [ -e {data}/late ]; do sleep 0.02; done; echo seen", readonly=[str(runs.store)])
    (data / "late").write_text("x")
    processes.await_end(folder)
    (data / "late").unlink()
    assert log(folder) == "seen\n"


def test_the_way_back_is_closed_to_root_too(runs, data):
    _, printed = view(
        runs, f"umount {runs.store}; mount -o remount,rw,bind {runs.store}; unshare -m true; echo c > view/new", data
    )
    assert "Read-only file system" in printed and not (data / "new").exists()


def test_other_processes_see_nothing_of_it(runs, data):
    folder = runs.start("sleep 0.2", readonly=[str(runs.store)])
    (data / "written").write_text("by the platform")
    processes.await_end(folder)
    (data / "written").unlink()
