"""Triton model repositories deployed without a script, by the official SDK, and asked by Triton's own client."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import onnx
import pytest
import requests
import tritonclient.http as triton
from azure.ai.ml import MLClient
from azure.ai.ml.entities import Environment, ManagedOnlineDeployment, ManagedOnlineEndpoint, Model
from azure.core.exceptions import HttpResponseError
from onnx import TensorProto, helper
from tritonclient.utils import InferenceServerException

pytestmark = pytest.mark.slow

CONFIG = """
# adds two vectors, and joins two texts
platform: "onnxruntime_onnx"
max_batch_size: 4
input [ { name: "a" data_type: TYPE_FP32 dims: [ 3 ] }, { name: "b", data_type: TYPE_FP32, dims: 3 } ]
output { name: "sum" data_type: TYPE_FP32 dims: [ 3 ] label_filename: "labels.txt" }
version_policy: { all: {} }
"""


def onnx_model(operator: str, kind: int, shape: list, names: tuple[str, ...], output: str) -> onnx.ModelProto:
    node = helper.make_node(operator, list(names), [output])
    inputs = [helper.make_tensor_value_info(name, kind, shape) for name in names]
    graph = helper.make_graph([node], operator, inputs, [helper.make_tensor_value_info(output, kind, shape)])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Makes a repository of a described model in two versions, one without config.pbtxt, and two that cannot be run."""
    folder = tmp_path_factory.mktemp("triton") / "models"
    for version, operator in (("1", "Add"), ("2", "Mul")):
        (folder / "vectors" / version).mkdir(parents=True)
        model = onnx_model(operator, TensorProto.FLOAT, ["n", 3], ("a", "b"), "sum")
        onnx.save(model, folder / "vectors" / version / "model.onnx")
    (folder / "vectors" / "config.pbtxt").write_text(CONFIG)
    (folder / "vectors" / "labels.txt").write_text("left\nmiddle\nright")
    (folder / "texts" / "1").mkdir(parents=True)
    onnx.save(onnx_model("Identity", TensorProto.STRING, [2], ("in",), "out"), folder / "texts" / "1" / "model.onnx")
    (folder / "damaged" / "1").mkdir(parents=True)
    (folder / "damaged" / "1" / "model.onnx").write_bytes(b"not a model")
    (folder / "torch" / "1").mkdir(parents=True)
    (folder / "torch" / "config.pbtxt").write_text('backend: "pytorch"')
    return folder


@pytest.fixture
def deployed(ml: MLClient, repository: Path) -> tuple[str, dict[str, str]]:
    """Deploys the repository with no environment, and no traffic; returns the scoring URI and the headers to send."""
    name = f"triton-{ml.workspace_name}"
    ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=name)).result()
    model = Model(name="vectors-and-texts", path=str(repository), type="triton_model")
    deploy(ml, name, model)
    headers = {"Authorization": f"Bearer {ml.online_endpoints.get_keys(name).primary_key}"}
    return ml.online_endpoints.get(name).scoring_uri, {**headers, "azureml-model-deployment": "blue"}


def deploy(ml: MLClient, endpoint: str, model: Model, **more: object) -> None:
    given = {"instance_type": "Standard_DS3_v2", "instance_count": 1, **more}
    wanted = ManagedOnlineDeployment(name="blue", endpoint_name=endpoint, model=model, **given)
    ml.online_deployments.begin_create_or_update(wanted).result()


def client_of(scoring_uri: str) -> triton.InferenceServerClient:
    parsed = urlsplit(scoring_uri)
    return triton.InferenceServerClient(parsed.netloc + parsed.path.removesuffix("/score"))


def test_tritons_client_finds_a_server(deployed: tuple[str, dict[str, str]]) -> None:
    uri, headers = deployed
    client = client_of(uri)
    assert client.is_server_live(headers=headers) and client.is_server_ready(headers=headers)
    assert client.is_model_ready("vectors", "1", headers=headers) and not client.is_model_ready("no", headers=headers)
    assert client.get_server_metadata(headers=headers)["name"] == "triton"
    index = {(one["name"], one["version"]): one for one in client.get_model_repository_index(headers=headers)}
    assert {key for key, one in index.items() if one["state"] == "READY"} == {
        ("vectors", "1"),
        ("vectors", "2"),
        ("texts", "1"),
    }
    assert "pytorch" in index["torch", ""]["reason"] and index["damaged", "1"]["reason"]
    metadata = client.get_model_metadata("vectors", headers=headers)
    assert metadata["inputs"][0] == {"name": "a", "datatype": "FP32", "shape": [-1, 3]}
    config = client.get_model_config("vectors", headers=headers)
    assert (config["max_batch_size"], config["input"][1]["dims"]) == (4, [3])
    assert client.get_model_config("texts", headers=headers)["input"][0]["data_type"] == "TYPE_STRING"


@pytest.mark.parametrize("is_binary", [True, False])
def test_it_infers(deployed: tuple[str, dict[str, str]], is_binary: bool) -> None:
    uri, headers = deployed
    client = client_of(uri)
    a, b = np.array([[1, 2, 3], [4, 5, 6]], np.float32), np.full((2, 3), 10, np.float32)
    asked = [triton.InferInput("a", [2, 3], "FP32"), triton.InferInput("b", [2, 3], "FP32")]
    for one, values in zip(asked, (a, b), strict=True):
        one.set_data_from_numpy(values, binary_data=is_binary)
    wanted = [triton.InferRequestedOutput("sum", binary_data=is_binary)]
    options = {"request_compression_algorithm": "gzip"} if is_binary else {}
    answer = client.infer("vectors", asked, "1", wanted, request_id="7", headers=dict(headers), **options)
    assert answer.as_numpy("sum").tolist() == (a + b).tolist() and answer.get_response()["id"] == "7"
    assert client.infer("vectors", asked, headers=headers).as_numpy("sum").tolist() == (a * b).tolist()
    best = [triton.InferRequestedOutput("sum", binary_data=is_binary, class_count=2)]
    rows = client.infer("vectors", asked, "1", best, headers=headers).as_numpy("sum").tolist()
    assert [as_text(row) for row in rows] == [
        ["13.000000:2:right", "12.000000:1:middle"],
        ["16.000000:2:right", "15.000000:1:middle"],
    ]
    texts = triton.InferInput("in", [2], "BYTES")
    texts.set_data_from_numpy(np.array(["grün", ""], dtype=object), binary_data=is_binary)
    assert as_text(client.infer("texts", [texts], headers=headers).as_numpy("out").tolist()) == ["grün", ""]


def as_text(values: list) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else value for value in values]


def test_what_cannot_be_inferred_is_refused_with_the_reason(deployed: tuple[str, dict[str, str]]) -> None:
    uri, headers = deployed
    base = uri.removesuffix("/score")

    def ask(body: object, model: str = "vectors", **more: str) -> tuple[int, str]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        url = f"{base}/v2/models/{model}/infer"
        answer = requests.post(url, data=data, headers={**headers, **more}, timeout=30)
        return int(answer.headers["ms-azureml-model-error-statuscode"]), answer.json()["error"]

    a = {"name": "a", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}
    b = {**a, "name": "b"}
    for body, reason in (
        (b"{", "failed to parse the request JSON buffer"),
        ([], "must be a JSON object"),
        ({"inputs": 1}, "inputs must be a list of objects"),
        ({"inputs": [a]}, "expected an inference input named 'b'"),
        ({"inputs": [a, {**b, "datatype": "INT4"}]}, "unknown datatype 'INT4'"),
        ({"inputs": [a, {**b, "datatype": "FP64"}]}, "datatype FP64, but the model takes FP32"),
        ({"inputs": [a, {**b, "shape": [1, 4]}]}, "3 elements, which do not make the shape [1, 4]"),
        ({"inputs": [a, {**b, "shape": [3]}]}, "Expected [-1, 3], got [3]"),
        ({"inputs": [a, {**b, "data": ["x", 1, 2]}]}, "is not of type FP32"),
        ({"inputs": [a, {**b, "shape": "x"}]}, "a list of whole numbers is needed"),
        ({"inputs": [a, {**b, "parameters": {"binary_data_size": 12}}]}, "is said to have 12 bytes, but 0 follow"),
        (
            {"inputs": [{**a, "shape": [5, 3], "data": [0] * 15}, {**b, "shape": [5, 3], "data": [0] * 15}]},
            "batch of 5",
        ),
        ({"inputs": [a, b], "outputs": [{"name": "no"}]}, "unexpected inference output 'no'"),
    ):
        status, error = ask(body)
        assert status == 400 and reason in error, (body, error)
    assert ask({}, **{"Inference-Header-Content-Length": "99"})[0] == 400
    assert ask({"inputs": [a]}, "no") == (404, "Request for unknown model: 'no' is not found. There is texts, vectors.")
    assert "pytorch" in ask({"inputs": [a]}, "torch")[1]
    with pytest.raises(InferenceServerException, match="off"):
        client_of(uri).load_model("vectors", headers=headers)


def test_a_folder_that_is_no_repository_fails_with_what_it_holds(ml: MLClient, tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"x")
    name = f"nothing-{ml.workspace_name}"
    ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=name)).result()
    with pytest.raises(HttpResponseError, match=r"no model repository[\s\S]*weights.bin"):
        image = Environment(image="nvcr.io/nvidia/tritonserver:23.12-py3")
        deploy(ml, name, Model(name="nothing", path=str(tmp_path), type="triton_model"), environment=image)
