"""Jobs as azure-ai-ml watches, renames, downloads and lists them through run history."""

import uuid
from pathlib import Path

import pytest
import requests
from azure.ai.ml import MLClient, Output, command
from azure.ai.ml.entities import Environment
from azure.ai.ml.exceptions import JobException
from azure.ai.ml.operations._run_history_constants import RunHistoryConstants
from azure.identity import DefaultAzureCredential

PLAIN = Environment(name="plain", version="1", image="python:3.11-slim")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the SDK look every second, not every two."""
    monkeypatch.setattr(RunHistoryConstants, "_WAIT_COMPLETION_POLLING_INTERVAL_MIN", 1)


def submit(ml: MLClient, line: str, **more: object):
    job = command(command=line, environment=PLAIN, compute="local", experiment_name="trial", **more)
    return ml.jobs.create_or_update(job)


def test_the_lines_of_a_job_that_was_over_at_once_are_printed(ml: MLClient, capsys: pytest.CaptureFixture) -> None:
    job = submit(ml, "echo first line; echo last line")
    ml.jobs.stream(job.name)
    printed = capsys.readouterr().out
    assert "Streaming user_logs/std_log.txt" in printed
    assert "first line\nlast line\n" in printed
    assert ml.jobs.get(job.name).status == "Completed"


def test_a_job_that_fails_raises_what_its_script_raised(ml: MLClient) -> None:
    job = submit(ml, "python -c 'import nowhere'")
    with pytest.raises(JobException, match="No module named 'nowhere'"):
        ml.jobs.stream(job.name)
    assert ml.jobs.get(job.name).status == "Failed"


def test_logs_artifacts_and_outputs_come_down(ml: MLClient, tmp_path: Path) -> None:
    line = "echo kept > outputs/kept.txt; echo told > ${{outputs.told}}/a.txt; echo one > ${{outputs.one}}"
    job = submit(ml, line, outputs={"told": Output(type="uri_folder"), "one": Output(type="uri_file")})
    ml.jobs.stream(job.name)
    ml.jobs.download(job.name, download_path=str(tmp_path / "all"), all=True)
    down = {path.relative_to(tmp_path / "all").as_posix() for path in (tmp_path / "all").rglob("*") if path.is_file()}
    assert {"artifacts/outputs/kept.txt", "artifacts/user_logs/std_log.txt", "named-outputs/told/a.txt"} <= down
    assert any(name.startswith("named-outputs/one") for name in down)
    ml.jobs.download(job.name, download_path=str(tmp_path / "one"), output_name="told")
    assert (tmp_path / "one" / "named-outputs" / "told" / "a.txt").read_text() == "told\n"


def test_a_fetched_job_that_is_sent_again_is_renamed_and_not_run_again(ml: MLClient) -> None:
    job = submit(ml, "echo", tags={"a": "1"})
    fetched = ml.jobs.get(job.name)
    fetched.display_name, fetched.description, fetched.tags["b"] = "better", "as told", "2"
    ml.jobs.create_or_update(fetched)
    found = ml.jobs.get(job.name)
    assert (found.display_name, found.description, found.tags) == ("better", "as told", {"a": "1", "b": "2"})
    assert [one.name for one in ml.jobs.list()] == [job.name]


def test_an_archived_job_leaves_the_list_and_comes_back(ml: MLClient) -> None:
    job = submit(ml, "echo")
    ml.jobs.archive(job.name)
    assert list(ml.jobs.list()) == []
    ml.jobs.restore(job.name)
    assert [one.name for one in ml.jobs.list()] == [job.name]


def test_children_of_a_job_are_listed_all_of_them(ml: MLClient) -> None:
    job = submit(ml, "echo")
    token = DefaultAzureCredential().get_token("https://ml.azure.com/.default").token
    root = (
        f"https://eastus.api.azureml.ms/history/v1.0/subscriptions/{ml.subscription_id}/resourceGroups/"
        f"{ml.resource_group_name}/providers/Microsoft.MachineLearningServices/workspaces/{ml.workspace_name}"
    )
    names = [f"kid-{uuid.uuid4().hex[:8]}" for _ in range(3)]
    for name in names:
        address = f"{root}/experiments/trial/runs/{name}"
        headers = {"Authorization": f"Bearer {token}"}
        assert requests.patch(address, json={"parentRunId": job.name}, headers=headers, timeout=30).ok
    assert [one.name for one in ml.jobs.list(parent_job_name=job.name)] == names


def test_a_job_offers_no_services(ml: MLClient) -> None:
    assert ml.jobs.show_services(submit(ml, "echo").name) is None
