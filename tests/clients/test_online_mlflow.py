"""MLflow models deployed without a script or an environment, by the official SDK."""

import json
import sys
from pathlib import Path

import pytest
import requests
import yaml
from azure.ai.ml import MLClient
from azure.ai.ml.entities import ManagedOnlineDeployment, ManagedOnlineEndpoint, Model
from azure.core.exceptions import HttpResponseError

pytestmark = pytest.mark.slow

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
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "twice.py").write_text(LOADER)
    function = {"loader_module": "twice", "code": "code", "env": {"conda": "conda.yaml"}, "python_version": minor}
    signature = {"inputs": json.dumps(COLUMNS), "outputs": json.dumps([{"type": "double", "name": "sum"}])}
    described = {"flavors": {"python_function": {**function, **flavor}}, "signature": signature}
    (folder / "MLmodel").write_text(yaml.safe_dump(described))
    (folder / "conda.yaml").write_text(yaml.safe_dump({"dependencies": [f"python={minor}", {"pip": PACKAGES}]}))
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
