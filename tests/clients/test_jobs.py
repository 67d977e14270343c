"""Command jobs by the official SDK: submitted, watched, downloaded, cancelled, registered from, refused."""

import contextlib
import json
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from azure.ai.ml import Input, MLClient, Output, RayDistribution, command, load_job
from azure.ai.ml.entities import AmlCompute, Data, Environment, Model, SshJobService, TensorBoardJobService
from azure.ai.ml.exceptions import JobException
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

WITHIN_S = 60
TRAIN = """
import argparse, os
parser = argparse.ArgumentParser()
parser.add_argument("--lr"), parser.add_argument("--data"), parser.add_argument("--model")
given = parser.parse_args()
print("learning rate", given.lr)
print("rows", open(os.path.join(given.data, "rows.csv")).read().split())
with open(os.path.join(given.model, "weights.txt"), "w") as file:
    file.write("w" * 10)
os.makedirs("outputs", exist_ok=True)
with open("outputs/metrics.json", "w") as file:
    file.write("{}")
"""


@pytest.fixture
def plain(ml: MLClient) -> str:
    """An environment with nothing but Python in it."""
    ml.environments.create_or_update(Environment(name="plain", image="python:3.11-slim"))
    return "azureml:plain@latest"


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    return folder


def ended(ml: MLClient, name: str) -> object:
    """Waits until a job is over and returns its status."""
    deadline = time.monotonic() + WITHIN_S
    while (status := ml.jobs.get(name).status) not in ("Completed", "Failed", "Canceled"):
        assert time.monotonic() < deadline, status
        time.sleep(0.1)
    return status


def test_the_published_way_from_a_script_to_a_registered_model(
    ml: MLClient, plain: str, code: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.csv").write_text("a b")
    ml.data.create_or_update(Data(name="rows", version="1", path=str(tmp_path / "rows.csv"), type="uri_file"))
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "rows.csv").write_text("1 2 3")
    job = command(
        code=str(code),
        command="python train.py --lr ${{inputs.lr}} --data ${{inputs.data}} --model ${{outputs.model}};"
        " cat ${{inputs.file}}",
        inputs={
            "lr": 0.1,
            "data": Input(type="uri_folder", path=str(folder)),
            "file": Input(type="uri_file", path="azureml:rows:1"),
        },
        outputs={"model": Output(type="custom_model", name="registered")},
        environment=plain,
        experiment_name="trial",
        display_name="shown",
        tags={"team": "a"},
    )
    made = ml.jobs.create_or_update(job)
    assert made.display_name == "shown" and made.studio_url
    ml.jobs.stream(made.name)
    printed = capsys.readouterr().out
    assert "learning rate 0.1\nrows ['1', '2', '3']\na b" in printed and "Execution Summary" in printed
    ml.jobs.download(made.name, download_path=str(tmp_path / "down"), all=True)
    down = {path.relative_to(tmp_path / "down").as_posix() for path in (tmp_path / "down").rglob("*") if path.is_file()}
    assert {"named-outputs/model/weights.txt", "artifacts/outputs/metrics.json"} <= down
    assert "artifacts/user_logs/std_log.txt" in down
    found = ml.jobs.get(made.name)
    assert (found.status, found.experiment_name, found.tags) == ("Completed", "trial", {"team": "a"})
    assert [one.name for one in ml.jobs.list()] == [made.name]
    assert ml.models.get("registered", "1").job_name == made.name
    by_path = ml.models.create_or_update(Model(name="by-path", path=f"azureml://jobs/{made.name}/outputs/model"))
    ml.models.download("by-path", by_path.version, download_path=str(tmp_path / "model"))
    assert list((tmp_path / "model").rglob("weights.txt"))


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("x = (1,\n", r"SyntaxError: '\(' was never closed \(train.py, line 1\)"),
        ("import sys\nprint('last words')\nsys.exit(3)\n", "exited with status 3.*last words"),
    ],
)
def test_the_exception_of_stream_points_at_the_users_own_line(
    ml: MLClient, plain: str, code: Path, script: str, told: str
) -> None:
    (code / "train.py").write_text(script)
    made = ml.jobs.create_or_update(command(code=str(code), command="python train.py", environment=plain))
    with pytest.raises(JobException, match=f"(?s)UserError.*{told}"):
        ml.jobs.stream(made.name)
    assert ml.jobs.get(made.name).status == "Failed"


def test_lines_are_shown_while_they_are_printed(
    ml: MLClient, plain: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    going = tmp_path / "go"
    made = ml.jobs.create_or_update(
        command(command=f"echo first; until [ -e {going} ]; do sleep 0.1; done; echo second", environment=plain)
    )
    watching = threading.Thread(target=ml.jobs.stream, args=(made.name,))
    watching.start()
    seen, deadline = "", time.monotonic() + WITHIN_S
    while "first" not in seen:
        assert time.monotonic() < deadline
        time.sleep(0.1)
        seen += capsys.readouterr().out
    going.touch()
    watching.join(WITHIN_S)
    assert "second" not in seen and "second" in capsys.readouterr().out


def test_a_job_is_cancelled(ml: MLClient, plain: str) -> None:
    made = ml.jobs.create_or_update(command(command="sleep 100", environment=plain))
    ml.jobs.begin_cancel(made.name).result()
    assert ml.jobs.get(made.name).status == "Canceled"


def test_a_job_is_renamed_archived_and_restored(ml: MLClient, plain: str) -> None:
    made = ml.jobs.create_or_update(command(command="true", environment=plain, tags={"a": "1"}))
    made.display_name, made.tags["b"] = "renamed", "2"
    changed = ml.jobs.create_or_update(made)
    assert (changed.name, changed.display_name, changed.tags) == (made.name, "renamed", {"a": "1", "b": "2"})
    assert ml.jobs.update(made.name, description="why").description == "why"
    ml.jobs.archive(made.name)
    assert list(ml.jobs.list()) == [] and [one.name for one in ml.jobs.list(list_view_type="All")] == [made.name]
    ml.jobs.restore(made.name)
    assert [one.name for one in ml.jobs.list()] == [made.name]
    assert ended(ml, made.name) == "Completed"
    with pytest.raises(HttpResponseError, match=r"exists with another experimentName: .*the request has 'other'"):
        ml.jobs.create_or_update(ml.jobs.get(made.name), experiment_name="other")
    ml.jobs.begin_delete(made.name).result()
    with pytest.raises(ResourceNotFoundError):
        ml.jobs.get(made.name)


def test_a_yaml_file_with_a_cluster_and_ranks_runs(ml: MLClient, plain: str, code: Path, tmp_path: Path) -> None:
    ml.compute.begin_create_or_update(AmlCompute(name="cpu", size="Standard_DS3_v2", max_instances=2)).result()
    (code / "train.py").write_text(
        "import os\nprint('rank', os.environ['RANK'], 'of', os.environ['WORLD_SIZE'], 'on', os.environ['NODE_RANK'])\n"
    )
    (tmp_path / "job.yml").write_text(f"""
$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
command: python train.py
code: {code}
environment: {plain}
compute: azureml:cpu
resources: {{instance_count: 2}}
distribution: {{type: pytorch, process_count_per_instance: 2}}
limits: {{timeout: 60}}
""")
    made = ml.jobs.create_or_update(load_job(tmp_path / "job.yml"))
    assert ended(ml, made.name) == "Completed"
    ml.jobs.download(made.name, download_path=str(tmp_path / "down"))
    logs = sorted((tmp_path / "down").rglob("std_log_process_*.txt"))
    assert [path.read_text() for path in logs] == [f"rank {rank} of 4 on {rank // 2}\n" for rank in range(4)]
    assert len(list(ml.compute.list_nodes("cpu"))) == 2


def test_the_job_of_another_job_takes_what_it_made(ml: MLClient, plain: str) -> None:
    first = ml.jobs.create_or_update(
        command(
            command="echo made > ${{outputs.made}}/x.txt",
            outputs={"made": Output(type="uri_folder", name="made-data", version="3")},
            environment=plain,
        )
    )
    assert ended(ml, first.name) == "Completed"
    assert ml.data.get("made-data", "3").type == "uri_folder"
    for path in (f"azureml://jobs/{first.name}/outputs/made", "azureml:made-data:3"):
        second = ml.jobs.create_or_update(
            command(
                command="grep made ${{inputs.made}}/x.txt && ! touch ${{inputs.made}}/y",
                inputs={"made": Input(type="uri_folder", path=path)},
                environment=plain,
                compute="local",
            )
        )
        assert ended(ml, second.name) == "Completed"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"compute": "no-such-cluster"}, "no-such-cluster"),
        ({"environment": "AzureML-tensorflow-9.9-cuda99@latest"}, "Near it are"),
        (
            {"inputs": {"d": Input(type="uri_folder", path="azureml://datastores/workspaceblobstore/paths/none")}},
            "inputs.d",
        ),
    ],
)
def test_what_is_wrong_is_refused_at_submission(ml: MLClient, plain: str, more: dict[str, object], told: str) -> None:
    with pytest.raises((HttpResponseError, ResourceNotFoundError), match=told):
        ml.jobs.create_or_update(command(**{"command": "true", "environment": plain, **more}))


def test_many_jobs_at_once_all_end(ml: MLClient, plain: str) -> None:
    ml.compute.begin_create_or_update(AmlCompute(name="cpu", size="Standard_DS3_v2", max_instances=2)).result()
    job = command(command="true", environment=plain, compute="cpu")
    names = []
    for _ in range(12):
        job.name = None
        names.append(ml.jobs.create_or_update(job).name)
    assert {ended(ml, name) for name in names} == {"Completed"}


ALL_REDUCE = """
import torch, torch.distributed as dist
dist.init_process_group("gloo")
value = torch.tensor([float(dist.get_rank() + 1)])
dist.all_reduce(value)
print("sum over", dist.get_world_size(), "ranks is", value.item())
"""


RAYS = """
import os, ray
ray.init()

@ray.remote(num_cpus=1)
class Where:
    def node(self):
        return ray.get_runtime_context().get_node_id()

places = ray.util.placement_group([{"CPU": 1}] * 2, strategy="STRICT_SPREAD")
ray.get(places.ready())
spread = ray.util.scheduling_strategies.PlacementGroupSchedulingStrategy
actors = [Where.options(scheduling_strategy=spread(places, index)).remote() for index in range(2)]
nodes = ray.get([one.node.remote() for one in actors])
print("actors on", len(set(nodes)), "nodes, marked", ray.cluster_resources()["mark"], "in", os.environ["RAY_ADDRESS"])
raise SystemExit(3)
"""


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_ray_cluster_has_a_node_of_ray_for_each_node_of_the_job(ml: MLClient, code: Path, tmp_path: Path) -> None:
    ml.compute.begin_create_or_update(AmlCompute(name="cpu", size="Standard_DS3_v2", max_instances=2)).result()
    (code / "train.py").write_text(RAYS)
    conda = {"name": "ray", "dependencies": ["python=3.11", {"pip": ["ray==2.60.0"]}]}
    (tmp_path / "conda.json").write_text(json.dumps(conda))
    image = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
    made = ml.jobs.create_or_update(
        command(
            code=str(code),
            command="python train.py",
            environment=Environment(image=image, conda_file=str(tmp_path / "conda.json")),
            compute="cpu",
            instance_count=2,
            distribution=RayDistribution(head_node_additional_args="""--resources='{"mark": 1}'"""),
        )
    )
    told = r"exited with status 3.*actors on 2 nodes, marked 1\.0 in 127\.0\.0\.1:"
    with pytest.raises(JobException, match=f"(?s){told}"):  # the script asks to fail, for its last words
        ml.jobs.stream(made.name)


def test_a_ray_cluster_needs_ray(ml: MLClient, plain: str) -> None:
    made = ml.jobs.create_or_update(command(command="true", environment=plain, distribution=RayDistribution()))
    with pytest.raises(JobException, match=r"has no ray.*Add `ray\[default\]` to the environment"):
        ml.jobs.stream(made.name)


@pytest.mark.slow
def test_tensorboard_shows_what_a_job_logs_while_it_runs(ml: MLClient, tmp_path: Path) -> None:
    conda = {"name": "board", "dependencies": ["python=3.11", {"pip": ["tensorboard==2.21.0"]}]}
    (tmp_path / "conda.json").write_text(json.dumps(conda))
    image = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
    services = {
        "board": TensorBoardJobService(log_dir="outputs/logs"),
        "shell": SshJobService(ssh_public_keys="ssh-ed25519 AAAA"),
    }
    made = ml.jobs.create_or_update(
        command(
            command=f"until [ -e {tmp_path}/go ]; do sleep 0.1; done",
            environment=Environment(image=image, conda_file=str(tmp_path / "conda.json")),
            services=services,
        )
    )
    deadline = time.monotonic() + 150
    while ml.jobs.get(made.name).services["board"].status != "Running":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    board = ml.jobs.show_services(made.name)["board"]
    said = None
    while said is None:
        assert time.monotonic() < deadline
        with contextlib.suppress(OSError):
            said = json.loads(urllib.request.urlopen(f"{board.endpoint}data/environment", timeout=20).read())
    assert said["data_location"] == "outputs/logs"
    (tmp_path / "go").touch()
    assert ended(ml, made.name) == "Completed"
    assert ml.jobs.get(made.name).services["board"].status == "Stopped"
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(board.endpoint, timeout=20)


@pytest.mark.torch
def test_a_real_all_reduce_over_two_nodes(ml: MLClient, code: Path, tmp_path: Path) -> None:
    ml.compute.begin_create_or_update(AmlCompute(name="cpu", size="Standard_DS3_v2", max_instances=2)).result()
    (code / "train.py").write_text(ALL_REDUCE)
    conda = {"name": "torch", "dependencies": ["python=3.11", {"pip": ["torch", "numpy"]}]}
    (tmp_path / "conda.json").write_text(json.dumps(conda))
    made = ml.jobs.create_or_update(
        command(
            code=str(code),
            command="python train.py",
            environment=Environment(
                image="mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04", conda_file=str(tmp_path / "conda.json")
            ),
            compute="cpu",
            instance_count=2,
            distribution={"type": "pytorch", "process_count_per_instance": 2},
        )
    )
    deadline = time.monotonic() + 1200
    while ml.jobs.get(made.name).status not in ("Completed", "Failed"):
        assert time.monotonic() < deadline
        time.sleep(1)
    ml.jobs.download(made.name, download_path=str(tmp_path / "down"))
    logs = [path.read_text() for path in (tmp_path / "down").rglob("std_log_process_*.txt")]
    assert len(logs) == 4 and all("sum over 4 ranks is 10.0" in text for text in logs), logs
