"""kill -9 of the platform and of jobs: every job is there afterwards, goes on, or ends with the truth."""

import signal
import time
from pathlib import Path

import psutil
import pytest
from azure.ai.ml import MLClient, Output, command
from azure.ai.ml.entities import AmlCompute, Environment, Job
from azure.identity import DefaultAzureCredential

from tests.clients.test_jobs import ended
from tests.conftest import GROUP, SUBSCRIPTION, Platform, lead

WITHIN_S = 60


@pytest.fixture
def ml(own_platform: Platform, monkeypatch: pytest.MonkeyPatch) -> MLClient:
    own_platform.start()
    lead(monkeypatch, own_platform)
    made = MLClient(DefaultAzureCredential(), SUBSCRIPTION, GROUP, "survivor")
    made.environments.create_or_update(Environment(name="plain", image="python:3.11-slim"))
    return made


def submit(ml: MLClient, script: str, **more: object) -> Job:
    return ml.jobs.create_or_update(command(**{"command": script, "environment": "azureml:plain:1", **more}))


def until(seen: object) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def guest(job: Job) -> psutil.Process:
    """Returns the process that a job's command is a child of."""
    for process in psutil.process_iter():
        try:
            if process.environ().get("AZUREML_RUN_ID") == job.name:
                return next(one for one in (process, *process.parents()) if "AZUREML_RUN_ID" not in one.environ())
        except psutil.Error:
            continue
    raise AssertionError(f"nothing runs for {job.name}")


def printed(ml: MLClient, job: Job, folder: Path) -> str:
    ml.jobs.download(job.name, download_path=str(folder))
    return (folder / "artifacts" / "user_logs" / "std_log.txt").read_text()


def test_jobs_that_run_wait_and_end_without_the_platform_are_there_afterwards(
    ml: MLClient, own_platform: Platform, tmp_path: Path
) -> None:
    ml.compute.begin_create_or_update(AmlCompute(name="one", size="Standard_DS3_v2", max_instances=1)).result()
    go, out = tmp_path / "go", Output(type="uri_folder", name="kept", version="1")
    runs = submit(
        ml, f"echo before; touch {tmp_path}/1; until [ -e {go} ]; do sleep 0.02; done; echo after", compute="one"
    )
    waits = submit(ml, "echo waited", compute="one")
    ends = submit(
        ml,
        f"touch {tmp_path}/2; until [ -e {go} ]; do sleep 0.02; done; echo x > ${{{{outputs.o}}}}/x",
        outputs={"o": out},
    )
    dies = submit(ml, f"echo last words; touch {tmp_path}/3; sleep 100")
    until(lambda: all((tmp_path / str(number)).exists() for number in (1, 2, 3)))
    victim = guest(dies)
    own_platform.kill()
    victim.send_signal(signal.SIGKILL)
    until(lambda: not victim.is_running() or victim.status() == psutil.STATUS_ZOMBIE)
    go.touch()
    own_platform.start()
    assert [ended(ml, job.name) for job in (runs, waits, ends)] == ["Completed"] * 3
    assert printed(ml, runs, tmp_path / "runs") == "before\nafter\n"
    assert printed(ml, waits, tmp_path / "waits") == "waited\n"
    assert ml.data.get("kept", "1").type == "uri_folder"
    assert ended(ml, dies.name) == "Failed" and printed(ml, dies, tmp_path / "dies") == "last words\n"


def test_a_job_whose_environment_was_being_built_is_begun_again(
    ml: MLClient, own_platform: Platform, tmp_path: Path
) -> None:
    conda = tmp_path / "conda.yml"
    conda.write_text("dependencies: [python=3.11, {pip: [six]}]\n")
    job = submit(
        ml,
        "python -c 'import six; print(six.__name__)'",
        environment=Environment(image="python:3.11", conda_file=conda),
    )
    until(lambda: ml.jobs.get(job.name).status != "Queued")
    own_platform.kill()
    own_platform.start()
    assert ended(ml, job.name) == "Completed" and printed(ml, job, tmp_path / "job") == "six\n"


def test_a_cancelled_job_stays_cancelled(ml: MLClient, own_platform: Platform, tmp_path: Path) -> None:
    job = submit(ml, f"trap 'touch {tmp_path}/told; sleep 0.5; exit 0' TERM; touch {tmp_path}/on; sleep 100 & wait")
    until((tmp_path / "on").exists)
    ml.jobs.begin_cancel(job.name)
    until((tmp_path / "told").exists)
    own_platform.kill()
    own_platform.start()
    assert ended(ml, job.name) == "Canceled"


def test_a_platform_that_is_told_to_end_leaves_jobs_running(
    ml: MLClient, own_platform: Platform, tmp_path: Path
) -> None:
    job = submit(ml, f"touch {tmp_path}/on; until [ -e {tmp_path}/go ]; do sleep 0.02; done; echo done")
    until((tmp_path / "on").exists)
    own_platform.stop()
    (tmp_path / "go").touch()
    own_platform.start()
    assert ended(ml, job.name) == "Completed" and printed(ml, job, tmp_path / "job") == "done\n"
