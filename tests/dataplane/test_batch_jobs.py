"""Invocations of batch endpoints in process: what they become, and that nothing which is sent breaks the handler."""

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as how
from hypothesis import strategies as st

from lazulite.artifacts.refs import blob_path
from lazulite.batch import deployments, invocation
from lazulite.engine import states
from lazulite.errors import Conflict, LazuliteError, NotFound
from lazulite.store import resources
from lazulite.store.resources import Place
from tests.dataplane.conftest import HERE, NOON, Plane

JOBS = "/mferp/managementfrontend{W}/batchEndpoints/ep-one/jobs"
STORE = "azureml://datastores/workspaceblobstore/paths"
FOLDER = {"d": {"jobInputType": "UriFolder", "uri": f"{STORE}/data"}}


@pytest.fixture
def batch(plane: Plane) -> Plane:
    """Adds an endpoint `ep-one` with a deployment `blue`, and a folder of data."""
    with pytest.raises(NotFound):  # which makes the workspace, with its datastores
        plane.ask("GET", JOBS)
    with plane.parts.db.read() as connection:
        found = resources.get(connection, Place(HERE.scope, "datastores", "workspaceblobstore"))
        assert found
        store = found.body["properties"]
    for name in ("data/a", "table/MLTable", "code/score.py", "model/w"):
        path = blob_path(plane.parts.settings.home, store["accountName"], store["containerName"], name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    with plane.parts.db.write() as connection:

        def put(kind: str, name: str, properties: dict[str, Any], version: str = "") -> None:
            place = Place(HERE.scope, kind, name, version)
            resources.put(connection, place, {"properties": properties}, now=NOON, who="tester")

        put("models", "m", {"modelUri": f"{STORE}/model"}, "1")
        put("codes", "c", {"codeUri": f"{STORE}/code"}, "1")
        put("environments", "e", {"image": "ubuntu"}, "1")
        put("data", "d", {"dataUri": f"{STORE}/data/a", "dataType": "uri_file"}, "1")
        put(deployments.ENDPOINTS, "ep-one", {"defaults": {"deploymentName": "blue"}})
        code = {"codeId": "azureml:c:1", "scoringScript": "score.py"}
        body = {"model": {"assetId": "azureml:m:1"}, "codeConfiguration": code, "environmentId": "azureml:e:1"}
        put(deployments.DEPLOYMENTS, "ep-one/blue", deployments.complete(body))
    return plane


def invoke(batch: Plane, properties: Any, **headers: str) -> Any:
    return batch.ask("POST", JOBS, {"properties": properties}, **headers)


def step(batch: Plane, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns a job's body and the spec of its step's component."""
    with batch.parts.db.read() as connection:
        job = states.find(connection, HERE.scope, name)
        assert job
        node = job.body["jobs"]["batchscoring"]
        version = node["componentId"].rpartition("/")[2]
        found = resources.get(connection, Place(HERE.scope, "components", "azureml_anonymous", version))
        assert found
        return job.body, {**found.body["properties"]["componentSpec"], **node}


def test_settings_of_the_invocation_win_one_by_one(batch: Plane) -> None:
    told = {"MiniBatchSize": "4", "retrySettings": {"timeout": "PT2M"}, "Compute": {"InstanceCount": 3}}
    _, node = step(batch, invoke(batch, {"InputData": FOLDER, **told})["name"])
    assert (node["mini_batch_size"], node["resources"]) == (4, {"instance_count": 3})
    assert node["retry_settings"] == {"max_retries": 3, "timeout": 120}
    assert node["task"]["append_row_to"] == "${{outputs.score}}" and node["output_file_name"] == "predictions.csv"
    _, node = step(batch, invoke(batch, {"inputData": FOLDER, "outputAction": "SummaryOnly"})["name"])
    assert "append_row_to" not in node["task"]


@pytest.mark.parametrize(
    ("properties", "uri", "kind"),
    [
        ({"inputData": {"d": {"uri": "azureml:d@latest"}}}, f"{HERE}/data/d/versions/1", "uri_file"),
        ({"inputData": {"d": {"uri": f"{STORE}//data/a"}}}, f"{STORE}/data/a", "uri_file"),
        ({"inputData": {"d": {"jobInputType": "MLTable", "uri": f"{STORE}/table"}}}, f"{STORE}/table", "mltable"),
        ({"inputData": {"d": {"uri": "https://example.org/x"}}}, "https://example.org/x", "uri_folder"),
        ({"dataset": {"dataInputType": "DataUrl", "Path": f"{STORE}/data"}}, f"{STORE}/data", "uri_folder"),
        ({"dataset": {"DatasetName": "d", "DatasetVersion": "1"}}, f"{HERE}/data/d/versions/1", "uri_file"),
        (
            {"inputData": {"d": {"uri": "azureml://locations/x/workspaces/y/data/d/versions/labels/latest"}}},
            f"{HERE}/data/d/versions/1",
            "uri_file",
        ),
    ],
)
def test_inputs_are_read_in_every_form_that_azure_documents(batch: Plane, properties: Any, uri: str, kind: str) -> None:
    body, _ = step(batch, invoke(batch, properties)["name"])
    (found,) = body["inputs"].values()
    assert (found["uri"], found["jobInputType"]) == (uri, kind)


@pytest.mark.parametrize(
    ("properties", "uri", "file"),
    [
        ({"outputData": {"x": {"jobOutputType": "UriFile", "uri": f"{STORE}/r/out.csv"}}}, f"{STORE}/r/", "out.csv"),
        ({"outputData": {"x": {"jobOutputType": "UriFile", "uri": f"{STORE}/r/s"}}}, f"{STORE}/r/s", "predictions.csv"),
        ({"outputData": {"x": {"uri": f"{STORE}/r/"}}, "outputFileName": "a.csv"}, f"{STORE}/r/", "a.csv"),
        (
            {"outputDataset": {"datastoreId": f"azureml:{HERE}/datastores/workspaceblobstore", "path": "/r/"}},
            "azureml://subscriptions/sub/resourcegroups/rg/workspaces/ws/datastores/workspaceblobstore/paths/r/",
            "predictions.csv",
        ),
    ],
)
def test_outputs_are_read_in_every_form_that_azure_documents(
    batch: Plane, properties: Any, uri: str, file: str
) -> None:
    body, node = step(batch, invoke(batch, {"inputData": FOLDER, **properties})["name"])
    assert (body["outputs"]["score"]["uri"], node["output_file_name"]) == (uri, file)


def test_a_name_that_is_taken_by_another_request_is_refused(batch: Plane) -> None:
    asked = {"inputData": FOLDER, "name": "mine"}
    first = invoke(batch, asked)
    assert first["name"] == "mine"
    with pytest.raises(Conflict, match="exists already"):
        invoke(batch, asked)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
FIELD = st.sampled_from(invocation.FIELDS)
NAMED = st.sampled_from(["d", "", "a.b", "x" * 300])
PORT = st.dictionaries(NAMED, st.fixed_dictionaries({"uri": ANY}) | ANY, max_size=2)


@how(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(properties=st.dictionaries(FIELD, ANY | PORT, max_size=4) | ANY, has_data=st.booleans())
@example(properties={"inputData": {"d": {"uri": "azureml://jobs/x/outputs/score"}}}, has_data=False)
@example(properties={"inputData": {"d": {"uri": "azureml://datastores/none/paths/x"}}}, has_data=False)
@example(properties={"inputData": {"d": {"uri": "azureml://registries/r/data/d/versions/1"}}}, has_data=False)
@example(properties={"inputData": {"d": {"uri": "a\x00b"}}}, has_data=False)
@example(properties={"tags": {"a": 1}}, has_data=True)
@example(properties={"description": {}}, has_data=True)
@example(properties={"compute": {"instanceCount": "x", "target": 3}}, has_data=True)
def test_nothing_that_is_sent_breaks_it(batch: Plane, properties: Any, has_data: bool) -> None:
    if has_data and isinstance(properties, dict):
        properties = {**properties, "inputData": FOLDER}
    try:
        assert invoke(batch, properties)["name"]
    except LazuliteError as error:
        assert error.status < 500 or error.status == 501, error.message
