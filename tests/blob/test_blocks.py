"""Blobs in blocks: any order, any mixture, at most once, and nothing else."""

import base64
import hashlib
import os
import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobBlock, BlobClient, BlockState, ContainerClient

from lazulite.artifacts.files import Draft, Staging
from lazulite.artifacts.refs import BlobRef
from lazulite.blob.assembly import Assemblies, Part, assemble
from tests.blob.served import Account


@pytest.fixture
def blob(container: ContainerClient) -> BlobClient:
    return container.get_blob_client("dir/b")


def stage(blob: BlobClient, count: int, size: int = 1000) -> list[tuple[BlobBlock, bytes]]:
    made = [(BlobBlock(uuid.uuid4().hex), os.urandom(size)) for _ in range(count)]
    for block, body in made:
        blob.stage_block(block.id, body)
    return made


@pytest.mark.parametrize("order", ["as sent", "reversed", "shuffled", "two swapped", "some left out", "one twice"])
def test_the_list_says_the_order(blob: BlobClient, account: Account, order: str) -> None:
    made = stage(blob, 12)
    if order == "reversed":
        made.reverse()
    elif order == "shuffled":
        random.Random(1).shuffle(made)
    elif order == "two swapped":
        made[3], made[7] = made[7], made[3]
    elif order == "some left out":
        made = made[1:5] + made[7:]
    elif order == "one twice":
        made = [*made[:5], made[2], *made[5:]]
    blob.commit_block_list([block for block, _ in made])
    assert blob.download_blob().readall() == b"".join(body for _, body in made)
    committed, uncommitted = blob.get_block_list("all")
    assert [block.id for block in committed] == [block.id for block, _ in made] and uncommitted == []
    assert list((account.home / "storage" / ".blocks").iterdir()) == []


def test_blocks_of_all_sizes(blob: BlobClient) -> None:
    made = []
    for size in (10, 5000, 1, 300_000, 10, 2_000_000):
        made += stage(blob, 1, size)
    blob.commit_block_list([block for block, _ in made])
    assert blob.download_blob().readall() == b"".join(body for _, body in made)


def test_many_at_once_through_the_client(container: ContainerClient) -> None:
    container._config.max_single_put_size = container._config.min_large_block_upload_threshold = 1
    container._config.max_block_size = 100_000
    body = os.urandom(5_050_000)
    blob = container.upload_blob("big", body, max_concurrency=8)
    assert blob.download_blob(max_concurrency=4).readall() == body


def test_a_block_is_no_blob_until_it_is_listed(blob: BlobClient, container: ContainerClient) -> None:
    made = stage(blob, 2)
    assert not blob.exists() and list(container.list_blobs()) == []
    committed, uncommitted = blob.get_block_list("all")
    assert (committed, {block.id for block in uncommitted}) == ([], {block.id for block, _ in made})
    with pytest.raises(ResourceNotFoundError):
        container.get_blob_client("none").get_block_list()


def test_an_unknown_block_fails_the_list_and_loses_nothing(blob: BlobClient) -> None:
    made = stage(blob, 2)
    with pytest.raises(HttpResponseError) as error:
        blob.commit_block_list([made[0][0], BlobBlock("nowhere")])
    assert error.value.error_code == "InvalidBlockList" and not blob.exists()
    blob.commit_block_list([block for block, _ in made])
    assert blob.download_blob().readall() == made[0][1] + made[1][1]


def test_a_refused_commit_leaves_the_blocks(blob: BlobClient) -> None:
    blob.upload_blob(b"first")
    made = stage(blob, 3)
    swapped = [made[i][0] for i in (1, 0, 2)]
    with pytest.raises(ResourceExistsError):
        blob.commit_block_list(swapped, if_none_match="*", match_condition=None, headers={"If-None-Match": "*"})
    assert blob.download_blob().readall() == b"first"
    blob.commit_block_list(swapped)
    assert blob.download_blob().readall() == made[1][1] + made[0][1] + made[2][1]


def test_committed_and_new_blocks_mix(blob: BlobClient) -> None:
    old = stage(blob, 3)
    blob.commit_block_list([block for block, _ in old])
    new = stage(blob, 2)
    kept = BlobBlock(old[2][0].id, BlockState.COMMITTED)
    blob.commit_block_list([new[0][0], kept, BlobBlock(new[1][0].id, BlockState.UNCOMMITTED)])
    assert blob.download_blob().readall() == new[0][1] + old[2][1] + new[1][1]
    with pytest.raises(HttpResponseError):
        blob.commit_block_list([BlobBlock(old[0][0].id, BlockState.LATEST)])


def test_a_block_sent_again_is_the_last_one_sent(blob: BlobClient) -> None:
    blob.stage_block("one", b"a" * 10)
    blob.stage_block("two", b"b" * 10)
    blob.stage_block("one", b"c" * 12)
    blob.commit_block_list([BlobBlock("one"), BlobBlock("two")])
    assert blob.download_blob().readall() == b"c" * 12 + b"b" * 10


def test_a_block_that_is_not_what_its_md5_says_is_none(
    blob: BlobClient, account: Account, container: ContainerClient
) -> None:
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    for size in (10, 600_000):
        answer = account.ask("PUT", "con/b?comp=block&blockid=YQ==", data=b"x" * size, headers={"Content-MD5": wrong})
        assert answer.headers["x-ms-error-code"] == "Md5Mismatch"
    assert account.ask("GET", "con/b?comp=blocklist&blocklisttype=all").status_code == 404


@pytest.mark.parametrize("block_id", ["", "%20", "a", "not-base64", base64.b64encode(b"x" * 65).decode()])
def test_ids_that_azure_refuses_are_refused(account: Account, container: ContainerClient, block_id: str) -> None:
    assert account.ask("PUT", f"con/b?comp=block&blockid={block_id}", data=b"x").status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<BlockList>",
        b"<Other/>",
        b"<BlockList><Newest>YQ==</Newest></BlockList>",
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><BlockList><Latest>&a;</Latest></BlockList>',
        "<?xml version='1.0' encoding='utf-16'?><!DOCTYPE x []><BlockList/>".encode("utf-16"),
        b"\xff\xfe\x00",
    ],
)
def test_lists_that_are_none_are_refused(account: Account, container: ContainerClient, body: bytes) -> None:
    answer = account.ask("PUT", "con/b?comp=blocklist", data=body)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (400, "InvalidXmlDocument")


def test_an_empty_list_makes_an_empty_blob(blob: BlobClient) -> None:
    blob.commit_block_list([])
    assert blob.get_blob_properties().size == 0


def test_blocks_from_many_threads_each_have_a_place_of_their_own(tmp_path: Path) -> None:
    assemblies, ref = Assemblies(str(tmp_path)), BlobRef("a", "c", "b")
    with ThreadPoolExecutor(8) as pool:
        slots = list(pool.map(lambda size: assemblies.reserve(ref, size), [10, 10, 9, 10, 3, 11] * 50))
    assert len({(slot.path, slot.offset) for slot in slots}) == len(slots)


def test_an_assembly_in_order_is_not_copied(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.write_bytes(b"aabbcc")
    parts = [Part(str(base), offset, 2) for offset in (0, 2, 4)]
    draft = assemble(parts, str(base), Staging(tmp_path / "s"), lambda parts: [])
    assert Path(draft.path).stat().st_ino == base.stat().st_ino
    draft.discard()


def test_a_few_blocks_out_of_order_step_aside_first(tmp_path: Path) -> None:
    base, aside = tmp_path / "base", tmp_path / "aside"
    base.write_bytes(b"aaccbbddeeff")
    stepped = []

    def step_aside(parts: list[Part]) -> list[Part]:
        stepped.extend(parts)
        aside.write_bytes(b"".join(base.read_bytes()[part.offset : part.offset + 2] for part in parts))
        return [Part(str(aside), 2 * number, 2) for number in range(len(parts))]

    parts = [Part(str(base), offset, 2) for offset in (0, 4, 2, 6, 8, 10)]
    draft = assemble(parts, str(base), Staging(tmp_path / "s"), step_aside)  # type: ignore[arg-type]
    assert Path(draft.path).read_bytes() == b"aabbccddeeff" and [part.offset for part in stepped] == [4, 2]
    assert isinstance(draft, Draft) and Path(draft.path).stat().st_ino == base.stat().st_ino
    draft.discard()
