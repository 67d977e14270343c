"""Models, data and environments by the official SDK: versions, labels, archiving, conflicts, uploads, downloads."""

import hashlib
from pathlib import Path

import pytest
import requests
from azure.ai.ml import MLClient
from azure.ai.ml.constants import AssetTypes
from azure.ai.ml.entities import BuildContext, Data, Environment, Model, Workspace
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential

STORED = "azureml://datastores/workspaceblobstore/paths/"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "saved_model"
    (made / "unet").mkdir(parents=True)
    (made / "config.json").write_text('{"a": 1}')
    (made / "unet" / "weights.bin").write_bytes(bytes(range(256)) * 512)
    return made


def test_versions_count_up_and_latest_is_the_newest(ml: MLClient) -> None:
    versions = [
        ml.models.create_or_update(Model(name="counted", path=f"{STORED}{number}")).version for number in range(12)
    ]
    assert versions == [str(number) for number in range(1, 13)]
    assert ml.models.get("counted", label="latest").version == "12"
    assert [one.version for one in ml.models.list("counted")][:2] == ["12", "11"]
    assert [one.name for one in ml.models.list()] == ["counted"]


def test_a_model_folder_survives_the_way_up_and_down(ml: MLClient, folder: Path, tmp_path: Path) -> None:
    made = ml.models.create_or_update(Model(name="tree", path=str(folder), type=AssetTypes.CUSTOM_MODEL))
    ml.models.download("tree", made.version, download_path=str(tmp_path / "down"))
    down = tmp_path / "down" / "tree" / "saved_model"
    assert _digests(down) == _digests(folder)


def test_uploading_the_same_folder_again_makes_a_version_of_the_same_bytes(ml: MLClient, folder: Path) -> None:
    first = ml.models.create_or_update(Model(name="twice", path=str(folder)))
    second = ml.models.create_or_update(Model(name="twice", path=str(folder)))
    assert (first.version, second.version) == ("1", "2")
    assert first.path == second.path


def test_a_version_with_another_path_is_refused_and_named(ml: MLClient) -> None:
    ml.models.create_or_update(Model(name="fixed", version="1", path=f"{STORED}one"))
    with pytest.raises(ResourceExistsError, match=r"fixed:1 exists with other content: modelUri was .*one. and is"):
        ml.models.create_or_update(Model(name="fixed", version="1", path=f"{STORED}two"))
    assert ml.models.get("fixed", "1").path.endswith("/one")


def test_tags_and_description_of_a_version_can_change(ml: MLClient) -> None:
    model = ml.models.create_or_update(Model(name="told", path=f"{STORED}one", tags={"stage": "dev"}))
    model.tags["stage"], model.description = "prod", "the good one"
    ml.models.create_or_update(model)
    found = ml.models.get("told", "1")
    assert (found.tags, found.description) == ({"stage": "prod"}, "the good one")


def test_archived_versions_and_models_leave_the_lists_and_come_back(ml: MLClient) -> None:
    for _ in range(2):
        ml.models.create_or_update(Model(name="shelf", path=f"{STORED}one"))
    ml.models.archive("shelf", "2")
    assert [one.version for one in ml.models.list("shelf")] == ["1"]
    ml.models.restore("shelf", "2")
    assert [one.version for one in ml.models.list("shelf")] == ["2", "1"]
    ml.models.archive("shelf")
    assert list(ml.models.list()) == []
    ml.models.restore("shelf")
    assert [one.name for one in ml.models.list()] == ["shelf"]


def test_what_is_missing_is_named_with_what_is_there(ml: MLClient) -> None:
    ml.models.create_or_update(Model(name="known", path=f"{STORED}one"))
    with pytest.raises(ResourceNotFoundError, match=r'has no version "9".*It has 1'):
        ml.models.get("known", version="9")
    with pytest.raises(ResourceNotFoundError, match='"unknown" was not found'):
        ml.models.get("unknown", version="1")


def test_a_data_folder_gets_versions_a_label_and_its_bytes(ml: MLClient, folder: Path) -> None:
    first = ml.data.create_or_update(Data(name="prompts", path=str(folder), type=AssetTypes.URI_FOLDER))
    (folder / "more.json").write_text("{}")
    second = ml.data.create_or_update(Data(name="prompts", path=str(folder), type=AssetTypes.URI_FOLDER))
    assert (first.version, second.version) == ("1", "2")
    latest = ml.data.get("prompts", label="latest")
    assert latest.version == "2"
    assert latest.path == second.path != first.path


def test_a_data_asset_of_no_known_type_is_refused(ml: MLClient) -> None:
    body = {"properties": {"dataUri": f"{STORED}x", "dataType": "uri_stream"}}
    answer = _send(ml, "PUT", "data/odd/versions/1", body)
    assert answer.status_code == 400
    assert "must be one of uri_file, uri_folder, mltable" in answer.json()["error"]["message"]


def test_an_environment_is_the_same_version_until_it_changes(ml: MLClient, tmp_path: Path) -> None:
    conda = tmp_path / "conda.yml"
    conda.write_text("dependencies: [python=3.11, pip, {pip: [six==1.16.0]}]")
    image = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04"
    first = ml.environments.create_or_update(Environment(name="env", image=image, conda_file=str(conda)))
    again = ml.environments.create_or_update(Environment(name="env", image=image, conda_file=str(conda)))
    conda.write_text("dependencies: [python=3.11, pip, {pip: [six==1.17.0]}]")
    changed = ml.environments.create_or_update(Environment(name="env", image=image, conda_file=str(conda)))
    assert (first.version, again.version, changed.version) == ("1", "1", "2")
    assert ml.environments.get("env", label="latest").version == "2"
    assert ml.environments.get("env", version="1").conda_file["dependencies"][2]["pip"] == ["six==1.16.0"]


def test_a_build_context_is_uploaded_once(ml: MLClient, tmp_path: Path) -> None:
    context = tmp_path / "docker"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM python:3.11-slim\nRUN pip install six\n")
    made = ml.environments.create_or_update(Environment(name="built", build=BuildContext(path=str(context))))
    assert made.build.path.rstrip("/").endswith("docker")


def test_a_conda_file_that_cannot_be_read_is_refused_with_its_line(ml: MLClient) -> None:
    body = {"properties": {"image": "python:3.11", "condaFile": "dependencies:\n  - python=3.11\n - pip"}}
    answer = _send(ml, "PUT", "environments/broken/versions/1", body)
    assert answer.status_code == 400
    assert "line" in answer.json()["error"]["message"]
    assert _send(ml, "GET", "environments/broken", None).status_code == 404


def test_curated_environments_are_found_by_name_label_and_in_the_list(ml: MLClient) -> None:
    found = ml.environments.get("AzureML-sklearn-1.5", label="latest")
    assert found.image
    assert "sklearn-1.5" in {one.name for one in ml.environments.list()}


@pytest.mark.parametrize("name", ["..", "a%2Fb", "%00", "x" * 300, "-front"])
def test_names_that_azure_refuses_are_refused(ml: MLClient, name: str) -> None:
    answer = _send(ml, "PUT", f"models/{name}/versions/1", {"properties": {"modelUri": f"{STORED}x"}})
    assert answer.status_code in (400, 501), answer.text
    assert answer.json()["error"]["code"]


def test_a_hundred_models_are_listed_across_pages(ml: MLClient) -> None:
    for number in range(30):
        ml.models.create_or_update(Model(name=f"m{number}", version="1", path=f"{STORED}{number}"))
    assert len(list(ml.models.list())) == 30


def test_an_upload_without_a_token_is_refused(ml: MLClient) -> None:
    answer = _send(ml, "GET", "models", None, token="eyJhbGciOiJIUzI1NiJ9.e30.x")
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "InvalidAuthenticationToken"


def test_errors_have_the_one_shape_of_arm(ml: MLClient) -> None:
    with pytest.raises(HttpResponseError) as caught:
        ml.models.get("unknown", version="1")
    assert set(caught.value.response.json()["error"]) == {"code", "message", "target", "details"}


def _send(ml: MLClient, method: str, path: str, body: object, token: str = ""):
    token = token or DefaultAzureCredential().get_token("https://management.azure.com/.default").token
    url = (
        f"https://management.azure.com/subscriptions/{ml.subscription_id}/resourceGroups/{ml.resource_group_name}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{ml.workspace_name}/{path}"
    )
    headers = {"Authorization": f"Bearer {token}"}
    return requests.request(method, url, json=body, headers=headers, params={"api-version": "2024-10-01"}, timeout=30)


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_uploads_work_by_identity_where_the_workspace_has_no_keys(ml: MLClient, folder: Path, tmp_path: Path) -> None:
    ml.workspaces.begin_create(Workspace(name=ml.workspace_name, system_datastores_auth_mode="identity")).result()
    made = ml.models.create_or_update(Model(name="keyless", path=str(folder)))
    ml.models.download("keyless", made.version, download_path=str(tmp_path / "down"))
    assert _digests(tmp_path / "down" / "keyless" / "saved_model") == _digests(folder)
    refused = _send(ml, "POST", "datastores/workspaceblobstore/listSecrets", {})
    assert refused.status_code == 403
    assert "system_datastores_auth_mode" in refused.json()["error"]["message"]
