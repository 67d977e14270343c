"""Workspaces by the official SDK: born when named, created, updated, listed, deleted; and strict as Azure is."""

import uuid

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import Hub, Project, Workspace
from azure.core.exceptions import ResourceNotFoundError
from azure.identity import DefaultAzureCredential

from tests.conftest import GROUP, SUBSCRIPTION, Platform, lead


def test_a_workspace_is_there_when_it_is_first_named(ml: MLClient) -> None:
    found = ml.workspaces.get(ml.workspace_name)
    assert found.name == ml.workspace_name
    assert found.location == "eastus"
    assert found.discovery_url == "https://eastus.api.azureml.ms/discovery"
    assert found.mlflow_tracking_uri.endswith(f"/workspaces/{ml.workspace_name}")
    assert {store.name for store in ml.datastores.list()} == {
        "workspaceblobstore",
        "workspaceartifactstore",
        "workspacefilestore",
        "workspaceworkingdirectory",
    }


def test_create_keeps_tags_and_description(ml: MLClient) -> None:
    # The SDK asks first, finds the workspace that its question brought into being, and turns to an update, which
    # sends no location: see the strict test for that.
    name = f"made-{uuid.uuid4().hex[:6]}"
    made = ml.workspaces.begin_create(Workspace(name=name, tags={"team": "vision"}, description="for churn")).result()
    assert (made.tags, made.description) == ({"team": "vision"}, "for churn")
    assert name in {one.name for one in ml.workspaces.list()}


def test_update_changes_what_is_named_and_keeps_the_rest(ml: MLClient) -> None:
    made = Workspace(name=ml.workspace_name, display_name="Churn", description="old")
    before = ml.workspaces.begin_create(made).result()
    after = ml.workspaces.begin_update(Workspace(name=before.name, description="new")).result()
    assert (after.description, after.display_name) == ("new", "Churn")


@pytest.mark.parametrize("with_dependents", [False, True])
def test_delete_removes_the_workspace_and_what_is_in_it(ml: MLClient, with_dependents: bool) -> None:
    name = f"gone-{uuid.uuid4().hex[:6]}"
    ml.workspaces.begin_create(Workspace(name=name)).result()
    ml.workspaces.begin_delete(name, delete_dependent_resources=with_dependents).result()
    assert name not in {one.name for one in ml.workspaces.list()}


def test_a_diagnosis_can_be_printed(ml: MLClient) -> None:
    ml.workspaces.get(ml.workspace_name)
    assert "other_results" in str(ml.workspaces.begin_diagnose(ml.workspace_name).result())


def test_keys_open_the_workspaces_storage(ml: MLClient) -> None:
    keys = ml.workspaces.get_keys(ml.workspace_name)
    store = ml.datastores.get("workspaceblobstore", include_secrets=True)
    assert keys.user_storage_key == store.credentials.account_key


@pytest.fixture
def strict(own_platform: Platform, monkeypatch: pytest.MonkeyPatch) -> MLClient:
    own_platform.flags = ("--strict",)
    own_platform.start()
    lead(monkeypatch, own_platform)
    return MLClient(DefaultAzureCredential(), SUBSCRIPTION, GROUP, "strict-one")


def test_strict_answers_404_until_a_deployment_makes_the_workspace(strict: MLClient) -> None:
    with pytest.raises(ResourceNotFoundError, match="strict-one"):
        strict.workspaces.get("strict-one")
    made = strict.workspaces.begin_create(Workspace(name="strict-one", location="westus2", tags={"k": "v"})).result()
    assert (made.name, made.location, made.tags["k"]) == ("strict-one", "westus2", "v")
    assert strict.workspaces.get("strict-one").location == "westus2"


def test_hubs_and_projects_keep_their_kind(strict: MLClient) -> None:
    hub = strict.workspaces.begin_create(Hub(name="hub-one", location="westus2")).result()
    project = strict.workspaces.begin_create(Project(name="project-one", location="westus2", hub_id=hub.id)).result()
    assert (hub._kind, project._kind) == ("hub", "project")
