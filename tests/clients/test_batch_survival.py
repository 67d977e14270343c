"""kill -9 of the platform and of a batch job's own processes, while the official client invokes and while files are
scored: every invocation makes one job, every file one row."""

import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from azure.ai.ml import Input, MLClient
from azure.ai.ml.entities import (
    BatchEndpoint,
    CodeConfiguration,
    Environment,
    Model,
    ModelBatchDeployment,
    ModelBatchDeploymentSettings,
)
from azure.core.exceptions import AzureError
from azure.identity import DefaultAzureCredential

from tests.conftest import GROUP, SUBSCRIPTION, Platform, lead

WITHIN_S = 90
FILES = 8
# Says of each file that it was begun, and from the fourth on waits until it may end.
SCORE = """
import os, time

def init():
    pass

def run(mini_batch):
    (path,) = mini_batch
    number = int(open(path).read())
    with open(os.environ["NOTES"] + "/begun", "a") as notes:
        notes.write("%d\\n" % number)
    while number >= 3 and not os.path.exists(os.environ["NOTES"] + "/go"):
        time.sleep(0.01)
    return ["%d %d" % (number, number * number)]
"""


@pytest.fixture
def ml(own_platform: Platform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MLClient:
    """A workspace with the endpoint `squares` on a platform of the test's own."""
    own_platform.start()
    lead(monkeypatch, own_platform)
    made = MLClient(DefaultAzureCredential(), SUBSCRIPTION, GROUP, "survivor")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "score.py").write_text(SCORE)
    (tmp_path / "data").mkdir()
    for number in range(FILES):
        (tmp_path / "data" / f"{number}.txt").write_text(str(number))
    made.batch_endpoints.begin_create_or_update(BatchEndpoint(name="squares")).result()
    made.batch_deployments.begin_create_or_update(
        ModelBatchDeployment(
            name="blue",
            endpoint_name="squares",
            model=Model(name="none", path=str(tmp_path / "code" / "score.py"), type="custom_model"),
            environment=Environment(name="plain", version="1", image="python:3.11-slim"),
            code_configuration=CodeConfiguration(code=str(tmp_path / "code"), scoring_script="score.py"),
            settings=ModelBatchDeploymentSettings(
                mini_batch_size=1, max_concurrency_per_instance=2, environment_variables={"NOTES": str(tmp_path)}
            ),
        )
    ).result()
    endpoint = made.batch_endpoints.get("squares")
    endpoint.defaults.deployment_name = "blue"
    made.batch_endpoints.begin_create_or_update(endpoint).result()
    return made


def invoke(ml: MLClient, tmp_path: Path, name: str) -> Any:
    folder = Input(type="uri_folder", path=str(tmp_path / "data"))
    return ml.batch_endpoints.invoke(endpoint_name="squares", deployment_name="blue", input=folder, job_name=name)


def until(seen: Any) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def begun(tmp_path: Path) -> list[int]:
    notes = tmp_path / "begun"
    return [int(line) for line in notes.read_text().split()] if notes.exists() else []


def results(ml: MLClient, name: str, folder: Path) -> list[str]:
    until(lambda: ml.jobs.get(name).status in ("Completed", "Failed", "Canceled"))
    (step,) = ml.jobs.list(parent_job_name=name)
    ml.jobs.download(step.name, download_path=folder, output_name="score")
    assert ml.jobs.get(name).status == step.status == "Completed"
    return (folder / "named-outputs" / "score" / "predictions.csv").read_text().splitlines()


def processes(step: str) -> list[psutil.Process]:
    """Returns the processes that score for a step: those told its name, and the one that they obey."""
    found: set[psutil.Process] = set()
    for process in psutil.process_iter():
        try:
            if step in " ".join(process.cmdline()) or process.environ().get("AZUREML_RUN_ID") == step:
                found.add(process)
        except psutil.Error:
            continue
    return list(found)


SQUARES = [f"{number} {number * number}" for number in range(FILES)]


@pytest.mark.slow
def test_a_job_outlives_the_platform_and_resumes_when_its_own_processes_die(
    ml: MLClient, own_platform: Platform, tmp_path: Path
) -> None:
    job = invoke(ml, tmp_path, "one")
    until(lambda: len(begun(tmp_path)) == 5)  # three are done, two are in flight
    own_platform.kill()
    own_platform.start()
    (step,) = ml.jobs.list(parent_job_name=job.name)
    assert step.status == "Running" and Counter(begun(tmp_path)) == Counter(range(5))

    victims = processes(step.name)
    assert victims
    for victim in victims:
        with suppress(psutil.NoSuchProcess):  # it died with the one that it obeyed
            victim.kill()
    until(lambda: len(begun(tmp_path)) >= 7)
    (tmp_path / "go").touch()
    assert results(ml, job.name, tmp_path / "got") == SQUARES
    counts = Counter(begun(tmp_path))
    assert all(counts[number] == 1 for number in (0, 1, 2)) and max(counts.values()) <= 2


@pytest.mark.slow
def test_every_invocation_that_was_acknowledged_makes_one_job(
    ml: MLClient, own_platform: Platform, tmp_path: Path
) -> None:
    (tmp_path / "go").touch()
    names, acknowledged = [f"job-{number}" for number in range(7)], []

    def ask() -> None:
        for name in names:
            try:
                acknowledged.append(invoke(ml, tmp_path, name).name)
            except AzureError:
                continue  # nothing was promised

    asking = threading.Thread(target=ask)
    asking.start()
    for count in (1, 3):
        until(lambda count=count: len(acknowledged) >= count or not asking.is_alive())
        own_platform.kill()
        own_platform.start()
    asking.join(WITHIN_S)
    assert not asking.is_alive() and len(acknowledged) >= 3
    listed = [one.name for one in ml.batch_endpoints.list_jobs("squares")]
    assert len(listed) == len(set(listed)) and set(acknowledged) <= set(listed) <= set(names)
    for name in listed:
        assert results(ml, name, tmp_path / name) == SQUARES
