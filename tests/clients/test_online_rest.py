"""Online endpoints by plain REST, as Azure's own shell examples ask: operations to poll, text with line breaks."""

from pathlib import Path

import pytest
import requests
from azure.ai.ml import MLClient
from azure.ai.ml.entities import CodeConfiguration, Environment, ManagedOnlineDeployment
from azure.identity import DefaultAzureCredential

from tests.clients.test_online_scaling import until
from tests.conftest import GROUP, SUBSCRIPTION, Platform

SCORE = "def init(): pass\n\ndef run(data): return data\n"
OPERATION = "AzureAsyncOperationUri"


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "score.py").write_text(SCORE)
    return tmp_path


def test_what_is_put_says_where_to_poll(ml: MLClient, platform: Platform, code: Path) -> None:
    token = DefaultAzureCredential().get_token("https://management.azure.com/.default").token
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    workspace = (
        f"https://management.azure.com/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{ml.workspace_name}"
    )

    def ask(method: str, path: str, body: object = None, raw: str = "") -> dict:
        address = path if path.startswith("https:") else f"{workspace}/{path}?api-version=2022-05-01"
        answer = requests.request(method, address, headers=headers, json=body, data=raw or None, timeout=60)
        assert answer.ok, answer.text
        return answer.json()

    def poll(made: dict) -> None:
        where = made["properties"]["properties"][OPERATION]
        until(lambda: ask("GET", where)["status"] == "Succeeded")

    conda = "dependencies:\n- python=3.11\n"
    raw = f'{{"properties": {{"condaFile": "{conda}", "image": "mcr.microsoft.com/azureml/minimal-py312-inference",}}}}'
    kept = ask("PUT", "environments/by-rest/versions/1", raw=raw)
    assert kept["properties"]["condaFile"] == conda
    name = f"ep-{ml.workspace_name}"
    endpoint = {"location": "eastus", "identity": {"type": "systemAssigned"}, "properties": {"authMode": "Key"}}
    poll(ask("PUT", f"onlineEndpoints/{name}", endpoint))
    shown = ask("GET", f"onlineEndpoints/{name}")
    assert OPERATION not in shown["properties"]["properties"]
    blue = ManagedOnlineDeployment(
        name="blue",
        endpoint_name=name,
        instance_type="Standard_DS3_v2",
        instance_count=1,
        environment=Environment(name="plain", version="1", image="python:3.11-slim"),
        code_configuration=CodeConfiguration(code=str(code), scoring_script="score.py"),
    )
    ml.online_deployments.begin_create_or_update(blue).result()
    path = f"onlineEndpoints/{name}/deployments/blue"
    again = ask("PUT", path, {**ask("GET", path), "tags": {"by": "rest"}})
    poll(again)
    poll(ask("PUT", path, again))  # what an answer said of its operation is not kept
    assert OPERATION not in ask("GET", path)["properties"]["properties"]
