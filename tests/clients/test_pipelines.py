"""Pipelines by the official SDK: composed, submitted, watched, nested, reused, broken."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import Input, MLClient, Output, command, dsl
from azure.ai.ml.entities import Environment
from azure.ai.ml.exceptions import JobException

WITHIN_S = 60
# Every step runs on the machine's own Python, so that nothing has to be built.
ADD = "echo $(( ${{inputs.x}} + $(cat ${{inputs.before}}/sum 2>/dev/null || echo 0) )) > ${{outputs.after}}/sum"


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
