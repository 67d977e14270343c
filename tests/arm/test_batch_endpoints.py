"""Batch endpoints and deployments in process: what is completed, what is refused and in which words."""

from typing import Any

import pytest

from lazulite.artifacts.refs import blob_path
from tests.arm.conftest import Arm

ENDPOINT = {"location": "eastus", "properties": {"authMode": "aadToken"}, "tags": {"team": "vision"}}


@pytest.fixture
def parts(arm: Arm) -> dict[str, Any]:
    """Registers a model, a script, an environment and an endpoint; returns a deployment's body that names them."""
    store = arm.ask("GET", "datastores/workspaceblobstore").body["properties"]
    for name in ("model/weights.bin", "code/score.py", "flow/MLmodel", "flow/conda.yaml"):
        path = blob_path(arm.parts.settings.home, store["accountName"], store["containerName"], name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("flavors: {python_function: {env: conda.yaml}}" if name.endswith("MLmodel") else "")
    at = "azureml://datastores/workspaceblobstore/paths"
    made = {
        "models/m/versions/1": {"modelUri": f"{at}/model"},
        "models/flow/versions/1": {"modelUri": f"{at}/flow", "modelType": "mlflow_model"},
        "codes/c/versions/1": {"codeUri": f"{at}/code"},
        "environments/e/versions/1": {"image": "ubuntu"},
    }
    for path, properties in made.items():
        assert arm.ask("PUT", path, {"properties": properties}).status == 201
    assert arm.ask("PUT", "batchEndpoints/ep-one", ENDPOINT).status == 201
    return {
        "model": {"referenceType": "Id", "assetId": "azureml:m:1"},
        "codeConfiguration": {"codeId": "azureml:c:1", "scoringScript": "score.py"},
        "environmentId": "azureml:e:1",
    }


def put(arm: Arm, name: str, properties: dict[str, Any]) -> Any:
    """Asks for a deployment of the endpoint `ep-one`."""
    return arm.ask("PUT", f"batchEndpoints/ep-one/deployments/{name}", {"properties": properties})


def test_an_endpoint_has_defaults_an_address_to_post_to_and_an_operation_that_is_over(arm: Arm) -> None:
    made = arm.ask("PUT", "batchEndpoints/ep-one", ENDPOINT).body
    assert made["properties"]["defaults"] == {"deploymentName": None}
    assert made["properties"]["scoringUri"].endswith("/batchEndpoints/ep-one/jobs")
    assert made["properties"]["authMode"] == "AADToken" and made["tags"] == {"team": "vision"}
    operation = made["properties"]["properties"]["AzureAsyncOperationUri"]
    assert arm.ask("GET", operation.removeprefix("https://management.azure.com")).body["status"] == "Succeeded"
    # Programs send back what they got: the address is no property of the user's.
    again = arm.ask("PUT", "batchEndpoints/ep-one", made)
    assert again.status == 200
    assert arm.ask("GET", "batchEndpoints/ep-one").body["properties"]["properties"] == {}
    assert [one["name"] for one in arm.ask("GET", "batchEndpoints").body["value"]] == ["ep-one"]
    assert "no keys" in arm.ask("POST", "batchEndpoints/ep-one/listKeys").message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"authMode": "Key"}, "batch endpoints support AADToken only"),
        ({"authMode": "secret"}, "must be one of"),
        ({"defaults": "blue"}, "must be an object"),
        ({"properties": ["a"]}, "must be an object"),
    ],
)
def test_an_endpoint_that_cannot_be_is_refused_and_changes_nothing(arm: Arm, body: Any, words: str) -> None:
    refused = arm.ask("PUT", "batchEndpoints/ep-one", {"properties": body})
    assert refused.status == 400 and words in refused.message
    assert arm.ask("PUT", "batchEndpoints/1st", ENDPOINT).status == 400
    assert arm.ask("GET", "batchEndpoints").body["value"] == []


def test_a_deployment_comes_back_completed_as_azure_completes_it(arm: Arm, parts: dict[str, Any]) -> None:
    # Source of the numbers as text: Azure/azureml-examples cli/batch-score-rest.sh.
    told = {"miniBatchSize": "5", "maxConcurrencyPerInstance": "4", "errorThreshold": "10", "loggingLevel": "info"}
    made = put(arm, "blue", {**parts, **told, "retrySettings": {"timeout": "PT90S"}, "outputAction": "append_row"})
    assert made.status == 201
    properties = made.body["properties"]
    assert {name: properties[name] for name in told} == {
        "miniBatchSize": 5,
        "maxConcurrencyPerInstance": 4,
        "errorThreshold": 10,
        "loggingLevel": "Info",
    }
    assert properties["retrySettings"] == {"maxRetries": 3, "timeout": "PT90S"}
    assert (properties["outputAction"], properties["outputFileName"]) == ("AppendRow", "predictions.csv")
    assert properties["resources"] == {"instanceCount": 1} and properties["provisioningState"] == "Succeeded"
    assert made.body["id"].endswith("/batchEndpoints/ep-one/deployments/blue")
    patched = arm.ask(
        "PATCH", "batchEndpoints/ep-one/deployments/blue", {"tags": {"a": "b"}, "properties": {"description": "d"}}
    )
    assert patched.status == 200 and patched.body["tags"] == {"a": "b"}
    assert patched.body["properties"]["miniBatchSize"] == 5 and patched.body["properties"]["description"] == "d"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": {"assetId": "azureml:m:9"}}, 'models "m" has no version "9"'),
        ({"model": {"assetId": "azureml:nobody:1"}}, 'models "nobody" was not found'),
        ({"model": None}, "needs a model"),
        ({"model": {"referenceType": "DataPath", "assetId": "x"}}, "reference of type DataPath"),
        ({"environmentId": "azureml:e:7"}, 'environments "e" has no version "7"'),
        ({"environmentId": None}, "needs an environment"),
        ({"codeConfiguration": None}, "needs a scoring script"),
        ({"codeConfiguration": {"codeId": "azureml:c:1", "scoringScript": "other.py"}}, "which holds score.py"),
        ({"codeConfiguration": {"codeId": "azureml:c:1", "scoringScript": "../weights.bin"}}, "is not in the uploaded"),
        ({"codeConfiguration": {"codeId": "azureml:c:3", "scoringScript": "score.py"}}, 'codes "c" has no version'),
        ({"compute": "azureml:nowhere"}, 'Compute "nowhere" was not found'),
        ({"miniBatchSize": 0}, "from 1 to"),
        ({"miniBatchSize": "ten"}, "must be a whole number"),
        ({"maxConcurrencyPerInstance": -1}, "from 1 to"),
        ({"errorThreshold": -2}, "from -1 to"),
        ({"resources": {"instanceCount": 0}}, "from 1 to"),
        ({"retrySettings": {"timeout": "PT0S"}}, "must be over 0"),
        ({"retrySettings": {"timeout": "30"}}, "must be a duration"),
        ({"retrySettings": {"maxRetries": -1}}, "from 0 to"),
        ({"outputAction": "AppendColumn"}, "AppendRow, SummaryOnly"),
        ({"outputFileName": "../predictions.csv"}, "must be the name of a file"),
        ({"loggingLevel": "loud"}, "Info, Warning, Debug"),
        ({"environmentVariables": {"A": 1}}, "must be text"),
    ],
)
def test_a_deployment_that_cannot_be_is_refused_and_changes_nothing(
    arm: Arm, parts: dict[str, Any], change: Any, words: str
) -> None:
    refused = put(arm, "blue", {**parts, **change})
    assert refused.status in (400, 501) and words in refused.message, refused.message
    assert arm.ask("GET", "batchEndpoints/ep-one/deployments").body["value"] == []


def test_an_mlflow_model_needs_neither_script_nor_environment(arm: Arm, parts: dict[str, Any]) -> None:
    assert put(arm, "flow", {"model": {"assetId": "azureml:flow:1"}}).status == 201


def test_a_default_is_a_deployment_that_is_there_and_goes_with_it(arm: Arm, parts: dict[str, Any]) -> None:
    assert put(arm, "blue", parts).status == 201 and put(arm, "green", parts).status == 201
    wrong = arm.ask("PATCH", "batchEndpoints/ep-one", {"properties": {"defaults": {"deploymentName": "bleu"}}})
    assert wrong.status == 404 and "It has blue, green." in wrong.message
    right = arm.ask("PATCH", "batchEndpoints/ep-one", {"properties": {"defaults": {"deploymentName": "blue"}}})
    assert right.body["properties"]["defaults"] == {"deploymentName": "blue"}
    assert arm.ask("DELETE", "batchEndpoints/ep-one/deployments/blue").status == 200
    assert arm.ask("DELETE", "batchEndpoints/ep-one/deployments/blue").status == 204
    assert arm.ask("GET", "batchEndpoints/ep-one").body["properties"]["defaults"] == {"deploymentName": None}
    assert arm.ask("DELETE", "batchEndpoints/ep-one").status == 200
    gone = arm.ask("GET", "batchEndpoints/ep-one/deployments/green")
    assert gone.status == 404 and gone.body["error"]["code"] == "ParentResourceNotFound"


def test_what_is_not_there_is_named_with_what_is(arm: Arm, parts: dict[str, Any]) -> None:
    assert "There are ep-one." in put_elsewhere(arm, parts).message
    assert "It has none yet." in arm.ask("GET", "batchEndpoints/ep-one/deployments/blue").message


def put_elsewhere(arm: Arm, parts: dict[str, Any]) -> Any:
    return arm.ask("PUT", "batchEndpoints/ep-two/deployments/blue", {"properties": parts})


def test_an_endpoints_name_is_taken_in_all_of_the_region(arm: Arm, parts: dict[str, Any]) -> None:
    other = "/subscriptions/10000000-0000-0000-0000-000000000001/resourceGroups/group/providers"
    refused = arm.ask("PUT", f"{other}/Microsoft.MachineLearningServices/workspaces/b/batchEndpoints/EP-one", ENDPOINT)
    assert refused.status == 409 and "exists in another workspace" in refused.message


def test_a_body_may_have_the_commas_that_azures_examples_have(arm: Arm, parts: dict[str, Any]) -> None:
    raw = b'{"properties": {"authMode": "aadToken", "description": "a ,} b", "tags": {"list": "x",},}, }'
    made = arm.ask("PUT", "batchEndpoints/ep-one", raw)
    assert made.status == 200 and made.body["properties"]["description"] == "a ,} b"
    for wrong in (b'{"properties": {,}}', b'{"properties": [1,,]}', b"{,", b'{"a": 1,'):
        refused = arm.ask("PUT", "batchEndpoints/ep-one", wrong)
        assert refused.status == 400 and "not JSON" in refused.message
