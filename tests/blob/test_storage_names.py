"""No name escapes its container and none is lost, whatever a file system can hold."""

import random
from pathlib import Path
from urllib.parse import quote

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import ContainerClient

from lazulite.artifacts import refs
from tests.blob.served import Account

ODD = [
    "..",
    "../../../escape",
    "a/../../b",
    ".",
    "a/./b",
    "/lead",
    "a//b",
    "trail/",
    "a//",
    "x" * 256,
    "ä" * 200 + "/b",
]
PLAIN = ["a\\b", "..\\up", "%2e%2e/x", "a b", "日本/語", "con%00", "~", "a+b&c=d", "a\uffff", "'\"<>&"]


@pytest.mark.parametrize("name", [*ODD, *PLAIN])
def test_a_name_of_any_kind_is_kept_listed_and_deleted(container: ContainerClient, account: Account, name: str) -> None:
    before = {path for path in account.home.rglob("*") if path.is_file()}
    # Python's HTTP clients resolve dots in a path before they send it; this way they do not.
    path = "con/" + quote(name).replace(".", "%2E")
    headers = {"x-ms-blob-type": "BlockBlob", "x-ms-meta-k": "v"}
    assert account.ask("PUT", path, data=name.encode(), headers=headers).status_code == 201
    made = {path for path in account.home.rglob("*") if path.is_file()} - before
    assert made == {refs.blob_path(account.home, account.name, "con", name)}
    assert account.ask("GET", path).content == name.encode()
    assert [(one.name, one.metadata) for one in container.list_blobs(include=["metadata"])] == [(name, {"k": "v"})]
    assert account.ask("DELETE", path).status_code == 202
    assert not any(path.exists() for path in made) and list(container.list_blobs()) == []


@pytest.mark.parametrize(
    "path", ["con/..%2f..%2fother/x", "con/%2e%2e/%2e%2e/x", "con/a/../../../x", "con/..", "con//x"]
)
def test_paths_that_climb_stay_inside(account: Account, container: ContainerClient, path: str) -> None:
    before = set(account.home.rglob("*"))
    answer = account.ask("PUT", path, data=b"x", headers={"x-ms-blob-type": "BlockBlob"})
    inside = [account.folder / "con", account.home / "storage" / ".odd" / account.name / "con"]
    made = {path for path in set(account.home.rglob("*")) - before if path.is_file()}
    assert all(any(path.is_relative_to(folder) for folder in inside) for path in made), made
    assert (answer.status_code == 201) == bool(made)


@pytest.mark.parametrize("path", ["con/a%00b", "con/a%0ab", "con/%ff", "con/" + "x" * 1025, "CON/a", "c/a", "con--n/a"])
def test_names_that_azure_refuses_are_refused(account: Account, container: ContainerClient, path: str) -> None:
    answer = account.ask("PUT", path, data=b"x", headers={"x-ms-blob-type": "BlockBlob"})
    assert answer.status_code == 400
    assert answer.headers["x-ms-error-code"] in ("InvalidResourceName", "InvalidUri")


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a"), ("a", "a/b/c", "a/b"), ("a/b/c", "a/b", "a")])
def test_a_blob_and_blobs_below_its_name_live_side_by_side(
    container: ContainerClient, account: Account, names: tuple[str, ...]
) -> None:
    for name in names:
        container.upload_blob(name, name.encode())
    for name in names:
        container.upload_blob(name, name.encode() * 2, overwrite=True)
    assert [one.name for one in container.list_blobs()] == sorted(names)
    for name in names:
        assert container.download_blob(name).readall() == name.encode() * 2
        path = refs.blob_path(account.home, account.name, "con", name)
        assert path.read_bytes() == name.encode() * 2
    for name in names:
        container.delete_blob(name)
        assert not container.get_blob_client(name).exists()
    assert list(container.list_blobs()) == []


def test_any_order_of_puts_and_deletes_keeps_every_blob(container: ContainerClient) -> None:
    names = ["a", "a/b", "a/b/c", "a/d", "a/", "a//b", "e", "e/f"]
    chance, kept = random.Random(7), dict[str, bytes]()
    for step in range(120):
        name = chance.choice(names)
        if name in kept and chance.random() < 0.5:
            container.delete_blob(name)
            del kept[name]
        else:
            kept[name] = str(step).encode()
            container.upload_blob(name, kept[name], overwrite=True)
    assert {one.name: container.download_blob(one.name).readall() for one in container.list_blobs()} == kept


def test_what_other_programs_put_there_is_a_blob_too(container: ContainerClient, account: Account) -> None:
    folder = account.folder / "con" / "outputs"
    folder.mkdir(parents=True)
    (folder / "model.pkl").write_bytes(b"12345")
    told = container.get_blob_client("outputs/model.pkl").get_blob_properties()
    assert (told.size, told.content_settings.content_type) == (5, "application/octet-stream")
    assert [one.name for one in container.list_blobs()] == ["outputs/model.pkl"]
    container.get_blob_client("outputs/model.pkl").set_blob_metadata({"k": "v"})
    assert container.get_blob_client("outputs/model.pkl").get_blob_properties().metadata == {"k": "v"}


def test_a_row_whose_file_was_changed_by_another_program_is_not_believed(
    container: ContainerClient, account: Account
) -> None:
    blob = container.upload_blob("b", b"before", metadata={"k": "v"})
    before = blob.get_blob_properties()
    (account.folder / "con" / "b").write_bytes(b"after that")
    after = blob.get_blob_properties()
    assert (after.size, after.metadata, after.content_settings.content_md5) == (10, {}, None)
    assert after.etag != before.etag and blob.download_blob().readall() == b"after that"
    (account.folder / "con" / "b").unlink()
    assert not blob.exists() and list(container.list_blobs()) == []


def test_links_out_of_the_container_are_not_walked(
    container: ContainerClient, account: Account, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    (account.folder / "con" / "out").symlink_to(tmp_path)
    assert list(container.list_blobs()) == []


def test_nothing_is_read_or_written_behind_links_out_of_the_container(
    container: ContainerClient, account: Account, tmp_path: Path
) -> None:
    secret, folder = tmp_path / "secret", account.folder / "con"
    secret.write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    container.upload_blob("own/x", b"mine")
    (folder / "near").symlink_to("own")
    (folder / "own" / "y").symlink_to("x")
    (folder / "out").symlink_to(tmp_path)
    (folder / "file").symlink_to(secret)
    for name in ("near/x", "near/y"):  # as caches of models have them
        assert container.download_blob(name).readall() == b"mine"
    for name in ("file", "out/secret"):
        blob = container.get_blob_client(name)
        assert not blob.exists()
        for refused in (blob.download_blob, blob.delete_blob, blob.get_blob_properties):
            with pytest.raises(ResourceNotFoundError):
                refused()
        with pytest.raises(HttpResponseError):
            container.get_blob_client("copy").start_copy_from_url(blob.url)
    assert [one.name for one in container.list_blobs()] == ["own/x", "own/y"]
    assert list(container.list_blobs("out/")) == list(container.walk_blobs("out/")) == []
    for name in ("file", "out/secret", "out/empty/new"):
        container.upload_blob(name, b"written")
        assert container.download_blob(name).readall() == b"written"
        container.delete_blob(name)
    assert secret.read_bytes() == b"x" and list((tmp_path / "empty").iterdir()) == []


def test_folder_markers_are_folders(container: ContainerClient, account: Account) -> None:
    container.upload_blob("d", b"", metadata={"hdi_isfolder": "true"})
    container.upload_blob("d/x", b"1")
    assert (account.folder / "con" / "d" / "x").is_file()
    listed = {one.name: one.metadata or {} for one in container.list_blobs(include=["metadata"])}
    assert listed == {"d": {"hdi_isfolder": "true"}, "d/x": {}}
    assert container.get_blob_client("d").get_blob_properties().metadata == {"hdi_isfolder": "true"}
    container.delete_blob("d/x")
    assert container.get_blob_client("d").exists()
    container.delete_blob("d")
    assert list((account.folder / "con").iterdir()) == []


def test_a_marker_where_a_file_stands_is_an_empty_blob(container: ContainerClient) -> None:
    container.upload_blob("d", b"1")
    container.upload_blob("d", b"", metadata={"hdi_isfolder": "true"}, overwrite=True)
    told = container.get_blob_client("d").get_blob_properties()
    assert (told.size, told.metadata) == (0, {"hdi_isfolder": "true"})
