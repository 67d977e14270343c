"""Where a job's outputs lie, as `jobs.download` asks."""

import pytest

from lazulite.errors import NotFound
from lazulite.ids import AssetId
from lazulite.store import assets
from tests.dataplane.conftest import HERE, NOON, Plane

STORED = "azureml://datastores/workspaceblobstore/paths/azureml/j1"
LONG = "azureml://subscriptions/sub/resourcegroups/rg/workspaces/ws/datastores/workspaceblobstore/paths/azureml/j1"


def test_outputs_are_found_by_the_two_calls_that_clients_make(plane: Plane) -> None:
    outputs = {
        "data": {"jobOutputType": "uri_folder", "uri": f"{STORED}/data/"},
        "net": {"jobOutputType": "mlflow_model", "uri": f"{STORED}/net/"},
        "default": {"jobOutputType": "uri_folder", "uri": "azureml://datastores/workspaceartifactstore/x"},
    }
    plane.job("j1", outputs=outputs)
    found = plane.ask("POST", "/history/v1.0{W}/rundata", {"runId": "j1"})["runMetadata"]["outputs"]
    # Models too are said to be folders: asked for as models, azure-ai-ml 1.35 fails on its own request.
    assert {name: one["type"] for name, one in found.items()} == {"data": "uri_folder", "net": "uri_folder"}
    data, net = found["data"]["assetId"], found["net"]["assetId"]
    answer = plane.ask("POST", "/data/v1.0{W}/dataversion/batchGetResolvedUris", {"values": [data]})
    assert answer["values"][data]["uri"] == f"{LONG}/data/"
    answer = plane.ask("POST", "/modelregistry/v1.0{W}/models/batchGetResolvedUris", {"values": [net]})
    assert answer["values"][net]["path"] == f"{LONG}/net/"


def test_registered_assets_are_resolved_and_unknown_ones_left_out(plane: Plane) -> None:
    with plane.parts.db.write() as connection:
        asset = AssetId(HERE, "data", "prompts")
        assets.register(connection, asset, {"dataUri": f"{STORED}/prompts"}, now=NOON, who="tester")
    wanted = [f"{HERE}/data/prompts/versions/1", f"{HERE}/data/prompts/versions/2"]
    answer = plane.ask("POST", "/data/v1.0{W}/dataversion/batchGetResolvedUris", {"values": wanted})
    assert answer["values"] == {wanted[0]: {"uri": f"{LONG}/prompts", "type": None}}


def test_a_run_that_is_no_job_has_no_outputs(plane: Plane) -> None:
    plane.ask("PATCH", "/history/v1.0{W}/experiments/trial/runs/r1", {})
    assert plane.ask("POST", "/history/v1.0{W}/rundata", {"runId": "r1"})["runMetadata"]["outputs"] == {}


def test_a_run_that_is_not_there_is_named(plane: Plane) -> None:
    with pytest.raises(NotFound, match='Run "none" was not found'):
        plane.ask("POST", "/history/v1.0{W}/rundata", {"runId": "none"})
