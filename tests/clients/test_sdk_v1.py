"""SDK v1 (azureml-core), unmodified, in an environment of its own: inside jobs, outside of them, and beside SDK v2."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from azure.ai.ml import MLClient, command
from azure.ai.ml.entities import (
    CodeConfiguration,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
)
from azure.ai.ml.operations._run_history_constants import RunHistoryConstants

from lazulite.environments import built
from lazulite.environments.spec import spec_of
from tests.conftest import GROUP, SUBSCRIPTION, Platform

pytestmark = pytest.mark.slow

IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04"
# azureml-core needs pkg_resources, which setuptools has given up.
CONDA = f"""
dependencies:
- python={sys.version_info.major}.{sys.version_info.minor}
- pip
- pip: [azureml-core==1.61.0.post4, setuptools<81]
"""

OPEN = f"""
import json, os, sys
from azureml.core import Experiment, Model, Run, Workspace
from azureml.core.authentication import MsiAuthentication, ServicePrincipalAuthentication
names = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
auth = ServicePrincipalAuthentication(*(os.environ[one] for one in names))
ws = Workspace("{SUBSCRIPTION}", "{GROUP}", os.environ["WORKSPACE"], auth=auth)
def say(value): print("SAID " + json.dumps(value))
"""

TRAIN = """
import os
from azureml.core import Model, Run
run = Run.get_context()
for epoch in range(3):
    run.log("loss", 1 / (epoch + 1))
run.log("nan", float("nan"))
run.log_list("accuracy", [0.1, 0.2])
run.log_row("row", x=1, y="b")
run.log_table("table", {"a": [1, 2], "b": [3, 4]})
with open("plot.png", "wb") as file:
    file.write(b"\\x89PNG\\r\\n\\x1a\\n")
run.log_image("plot", path="plot.png")
run.tag("stage", "dev")
run.add_properties({"data": "7"})
os.makedirs("outputs/net/deep", exist_ok=True)
for name in ("a.bin", "deep/b.bin"):
    with open(f"outputs/net/{name}", "wb") as file:
        file.write(name.encode())
run.upload_file("uploaded/plot.png", "plot.png")
run.upload_folder("folder", "outputs/net")
with run.child_run("kid") as child:
    child.log("inner", 5)
print("registered", run.register_model("net", model_path="outputs/net", tags={"by": "job"}).id)
print("files", sorted(os.listdir(Model.get_model_path("net"))))
run.complete()
"""

LOOK = """
run = ws.get_run(sys.argv[1])
metrics = run.get_metrics()
say({"nan": repr(metrics.pop("nan")), "metrics": metrics})
say({"files": run.get_file_names(), "children": [(one.display_name, one.get_status()) for one in run.get_children()]})
details = run.get_details()
say({"logs": sorted(details["logFiles"]), "properties": details["properties"], "tags": run.get_tags()})
run.download_file("uploaded/plot.png", "down.png")
run.download_files(prefix="folder", output_directory="down")
say([open("down/folder/deep/b.bin").read(), os.path.getsize("down.png")])
"""

OUTSIDE = """
experiment = Experiment(ws, "outside")
run = experiment.start_logging(snapshot_directory=None)
run.log("loss", 0.5)
run.tag("stage", "dev")
good, bad = run.child_run("good"), run.child_run("bad")
good.complete()
bad.fail("the data is gone")
run.complete()
say([run.get_status(), {one.display_name: one.get_status() for one in run.get_children()}])
say(bad.get_details()["error"]["error"]["message"])
say([one.id == run.id for one in experiment.get_runs(tags={"stage": "dev"})])
say([one.id for one in experiment.get_runs(tags="none")])
os.makedirs("net/deep")
open("net/a.txt", "w").write("a"); open("net/deep/b.txt", "w").write("b")
model = Model.register(ws, "net", "mine", tags={"a": "b"}, description="by v1")
model.add_tags({"c": "d"})
say([Model(ws, "mine").tags, [one.id for one in Model.list(ws, tags=[["a", "b"]])], model.download("down")])
ws.write_config(path=".", file_name="config.json")
say([Workspace.from_config(auth=one).name == ws.name for one in (auth, MsiAuthentication())])
store = ws.get_default_datastore()
store.upload("net", target_path="sent", show_progress=False)
store.download("back", prefix="sent", show_progress=False)
say(open("back/sent/deep/b.txt").read())
"""

SCORE = """
import os
from azureml.core.model import Model

def init():
    global path, latest
    path, latest = Model.get_model_path("net", version=1), Model.get_model_path("net")

def run(raw_data):
    return {"same": path == latest, "files": sorted(os.listdir(path))}
"""


@pytest.fixture(scope="session")
def python(platform: Platform) -> Path:
    """The interpreter of an environment with azureml-core, built as jobs have theirs built."""
    return built.ensure(platform.home, spec_of({"image": IMAGE, "condaFile": CONDA}), print).python


@pytest.fixture
def v1(python: Path, ml: MLClient, environ: Platform, tmp_path: Path) -> Callable[..., list[object]]:
    """Runs a script that has a v1 workspace `ws`; returns what it gave to `say`."""
    ml.workspaces.get(ml.workspace_name)  # so that its subscription is one of those that v1 finds

    def run(script: str, *arguments: str) -> list[object]:
        variables = {**environ.environ, "WORKSPACE": ml.workspace_name, "HOME": str(tmp_path)}
        folder = tmp_path / "v1"
        folder.mkdir(exist_ok=True)
        line = [str(python), "-c", OPEN + script, *arguments]
        done = subprocess.run(line, cwd=folder, env=variables, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return [json.loads(one[5:]) for one in done.stdout.splitlines() if one.startswith("SAID ")]

    return run


def environment(tmp_path: Path) -> Environment:
    (tmp_path / "conda.yml").write_text(CONDA)
    return Environment(name="v1", image=IMAGE, conda_file=str(tmp_path / "conda.yml"))


def test_a_job_says_everything_by_its_run(
    v1: Callable[..., list], ml: MLClient, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(RunHistoryConstants, "_WAIT_COMPLETION_POLLING_INTERVAL_MIN", 1)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text(TRAIN)
    line = {"command": "python train.py", "code": str(tmp_path / "code"), "experiment_name": "v1"}
    job = ml.jobs.create_or_update(command(**line, environment=environment(tmp_path), compute="local"))
    ml.jobs.stream(job.name)
    printed = capsys.readouterr().out
    assert "registered net:1\n" in printed and "files ['a.bin', 'deep']\n" in printed
    _look_at_it(v1, job.name)
    found = ml.jobs.get(job.name)
    assert (found.tags["stage"], found.properties["data"]) == ("dev", "7")
    model = ml.models.get("net", version="1")
    assert (model.tags, model.job_name) == ({"by": "job"}, job.name)
    ml.models.download("net", "1", download_path=str(tmp_path / "down"))
    assert (tmp_path / "down" / "net" / "net" / "deep" / "b.bin").read_text() == "deep/b.bin"


def _look_at_it(v1: Callable[..., list], name: str) -> None:
    numbers, files, details, down = v1(LOOK, name)
    assert numbers["nan"] == "nan"
    plot = f"aml://artifactId/ExperimentRun/dcid.{name}/plot.png"
    assert numbers["metrics"] == {
        "loss": [1.0, 0.5, 1 / 3],
        "accuracy": [0.1, 0.2],
        "row": {"x": 1, "y": "b"},
        "table": {"a": [1, 2], "b": [3, 4]},
        "plot": plot,
    }
    uploaded = {"uploaded/plot.png", "folder/a.bin", "folder/deep/b.bin", "outputs/net/a.bin", "plot.png"}
    assert uploaded <= set(files["files"])
    assert files["children"] == [["kid", "Completed"]]
    assert "user_logs/std_log.txt" in details["logs"]
    assert (details["tags"], details["properties"]["data"]) == ({"stage": "dev"}, "7")
    assert down == ["deep/b.bin", 8]


def test_outside_of_jobs_runs_models_and_datastores_are_there(v1: Callable[..., list], ml: MLClient) -> None:
    statuses, error, tagged, untagged, models, configs, stored = v1(OUTSIDE)
    assert statuses == ["Completed", {"good": "Completed", "bad": "Failed"}]
    assert (error, tagged, untagged) == ("the data is gone", [True], [])
    assert models == [{"a": "b", "c": "d"}, ["mine:1"], "down/net"]
    assert (configs, stored) == ([True, True], "b")
    found = ml.models.get("mine", label="latest")
    assert (found.version, found.tags, found.description) == ("1", {"a": "b", "c": "d"}, "by v1")


def test_a_model_of_v2_is_one_of_v1s(v1: Callable[..., list], ml: MLClient, tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "weights.bin").write_text("w")
    (tmp_path / "saved" / "config.json").write_text("{}")
    ml.models.create_or_update(Model(name="two", path=str(tmp_path / "saved"), tags={"a": "b"}))
    script = 'model = Model(ws, "two"); say([model.id, model.tags, sorted(os.listdir(model.download("down")))])'
    assert v1(script) == [["two:1", {"a": "b"}, ["config.json", "weights.bin"]]]


def test_a_scoring_script_finds_its_model_in_v1s_way(python: Path, ml: MLClient, tmp_path: Path) -> None:
    for name, text in (("scoring/score.py", SCORE), ("net/a.bin", "a"), ("net/b.bin", "b")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    model = ml.models.create_or_update(Model(name="net", path=str(tmp_path / "net")))
    name = f"ep-{ml.workspace_name}"
    ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=name, auth_mode="key")).result()
    deployment = ManagedOnlineDeployment(
        name="blue",
        endpoint_name=name,
        model=model,
        environment=environment(tmp_path),
        code_configuration=CodeConfiguration(code=str(tmp_path / "scoring"), scoring_script="score.py"),
        instance_type="Standard_DS3_v2",
        instance_count=1,
    )
    ml.online_deployments.begin_create_or_update(deployment).result()
    key, address = ml.online_endpoints.get_keys(name).primary_key, ml.online_endpoints.get(name).scoring_uri
    headers = {"Authorization": f"Bearer {key}", "azureml-model-deployment": "blue"}
    assert requests.post(address, json={}, headers=headers, timeout=60).json() == {
        "same": True,
        "files": ["a.bin", "b.bin"],
    }
