"""Data Lake Storage Gen2 through its official client, on the same bytes as blobs."""

import os

import pytest
import requests
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.filedatalake import FileSystemClient

from tests.blob.served import Account


@pytest.fixture
def lake(account: Account) -> FileSystemClient:
    return account.lake().create_file_system("lake")


def names(lake: FileSystemClient, **given: object) -> list[str]:
    return [one.name + ("/" if one.is_directory else "") for one in lake.get_paths(**given)]


@pytest.mark.parametrize("size", [1, 1000, 3_000_000])
def test_a_file_is_created_appended_to_flushed_and_read(lake: FileSystemClient, account: Account, size: int) -> None:
    body = os.urandom(size)
    file = lake.get_directory_client("a/b").create_file("f.bin")
    file.upload_data(body, overwrite=True, chunk_size=1 << 20, max_concurrency=3, metadata={"k": "v"})
    assert file.download_file().readall() == body
    assert (account.folder / "lake" / "a" / "b" / "f.bin").read_bytes() == body
    assert account.blobs().get_blob_client("lake", "a/b/f.bin").download_blob().readall() == body
    told = file.get_file_properties()
    assert (told.size, told.metadata) == (size, {"k": "v"})


def test_what_is_not_flushed_is_not_there(lake: FileSystemClient) -> None:
    file = lake.create_file("f")
    file.append_data(b"0123", 0)
    assert file.download_file().readall() == b""
    file.append_data(b"4567", 4)
    file.flush_data(4)
    assert file.download_file().readall() == b"0123"


def test_a_file_grows_by_appends_to_its_end(lake: FileSystemClient) -> None:
    file = lake.create_file("f")
    for start, piece in ((0, b"one "), (4, b"two "), (8, b"three")):
        file.append_data(piece, start)
        file.flush_data(start + len(piece))
    assert file.download_file().readall() == b"one two three"


def test_a_gap_is_refused(lake: FileSystemClient) -> None:
    file = lake.create_file("f")
    file.append_data(b"0123", 0)
    file.append_data(b"4567", 8)
    with pytest.raises(HttpResponseError) as error:
        file.flush_data(12)
    assert error.value.error_code == "InvalidFlushPosition"


def test_directories_are_there_when_they_are_empty(lake: FileSystemClient) -> None:
    directory = lake.create_directory("a/b", metadata={"k": "v"})
    assert directory.exists() and lake.get_directory_client("a").exists()
    assert directory.get_directory_properties().metadata == {"k": "v", "hdi_isfolder": "true"}
    assert names(lake) == ["a/", "a/b/"]
    assert not lake.get_directory_client("none").exists()


def test_the_marker_on_the_hash_directory_survives(lake: FileSystemClient) -> None:
    """How azure-ai-ml knows that it has uploaded this before. Source: _artifacts/_gen2_storage_helper.py."""
    directory = lake.get_directory_client("LocalUpload/1234")
    assert not directory.exists()
    directory.create_file("f").upload_data(b"x", overwrite=True)
    directory.set_metadata({"upload_status": "completed", "name": "n", "version": "1"})
    told = directory.get_directory_properties().metadata
    assert told == {"upload_status": "completed", "name": "n", "version": "1", "hdi_isfolder": "true"}


@pytest.mark.parametrize("size", [1, 2, 5000])
def test_paths_are_listed_deep_and_shallow(lake: FileSystemClient, size: int) -> None:
    for name in ("a/x", "a/b/y", "a-c", "z"):
        lake.create_file(name)
    assert sorted(names(lake, max_results=size)) == ["a-c", "a/", "a/b/", "a/b/y", "a/x", "z"]
    assert sorted(names(lake, recursive=False, max_results=size)) == ["a-c", "a/", "z"]
    assert sorted(names(lake, path="a", recursive=False, max_results=size)) == ["a/b/", "a/x"]
    with pytest.raises(ResourceNotFoundError):
        names(lake, path="none")


def test_a_file_is_renamed_with_all_that_is_said_of_it(lake: FileSystemClient) -> None:
    file = lake.create_file("a/f", metadata={"k": "v"})
    file.upload_data(b"x" * 100, overwrite=True, metadata={"k": "v"})
    moved = file.rename_file("lake/b/g h")
    assert not file.exists() and names(lake) == ["a/", "b/", "b/g h"]
    assert (moved.get_file_properties().metadata, moved.download_file().readall()) == ({"k": "v"}, b"x" * 100)


def test_a_directory_is_renamed_with_all_in_it(lake: FileSystemClient, account: Account) -> None:
    lake.create_file("a/b/f").upload_data(b"1", overwrite=True, metadata={"k": "v"})
    account.blobs().get_container_client("lake").upload_blob("a/b/f/below a file", b"2")
    lake.get_directory_client("a").rename_directory("lake/c")
    assert names(lake) == ["c/", "c/b/", "c/b/f", "c/b/f/below a file"]
    assert lake.get_file_client("c/b/f").get_file_properties().metadata == {"k": "v"}
    assert lake.get_file_client("c/b/f/below a file").download_file().readall() == b"2"
    with pytest.raises(HttpResponseError):
        lake.get_directory_client("c").rename_directory("lake/c/inside")


def test_renaming_what_is_not_there_changes_nothing(lake: FileSystemClient) -> None:
    lake.create_file("t").upload_data(b"x", overwrite=True)
    with pytest.raises(ResourceNotFoundError):
        lake.get_file_client("none").rename_file("lake/t")
    assert lake.get_file_client("t").download_file().readall() == b"x"


def test_a_directory_goes_with_all_in_it(lake: FileSystemClient, account: Account) -> None:
    for name in ("a/b/f", "a/g", "ab/h"):
        lake.create_file(name)
    lake.delete_directory("a")
    assert names(lake) == ["ab/", "ab/h"]
    lake_url = account.url.replace(account.name, f"{account.name}.dfs.core.windows.net")
    answer = requests.delete(f"{lake_url}/lake/ab?recursive=false&{account.sas('lake', None, 'd')}", timeout=20)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "DirectoryNotEmpty")
    with pytest.raises(ResourceNotFoundError):
        lake.get_file_client("none").delete_file()
    lake.get_file_client("ab/h").delete_file()
    assert names(lake) == ["ab/"]


def test_files_and_directories_do_not_replace_each_other(lake: FileSystemClient) -> None:
    lake.create_file("f")
    lake.create_directory("d")
    for refused in (
        lambda: lake.create_directory("f"),
        lambda: lake.create_file("d"),
        lambda: lake.create_file("f/below"),
    ):
        with pytest.raises((ResourceExistsError, HttpResponseError)) as error:
            refused()
        assert error.value.status_code == 409


def test_conditions_hold_here_too(lake: FileSystemClient) -> None:
    file = lake.create_file("f")
    tag = file.get_file_properties().etag
    file.upload_data(b"x", overwrite=True)
    with pytest.raises(ResourceExistsError) as exists:
        lake.create_file("f", match_condition=None, if_none_match="*", headers={"If-None-Match": "*"})
    assert exists.value.error_code == "PathAlreadyExists"
    with pytest.raises(ResourceModifiedError):
        file.flush_data(
            1, etag=tag, match_condition="IfNotModified" and __import__("azure.core").core.MatchConditions.IfNotModified
        )


def test_errors_are_json(lake: FileSystemClient) -> None:
    with pytest.raises(HttpResponseError) as error:
        lake.get_file_client("none").append_data(b"x", 0)
    assert (error.value.status_code, error.value.error_code) == (404, "PathNotFound")
    assert lake.create_directory("d").get_access_control()["owner"] == "$superuser"
    with pytest.raises(HttpResponseError) as error:
        lake.create_file("f").set_access_control(permissions="rwx------")
    assert (error.value.status_code, error.value.error_code) == (501, "NotImplemented")
