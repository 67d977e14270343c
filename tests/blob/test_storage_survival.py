"""kill -9 at any moment, a full disk, a client that leaves: nothing acknowledged is lost, nothing is half there."""

import os
import random
import resource
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.blob import BlobBlock

from lazulite.artifacts.refs import BlobRef
from lazulite.blob import index
from lazulite.blob.storage import Storage
from tests.blob import served
from tests.blob.served import Account, Process


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path)
    yield process
    process.kill()


def bodies(name: str) -> list[bytes]:
    """Returns the two versions of a blob that the writers below take turns with."""
    chance = random.Random(name)
    return [chance.randbytes(chance.choice((10, 20_000, 700_000))) for _ in range(2)]


def test_nothing_acknowledged_is_lost_and_nothing_is_half_there(tmp_path: Path, process: Process) -> None:
    account = served.new_account(process.port, tmp_path)
    container = account.blobs(connection_timeout=2, read_timeout=5).create_container("con")
    acknowledged: dict[str, int] = {}
    stop = threading.Event()

    def write(writer: int) -> None:
        turn = 0
        while not stop.is_set():
            for number in range(6):
                name = f"{writer}/{number}"
                try:
                    container.upload_blob(name, bodies(name)[turn], overwrite=True, metadata={"turn": str(turn)})
                except (AzureError, OSError):
                    return
                acknowledged[name] = turn
            turn = 1 - turn

    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for writer in writers:
        writer.start()
    time.sleep(1.5)
    process.kill()
    stop.set()
    for writer in writers:
        writer.join()
    assert len(acknowledged) > 6
    with served.in_thread(tmp_path) as port:
        container = Account(account.name, port, tmp_path).blobs().get_container_client("con")
        found = {one.name: container.download_blob(one.name).readall() for one in container.list_blobs()}
        assert set(acknowledged) <= set(found)
        for name, body in found.items():
            assert body in bodies(name)
        assert list((tmp_path / "storage" / ".staging").iterdir()) == []


def test_staged_blocks_survive_a_kill(tmp_path: Path, process: Process) -> None:
    account = served.new_account(process.port, tmp_path)
    blob = account.blobs().create_container("con").get_blob_client("b")
    made = [(f"{number:04d}", os.urandom(1000)) for number in range(6)]
    for block_id, body in made[:4]:
        blob.stage_block(block_id, body)
    process.kill()
    again = Process(tmp_path)
    try:
        account = Account(account.name, again.port, tmp_path)
        blob = account.blobs().get_blob_client("con", "b")
        for block_id, body in made[4:]:
            blob.stage_block(block_id, body)
        blob.commit_block_list([BlobBlock(block_id) for block_id, _ in made])
        assert blob.download_blob().readall() == b"".join(body for _, body in made)
    finally:
        again.kill()


def test_a_file_without_its_row_is_a_whole_blob(tmp_path: Path) -> None:
    """What a kill between the rename and the commit leaves."""
    storage, ref = Storage(tmp_path, b"key"), BlobRef("acct", "con", "b")
    Path(storage.folder(ref)).mkdir(parents=True)
    draft = storage.staging.draft()
    draft.write([b"12345"])
    with pytest.raises(KeyboardInterrupt), storage.change(ref) as change:
        change.put(draft, {}, {})
        assert Path(storage.folder(ref), "b").read_bytes() == b"12345"
        raise KeyboardInterrupt
    assert not Path(storage.folder(ref), "b").exists() and storage.find(ref) is None
    Path(storage.folder(ref), "b").write_bytes(b"12345")
    found = storage.find(ref)
    assert found and (found.size_bytes, found.metadata) == (5, {})
    storage.close()


def test_a_change_that_fails_puts_the_old_file_back(tmp_path: Path) -> None:
    storage, ref = Storage(tmp_path, b"key"), BlobRef("acct", "con", "b")
    Path(storage.folder(ref)).mkdir(parents=True)
    for body, fails in ((b"old", False), (b"new", True)):
        draft = storage.staging.draft()
        draft.write([body])
        try:
            with storage.change(ref) as change:
                change.put(draft, {}, {"k": body.decode()})
                if fails:
                    raise OSError("the index cannot be written")
        except OSError:
            draft.discard()
    found = storage.find(ref)
    assert found and found.metadata == {"k": "old"} and Path(found.path).read_bytes() == b"old"
    with pytest.raises(OSError, match="again"), storage.change(ref) as change:
        assert change.blob
        change.delete(change.blob)
        raise OSError("again")
    assert storage.find(ref) == found
    storage.close()


def test_what_a_killed_append_left_is_no_part_of_the_blob(tmp_path: Path) -> None:
    with served.in_thread(tmp_path) as port:
        account = served.new_account(port, tmp_path)
        blob = account.blobs().create_container("con").get_blob_client("log")
        blob.create_append_blob()
        blob.append_block(b"one\n")
        with (account.folder / "con" / "log").open("ab") as file:
            file.write(b"half a li")
        assert blob.download_blob().readall() == b"one\n"
        blob.append_block(b"two\n")
        assert blob.download_blob().readall() == b"one\ntwo\n"


def test_blocks_nobody_committed_are_forgotten_after_a_week(tmp_path: Path) -> None:
    storage, ref = Storage(tmp_path, b"key"), BlobRef("acct", "con", "b")
    for name, received_ns in (("old", 0), ("new", time.time_ns())):
        path = f"{storage.uncommitted}/{name}"
        Path(path).write_bytes(b"x")
        with storage.db.write() as connection:
            index.put_block(connection, ref, index.Block(name, path, 0, 1), received_ns)
    storage.close()
    storage = Storage(tmp_path, b"key")
    assert [path.name for path in Path(storage.uncommitted).iterdir()] == ["new"]
    with storage.db.read() as connection:
        assert [block.block_id for block in index.get_blocks(connection, ref)] == ["new"]
    storage.close()


def test_a_full_disk_is_an_error_and_changes_nothing(tmp_path: Path, process: Process) -> None:
    account = served.new_account(process.port, tmp_path)
    container = account.blobs().create_container("con")
    blob = container.upload_blob("b", b"before", metadata={"k": "v"})
    limit = 4 << 20
    _limit_file_size(process.pid, limit)
    began = time.monotonic()
    for upload in (
        lambda: blob.upload_blob(b"x" * (2 * limit), overwrite=True),
        lambda: blob.stage_block("a", b"x" * (2 * limit)),
    ):
        with pytest.raises(HttpResponseError) as error:
            upload()
        assert error.value.error_code == "InsufficientStorage" and "disk is full" in str(error.value)
    assert time.monotonic() - began < 10  # the client does not try again for a minute
    assert (blob.download_blob().readall(), blob.get_blob_properties().metadata) == (b"before", {"k": "v"})
    assert list((tmp_path / "storage" / ".staging").iterdir()) == []
    blob.upload_blob(b"after", overwrite=True)
    assert blob.download_blob().readall() == b"after"


def _limit_file_size(pid: int, limit: int) -> None:
    """Makes every file that grows past the limit fail, as on a full disk."""
    if not hasattr(resource, "prlimit"):
        pytest.skip("only Linux can limit another process")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, limit))


def test_a_client_that_leaves_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    with served.in_thread(tmp_path) as port:
        account = served.new_account(port, tmp_path)
        account.blobs().create_container("con")
        path = f"/_blob/{account.name}/con/b?{account.sas('con', None, 'w')}"
        head = f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\nx-ms-blob-type: BlockBlob\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(head.encode() + b"x" * 5_000_000)
        staging = tmp_path / "storage" / ".staging"
        for _ in range(100):
            if not list(staging.iterdir()):
                break
            time.sleep(0.05)
        assert list(staging.iterdir()) == [] and list((account.folder / "con").iterdir()) == []


@pytest.mark.slow
def test_a_large_blob_streams_through_in_constant_memory(tmp_path: Path, process: Process) -> None:
    account = served.new_account(process.port, tmp_path)
    container = account.blobs(max_single_put_size=1 << 30).create_container("con")
    container.upload_blob("warm", b"x" * (8 << 20))
    container.download_blob("warm").readall()
    before = psutil.Process(process.pid).memory_info().rss
    source, target = tmp_path / "source", tmp_path / "target"
    subprocess.run(["dd", "if=/dev/urandom", f"of={source}", "bs=1M", "count=400", "status=none"], check=True)
    with source.open("rb") as file:
        container.upload_blob("big", file)
    with target.open("wb") as file:
        container.download_blob("big", max_concurrency=2).readinto(file)
    grown = psutil.Process(process.pid).memory_info().rss - before
    assert grown < 40 << 20
    assert subprocess.run(["cmp", str(source), str(target)], check=False).returncode == 0
