"""Addresses of artifacts: as plain MLflow and the azureml-mlflow plugin read them, and read back from any form."""

import dataclasses

import pytest

from lazulite.dataplane.mlflow import addresses
from lazulite.dataplane.mlflow.addresses import Stored
from lazulite.errors import BadRequest, NotFound
from lazulite.http.call import Call, Caller
from lazulite.tracking import experiments, logged_models, runs
from lazulite.tracking.logged_models import NewModel
from lazulite.tracking.runs import NewRun
from tests.dataplane.conftest import HERE, NOON

PLAIN = "mlflow-python-client/3.17.2"
PLUGIN = f"{PLAIN} azureml-mlflow/1.62.0"
OLD_PLUGIN = "mlflow-python-client/1.30.1 azureml-mlflow/1.62.0"
HOST = "https://eastus.api.azureml.ms"
MODEL = "m-" + "0" * 32


def call(agent, base_url=HOST, api="v2.0"):
    return Call("GET", "/", {"api": api}, {}, {"user-agent": agent}, b"", Caller(), NOON, base_url)


@pytest.mark.parametrize(
    "asking",
    [
        call(PLAIN),
        call(PLAIN, "http://127.0.0.1:8765"),
        call(PLUGIN, "http://127.0.0.1:8765"),
        call(PLUGIN, api="v1.0"),
        call(""),
    ],
)
def test_plain_mlflow_is_led_through_the_platform(asking):
    stored = Stored(addresses.ARTIFACT_STORE, "ExperimentRun/dcid.r/my model")
    told = addresses.artifact_uri(asking, HERE, "e", stored)
    assert told == "mlflow-artifacts:/workspaceartifactstore/ExperimentRun/dcid.r/my%20model"


@pytest.mark.parametrize(
    ("asking", "api"),
    [(call(PLUGIN), "v2.0"), (call("mlflow-python-client/1.30.1 azureml-mlflow/1.62", api="v1.0"), "v1.0")],
)
def test_the_plugin_is_led_to_the_run(asking, api):
    root = f"eastus.api.azureml.ms/mlflow/{api}{HERE}"
    run, below = "ExperimentRun/dcid.r", "ExperimentRun/dcid.r/a/b"
    told = [addresses.artifact_uri(asking, HERE, "e", Stored(addresses.ARTIFACT_STORE, path)) for path in (run, below)]
    assert told == [f"azureml://{root}/experiments/e/runs/r/artifacts{tail}" for tail in ("", "/a/b")]
    elsewhere = addresses.artifact_uri(asking, HERE, "e", Stored("workspaceblobstore", "LocalUpload/1/net"))
    assert elsewhere == f"https://{root}/api/2.0/mlflow-artifacts/artifacts/workspaceblobstore/LocalUpload/1/net"


@pytest.fixture
def connection(plane):
    """A transaction in which there are the run `r`, a model of it and one of no run."""
    with plane.parts.db.write() as opened:
        experiments.ensure(opened, HERE.scope, "", NOON)
        runs.create(opened, HERE.scope, NewRun("r", "0"), NOON)
        yield opened


@pytest.mark.parametrize(
    ("source", "stored"),
    [
        ("runs:/R/a/b", "ExperimentRun/dcid.r/a/b"),
        ("mlflow-artifacts:/workspaceartifactstore/x/y%20z", "x/y z"),
        ("mlflow-artifacts://host:80/workspaceartifactstore/x/", "x"),
        ("http://h:1/mlflow/v2.0/w/api/2.0/mlflow-artifacts/artifacts/workspaceartifactstore/x", "x"),
        (f"azureml://host/mlflow/v2.0{HERE}/experiments/e/runs/r/artifacts/a/runs/b", "ExperimentRun/dcid.r/a/runs/b"),
        ("azureml://experiments/e/runs/r/artifacts", "ExperimentRun/dcid.r"),
        ("azureml://artifacts/LocalUpload/1/net", "LocalUpload/1/net"),
        ("azureml://jobs/r/outputs/artifacts/paths/net/", "ExperimentRun/dcid.r/net"),
        ("azureml://datastores/workspaceartifactstore/paths/x/y", "x/y"),
    ],
)
def test_every_form_of_an_address_is_read(connection, source, stored):
    assert addresses.read(connection, HERE, source) == Stored("workspaceartifactstore", stored)


def test_logged_models_are_read_by_their_ids(connection):
    made = logged_models.create(connection, HERE.scope, NewModel("0", "net", "r"), NOON)
    alone = logged_models.create(connection, HERE.scope, NewModel("0", "net"), NOON)
    assert addresses.read(connection, HERE, f"models:/{made.id}").path == "ExperimentRun/dcid.r/net"
    for model in (made, alone):
        for asking in (call(PLAIN), call(PLUGIN)):
            told = addresses.model_uri(asking, HERE, model)
            assert addresses.read(connection, HERE, told) == addresses.of_model(model)
            assert addresses.read(connection, HERE, f"{told}/MLmodel").path == f"{model.folder}/MLmodel"


@pytest.mark.parametrize(
    "source", ["runs:/nobody/x", f"models:/{MODEL}", "azureml://x/experiments/e/runs/nobody/artifacts"]
)
def test_what_is_not_there_is_said(connection, source):
    with pytest.raises(NotFound):
        addresses.read(connection, HERE, source)


@pytest.mark.parametrize(
    "source",
    [
        "/etc/passwd",
        "file:///etc/passwd",
        "s3://bucket/x",
        "https://example.com/x",
        "mlflow-artifacts:/workspaceartifactstore/../x",
        "mlflow-artifacts:/workspaceartifactstore/%2e%2e/x",
        "mlflow-artifacts:/workspaceartifactstore",
        "runs:/r/../../x",
        "azureml://artifacts/a/../b",
        "azureml://datastores/workspaceartifactstore/paths/a/%2E%2E/b",
        "",
        "x" * 5000,
    ],
)
def test_what_is_no_address_of_artifacts_here_is_refused(connection, source):
    with pytest.raises(BadRequest, match="no address of artifacts"):
        addresses.read(connection, HERE, source)


def test_a_stored_place_has_the_address_that_arm_shows():
    told = Stored("workspaceartifactstore", "ExperimentRun/dcid.r/net").uri(HERE)
    where = "azureml://subscriptions/sub/resourcegroups/rg/workspaces/ws/datastores/workspaceartifactstore"
    assert told == f"{where}/paths/ExperimentRun/dcid.r/net"
    assert addresses.run_of(Stored("workspaceartifactstore", "ExperimentRun/dcid.r/net")) == "r"
    assert addresses.run_of(dataclasses.replace(Stored("other", "ExperimentRun/dcid.r/net"))) == ""
