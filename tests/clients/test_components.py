"""Components by the official SDK: versions, labels, what may change, what is anonymous, what comes back."""

from pathlib import Path

import pytest
from azure.ai.ml import MLClient, command, dsl, load_component
from azure.ai.ml.entities import Component
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

ENVIRONMENT = "azureml:AzureML-sklearn-1.5@latest"

COMMAND = """
$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
name: train
{version}
display_name: Train
type: command
is_deterministic: true
inputs:
  data: {{type: uri_folder}}
  rate: {{type: number, default: {rate}, min: 0, max: 1}}
  note: {{type: string, optional: true}}
outputs:
  model: {{type: mlflow_model}}
code: ./src
environment: azureml://registries/azureml/environments/sklearn-1.5/labels/latest
resources: {{instance_count: 2}}
command: python train.py --data ${{{{inputs.data}}}} --rate ${{{{inputs.rate}}}} --out ${{{{outputs.model}}}}
"""

PARALLEL = """
name: score
version: 1
type: parallel
inputs:
  rows: {type: uri_folder}
outputs:
  out: {type: uri_file}
input_data: ${{inputs.rows}}
mini_batch_size: "10"
max_concurrency_per_instance: 2
error_threshold: 5
resources: {instance_count: 1}
task:
  type: run_function
  code: ./src
  entry_script: train.py
  environment: azureml://registries/azureml/environments/sklearn-1.5/labels/latest
  append_row_to: ${{outputs.out}}
"""

SPARK = """
name: sparks
version: 1
type: spark
code: ./src
entry: {file: train.py}
inputs:
  rows: {type: uri_folder, mode: direct}
conf:
  spark.driver.cores: 1
  spark.driver.memory: 2g
  spark.executor.cores: 2
  spark.executor.memory: 2g
  spark.executor.instances: 2
args: --rows ${{inputs.rows}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").write_text("print('training')\n")
    return tmp_path


def load(folder: Path, *, rate: float = 0.1, version: str = "") -> Component:
    text = COMMAND.format(rate=rate, version=f"version: {version}" if version else "")
    return loaded(folder, text)


def loaded(folder: Path, text: str) -> Component:
    path = folder / "component.yml"
    path.write_text(text)
    return load_component(str(path))


def test_a_component_comes_back_as_it_was_sent(ml: MLClient, folder: Path) -> None:
    made = ml.components.create_or_update(load(folder, version="3"))
    found = ml.components.get("train", "3")
    assert (made.name, made.version, found.type, found.display_name) == ("train", "3", "command", "Train")
    assert found.command.startswith("python train.py --data ${{inputs.data}}")
    assert (found.inputs["rate"].default, found.inputs["rate"].max, found.inputs["note"].optional) == (0.1, 1, True)
    assert (found.outputs["model"].type, found.resources.instance_count) == ("mlflow_model", 2)
    assert found.environment == "azureml://registries/azureml/environments/sklearn-1.5/labels/latest"


def test_versions_count_up_and_default_and_latest_are_the_newest(ml: MLClient, folder: Path) -> None:
    versions = [ml.components.create_or_update(load(folder, rate=rate)).version for rate in (0.1, 0.2, 0.3)]
    assert versions == ["1", "2", "3"]
    assert ml.components.get("train").version == ml.components.get("train", label="latest").version == "3"
    assert [one.version for one in ml.components.list("train")] == ["3", "2", "1"]
    assert [(one.name, one.latest_version) for one in ml.components.list()] == [("train", "3")]
    assert ml.components.get("train", "1").inputs["rate"].default == 0.1


def test_an_unchanged_component_is_the_same_version_and_a_new_description_is_no_change(
    ml: MLClient, folder: Path
) -> None:
    ml.components.create_or_update(load(folder, version="1"))
    again = load(folder, version="1")
    again.description, again.display_name = "the good one", "Better"
    ml.components.create_or_update(again)
    found = ml.components.get("train", "1")
    assert (found.description, found.display_name) == ("the good one", "Better")


def test_a_changed_component_under_its_old_version_is_refused_with_what_changed(ml: MLClient, folder: Path) -> None:
    ml.components.create_or_update(load(folder, version="1"))
    ml.components.create_or_update(load(folder, version="4", rate=0.4))
    (folder / "src" / "train.py").write_text("print('training better')\n")
    (folder / "src" / "util.py").write_text("")
    with pytest.raises(ResourceExistsError) as refused:
        ml.components.create_or_update(load(folder, version="1", rate=0.2))
    said = str(refused.value)
    assert "components train:1 exists with other content" in said
    assert 'inputs.rate.default was "0.1" and is "0.2"' in said
    assert "code: util.py is new" in said
    assert "code: train.py changed" in said
    assert "use the next one, 5," in said
    assert ml.components.get("train", "1").inputs["rate"].default == 0.1


def test_archived_versions_and_components_leave_the_lists_and_come_back(ml: MLClient, folder: Path) -> None:
    for rate in (0.1, 0.2):
        ml.components.create_or_update(load(folder, rate=rate))
    ml.components.archive("train", "2")
    assert [one.version for one in ml.components.list("train")] == ["1"]
    assert ml.components.get("train").version == "1"
    ml.components.restore("train", "2")
    ml.components.archive("train")
    assert list(ml.components.list()) == []
    ml.components.restore("train")
    assert [one.latest_version for one in ml.components.list()] == ["2"]


def test_what_is_missing_is_named_with_what_is_there(ml: MLClient, folder: Path) -> None:
    ml.components.create_or_update(load(folder))
    with pytest.raises(ResourceNotFoundError, match=r'has no version "9".*It has 1'):
        ml.components.get("train", "9")
    with pytest.raises(ResourceNotFoundError, match='components "unknown" was not found in workspace'):
        ml.components.get("unknown")
    with pytest.raises(ResourceNotFoundError, match=r'"trains" was not found in workspace .*Did you mean train\?'):
        ml.components.get("trains")


def test_parallel_and_spark_components_are_kept(ml: MLClient, folder: Path) -> None:
    for text in (PARALLEL, SPARK):
        ml.components.create_or_update(loaded(folder, text))
    parallel = ml.components.get("score")
    assert (parallel.mini_batch_size, parallel.task.entry_script, parallel.error_threshold) == (10, "train.py", 5)
    assert ml.components.get("sparks").entry.entry == "train.py"
    assert {one.name for one in ml.components.list()} == {"score", "sparks"}


def test_an_anonymous_component_is_made_once_and_listed_nowhere(ml: MLClient, folder: Path) -> None:
    steps = [
        command(command="echo ${{inputs.x}}", environment=ENVIRONMENT, code=str(folder / "src"), inputs={"x": 1})
        for _ in range(2)
    ]
    ids = [ml.components.create_or_update(step.component, is_anonymous=True).id for step in steps]
    assert ids[0] == ids[1]
    assert "/components/azureml_anonymous/versions/" in ids[0]
    assert list(ml.components.list()) == []
    assert len(list(ml.components.list("azureml_anonymous"))) == 1


def test_a_pipeline_component_keeps_its_graph_and_says_which_step_changed(ml: MLClient, folder: Path) -> None:
    def registered(echo: str) -> Component:
        step = command(command=f"echo {echo} ${{{{inputs.x}}}}", environment=ENVIRONMENT, inputs={"x": 1})

        @dsl.pipeline(name="twice", version="1", display_name="Twice")
        def twice(x: int = 3):
            first = step(x=x)
            first.display_name = "First"
            second = step(x=4)
            second.display_name = "Second"

        return ml.components.create_or_update(twice)

    registered("one")
    found = ml.components.get("twice", "1")
    assert (found.type, sorted(found.jobs)) == ("pipeline", ["first", "second"])
    assert found.inputs["x"].default == 3
    with pytest.raises(ResourceExistsError, match=r"jobs\.first\.componentId\.command was .*echo one.*echo two"):
        registered("two")


def test_a_component_is_downloaded_with_its_code(ml: MLClient, folder: Path, tmp_path: Path) -> None:
    ml.components.create_or_update(load(folder, version="1"))
    ml.components.download("train", str(tmp_path / "down"), version="1")
    assert (tmp_path / "down" / "code" / "train.py").read_text() == "print('training')\n"
    assert load_component(str(tmp_path / "down" / "component_spec.yaml")).inputs["data"].type == "uri_folder"
