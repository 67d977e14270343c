"""Lists are in order, complete, without repeats, in pages of any size, and cost no memory."""

import os
import random
import tracemalloc
from pathlib import Path
from urllib.parse import quote

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobPrefix, ContainerClient

from lazulite.artifacts.refs import BlobRef
from lazulite.blob import listing
from lazulite.blob.storage import Storage
from tests.blob import served
from tests.blob.served import Account

NAMES = [
    "a", "a-b", "a.txt", "a/b", "a/c/d", "a/c/e", "a0", "b/1", "b/2/3", "b//x", "b/", "c/../d", "ü/ä", "z", "日/本",
]  # fmt: skip


@pytest.fixture(scope="module")
def filled(port: int, home: Path) -> ContainerClient:
    account = served.new_account(port, home)
    container = account.blobs().create_container("con")
    for name in random.Random(3).sample(NAMES, len(NAMES)):
        path = "con/" + quote(name).replace("..", "%2E%2E")
        assert account.ask("PUT", path, data=b"x", headers={"x-ms-blob-type": "BlockBlob"}).status_code == 201
    return container


def expected(prefix: str, delimiter: str) -> list[str]:
    """Says by the definition what a list is."""
    seen = []
    for name in sorted(NAMES):
        if name.startswith(prefix):
            end = name.find(delimiter, len(prefix)) if delimiter else -1
            seen.append(name if end < 0 else name[: end + len(delimiter)])
    return list(dict.fromkeys(seen))


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("delimiter", ["", "/", "-", "c/"])
@pytest.mark.parametrize("prefix", ["", "a", "a/", "a/c", "b/", "b/2/", "c", "none", "ü"])
def test_pages_are_what_the_definition_says(filled: ContainerClient, prefix: str, delimiter: str, size: int) -> None:
    if delimiter:
        pages = filled.walk_blobs(name_starts_with=prefix, delimiter=delimiter, results_per_page=size).by_page()
    else:
        pages = filled.list_blobs(name_starts_with=prefix, results_per_page=size).by_page()
    listed = [sorted(one.name for one in page) for page in pages]  # the client gives a page's prefixes first
    assert [name for page in listed for name in page] == expected(prefix, delimiter)
    assert all(len(page) <= size for page in listed)


def test_prefixes_are_told_from_blobs(filled: ContainerClient) -> None:
    kinds = {one.name: isinstance(one, BlobPrefix) for one in filled.walk_blobs()}
    assert kinds["a/"] is True and kinds["a"] is False and kinds["b/"] is True


def test_the_last_page_says_so(account: Account, container: ContainerClient) -> None:
    """Trap 26: a list without NextMarker is misread."""
    body = account.ask("GET", "con?restype=container&comp=list&prefix=&delimiter=/&maxresults=1").text
    assert "<NextMarker />" in body and "<Prefix />" in body and "<MaxResults>1</MaxResults>" in body


@pytest.mark.parametrize(
    "query", ["marker=%25", "marker=%FF", "marker=a", "maxresults=0", "maxresults=-1", "maxresults=x"]
)
def test_markers_and_sizes_that_cannot_be_right_are_refused(
    account: Account, container: ContainerClient, query: str
) -> None:
    answer = account.ask("GET", f"con?restype=container&comp=list&{query}")
    assert answer.status_code == 400


def test_a_list_of_a_container_that_is_not_there_is_a_404(account: Account) -> None:
    with pytest.raises(ResourceNotFoundError):
        list(account.blobs().get_container_client("none").list_blobs())


def test_a_name_that_xml_cannot_hold_is_listed_encoded(container: ContainerClient) -> None:
    container.upload_blob("a\uffff&b", b"x")
    assert [one.name for one in container.list_blobs()] == ["a\uffff&b"]


def test_files_with_names_that_no_blob_can_have_are_passed_over(container: ContainerClient, account: Account) -> None:
    (account.folder / "con" / "a\nb").write_bytes(b"x")
    Path(os.fsdecode(bytes(account.folder / "con") + b"/\xff")).touch()
    container.upload_blob("c", b"x")
    assert [one.name for one in container.list_blobs()] == ["c"]


def test_containers_are_listed_in_pages(account: Account) -> None:
    client = account.blobs()
    for name in ("one", "two", "three"):
        client.create_container(name, metadata={"n": name})
    (account.folder / "made-by-hand").mkdir()
    pages = client.list_containers(include_metadata=True, results_per_page=2).by_page()
    listed = [[(one.name, one.metadata or {}) for one in page] for page in pages]
    assert listed == [[("made-by-hand", {}), ("one", {"n": "one"})], [("three", {"n": "three"}), ("two", {"n": "two"})]]
    assert [one.name for one in client.list_containers(name_starts_with="t")] == ["three", "two"]


def test_a_page_of_many_files_keeps_few_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage, ref = Storage(tmp_path, b"key"), BlobRef("acct", "con", "")
    folder = Path(storage.folder(ref))
    folder.mkdir(parents=True)
    for number in range(8_000):
        (folder / f"{number:05d}-{'x' * 60}").touch()
    monkeypatch.setattr(listing, "_BATCH", 100)
    tracemalloc.start()
    page = listing.page(storage, ref, prefix="", delimiter="", marker="", limit=50)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(page.entries) == 50 and page.next_marker
    assert peak < 400 << 10  # the names alone are 900 kB
    storage.close()


def test_a_list_with_an_unknown_filter_is_refused(account: Account, container: ContainerClient) -> None:
    answer = account.ask("GET", "con?restype=container&comp=list&startFrom=b")
    assert answer.status_code == 501
    with pytest.raises(HttpResponseError):
        list(account.blobs().find_blobs_by_tags("a='b'"))


def test_a_name_may_be_as_deep_as_it_is_long(container: ContainerClient, account: Account) -> None:
    deepest = "/".join("a" * 512)
    container.upload_blob(deepest, b"x")
    (account.folder / "con" / deepest).rename(account.folder / "con" / deepest[:-1] / "b")
    (account.folder / "con" / deepest).mkdir()
    (account.folder / "con" / deepest / "c").touch()  # no blob can have this name
    assert [one.name for one in container.list_blobs()] == [deepest[:-1] + "b"]
