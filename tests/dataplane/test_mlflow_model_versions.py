"""MLflow's registry over the workspace's own models."""

import contextlib

import pytest

from lazulite.engine import folders
from lazulite.errors import BadRequest, Conflict, NotFound, NotImplementedHere
from lazulite.store import resources
from lazulite.store.resources import Place
from tests.dataplane.conftest import HERE

MLMODEL = "flavors:\n  python_function: {loader_module: mlflow.sklearn, env: {conda: c.yaml}}\n  sklearn: {code: 1}\n"


@pytest.fixture
def source(tracking):
    """A run's folder with a model in it; returns what names that."""
    run_id = tracking.ask("POST", "runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
    folder = folders.artifacts(tracking.parts.settings.home, HERE, run_id) / "net"
    folder.mkdir(parents=True)
    (folder / "MLmodel").write_text(MLMODEL)
    return f"runs:/{run_id}/net"


def register(tracking, source, name="digits", **more):
    with contextlib.suppress(Conflict):
        tracking.ask("POST", "registered-models/create", {"name": name})
    return tracking.ask("POST", "model-versions/create", {"name": name, "source": source, **more})["model_version"]


def row_of(tracking, name, version):
    with tracking.parts.db.read() as connection:
        return resources.get(connection, Place(HERE.scope, "models", name, version)).body["properties"]


def test_a_registered_folder_is_one_of_the_workspaces_models(tracking, source):
    run_id = source.split("/")[1]
    made = register(tracking, source, description="best", tags=[{"key": "a", "value": "b"}])
    assert (made["version"], made["run_id"], made["current_stage"]) == ("1", run_id, "None")
    row = row_of(tracking, "digits", "1")
    assert row["modelUri"].endswith(f"/datastores/workspaceartifactstore/paths/ExperimentRun/dcid.{run_id}/net")
    assert (row["modelType"], row["jobName"], row["tags"]) == ("mlflow_model", run_id, {"a": "b"})
    assert row["flavors"] == {
        "python_function": {"data": {"loader_module": "mlflow.sklearn"}},
        "sklearn": {"data": {"code": "1"}},
    }


def test_versions_count_up_and_are_found(tracking, source):
    for _ in range(11):
        register(tracking, source)
    register(tracking, source, "other")
    body = "model-versions/search?filter=name%3D'digits'&order_by=version_number DESC&max_results=3"
    assert [one["version"] for one in tracking.ask("GET", body)["model_versions"]] == ["11", "10", "9"]
    assert (
        tracking.ask("GET", "registered-models/get?name=DIGITS")["registered_model"]["latest_versions"][0]["version"]
        == "11"
    )


def test_what_is_not_there_is_not_registered(tracking, source):
    with pytest.raises(NotFound, match="There is nothing at"):
        register(tracking, f"{source}/missing")
    with pytest.raises(NotFound, match="name=nobody not found"):
        tracking.ask("POST", "model-versions/create", {"name": "nobody", "source": source})
    assert row_of_or_none(tracking, "digits", "1") is None


def row_of_or_none(tracking, name, version):
    with tracking.parts.db.read() as connection:
        return resources.get(connection, Place(HERE.scope, "models", name, version))


@pytest.mark.parametrize(("text", "told"), [("a: [", "not YAML"), ("\t- x: %", "not YAML")])
def test_an_mlmodel_file_that_cannot_be_read_is_said(tracking, source, text, told):
    run_id = source.split("/")[1]
    (folders.artifacts(tracking.parts.settings.home, HERE, run_id) / "net" / "MLmodel").write_text(text)
    with pytest.raises(BadRequest, match=told):
        register(tracking, source)


@pytest.mark.parametrize("text", ["", "[]", "flavors: 3", "flavors: {a: 3}"])
def test_a_folder_without_flavors_is_a_custom_model(tracking, source, text):
    run_id = source.split("/")[1]
    (folders.artifacts(tracking.parts.settings.home, HERE, run_id) / "net" / "MLmodel").write_text(text)
    register(tracking, source)
    assert row_of(tracking, "digits", "1")["modelType"] == "custom_model"


def test_a_stage_is_arms_and_its_former_holder_is_archived(tracking, source):
    for _ in range(2):
        register(tracking, source)
    move = {"name": "digits", "stage": "production", "archive_existing_versions": True}
    for version in ("1", "2"):
        told = tracking.ask("POST", "model-versions/transition-stage", {**move, "version": version})
        assert told["model_version"]["current_stage"] == "Production"
    assert [row_of(tracking, "digits", version)["stage"] for version in "12"] == ["Archived", "Production"]
    latest = tracking.ask("POST", "registered-models/get-latest-versions", {"name": "digits", "stages": ["Production"]})
    assert [one["version"] for one in latest["model_versions"]] == ["2"]
    with pytest.raises(BadRequest, match="Invalid stage 'great'"):
        tracking.ask("POST", "model-versions/transition-stage", {"name": "digits", "version": "1", "stage": "great"})


def test_an_alias_means_a_version_until_that_is_gone(tracking, source):
    for _ in range(2):
        register(tracking, source)
    for version in ("1", "2"):
        tracking.ask("POST", "registered-models/alias", {"name": "digits", "alias": "champion", "version": version})
    told = tracking.ask("GET", "registered-models/alias?name=digits&alias=champion")["model_version"]
    assert (told["version"], told["aliases"]) == ("2", ["champion"])
    tracking.ask("DELETE", "model-versions/delete", {"name": "digits", "version": "2"})
    with pytest.raises(NotFound, match="alias champion not found"):
        tracking.ask("GET", "registered-models/alias?name=digits&alias=champion")
    with pytest.raises(NotFound):
        tracking.ask("POST", "registered-models/alias", {"name": "digits", "alias": "x", "version": "9"})
    for alias in ("latest", "v1", "a b", ""):
        with pytest.raises(BadRequest):
            tracking.ask("POST", "registered-models/alias", {"name": "digits", "alias": alias, "version": "1"})


def test_a_version_may_be_made_of_another(tracking, source):
    register(tracking, source)
    tracking.ask("POST", "registered-models/alias", {"name": "digits", "alias": "champion", "version": "1"})
    for form in ("models:/digits/1", "models:/digits@champion"):
        register(tracking, form, "copy")
    assert row_of(tracking, "copy", "2")["modelUri"] == row_of(tracking, "digits", "1")["modelUri"]
    with pytest.raises(NotFound):
        register(tracking, "models:/digits/7", "copy")


def test_a_model_is_renamed_with_its_versions(tracking, source):
    register(tracking, source)
    register(tracking, source, "taken")
    with pytest.raises(Conflict):
        tracking.ask("POST", "registered-models/rename", {"name": "digits", "new_name": "taken"})
    tracking.ask("POST", "registered-models/rename", {"name": "digits", "new_name": "numbers"})
    assert tracking.ask("GET", "model-versions/get?name=numbers&version=1")["model_version"]["name"] == "numbers"
    with pytest.raises(NotFound):
        tracking.ask("GET", "registered-models/get?name=digits")


def test_a_deleted_model_is_gone_and_its_files_are_not(tracking, source):
    register(tracking, source)
    tracking.ask("DELETE", "registered-models/delete", {"name": "digits"})
    assert row_of_or_none(tracking, "digits", "1") is None
    assert register(tracking, source)["version"] == "1"


def test_registered_models_are_searched_by_name_and_tag(tracking):
    for name, team in (("beta", "vision"), ("alpha", "sound"), ("gamma", "vision")):
        body = {"name": name, "tags": [{"key": "team", "value": team}]}
        tracking.ask("POST", "registered-models/create", body)

    def found(query):
        told = tracking.ask("GET", f"registered-models/search?{query}")
        return [one["name"] for one in told["registered_models"]], told.get("next_page_token")

    assert found("") == (["alpha", "beta", "gamma"], None)
    assert found("filter=tags.team%3D'vision'&order_by=name DESC") == (["gamma", "beta"], None)
    first, token = found("max_results=2")
    assert (first, found(f"max_results=2&page_token={token}")) == (["alpha", "beta"], (["gamma"], None))
    assert len(found("filter=tags.`mlflow.prompt.is_prompt` != 'true'")[0]) == 3


def test_prompts_are_refused_as_such(tracking):
    body = {"name": "p", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]}
    with pytest.raises(NotImplementedHere, match="no prompts"):
        tracking.ask("POST", "registered-models/create", body)
