"""Registries by the official SDK: made, found by name, filled, shared with, and used from workspaces."""

import hashlib
import uuid
from pathlib import Path

import pytest
from azure.ai.ml import Input, MLClient, command, load_component, load_job
from azure.ai.ml.constants import AssetTypes
from azure.ai.ml.entities import (
    AzureMLOnlineInferencingServer,
    BuildContext,
    CodeConfiguration,
    Data,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    ModelPackage,
    Registry,
    RegistryRegionDetails,
)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential

from tests.conftest import GROUP, SUBSCRIPTION, Platform

SKLEARN = "azureml://registries/azureml/environments/sklearn-1.5/labels/latest"
COMPONENT = """
name: train
version: {version}
type: command
inputs:
  data: {{type: uri_folder}}
outputs:
  model: {{type: uri_folder}}
code: {code}
environment: {environment}
command: python train.py ${{{{inputs.data}}}} ${{{{outputs.model}}}}
"""
TWICE = """
name: twice
version: 1
type: pipeline
inputs:
  data: {{type: uri_folder}}
outputs:
  model: {{type: uri_folder}}
jobs:
  first:
    type: command
    component: azureml://registries/{registry}/components/train/versions/1
    inputs: {{data: "${{{{parent.inputs.data}}}}"}}
  second:
    type: command
    component: azureml://registries/{registry}/components/train/labels/latest
    inputs: {{data: "${{{{parent.jobs.first.outputs.model}}}}"}}
    outputs: {{model: "${{{{parent.outputs.model}}}}"}}
"""
PIPELINE = """
type: pipeline
settings: {{default_compute: azureml:serverless}}
inputs:
  data: {{type: uri_folder, path: "azureml://registries/{registry}/data/rows/versions/1"}}
outputs:
  model: {{type: uri_folder}}
jobs:
  both:
    type: pipeline
    component: azureml://registries/{registry}/components/twice/versions/1
    inputs: {{data: "${{{{parent.inputs.data}}}}"}}
    outputs: {{model: "${{{{parent.outputs.model}}}}"}}
"""
SCORE = """
import os

def init():
    global factor
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "factor.json")) as file:
        factor = int(file.read())

def run(raw_data):
    return int(raw_data) * factor
"""


@pytest.fixture
def name() -> str:
    return f"reg{uuid.uuid4().hex[:8]}"


@pytest.fixture
def registry(environ: Platform, name: str) -> MLClient:
    """Returns a client of a registry that no other test uses, by its name alone."""
    return MLClient(DefaultAzureCredential(), registry_name=name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "saved_model"
    (made / "unet").mkdir(parents=True)
    (made / "config.json").write_text('{"a": 1}')
    (made / "unet" / "weights.bin").write_bytes(bytes(range(256)) * 512)
    return made


@pytest.fixture
def code(tmp_path: Path) -> Path:
    made = tmp_path / "src"
    made.mkdir()
    (made / "train.py").write_text(
        "import pathlib, shutil, sys\nshutil.copytree(sys.argv[1], sys.argv[2], dirs_exist_ok=True)\n"
    )
    return made


def component(folder: Path, code: Path, environment: str = SKLEARN, version: str = "1"):
    path = folder / "component.yml"
    path.write_text(COMPONENT.format(code=code, environment=environment, version=version))
    return load_component(str(path))


def test_a_registry_is_made_listed_and_deleted(ml: MLClient, name: str) -> None:
    wanted = Registry(
        name=name, location="westus", tags={"a": "b"}, replication_locations=[RegistryRegionDetails(location="westus")]
    )
    made = ml.registries.begin_create(wanted).result()
    assert (made.name, made.location, made.tags) == (name, "westus", {"a": "b"})
    assert name in {one.name for one in ml.registries.list()}
    assert name in {one.name for one in ml.registries.list(scope="subscription")}
    assert ml.registries.get(name).replication_locations[0].location == "westus"
    client = MLClient(DefaultAzureCredential(), registry_name=name)
    assert list(client.models.list()) == []
    ml.registries.begin_delete(name=name).result()
    with pytest.raises(ResourceNotFoundError, match=name):
        ml.registries.get(name)


def test_a_model_goes_into_a_registry_and_comes_out_whole(registry: MLClient, name: str, folder: Path, tmp_path: Path):
    made = registry.models.create_or_update(Model(name="tree", version="1.0.0", path=str(folder)))
    assert made.id == f"azureml://registries/{name}/models/tree/versions/1.0.0"
    registry.models.download("tree", "1.0.0", download_path=str(tmp_path / "down"))
    assert digests(tmp_path / "down" / "tree" / "saved_model") == digests(folder)
    assert registry.models.get("tree", label="latest").version == "1.0.0"
    assert [one.name for one in registry.models.list()] == ["tree"]
    assert [one.version for one in registry.models.list("tree")] == ["1.0.0"]


def test_a_version_of_a_registry_is_the_same_bytes_for_ever(registry: MLClient, folder: Path) -> None:
    registry.models.create_or_update(Model(name="fixed", version="1", path=str(folder), description="first"))
    again = registry.models.create_or_update(Model(name="fixed", version="1", path=str(folder), description="again"))
    assert again.description == "again"
    (folder / "config.json").write_text('{"a": 2}')
    with pytest.raises(HttpResponseError, match=r"fixed:1 exists with other content: modelUri: config.json changed"):
        registry.models.create_or_update(Model(name="fixed", version="1", path=str(folder)))
    assert registry.models.create_or_update(Model(name="fixed", path=str(folder))).version == "2"


def test_a_registry_does_not_hold_what_only_a_workspace_can_name(registry: MLClient) -> None:
    with pytest.raises(HttpResponseError, match="names something in a workspace"):
        registry.models.create_or_update(
            Model(name="far", version="1", path="azureml://jobs/some/outputs/artifacts/paths/model")
        )


def test_environments_of_a_registry_count_up_and_archive(registry: MLClient, tmp_path: Path) -> None:
    context = tmp_path / "docker"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM python:3.11-slim\nRUN pip install six\n")
    first = registry.environments.create_or_update(Environment(name="built", build=BuildContext(path=str(context))))
    (context / "Dockerfile").write_text("FROM python:3.11-slim\nRUN pip install attrs\n")
    second = registry.environments.create_or_update(Environment(name="built", build=BuildContext(path=str(context))))
    assert (first.version, second.version) == ("1", "2")
    assert registry.environments.get("built", label="latest").version == "2"
    registry.environments.archive("built", version="2")
    assert [one.version for one in registry.environments.list("built")] == ["1"]


def test_the_curated_registry_has_azures_environments_and_takes_nothing(environ: Platform, folder: Path) -> None:
    curated = MLClient(DefaultAzureCredential(), registry_name="azureml")
    assert "sklearn-1.5" in {one.name for one in curated.environments.list()}
    found = curated.environments.get("sklearn-1.5", label="latest")
    assert found.id.startswith("azureml://registries/azureml/environments/sklearn-1.5/versions/")
    with pytest.raises(HttpResponseError, match="Azure's own"):
        curated.models.create_or_update(Model(name="mine", version="1", path=str(folder)))
    with pytest.raises(ResourceNotFoundError, match="A registry holds here what was put into it"):
        curated.models.get("gpt2", version="1")


def test_a_component_of_a_registry_has_its_code_there_and_says_what_changed(
    registry: MLClient, name: str, tmp_path: Path, code: Path
) -> None:
    made = registry.components.create_or_update(component(tmp_path, code))
    assert made.id == f"azureml://registries/{name}/components/train/versions/1"
    assert made.code.startswith(f"azureml://registries/{name}/codes/")
    assert registry.components.create_or_update(component(tmp_path, code)).version == "1"
    (code / "train.py").write_text("raise SystemExit(7)\n")
    with pytest.raises(HttpResponseError, match=r"train:1 exists with other content: code: train.py changed.*one, 2,"):
        registry.components.create_or_update(component(tmp_path, code))
    assert [one.name for one in registry.components.list()] == ["train"]
    assert registry.components.get("train").version == "1"


def test_a_job_uses_data_model_and_environment_of_a_registry_from_any_workspace(
    registry: MLClient, name: str, ml: MLClient, folder: Path, code: Path
) -> None:
    registry.data.create_or_update(Data(name="rows", version="1", path=str(folder), type=AssetTypes.URI_FOLDER))
    registry.models.create_or_update(Model(name="net", version="1", path=str(folder / "config.json")))
    registry.environments.create_or_update(Environment(name="plain", version="1", image="python:3.11-slim"))
    for _ in range(2):
        workspace = MLClient(DefaultAzureCredential(), SUBSCRIPTION, GROUP, f"ws-{uuid.uuid4().hex[:8]}")
        job = workspace.jobs.create_or_update(
            command(
                command="ls ${{inputs.rows}}/unet && cat ${{inputs.net}}",
                environment=f"azureml://registries/{name}/environments/plain/versions/1",
                inputs={
                    "rows": Input(type="uri_folder", path=f"azureml://registries/{name}/data/rows/labels/latest"),
                    "net": Input(type="custom_model", path=f"azureml://registries/{name}/models/net/versions/1"),
                },
            )
        )
        workspace.jobs.stream(job.name)
        found = workspace.jobs.get(job.name)
        assert found.status == "Completed"
        assert found.environment == f"azureml://registries/{name}/environments/plain/versions/1"


def test_pipelines_of_two_workspaces_run_a_registrys_components(
    registry: MLClient, name: str, ml: MLClient, folder: Path, code: Path, tmp_path: Path
) -> None:
    registry.environments.create_or_update(Environment(name="plain", version="1", image="python:3.11-slim"))
    plain = f"azureml://registries/{name}/environments/plain/versions/1"
    registry.components.create_or_update(component(tmp_path, code, plain))
    registry.data.create_or_update(Data(name="rows", version="1", path=str(folder), type=AssetTypes.URI_FOLDER))
    (tmp_path / "twice.yml").write_text(TWICE.format(registry=name))
    registry.components.create_or_update(load_component(str(tmp_path / "twice.yml")))
    (tmp_path / "pipeline.yml").write_text(PIPELINE.format(registry=name))
    for number in range(2):
        workspace = MLClient(DefaultAzureCredential(), SUBSCRIPTION, GROUP, f"ws-{uuid.uuid4().hex[:8]}")
        job = workspace.jobs.create_or_update(load_job(str(tmp_path / "pipeline.yml")))
        workspace.jobs.stream(job.name)
        assert workspace.jobs.get(job.name).status == "Completed"
        workspace.jobs.download(job.name, download_path=str(tmp_path / str(number)), output_name="model")
        assert digests(tmp_path / str(number) / "named-outputs" / "model") == digests(folder)


def test_a_registrys_model_is_deployed_in_a_registrys_environment(
    registry: MLClient, name: str, ml: MLClient, tmp_path: Path
) -> None:
    (tmp_path / "factor.json").write_text("3")
    (tmp_path / "scoring").mkdir()
    (tmp_path / "scoring" / "score.py").write_text(SCORE)
    registry.models.create_or_update(Model(name="factor", version="1", path=str(tmp_path / "factor.json")))
    registry.environments.create_or_update(Environment(name="plain", version="1", image="python:3.11-slim"))
    endpoint = f"ep-{ml.workspace_name}"
    ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=endpoint)).result()
    ml.online_deployments.begin_create_or_update(
        ManagedOnlineDeployment(
            name="blue",
            endpoint_name=endpoint,
            model=f"azureml://registries/{name}/models/factor/labels/latest",
            environment=f"azureml://registries/{name}/environments/plain/versions/1",
            code_configuration=CodeConfiguration(code=str(tmp_path / "scoring"), scoring_script="score.py"),
            instance_type="Standard_DS3_v2",
            instance_count=1,
        )
    ).result()
    (tmp_path / "request.json").write_text("14")
    answer = ml.online_endpoints.invoke(endpoint, deployment_name="blue", request_file=str(tmp_path / "request.json"))
    assert answer == "42"


def test_assets_are_shared_from_a_workspace_bytes_and_all(
    ml: MLClient, registry: MLClient, name: str, folder: Path, tmp_path: Path
) -> None:
    ml.models.create_or_update(Model(name="tree", version="1", path=str(folder), tags={"a": "b"}))
    ml.environments.create_or_update(Environment(name="env", version="3", image="python:3.11-slim"))
    ml.data.create_or_update(Data(name="rows", version="2", path=str(folder), type=AssetTypes.URI_FOLDER))
    to = {"registry_name": name, "share_with_version": "7"}
    shared = ml.models.share("tree", "1", share_with_name="shared", **to)
    assert (shared.id, shared.tags) == (f"azureml://registries/{name}/models/shared/versions/7", {"a": "b"})
    assert ml.environments.share("env", "3", share_with_name="env", **to).image == "python:3.11-slim"
    assert ml.data.share("rows", "2", share_with_name="rows", **to).version == "7"
    ml.workspaces.begin_delete(ml.workspace_name, delete_dependent_resources=False).result()
    registry.models.download("shared", "7", download_path=str(tmp_path / "down"))
    assert digests(tmp_path / "down" / "shared" / "saved_model") == digests(folder)
    with pytest.raises(Exception, match="already exists in registry"):
        ml.models.share("tree", "1", share_with_name="shared", **to)


def test_packages_of_models_are_refused_in_words(ml: MLClient, folder: Path, code: Path) -> None:
    ml.models.create_or_update(Model(name="tree", version="1", path=str(folder)))
    server = AzureMLOnlineInferencingServer(
        code_configuration=CodeConfiguration(code=str(code), scoring_script="train.py")
    )
    wanted = ModelPackage(target_environment="packed", inferencing_server=server)
    with pytest.raises(HttpResponseError, match="makes no packages of models"):
        ml.models.package("tree", "1", wanted)


def test_a_registry_outlives_the_platform(
    own_platform: Platform, monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path
) -> None:
    for variable, value in own_platform.environ.items():
        monkeypatch.setenv(variable, value)
    own_platform.start()
    registry = MLClient(DefaultAzureCredential(), registry_name="lasting")
    registry.models.create_or_update(Model(name="tree", version="1", path=str(folder)))
    own_platform.kill()
    own_platform.start()
    registry.models.download("tree", "1", download_path=str(tmp_path / "down"))
    assert digests(tmp_path / "down" / "tree" / "saved_model") == digests(folder)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
