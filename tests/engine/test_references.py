"""References in bodies: every form of an asset, and of what a job made, leads to a datastore's URI."""

import pytest

from lazulite.engine import references, states
from lazulite.errors import NotFound
from tests.engine.conftest import HERE

STORED = "azureml://datastores/workspaceblobstore/paths"
GUID = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def resolve(home):
    for version in ("1", "2"):
        home.put_asset("data", "d", version, dataUri=f"{STORED}/d{version}", dataType="uri_folder")
        home.put_asset("models", "m", version, modelUri=f"{STORED}/m{version}", modelType="custom_model")

    def find(uri, kind="uri_folder"):
        with home.db.read() as connection:
            return references.resolve(connection, HERE, uri, kind)

    return find


@pytest.mark.parametrize(
    ("uri", "kind", "where"),
    [
        (f"{HERE}/data/d/versions/1", "uri_folder", "d1"),
        (f"azureml:{HERE}/data/d/versions/1", "uri_folder", "d1"),
        (f"{HERE}/data/azureml:d/versions/1", "uri_folder", "d1"),
        (f"{HERE}/data/d/labels/latest", "uri_folder", "d2"),
        ("azureml:d:1", "uri_folder", "d1"),
        ("azureml:d@latest", "uri_file", "d2"),
        ("d:1", "uri_folder", "d1"),
        ("azureml:m:1", "mlflow_model", "m1"),
        (f"{HERE}/models/m/versions/2", "custom_model", "m2"),
        (f"azureml://locations/eastus/workspaces/{GUID}/data/d/versions/1", "uri_folder", "d1"),
        (f"azureml://locations/eastus/workspaces/{GUID}/models/m/versions/1", "custom_model", "m1"),
    ],
)
def test_every_form_of_an_asset_is_followed(resolve, uri, kind, where):
    assert resolve(uri, kind) == f"{STORED}/{where}"


@pytest.mark.parametrize(
    "uri", [f"{STORED}/x", "https://host/x.csv", "file:///data/x", "wasbs://c@a.blob.core.windows.net/x"]
)
def test_all_else_is_left_as_it_is(resolve, uri):
    assert resolve(uri) == uri


def test_an_asset_of_what_a_job_made_is_followed_to_the_end(home, resolve):
    with home.db.write() as connection:
        job = home.submit(connection, outputs={"model": {"uri": f"{STORED}/made/"}})
    home.put_asset("data", "made", "1", dataUri=f"azureml://jobs/{job.name}/outputs/model/sub", dataType="uri_folder")
    assert resolve("azureml:made:1") == f"{STORED}/made/sub"


def test_an_archived_run_and_one_that_is_no_job_have_artifacts_too(home, resolve):
    with home.db.write() as connection:
        job = home.submit(connection)
        states.remove(connection, job)
    assert resolve(f"runs:/{job.name}/model").endswith(
        f"/workspaceartifactstore/paths/ExperimentRun/dcid.{job.name}/model"
    )
    with pytest.raises(NotFound, match="It has artifacts"):
        resolve(f"azureml://jobs/{job.name}/outputs/model")


@pytest.mark.parametrize(
    "uri", ["runs:/none/model", "azureml://jobs/none/outputs/model", "azureml:none:1", "azureml:d:9"]
)
def test_what_is_not_there_is_named(resolve, uri):
    with pytest.raises(NotFound):
        resolve(uri)


def test_the_long_form_names_the_workspace_once():
    long = "azureml://subscriptions/sub/resourcegroups/Group/workspaces/ws/datastores/workspaceblobstore/paths/x"
    assert references.long_form(f"{STORED}/x", HERE) == references.long_form(long, HERE) == long
