"""MLflow models deployed without a script or an environment, by the official SDK."""

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from azure.ai.ml import MLClient
from azure.ai.ml.entities import (
    CodeConfiguration,
    DataAsset,
    DataCollector,
    DeploymentCollection,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    RequestLogging,
)
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential
from azure.storage.blob import ContainerClient

pytestmark = pytest.mark.slow

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
PACKAGES = ["mlflow-skinny==3.15.0", "numpy==2.2.6", "pandas==2.3.3"]
LOADER = """
class Twice:
    def predict(self, frame):
        return (frame["a"] * 2 + frame["b"]).to_frame("sum")

def _load_pyfunc(path):
    return Twice()
"""
COLUMNS = [{"type": "double", "name": name, "required": True} for name in ("a", "b")]


def save(folder: Path, **flavor: object) -> Path:
    """Writes what mlflow's save_model writes of a model with a loader of its own."""
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "twice.py").write_text(LOADER)
    function = {"loader_module": "twice", "code": "code", "env": {"conda": "conda.yaml"}, "python_version": MINOR}
    signature = {"inputs": json.dumps(COLUMNS), "outputs": json.dumps([{"type": "double", "name": "sum"}])}
    described = {"flavors": {"python_function": {**function, **flavor}}, "signature": signature}
    (folder / "MLmodel").write_text(yaml.safe_dump(described))
    (folder / "conda.yaml").write_text(yaml.safe_dump({"dependencies": [f"python={MINOR}", {"pip": PACKAGES}]}))
    return folder


def deploy(ml: MLClient, model: Model, **more: object) -> str:
    name = f"ep-{ml.workspace_name}"
    endpoint = ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=name)).result()
    given = {"instance_type": "Standard_DS3_v2", "instance_count": 1, **more}
    blue = ManagedOnlineDeployment(name="blue", endpoint_name=name, model=model, **given)
    ml.online_deployments.begin_create_or_update(blue).result()
    endpoint.traffic = {"blue": 100}
    ml.online_endpoints.begin_create_or_update(endpoint).result()
    return name


def test_an_mlflow_model_is_served_by_its_own_files(ml: MLClient, tmp_path: Path) -> None:
    name = deploy(ml, Model(name="twice", path=str(save(tmp_path / "twice")), type="mlflow_model"))
    endpoint = ml.online_endpoints.get(name)
    headers = {"Authorization": f"Bearer {ml.online_endpoints.get_keys(name).primary_key}"}

    def ask(body: object) -> requests.Response:
        return requests.post(endpoint.scoring_uri, json=body, headers=headers, timeout=60)

    split = {"columns": ["a", "b"], "index": [0, 1], "data": [[1, 2], [3, 4]]}
    for body in (
        {"input_data": split},
        {"input_data": split["data"]},
        {"dataframe_split": split},
        {"dataframe_records": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]},
        {"instances": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]},
    ):
        answer = ask(body)
        assert (answer.status_code, answer.json()) == (200, [{"sum": 4.0}, {"sum": 10.0}]), body
    for body, reason in (
        ({"input_data": {"columns": ["a"], "data": [[1]]}}, "Model is missing inputs ['b']"),
        ({"input_data": {"columns": ["a", "b"], "data": [["x", 1]]}}, "Failed to convert column a"),
        ({"rows": []}, '"input_data"'),
    ):
        answer = ask(body)
        assert (answer.status_code, answer.headers["ms-azureml-model-error-statuscode"]) == (424, "400"), body
        assert reason in answer.json()["message"]
    described = requests.get(f"{endpoint.openapi_uri}?version=3", headers=headers, timeout=60).json()
    schemas = described["components"]["schemas"]
    assert schemas["ServiceInput"]["example"]["input_data"]["columns"] == ["a", "b"]
    assert schemas["ServiceOutput"]["items"]["properties"] == {"sum": {"type": "number"}}


SCRIPT = """
import json
import pandas
from azureml.ai.monitoring import Collector
from azureml.ai.monitoring.context import BasicCorrelationContext

def init():
    global inputs, dropped
    inputs = Collector(name="model_inputs", on_error=print)
    dropped = Collector(name="rare", on_error=print)

def run(raw_data):
    frame = pandas.DataFrame(json.loads(raw_data))
    context = inputs.collect(frame, BasicCorrelationContext(id="the-id", headers={"color": "blue"}))
    dropped.collect(frame, context)
    return len(frame)
"""


def collected(ml: MLClient, folder: str, count: int) -> list[dict[str, Any]]:
    """Waits for so many events below a folder of the default datastore, and returns them."""
    account = ml.workspaces.get(ml.workspace_name).storage_account.rpartition("/")[2]
    container = ml.datastores.get("workspaceblobstore").container_name
    url = f"https://{account}.blob.core.windows.net"
    blobs = ContainerClient(url, container, DefaultAzureCredential())
    deadline = time.monotonic() + 20
    while True:
        names = [blob.name for blob in blobs.list_blobs(name_starts_with=folder) if blob.name.endswith(".jsonl")]
        found = [line for name in names for line in blobs.download_blob(name).readall().splitlines()]
        if len(found) >= count:
            assert all(re.fullmatch(rf"{folder}/\d{{4}}/\d\d/\d\d/\d\d/[\w-]+\.jsonl", name) for name in names), names
            return [json.loads(line) for line in found]
        assert time.monotonic() < deadline, f"{len(found)} events of {count} in {folder}"
        time.sleep(0.05)


def test_what_a_model_sees_and_says_is_collected(ml: MLClient, tmp_path: Path) -> None:
    every = {name: DeploymentCollection(enabled="true") for name in ("model_inputs", "model_outputs", "request")}
    collector = DataCollector(
        collections={**every, "response": DeploymentCollection(enabled="false")},
        request_logging=RequestLogging(capture_headers=["X-Who"]),
    )
    model = Model(name="twice", path=str(save(tmp_path / "twice")), type="mlflow_model")
    name = deploy(ml, model, data_collector=collector)
    assert ml.online_deployments.get("blue", name).data_collector.collections["request"].enabled == "true"
    endpoint = ml.online_endpoints.get(name)
    headers = {"Authorization": f"Bearer {ml.online_endpoints.get_keys(name).primary_key}", "X-Who": "me"}
    body = {"input_data": {"columns": ["a", "b"], "data": [[1, 2]]}}
    answer = requests.post(endpoint.scoring_uri, json=body, headers=headers, timeout=60)
    root = f"modelDataCollector/{name}/blue"
    (seen,) = collected(ml, f"{root}/model_inputs", 1)
    (said,) = collected(ml, f"{root}/model_outputs", 1)
    (asked,) = collected(ml, f"{root}/request", 1)
    assert (seen["data"], said["data"]) == ([{"a": 1.0, "b": 2.0}], [{"sum": 4.0}])
    assert seen["correlationid"] == said["correlationid"]
    assert (asked["data"], asked["headers"]) == (body, {"X-Who": "me"})
    assert asked["xrequestid"] == answer.headers["x-request-id"]
    assert asked["source"].endswith(f"/onlineEndpoints/{name}/deployments/blue")
    assert ml.data.get(f"{name}-blue-request", "1").path.endswith(f"{root}/request")

    # With the real package, into a place of the user's own, and sampled.
    data = DataAsset(name="seen", version="1", path="azureml://datastores/workspaceblobstore/paths/mine")
    conda = {"dependencies": [f"python={MINOR}", {"pip": [*PACKAGES, "azureml-ai-monitoring==1.0.0"]}]}
    code = tmp_path / "code"
    code.mkdir()
    (code / "score.py").write_text(SCRIPT)
    green = ManagedOnlineDeployment(
        name="green",
        endpoint_name=name,
        environment=Environment(image="mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04", conda_file=conda),
        code_configuration=CodeConfiguration(code=str(code), scoring_script="score.py"),
        instance_type="Standard_DS3_v2",
        instance_count=1,
        data_collector=DataCollector(collections={"model_inputs": DeploymentCollection(enabled="true", data=data)}),
    )
    ml.online_deployments.begin_create_or_update(green).result()
    headers["azureml-model-deployment"] = "green"
    answer = requests.post(endpoint.scoring_uri, json=[{"a": "x"}], headers=headers, timeout=60)
    assert answer.json() == 1
    (seen,) = collected(ml, "mine", 1)
    assert (seen["data"], seen["correlationid"], seen["color"]) == ([{"a": "x"}], "the-id", "blue")
    assert "collection rare is not enabled" in ml.online_deployments.get_logs("green", name, lines=100)


def test_a_model_that_mlflow_cannot_serve_is_refused_with_the_reason(ml: MLClient, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "weights").write_text("1")
    with pytest.raises(HttpResponseError, match="holds no file MLmodel"):
        deploy(ml, Model(name="plain", path=str(tmp_path / "plain"), type="mlflow_model"))
    outside = save(tmp_path / "outside", env={"conda": "../conda.yaml"})
    with pytest.raises(HttpResponseError, match="lies outside its folder"):
        deploy(ml, Model(name="outside", path=str(outside), type="mlflow_model"))
    custom = save(tmp_path / "custom")
    with pytest.raises(HttpResponseError, match="type=mlflow_model"):
        deploy(ml, Model(name="custom", path=str(custom), type="custom_model"))
