"""Whole blobs through the official client and, where that is too polite, through plain HTTP."""

import base64
import hashlib
import os
from datetime import datetime, timedelta, timezone

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import ContainerClient, ContentSettings, StandardBlobTier

from tests.blob.served import Account


def test_a_blob_comes_back_with_all_that_was_said_of_it(container: ContainerClient) -> None:
    settings = ContentSettings("text/plain", "identity", "en", "inline", "no-store")
    blob = container.upload_blob(
        "dir/a b.txt", b"hello", metadata={"one": "1", "two": "2 3"}, content_settings=settings
    )
    told = blob.get_blob_properties()
    assert (told.size, told.metadata, told.blob_type) == (5, {"one": "1", "two": "2 3"}, "BlockBlob")
    assert dict(told.content_settings) == {**dict(settings), "content_md5": bytearray(hashlib.md5(b"hello").digest())}
    assert blob.download_blob().readall() == b"hello"
    assert abs(told.last_modified - datetime.now(timezone.utc)) < timedelta(seconds=60)


def test_the_bytes_are_a_plain_file_of_that_name(container: ContainerClient, account: Account) -> None:
    container.upload_blob("models/my model/weights.bin", b"12345")
    assert (account.folder / "con" / "models" / "my model" / "weights.bin").read_bytes() == b"12345"


@pytest.mark.parametrize("size", [0, 1, 10_000, 300_000, 5 << 20])
def test_any_size_goes_up_and_comes_down(container: ContainerClient, size: int) -> None:
    body = os.urandom(size)
    container.upload_blob("b", body, validate_content=size > 0)
    assert container.download_blob("b").readall() == body


def test_an_overwrite_replaces_bytes_metadata_and_tag(container: ContainerClient) -> None:
    blob = container.upload_blob("b", b"one", metadata={"k": "v"})
    before = blob.get_blob_properties()
    blob.upload_blob(b"three", overwrite=True)
    after = blob.get_blob_properties()
    assert (after.size, after.metadata) == (5, {}) and after.etag != before.etag


def test_without_overwrite_what_is_there_stays(container: ContainerClient) -> None:
    blob = container.upload_blob("b", b"one")
    with pytest.raises(ResourceExistsError) as error:
        blob.upload_blob(b"two")
    assert error.value.error_code == "BlobAlreadyExists"
    with pytest.raises(ResourceExistsError):
        blob.upload_blob(os.urandom(400_000))
    assert blob.download_blob().readall() == b"one"


def test_the_upload_marker_survives(container: ContainerClient) -> None:
    """Trap 25: metadata lost means that every upload is repeated."""
    blob = container.upload_blob("b", b"x")
    marker = {"upload_status": "completed", "name": "churn", "version": "3"}
    blob.set_blob_metadata(marker)
    assert blob.get_blob_properties().metadata == marker
    assert [one.metadata for one in container.list_blobs(include=["metadata"])] == [marker]
    assert blob.download_blob().readall() == b"x"


def test_a_missing_blob_is_a_404_with_its_code_and_no_body(account: Account, container: ContainerClient) -> None:
    """Trap 26: the SDK misreads any other answer."""
    answer = account.ask("HEAD", "con/none")
    assert (answer.status_code, answer.headers["x-ms-error-code"], answer.content) == (404, "BlobNotFound", b"")
    assert not container.get_blob_client("none").exists()
    with pytest.raises(ResourceNotFoundError) as error:
        container.download_blob("none")
    assert error.value.error_code == "BlobNotFound"
    with pytest.raises(ResourceNotFoundError) as error:
        account.blobs().get_blob_client("nowhere", "b").upload_blob(b"x")
    assert error.value.error_code == "ContainerNotFound"


def test_every_answer_says_who_and_when(account: Account, container: ContainerClient) -> None:
    for path in ("con?restype=container", "con/none"):
        headers = {"x-ms-client-request-id": "mine", "x-ms-version": "2024-11-04"}
        answer = account.ask("GET", path, headers=headers)
        assert answer.headers["x-ms-request-id"] and answer.headers["date"]
        assert answer.headers["x-ms-version"] == "2024-11-04"
        assert answer.headers["x-ms-client-request-id"] == "mine"


@pytest.mark.parametrize(
    ("wanted", "status", "span", "body"),
    [
        ("bytes=0-3", 206, "bytes 0-3/10", b"0123"),
        ("bytes=4-", 206, "bytes 4-9/10", b"456789"),
        ("bytes=8-99999999999", 206, "bytes 8-9/10", b"89"),
        ("bytes=5-4", 200, None, b"0123456789"),
        ("lines=1-2", 200, None, b"0123456789"),
        ("bytes=10-11", 416, None, None),
    ],
)
def test_ranges(
    account: Account, container: ContainerClient, wanted: str, status: int, span: str | None, body: bytes | None
) -> None:
    container.upload_blob("b", b"0123456789")
    answer = account.ask("GET", "con/b", headers={"Range": "bytes=0-0", "x-ms-range": wanted})
    assert (answer.status_code, answer.headers.get("content-range")) == (status, span)
    if body is None:
        assert answer.headers["x-ms-error-code"] == "InvalidRange"
    else:
        assert answer.content == body


def test_an_empty_blob_has_no_range_and_the_client_copes(account: Account, container: ContainerClient) -> None:
    container.upload_blob("empty", b"")
    assert account.ask("GET", "con/empty", headers={"x-ms-range": "bytes=0-33554431"}).status_code == 416
    assert container.download_blob("empty").readall() == b""


def test_a_range_is_checked_by_its_own_md5(account: Account, container: ContainerClient) -> None:
    container.upload_blob("b", b"0123456789")
    asked = {"x-ms-range": "bytes=2-4", "x-ms-range-get-content-md5": "true"}
    answer = account.ask("GET", "con/b", headers=asked)
    assert answer.headers["content-md5"] == base64.b64encode(hashlib.md5(b"234").digest()).decode()
    assert answer.headers["x-ms-blob-content-md5"] == base64.b64encode(hashlib.md5(b"0123456789").digest()).decode()


@pytest.mark.parametrize("size", [5, 2 << 20])
def test_a_body_that_is_not_what_its_md5_says_changes_nothing(
    account: Account, container: ContainerClient, size: int
) -> None:
    container.upload_blob("b", b"before")
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    headers = {"Content-MD5": wrong, "x-ms-blob-type": "BlockBlob"}
    answer = account.ask("PUT", "con/b", data=b"x" * size, headers=headers)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (400, "Md5Mismatch")
    assert container.download_blob("b").readall() == b"before"
    assert list((account.home / "storage" / ".staging").iterdir()) == []


def test_the_md5_that_the_client_keeps_with_the_blob_is_told_again(container: ContainerClient) -> None:
    given = bytearray(hashlib.md5(b"the client's own").digest())
    blob = container.upload_blob("b", b"x", content_settings=ContentSettings(content_md5=given))
    assert blob.get_blob_properties().content_settings.content_md5 == given


def test_reads_obey_their_conditions(container: ContainerClient) -> None:
    blob = container.upload_blob("b", b"x")
    told = blob.get_blob_properties()
    later, sooner = told.last_modified + timedelta(hours=1), told.last_modified - timedelta(hours=1)
    fine = [
        {"etag": told.etag, "match_condition": MatchConditions.IfNotModified},
        {"if_modified_since": sooner},
        {"if_unmodified_since": told.last_modified},
    ]
    for condition in fine:
        assert blob.download_blob(**condition).readall() == b"x"
    for unchanged in ({"etag": told.etag, "match_condition": MatchConditions.IfModified}, {"if_modified_since": later}):
        with pytest.raises(ResourceModifiedError) as error:
            blob.get_blob_properties(**unchanged)
        assert (error.value.status_code, error.value.error_code) == (304, "ConditionNotMet")
    for refused in (
        {"etag": '"0x1"', "match_condition": MatchConditions.IfNotModified},
        {"if_unmodified_since": sooner},
    ):
        with pytest.raises(ResourceModifiedError) as error:
            blob.download_blob(**refused)
        assert error.value.error_code == "ConditionNotMet"


def test_writes_obey_their_conditions(container: ContainerClient) -> None:
    blob = container.upload_blob("b", b"x")
    tag = blob.get_blob_properties().etag
    blob.upload_blob(b"y", overwrite=True, etag=tag, match_condition=MatchConditions.IfNotModified)
    for work in (
        lambda **given: blob.upload_blob(b"z", overwrite=True, **given),
        lambda **given: blob.set_blob_metadata({"a": "b"}, **given),
        lambda **given: blob.delete_blob(**given),
    ):
        with pytest.raises(ResourceModifiedError):
            work(etag=tag, match_condition=MatchConditions.IfNotModified)
    missing = container.get_blob_client("none")
    with pytest.raises(ResourceModifiedError):
        missing.upload_blob(b"z", overwrite=True, etag=tag, match_condition=MatchConditions.IfNotModified)
    assert blob.download_blob().readall() == b"y" and not missing.exists()


def test_properties_are_replaced_as_a_whole(container: ContainerClient) -> None:
    blob = container.upload_blob("b", b"x", content_settings=ContentSettings("text/plain", content_language="en"))
    blob.set_http_headers(ContentSettings(content_type="text/html"))
    told = blob.get_blob_properties().content_settings
    assert (told.content_type, told.content_language) == ("text/html", None)


def test_a_tier_is_remembered_and_archive_refused(container: ContainerClient) -> None:
    blob = container.upload_blob("b", b"x", standard_blob_tier=StandardBlobTier.COOL)
    assert blob.get_blob_properties().blob_tier == "Cool"
    blob.set_standard_blob_tier("Cold")
    assert blob.get_blob_properties().blob_tier == "Cold"
    with pytest.raises(HttpResponseError, match="Archive"):
        blob.set_standard_blob_tier("Archive")


def test_a_deleted_blob_and_its_empty_folders_are_gone(container: ContainerClient, account: Account) -> None:
    container.upload_blob("a/b/c", b"x")
    container.upload_blob("a/d", b"x")
    container.delete_blob("a/b/c")
    assert [path.name for path in (account.folder / "con" / "a").iterdir()] == ["d"]
    with pytest.raises(ResourceNotFoundError):
        container.delete_blob("a/b/c")
    container.delete_blob("a/d", delete_snapshots="include")
    assert list((account.folder / "con").iterdir()) == []


def test_many_blobs_are_deleted_in_one_request(container: ContainerClient) -> None:
    names = [f"d/{number}" for number in range(20)]
    for name in names:
        container.upload_blob(name, b"x")
    answers = list(container.delete_blobs(*names, "none", raise_on_any_failure=False))
    assert [answer.status_code for answer in answers] == [202] * 20 + [404]
    assert list(container.list_blobs()) == []


def test_a_copy_within_the_account(container: ContainerClient, account: Account) -> None:
    source = container.upload_blob("a", b"x" * 100_000, metadata={"k": "v"})
    target = container.get_blob_client("sub/b")
    copied = target.start_copy_from_url(source.url)
    assert copied["copy_status"] == "success"
    told = target.get_blob_properties()
    assert (told.metadata, told.copy.status, told.copy.id) == ({"k": "v"}, "success", copied["copy_id"])
    assert target.download_blob().readall() == b"x" * 100_000
    put = container.get_blob_client("c")
    put.upload_blob_from_url(f"{source.url}?{account.sas('con', 'a', 'r')}")
    assert put.download_blob().readall() == b"x" * 100_000


def test_a_source_that_the_caller_may_not_read_is_not_copied(container: ContainerClient, port: int) -> None:
    container.upload_blob("a", b"x")
    target = container.get_blob_client("b")
    elsewhere = f"http://127.0.0.1:{port}/_blob/otheraccount/con/a"
    for source in (
        elsewhere,
        container.get_blob_client("none").url,
        container.get_blob_client("a").url + "?sig=x&sp=r",
    ):
        with pytest.raises(ResourceNotFoundError) as error:
            target.start_copy_from_url(source)
        assert error.value.error_code == "CannotVerifyCopySource"
    with pytest.raises(HttpResponseError, match="URL of a blob in this storage"):
        target.start_copy_from_url("https://example.com/a")
    assert not target.exists()


def test_appends_end_up_in_order(container: ContainerClient) -> None:
    blob = container.get_blob_client("log")
    blob.create_append_blob(metadata={"k": "v"})
    for line in (b"one\n", b"two\n"):
        blob.append_block(line)
    with pytest.raises(HttpResponseError) as error:
        blob.append_block(b"x", appendpos_condition=3)
    assert error.value.error_code == "AppendPositionConditionNotMet"
    told = blob.get_blob_properties()
    assert (told.blob_type, told.append_blob_committed_block_count, told.metadata) == ("AppendBlob", 2, {"k": "v"})
    assert blob.download_blob().readall() == b"one\ntwo\n"
    with pytest.raises(HttpResponseError) as error:
        container.upload_blob("block", b"x").append_block(b"y")
    assert error.value.error_code == "InvalidBlobType"


def test_what_is_not_here_is_refused_by_name(container: ContainerClient) -> None:
    blob = container.upload_blob("b", b"x")
    for refused in (
        blob.acquire_lease,
        blob.create_snapshot,
        blob.get_blob_tags,
        blob.undelete_blob,
        lambda: container.get_blob_client("p").create_page_blob(512),
    ):
        with pytest.raises(HttpResponseError) as error:
            refused()
        assert (error.value.status_code, error.value.error_code) == (501, "NotImplemented")
