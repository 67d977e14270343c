"""azure-ai-ml's own storage clients, as `models.create_or_update` and `models.download` drive them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.ai.ml._artifacts._blob_storage_helper import BlobStorageClient
from azure.ai.ml._artifacts._gen2_storage_helper import Gen2StorageClient
from azure.ai.ml._utils._asset_utils import get_object_hash
from azure.storage.blob import ContainerClient

from tests.blob import served
from tests.blob.served import Account


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    home = tmp_path_factory.mktemp("home")
    with served.in_thread(home) as port:
        account = served.new_account(port, home)
        account.blobs().create_container("azureml-blobstore")
        yield account


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "saved_model"
    (folder / "unet").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "empty").touch()
    (folder / "unet" / "weights of it.bin").write_bytes(os.urandom(300_000))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_uploaded_once_and_downloaded_again(account: Account, model: Path, tmp_path: Path) -> None:
    digest = get_object_hash(model)
    client = BlobStorageClient(account.key, account.url, "azureml-blobstore")
    first = client.upload(str(model), "flux", "1", asset_hash=digest, show_progress=False)
    stored = account.folder / "azureml-blobstore" / "LocalUpload" / digest / "saved_model"
    assert contents(stored) == contents(model)
    before = {path: path.stat().st_mtime_ns for path in stored.rglob("*")}

    again = BlobStorageClient(account.key, account.url, "azureml-blobstore")
    second = again.upload(str(model), "another", "9", asset_hash=digest, show_progress=False)
    assert (second["name"], second["version"]) == ("flux", "1")  # the marker's, trap 25
    assert {path: path.stat().st_mtime_ns for path in stored.rglob("*")} == before

    prefix = str(first["remote path"])
    assert client.exists(prefix) and client.exists(prefix + "/") and not client.exists("LocalUpload/none")
    client.download(prefix, tmp_path / "down")
    assert contents(tmp_path / "down") == contents(model)
    assert sorted(client.list(prefix)) == [f"{prefix}/{name}" for name in sorted(contents(model))]


def test_a_code_snapshot_goes_to_the_root_of_its_own_container(account: Account, model: Path) -> None:
    account.blobs().create_container("code-1")
    url = f"{account.url}/code-1?{account.sas('code-1', None, 'racwdl')}"
    BlobStorageClient("", url).upload(str(model), "code", "1", show_progress=False)
    assert contents(account.folder / "code-1" / "saved_model") == contents(model)
    found = ContainerClient.from_container_url(url).list_blobs(include=["metadata"])
    assert sum((one.metadata or {}).get("upload_status") == "completed" for one in found) == 1


def test_a_data_lake_datastore_takes_the_same_folder(account: Account, model: Path, tmp_path: Path) -> None:
    url = account.url.replace(account.name, f"{account.name}.dfs.core.windows.net")
    digest = get_object_hash(model)
    client = Gen2StorageClient(account.key, "lake", url)
    done = client.upload(str(model), "flux", "1", asset_hash=digest, show_progress=False)
    stored = account.folder / "lake" / "LocalUpload" / digest / "saved_model"
    assert contents(stored) == contents(model)
    again = Gen2StorageClient(account.key, "lake", url)
    assert again.upload(str(model), "other", "2", asset_hash=digest, show_progress=False)["name"] == "flux"
    client.download(str(done["remote path"]), tmp_path / "down")
    assert contents(tmp_path / "down") == contents(model)
