"""Sweep jobs by the official SDK: every sampler, policies, limits, the best trial and what it made."""

import io
import json
import time
from pathlib import Path

import pytest
from azure.ai.ml import Input, MLClient, Output, command, dsl, load_component, load_job
from azure.ai.ml.entities import AmlCompute, Environment
from azure.ai.ml.exceptions import JobException
from azure.ai.ml.sweep import (
    BanditPolicy,
    BayesianSamplingAlgorithm,
    Choice,
    GridSamplingAlgorithm,
    LogUniform,
    MedianStoppingPolicy,
    QUniform,
    RandomSamplingAlgorithm,
    SweepJob,
    Uniform,
)
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential

from tests.clients.test_jobs import ended
from tests.conftest import GROUP, SUBSCRIPTION, Platform, lead

# What logs a number with nothing but Python: MLflow's own request, sent to where the job is told to track.
LOG = """
import json, os, sys, time, urllib.request
def log(name, value, step=0):
    told = {"run_id": os.environ["MLFLOW_RUN_ID"], "key": name, "value": value, "step": step}
    told["timestamp"] = int(time.time() * 1e3)
    uri = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/runs/log-metric"
    head = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(uri, json.dumps(told).encode(), head)).read()
"""
TRAIN = f"""{LOG}
lr, units, model = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
assert float(os.environ["AZUREML_SWEEP_lr"]) == lr
log("loss", (lr - 0.3) ** 2 + abs(units - 32) / 100)
with open(os.path.join(model, "weights.txt"), "w") as file:
    file.write(str(lr))
"""
EPOCHS = f"""{LOG}
rate = float(sys.argv[1])
for epoch in range(200 if rate < 0.5 else 3):
    log("accuracy", rate, epoch)
    time.sleep(0.05)
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    (folder / "epochs.py").write_text(EPOCHS)
    return folder


@pytest.fixture
def train(ml: MLClient, code: Path) -> object:
    """A command job with two parameters that logs `loss` and makes a model."""
    ml.environments.create_or_update(Environment(name="plain", image="python:3.11-slim"))
    return command(
        code=str(code),
        command="python train.py ${{inputs.lr}} ${{inputs.units}} ${{outputs.model}}",
        inputs={"lr": 0.1, "units": 16},
        outputs={"model": Output(type="custom_model", name="swept")},
        environment="azureml:plain@latest",
    )


def sweep_of(train: object, algorithm: object, total: int = 6, **space: object) -> SweepJob:
    job = train(**space).sweep(sampling_algorithm=algorithm, primary_metric="loss", goal="minimize")
    job.set_limits(max_total_trials=total, max_concurrent_trials=3, timeout=120)
    job.experiment_name = "sweeps"
    return job


def trials(ml: MLClient, name: str) -> dict[str, dict[str, object]]:
    """Returns the parameters of each trial, by its name."""
    return {one.name: json.loads(one.tags["hyperparameters"]) for one in ml.jobs.list(parent_job_name=name)}


def test_the_published_way_from_a_search_to_the_best_model(
    ml: MLClient, train: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = {"lr": Uniform(0.01, 0.9), "units": Choice([16, 32, 64])}
    made = ml.jobs.create_or_update(sweep_of(train, RandomSamplingAlgorithm(seed=7, rule="sobol"), **space))
    assert isinstance(made, SweepJob) and made.type == "sweep"
    ml.jobs.stream(made.name)
    assert f"{made.name}_5" in capsys.readouterr().out
    done = ml.jobs.get(made.name)
    tried = trials(ml, made.name)
    assert done.status == "Completed" and set(tried) == {f"{made.name}_{number}" for number in range(6)}
    losses = {name: (one["lr"] - 0.3) ** 2 + abs(one["units"] - 32) / 100 for name, one in tried.items()}
    best = min(losses, key=losses.__getitem__)
    assert done.properties["best_child_run_id"] == best
    assert float(done.properties["score"]) == pytest.approx(losses[best])
    ml.jobs.download(made.name, download_path=str(tmp_path), all=True)
    (weights,) = tmp_path.rglob("weights.txt")
    assert float(weights.read_text()) == tried[best]["lr"]
    assert ml.models.get("swept", "1").job_name == made.name
    assert [one.name for one in ml.models.list("swept")] == ["swept"]


@pytest.mark.parametrize(
    ("algorithm", "space", "count"),
    [
        (GridSamplingAlgorithm(), {"lr": Choice([0.1, 0.3]), "units": Choice([16, 32])}, 4),
        (BayesianSamplingAlgorithm(), {"lr": LogUniform(-5, 0), "units": QUniform(8, 64, 8)}, 12),
        ("random", {"lr": Choice([0.3]), "units": Choice([32, 64])}, 2),
    ],
)
def test_every_sampler_runs_what_it_has(
    ml: MLClient, train: object, algorithm: object, space: dict[str, object], count: int
) -> None:
    made = ml.jobs.create_or_update(sweep_of(train, algorithm, total=12, **space))
    assert ended(ml, made.name) == "Completed"
    assert len(trials(ml, made.name)) == count


def test_a_policy_ends_what_is_hopeless(ml: MLClient, train: object, code: Path) -> None:
    job = command(
        code=str(code),
        command="python epochs.py ${{inputs.rate}}",
        inputs={"rate": 0.5},
        environment="azureml:plain@latest",
    )(rate=Choice([0.9, 0.1, 0.2])).sweep(sampling_algorithm="grid", primary_metric="accuracy", goal="maximize")
    job.early_termination = BanditPolicy(slack_factor=0.5, evaluation_interval=1, delay_evaluation=2)
    made = ml.jobs.create_or_update(job)
    assert ended(ml, made.name) == "Completed"
    states = {one.name[-1]: one.status for one in ml.jobs.list(parent_job_name=made.name)}
    assert states == {"0": "Completed", "1": "Canceled", "2": "Canceled"}
    assert ml.jobs.get(made.name).properties["best_child_run_id"] == f"{made.name}_0"


def test_a_yaml_file_sweeps(ml: MLClient, train: object, code: Path, tmp_path: Path) -> None:
    ml.compute.begin_create_or_update(AmlCompute(name="cpu", size="Standard_DS3_v2", max_instances=2)).result()
    (tmp_path / "sweep.yml").write_text(f"""
$schema: https://azuremlschemas.azureedge.net/latest/sweepJob.schema.json
type: sweep
trial:
  code: {code}
  command: >-
    cat ${{{{inputs.data}}}};
    python train.py ${{{{search_space.lr}}}} ${{{{search_space.units}}}} ${{{{outputs.model}}}}
  environment: azureml:plain@latest
inputs:
  data: {{type: uri_file, path: {code}/train.py}}
outputs:
  model: {{type: uri_folder, path: 'azureml://datastores/workspaceblobstore/paths/models/${{{{name}}}}'}}
compute: azureml:cpu
sampling_algorithm: random
search_space:
  lr: {{type: uniform, min_value: 0.1, max_value: 0.5}}
  units: {{type: randint, upper: 64}}
objective: {{goal: minimize, primary_metric: loss}}
limits: {{max_total_trials: 3, max_concurrent_trials: 2, timeout: 300, trial_timeout: 60}}
early_termination: {{type: median_stopping, delay_evaluation: 5}}
""")
    made = ml.jobs.create_or_update(load_job(tmp_path / "sweep.yml"))
    assert ended(ml, made.name) == "Completed"
    reader = command(
        command="ls ${{inputs.model}}/weights.txt",
        inputs={"model": Input(type="uri_folder", path=f"azureml://jobs/{made.name}/outputs/model")},
        environment="azureml:plain@latest",
    )
    assert ended(ml, ml.jobs.create_or_update(reader).name) == "Completed"


def test_a_step_of_a_pipeline_sweeps_and_the_next_takes_the_best(
    ml: MLClient, train: object, code: Path, tmp_path: Path
) -> None:
    component = load_component(
        source=io.StringIO(f"""
$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
type: command
name: train
code: {code}
command: python train.py ${{{{inputs.lr}}}} ${{{{inputs.units}}}} ${{{{outputs.model}}}}
environment: azureml:plain@latest
inputs: {{lr: {{type: number}}, units: {{type: integer, default: 32}}}}
outputs: {{model: {{type: uri_folder}}}}
""")
    )
    reads = command(
        command="cat ${{inputs.model}}/weights.txt > ${{outputs.found}}/best.txt",
        inputs={"model": Input(type="uri_folder")},
        outputs={"found": Output(type="uri_folder")},
        environment="azureml:plain@latest",
    )

    @dsl.pipeline()
    def tuned():
        step = component(lr=Choice([0.1, 0.3, 0.8]), units=32).sweep(
            sampling_algorithm="grid", primary_metric="loss", goal="minimize"
        )
        step.set_limits(max_total_trials=5)
        return {"found": reads(model=step.outputs.model).outputs.found, "model": step.outputs.model}

    pipeline = tuned()
    pipeline.settings.default_compute = "serverless"
    made = ml.jobs.create_or_update(pipeline)
    assert ended(ml, made.name) == "Completed"
    ml.jobs.download(made.name, download_path=str(tmp_path), output_name="found")
    assert next(tmp_path.rglob("best.txt")).read_text() == "0.3"
    children = [ml.jobs.get(one.name) for one in ml.jobs.list(parent_job_name=made.name)]
    (swept,) = (one for one in children if one.type == "sweep")
    assert len(trials(ml, swept.name)) == 3


def test_a_sweep_whose_trials_all_fail_says_why_and_stops(ml: MLClient, train: object, code: Path) -> None:
    (code / "train.py").write_text("raise ValueError('bad data')\n")
    made = ml.jobs.create_or_update(sweep_of(train, "random", total=50, lr=Uniform(0, 1)))
    with pytest.raises(JobException, match=r"(?s)No trial has completed.*ValueError: bad data \(train.py, line 1\)"):
        ml.jobs.stream(made.name)
    assert len(trials(ml, made.name)) < 10


def test_cancelling_ends_all_trials(ml: MLClient, train: object, code: Path) -> None:
    (code / "train.py").write_text("import time; time.sleep(100)\n")
    made = ml.jobs.create_or_update(sweep_of(train, "random", lr=Uniform(0, 1)))
    deadline = time.monotonic() + 30
    while len(trials(ml, made.name)) < 3:
        assert time.monotonic() < deadline
    ml.jobs.begin_cancel(made.name).result()
    assert ml.jobs.get(made.name).status == "Canceled"
    assert {one.status for one in ml.jobs.list(parent_job_name=made.name)} == {"Canceled"}


def test_a_metric_that_nobody_logs_is_said(ml: MLClient, train: object) -> None:
    job = sweep_of(train, "grid", lr=Choice([0.1]), units=Choice([16]))
    job.objective.primary_metric = "los"
    made = ml.jobs.create_or_update(job)
    assert ended(ml, made.name) == "Completed"
    assert "best_child_run_id" not in ml.jobs.get(made.name).properties


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"early_termination": MedianStoppingPolicy(), "search_space": {"lr": Uniform(1, 0)}}, "searchSpace.lr"),
        ({"sampling_algorithm": "grid"}, "Grid sampling takes choice only"),
        ({"compute": "none"}, "none"),
    ],
)
def test_what_is_wrong_is_refused_at_submission(
    ml: MLClient, train: object, change: dict[str, object], told: str
) -> None:
    job = sweep_of(train, "random", lr=Uniform(0, 1))
    for name, value in change.items():
        setattr(job, name, value)
    with pytest.raises(HttpResponseError, match=told):
        ml.jobs.create_or_update(job)


def test_a_kill_of_the_platform_loses_no_trial_and_repeats_none(
    own_platform: Platform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own_platform.start()
    lead(monkeypatch, own_platform)
    ml = MLClient(DefaultAzureCredential(), SUBSCRIPTION, GROUP, "survivor")
    ml.environments.create_or_update(Environment(name="plain", image="python:3.11-slim"))
    job = command(
        command=f"echo ${{{{inputs.n}}}} >> {tmp_path}/ran; until [ -e {tmp_path}/go ]; do sleep 0.05; done",
        inputs={"n": 0},
        environment="azureml:plain@latest",
    )(n=Choice(list(range(6)))).sweep(sampling_algorithm="random", primary_metric="x", goal="minimize")
    job.set_limits(max_total_trials=6, max_concurrent_trials=2)
    made = ml.jobs.create_or_update(job)
    deadline = time.monotonic() + 60
    while len(trials(ml, made.name)) < 2 or not (tmp_path / "ran").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    own_platform.kill()
    (tmp_path / "go").touch()
    own_platform.start()
    assert ended(ml, made.name) == "Completed"
    assert sorted((tmp_path / "ran").read_text().split()) == list("012345")
