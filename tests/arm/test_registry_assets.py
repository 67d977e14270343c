"""A registry's front end, without a client that would be kind to it: what it answers, refuses, shares and survives."""

from pathlib import Path
from typing import Any

import pytest

from lazulite.artifacts.refs import read_url
from tests.arm.conftest import WORKSPACE, Answer, Arm
from tests.arm.test_shapes_hostile import WRONG, changed, places

ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/registries/shared"
FRONT_END = f"/mferp/managementfrontend{ID}"
DISCOVERY = "/registrymanagement/v1.0/registries/shared/discovery"
COMPONENT = {
    "type": "command",
    "command": "python train.py",
    "code": "azureml:code:1",
    "environment": "azureml:env:1",
    "inputs": {"x": {"type": "integer"}},
}


@pytest.fixture
def made(arm: Arm) -> Arm:
    """A workspace with a component, its code and its environment, and a pipeline component of that."""
    folder = uploaded(arm, arm.ask("POST", "codes/code/versions/1/startPendingUpload", {}))
    (folder / "train.py").write_text("print(1)\n")
    assert put(arm, "codes/code/versions/1", codeUri=f"https://{folder.parts[-2]}.blob.core.windows.net/{folder.name}")
    assert put(arm, "environments/env/versions/1", image="python:3.11")
    assert put(arm, "components/train/versions/1", componentSpec=COMPONENT)
    steps = {"a": {"type": "command", "componentId": f"{WORKSPACE}/components/train/versions/1"}}
    assert put(arm, "components/twice/versions/1", componentSpec={"type": "pipeline", "jobs": steps})
    return arm


def put(arm: Arm, path: str, **properties: Any) -> Answer:
    answer = arm.ask("PUT", path, {"properties": properties})
    assert answer.status in (200, 201), answer.body
    return answer


def uploaded(arm: Arm, answer: Answer) -> Path:
    """Returns the folder that an upload's answer names."""
    blob = read_url(arm.parts.settings.home, answer.body["blobReferenceForConsumption"]["blobUri"])
    return arm.parts.settings.home / "storage" / blob.account / blob.container


def share(arm: Arm, source: str, **given: str) -> Answer:
    return arm.ask("POST", f"{FRONT_END}/import", {"properties": {"sourceAssetId": source, **given}})


def test_a_registry_is_found_by_its_name_wherever_it_is(arm: Arm) -> None:
    assert arm.ask("PUT", ID, {"location": "westus", "properties": {}}).status == 201
    assert arm.ask("GET", "models").status == 200  # and with it there is a workspace
    found = arm.ask("GET", DISCOVERY).body
    assert (found["subscriptionId"], found["resourceGroup"], found["primaryRegion"]) == ("s", "g", "westus")
    assert found["primaryRegionResourceProviderUri"].endswith("/")
    assert set(found["registryFqdns"]) == {"westus", arm.parts.settings.region}
    other = ID.replace("/g/", "/other/")
    assert arm.ask("GET", other).status == 404
    assert arm.ask("PUT", other, {"location": "westus", "properties": {}}).status == 409
    assert arm.ask("DELETE", other).status == 409
    assert arm.ask("DELETE", ID).status == 200


def test_a_strict_platform_knows_only_registries_that_were_made(tmp_path: Path) -> None:
    strict = Arm(tmp_path / "home", strict=True)
    assert strict.ask("GET", DISCOVERY).status == 404
    assert strict.ask("GET", f"{FRONT_END}/models").status == 404
    assert strict.ask("GET", DISCOVERY.replace("shared", "azureml")).status == 200
    assert strict.ask("PUT", ID, {"properties": {}}).status == 201
    assert strict.ask("GET", f"{FRONT_END}/models").body["value"] == []
    strict.parts.db.close()


def test_a_component_is_shared_with_all_that_it_is_made_of(made: Arm) -> None:
    assert share(made, f"{WORKSPACE}/components/twice/versions/1", destinationVersion="7").body is None
    shared = made.ask("GET", f"{FRONT_END}/components/twice/versions/7").body
    assert shared["id"] == "azureml://registries/shared/components/twice/versions/7"
    step = shared["properties"]["componentSpec"]["jobs"]["a"]["componentId"]
    assert step == "azureml://registries/shared/components/train/versions/1"
    spec = made.ask("GET", f"{FRONT_END}/components/train/versions/1").body["properties"]["componentSpec"]
    assert spec["code"] == "azureml:azureml://registries/shared/codes/code/versions/1"
    assert spec["environment"] == "azureml:azureml://registries/shared/environments/env/versions/1"
    uri = made.ask("GET", f"{FRONT_END}/codes/code/versions/1").body["properties"]["codeUri"]
    blob = read_url(made.parts.settings.home, uri)
    copied = made.parts.settings.home / "storage" / blob.account / blob.container / blob.name
    assert (copied / "train.py").read_text() == "print(1)\n"
    again = share(made, f"{WORKSPACE}/components/twice/versions/1", destinationVersion="7")
    assert (again.status, "has components twice:7 already" in again.message) == (409, True)


def test_a_component_of_a_registry_is_made_of_nothing_in_a_workspace(made: Arm) -> None:
    steps = {"a": {"type": "command", "componentId": f"{WORKSPACE}/components/train/versions/1"}}
    for spec in (
        {**COMPONENT, "environment": f"azureml:{WORKSPACE}/environments/env/versions/1"},
        {"type": "pipeline", "jobs": steps},
    ):
        answer = made.ask("PUT", f"{FRONT_END}/components/c/versions/1", {"properties": {"componentSpec": spec}})
        assert (answer.status, "which is in a workspace" in answer.message) == (400, True)


@pytest.mark.parametrize(
    ("source", "status"),
    [
        (f"{WORKSPACE}/models/none/versions/1", 404),
        (f"azureml:/{WORKSPACE}/components/train/versions/1", 200),
        (f"azureml:/{WORKSPACE}/components/train", 200),
        (f"{WORKSPACE}/computes/cpu", 400),
        ("azureml://locations/eastus/workspaces/0/models/m/versions/1", 404),
        ("azureml://registries/other/models/m/versions/1", 400),
        ("nothing", 400),
        ("", 400),
    ],
)
def test_what_is_shared_is_said_in_any_form_of_an_id(made: Arm, source: str, status: int) -> None:
    assert share(made, source).status == status


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        (
            "PUT",
            f"{FRONT_END}/models/m/versions/1",
            {"properties": {"modelUri": "https://a.example/m", "modelType": "custom_model", "flavors": {"a": {}}}},
        ),
        ("PUT", f"{FRONT_END}/environments/e/versions/1", {"properties": {"image": "python:3.11", "condaFile": ""}}),
        ("PUT", f"{FRONT_END}/data/d/versions/1", {"properties": {"dataUri": "https://a/d", "dataType": "uri_file"}}),
        ("PUT", f"{FRONT_END}/components/c/versions/1", {"properties": {"componentSpec": COMPONENT}}),
        ("PUT", f"{FRONT_END}/tempdatarefs/m/versions/1", {"assetId": "a", "temporaryDataReferenceType": "t"}),
        ("POST", f"{FRONT_END}/datarefs/m/versions/1", {"assetId": "a", "blobUri": "https://a.example/b"}),
        ("POST", f"{FRONT_END}/import", {"properties": {"sourceAssetId": "a", "destinationName": "b"}}),
    ],
    ids=lambda value: str(value).rpartition("shared/")[2][:24],
)
def test_a_field_of_a_wrong_type_is_refused_or_harmless(made: Arm, method: str, path: str, body: Any) -> None:
    for place in places(body):
        for value in WRONG:
            answer = made.ask(method, path, changed(body, place, value))
            assert answer.status < 500, (place, value, answer.body)
    for kind in ("models", "environments", "data", "components"):
        assert made.ask("GET", f"{FRONT_END}/{kind}").status == 200


@pytest.mark.parametrize("name", ["a" * 300, "%00", "..", "%2e%2e%2fx", "é", "-a"])
def test_a_name_that_azure_refuses_makes_nothing(arm: Arm, name: str) -> None:
    for path in (
        f"{FRONT_END}/models/{name}/versions/1",
        f"{FRONT_END}/models/m/versions/{name}",
        f"{FRONT_END}/tempdatarefs/{name}/versions/1",
        f"{FRONT_END.replace('shared', name)}/models/m/versions/1",
    ):
        answer = arm.ask("PUT", path, {"properties": {"modelUri": "https://a.example/m"}})
        assert answer.status in (400, 501), (path, answer)
    assert arm.ask("GET", DISCOVERY.replace("shared", name)).status in (400, 501)


def test_bytes_are_read_only_from_the_registry_that_they_are_in(arm: Arm) -> None:
    arm.ask("GET", "models")
    elsewhere = uploaded(arm, arm.ask("POST", "codes/code/versions/1/startPendingUpload", {}))
    uri = f"https://{elsewhere.parent.name}.blob.core.windows.net/{elsewhere.name}/x"
    answer = arm.ask("POST", f"{FRONT_END}/datarefs/m/versions/1", {"blobUri": uri})
    assert (answer.status, 'does not lie in registry "shared"' in answer.message) == (400, True)
