"""`lazulite batch-endpoint` and `batch-deployment`: from YAML files to results, on a real platform."""

import uuid

import pytest

from tests.cli.conftest import in_own_workspace

SCORE = """
import os

def init():
    pass

def run(mini_batch):
    return ["%s %s %d" % (os.path.basename(path), os.environ["COLOR"], len(mini_batch)) for path in mini_batch]
"""
ENDPOINT = "name: {name}\ntags:\n  team: vision\n"
DEPLOYMENT = """
name: {color}
endpoint_name: {name}
type: model
model:
  path: ./model.txt
code_configuration:
  code: ./code
  scoring_script: score.py
environment:
  image: python:3.11-slim
compute: azureml:cpu-cluster
settings:
  mini_batch_size: 2
  environment_variables:
    COLOR: {color}
  retry_settings:
    max_retries: 1
    timeout: 30
"""


class Batch:
    """An endpoint with a deployment `blue`, its default, and three files."""

    def __init__(self, cli, folder):
        self.cli, self.folder, self.name = cli, folder, f"ep-{uuid.uuid4().hex[:8]}"
        for path, text in {"code/score.py": SCORE, "model.txt": "m", "data/a": "", "data/b": "", "data/c": ""}.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text)
        cli.json("compute", "create", "-n", "cpu-cluster", "--type", "AmlCompute", "--size", "Standard_DS3_v2")
        self.endpoint = cli.json("batch-endpoint", "create", "-f", self.file(ENDPOINT))
        self.blue = cli.json("batch-deployment", "create", "-f", self.file(DEPLOYMENT, "blue"), "--set-default")

    def file(self, text, color=""):
        path = self.folder / f"{color or 'endpoint'}.yml"
        path.write_text(text.format(name=self.name, color=color))
        return str(path)

    def invoke(self, *words):
        """Starts a job and waits for it; returns its name."""
        made = self.cli.json("batch-endpoint", "invoke", "-n", self.name, *words)
        self.cli.text("job", "stream", "-n", made["name"], *self.cli.scope)
        return made["name"]

    def rows(self, job, folder, file="predictions.csv"):
        self.cli.json("job", "download", "-n", job, "--output-name", "score", "-p", str(folder))
        return (folder / file).read_text().splitlines()


@pytest.fixture(scope="module")
def batch(platform, tmp_path_factory):
    return Batch(in_own_workspace(platform), tmp_path_factory.mktemp("batch"))


def test_what_the_files_say_is_shown(batch):
    assert (batch.endpoint["auth_mode"], batch.endpoint["tags"]) == ("aad_token", {"team": "vision"})
    assert batch.blue["mini_batch_size"] == 2 and batch.blue["retry_settings"] == {"max_retries": 1, "timeout": 30}
    assert batch.blue["output_action"] == "append_row" and batch.blue["environment_variables"] == {"COLOR": "blue"}
    shown = batch.cli.json("batch-endpoint", "show", "-n", batch.name)
    assert shown["defaults"] == {"deployment_name": "blue"} and "/jobs" in shown["scoring_uri"]
    assert batch.cli.json("batch-endpoint", "list", "--query", "[].name") == [batch.name]
    assert batch.cli.json("batch-deployment", "list", "-e", batch.name, "--query", "[].name") == ["blue"]


def test_a_folder_is_scored_and_the_results_are_fetched(batch, tmp_path):
    job = batch.invoke("--input", str(batch.folder / "data"))
    assert batch.rows(job, tmp_path) == ["a blue 2", "b blue 2", "c blue 1"]


def test_flags_the_file_and_set_change_one_job(batch, tmp_path):
    batch.cli.json("data", "create", "-n", "letters", "-p", str(batch.folder / "data"), "-t", "uri_folder")
    (tmp_path / "job.yml").write_text(
        "inputs:\n  any:\n    type: uri_folder\n    path: azureml:letters@latest\n"
        "outputs:\n  score:\n    path: azureml://datastores/workspaceblobstore/paths/mine/\n"
        "output_file_name: mine.csv\n"
    )
    name = f"mine-{batch.name}"
    told = ("-f", str(tmp_path / "job.yml"), "-m", "3", "--job-name", name, "--set", "retry_settings.max_retries=0")
    assert batch.invoke("-d", "blue", *told) == name
    assert batch.rows(name, tmp_path, "mine.csv") == ["a blue 3", "b blue 3", "c blue 3"]
    assert name in batch.cli.json("batch-endpoint", "list-jobs", "-n", batch.name, "--query", "[].name")
    assert name in batch.cli.json("batch-deployment", "list-jobs", "-e", batch.name, "-n", "blue", "--query", "[].name")


def test_endpoint_and_deployment_are_changed_and_deleted(batch):
    batch.cli.json("batch-deployment", "create", "-f", batch.file(DEPLOYMENT, "green"))
    which = ("-e", batch.name, "-n", "green")
    assert batch.cli.json("batch-deployment", "update", *which, "--set", "mini_batch_size=7")["mini_batch_size"] == 7
    changed = batch.cli.json("batch-endpoint", "update", "-n", batch.name, "--set", "defaults.deployment_name=green")
    assert changed["defaults"] == {"deployment_name": "green"} and changed["tags"] == {"team": "vision"}
    changed = batch.cli.json("batch-endpoint", "update", "-n", batch.name, "--defaults", "deployment_name=blue")
    assert changed["defaults"] == {"deployment_name": "blue"}
    batch.cli.json("batch-deployment", "delete", *which, "-y")
    assert "has no deployment" in batch.cli.refused("batch-deployment", "show", *which, code=3)


def test_what_cannot_be_scored_is_said(batch):
    ask = ("batch-endpoint", "invoke", "-n", batch.name)
    assert "is no file or folder here" in batch.cli.refused(*ask, "--input", "./nowhere", code=2)
    assert "is no setting of an invocation" in batch.cli.refused(*ask, "--set", "minibatch=3", code=2)
    assert "exactly one data input" in batch.cli.refused(*ask, code=1)
    assert "has no deployment" in batch.cli.refused(*ask, "-d", "red", "--input", "azureml:letters@latest", code=3)
