"""Pipelines by the official SDK: composed, submitted, watched, nested, reused, broken."""

import time
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import Input, MLClient, Output, command, dsl, load_job
from azure.ai.ml.entities import Environment
from azure.ai.ml.exceptions import JobException
from azure.ai.ml.sweep import Choice
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential

from tests.clients.test_sweeps import LOG
from tests.conftest import GROUP, SUBSCRIPTION, Platform, lead

WITHIN_S = 60


@pytest.fixture
def plain(ml: MLClient) -> str:
    """An environment with nothing but Python in it."""
    ml.environments.create_or_update(Environment(name="plain", image="python:3.11-slim"))
    return "azureml:plain@latest"


@pytest.fixture
def add(plain: str) -> Any:
    """A component that adds a number to the one in a folder."""
    made = command(
        name="add",
        command="echo $(( ${{inputs.x}} $[[+ $(cat ${{inputs.before}}/sum)]] )) > ${{outputs.after}}/sum; echo added",
        inputs={"x": Input(type="integer"), "before": Input(type="uri_folder", optional=True)},
        outputs={"after": Output(type="uri_folder")},
        environment=plain,
    )
    return made.component


def ended(ml: MLClient, name: str) -> Any:
    """Waits until a job is over and returns it."""
    deadline = time.monotonic() + WITHIN_S
    while (job := ml.jobs.get(name)).status not in ("Completed", "Failed", "Canceled"):
        assert time.monotonic() < deadline, job.status
        time.sleep(0.1)
    return job


def test_a_pipeline_of_pipelines_is_run_watched_and_downloaded(
    ml: MLClient, add: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    @dsl.pipeline()
    def twice(x: int, before: Input) -> Any:
        first = add(x=x, before=before)
        second = add(x=x, before=first.outputs.after)
        return {"after": second.outputs.after}

    @dsl.pipeline(default_compute="serverless")
    def whole(x: int) -> Any:
        start = add(x=x)
        middle = twice(x=10, before=start.outputs.after)
        end = add(x=100, before=middle.outputs.after)
        return {"total": end.outputs.after}

    job = whole(x=1)
    job.outputs.total = Output(type="uri_folder", mode="upload", name="totals")
    made = ml.jobs.create_or_update(job, experiment_name="sums")
    ml.jobs.stream(made.name)
    printed = capsys.readouterr().out
    assert "start" in printed and "Execution Summary" in printed
    assert ml.jobs.get(made.name).status == "Completed"
    children = list(ml.jobs.list(parent_job_name=made.name))
    assert sorted(child.display_name for child in children) == ["end", "middle", "start"]
    ml.jobs.download(made.name, output_name="total", download_path=tmp_path)
    assert (tmp_path / "named-outputs" / "total" / "sum").read_text() == "121\n"
    assert ml.data.get("totals", label="latest").path


def test_a_failing_step_is_the_pipelines_error_with_the_users_own_line(
    ml: MLClient, plain: str, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text("def fit():\n    raise KeyError('price')\n\nfit()\n")
    train = command(name="train", code=str(tmp_path), command="python train.py", environment=plain)

    @dsl.pipeline(default_compute="serverless")
    def whole() -> None:
        train()

    made = ml.jobs.create_or_update(whole())
    with pytest.raises(JobException) as raised:
        ml.jobs.stream(made.name)
    assert "Step train (job " in str(raised.value) and "KeyError: 'price' (train.py, line 2)" in str(raised.value)


def test_the_same_pipeline_is_reused_and_its_outputs_downloaded_all_the_same(
    ml: MLClient, add: Any, tmp_path: Path
) -> None:
    @dsl.pipeline(default_compute="serverless")
    def whole() -> Any:
        last = add(x=2, before=add(x=1).outputs.after)
        return {"total": last.outputs.after}

    first = ended(ml, ml.jobs.create_or_update(whole()).name)
    second = ended(ml, ml.jobs.create_or_update(whole()).name)
    before = {child.display_name: child.name for child in ml.jobs.list(parent_job_name=first.name)}
    for child in ml.jobs.list(parent_job_name=second.name):
        assert child.properties["azureml.isreused"] == "true"
        assert child.properties["azureml.reusedrunid"] == before[child.display_name]
        ml.jobs.download(child.name, all=True, download_path=tmp_path / child.name)
        assert (tmp_path / child.name / "artifacts" / "user_logs" / "std_log.txt").read_text() == "added\n"
    ml.jobs.download(second.name, output_name="total", download_path=tmp_path)
    assert (tmp_path / "named-outputs" / "total" / "sum").read_text() == "3\n"


def test_a_pipeline_component_from_yaml_is_a_job_of_its_own(ml: MLClient, plain: str, tmp_path: Path) -> None:
    (tmp_path / "pipeline.yml").write_text(
        """
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
experiment_name: from-yaml
inputs:
  word: hello
  where: serverless
outputs:
  text: {type: uri_file, mode: rw_mount}
settings:
  default_compute: azureml:serverless
jobs:
  write:
    type: command
    inputs: {word: "${{parent.inputs.word}}"}
    outputs: {text: {type: uri_file}}
    command: echo ${{inputs.word}} $WHO > ${{outputs.text}}
    environment: azureml:plain@latest
    environment_variables: {WHO: you}
  again:
    type: command
    compute: ${{parent.inputs.where}}
    inputs: {text: "${{parent.jobs.write.outputs.text}}"}
    outputs: {text: "${{parent.outputs.text}}"}
    command: cat ${{inputs.text}} ${{inputs.text}} > ${{outputs.text}}
    environment: azureml:plain@latest
"""
    )
    made = ended(ml, ml.jobs.create_or_update(load_job(tmp_path / "pipeline.yml")).name)
    assert made.status == "Completed" and made.experiment_name == "from-yaml"
    ml.jobs.download(made.name, output_name="text", download_path=tmp_path)
    found = [path for path in (tmp_path / "named-outputs").rglob("*") if path.is_file()]
    assert [path.read_text() for path in found] == ["hello you\n" * 2]
    for child in ml.jobs.list(parent_job_name=made.name):
        assert ml.jobs.get(child.name).status == "Completed"
        ml.jobs.stream(child.name)


def test_what_does_not_fit_is_refused_with_step_and_field(ml: MLClient, add: Any) -> None:
    @dsl.pipeline(default_compute="serverless")
    def whole() -> None:
        add(x="many")

    with pytest.raises(HttpResponseError, match=r"jobs.add.inputs.x is 'many', but must be a whole number"):
        ml.jobs.create_or_update(whole())
    assert list(ml.jobs.list()) == []


def test_a_sweep_hands_the_output_of_its_best_trial_to_the_next_step(ml: MLClient, plain: str, tmp_path: Path) -> None:
    code = tmp_path / "src"
    code.mkdir()
    body = 'rate = float(sys.argv[1])\nlog("score", rate)\nopen(sys.argv[2] + "/rate", "w").write(sys.argv[1])\n'
    (code / "train.py").write_text(LOG + body)
    train = command(
        name="train",
        code=str(code),
        command="python train.py ${{inputs.rate}} ${{outputs.model}}",
        inputs={"rate": Input(type="number", default=9)},
        outputs={"model": Output(type="uri_folder")},
        environment=plain,
    ).component
    show = command(
        name="show",
        command="cp ${{inputs.model}}/rate ${{outputs.best}}/rate",
        inputs={"model": Input(type="uri_folder")},
        outputs={"best": Output(type="uri_folder")},
        environment=plain,
    ).component

    @dsl.pipeline(default_compute="serverless")
    def whole() -> Any:
        tried = train(rate=Choice([0.25, 0.75, 0.5])).sweep(
            primary_metric="score", goal="maximize", sampling_algorithm="grid"
        )
        tried.set_limits(max_total_trials=3, max_concurrent_trials=2)
        return {"best": show(model=tried.outputs.model).outputs.best}

    made = ended(ml, ml.jobs.create_or_update(whole()).name)
    assert made.status == "Completed"
    ml.jobs.download(made.name, output_name="best", download_path=tmp_path)
    assert (tmp_path / "named-outputs" / "best" / "rate").read_text() == "0.75"


def test_cancelling_a_pipeline_ends_its_steps(ml: MLClient, plain: str) -> None:
    wait = command(name="wait", command="sleep 60", environment=plain)

    @dsl.pipeline(default_compute="serverless")
    def whole() -> None:
        wait()

    made = ml.jobs.create_or_update(whole())
    deadline = time.monotonic() + WITHIN_S
    while not (children := list(ml.jobs.list(parent_job_name=made.name))) or children[0].status != "Running":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    ml.jobs.begin_cancel(made.name).result()
    assert ended(ml, made.name).status == "Canceled"
    assert ml.jobs.get(children[0].name).status == "Canceled"


def test_kill_nine_in_the_middle_of_twenty_steps_runs_nothing_twice(
    own_platform: Platform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own_platform.start()
    lead(monkeypatch, own_platform)
    ml = MLClient(DefaultAzureCredential(), SUBSCRIPTION, GROUP, "survivor")
    ml.environments.create_or_update(Environment(name="plain", image="python:3.11-slim"))
    ticks = tmp_path / "ticks"
    tick = command(
        name="tick",
        command=f"echo ${{{{inputs.i}}}} >> {ticks}; sleep 0.05; "
        "echo $[[$(cat ${{inputs.d}}/n)]]x > ${{outputs.o}}/n",
        inputs={"i": Input(type="integer"), "d": Input(type="uri_folder", optional=True)},
        outputs={"o": Output(type="uri_folder")},
        environment="azureml:plain@latest",
    ).component

    @dsl.pipeline(default_compute="serverless")
    def whole() -> Any:
        last = tick(i=0)
        for number in range(1, 20):
            last = tick(i=number, d=last.outputs.o)
        return {"all": last.outputs.o}

    made = ml.jobs.create_or_update(whole())
    for stop_at in (1, 5, 12):
        deadline = time.monotonic() + WITHIN_S
        while not ticks.exists() or len(ticks.read_text().split()) < stop_at:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        own_platform.kill()
        own_platform.start()
    assert ended(ml, made.name).status == "Completed"
    assert ticks.read_text().split() == [str(number) for number in range(20)]
    ml.jobs.download(made.name, output_name="all", download_path=tmp_path)
    assert (tmp_path / "named-outputs" / "all" / "n").read_text() == "x" * 20 + "\n"
