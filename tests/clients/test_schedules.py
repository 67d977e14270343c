"""Schedules by the official SDK: made, changed, enabled, triggered; jobs on time, also when the platform was killed."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from azure.ai.ml import MLClient, command, dsl
from azure.ai.ml.constants import TimeZone
from azure.ai.ml.entities import (
    CronTrigger,
    Environment,
    JobSchedule,
    PipelineJob,
    RecurrencePattern,
    RecurrenceTrigger,
)
from azure.ai.ml.entities._load_functions import load_schedule
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential

from tests.conftest import GROUP, SUBSCRIPTION, Platform

PLAIN = Environment(image="python:3.11-slim")
WITHIN_S = 60

YAML = """
$schema: https://azuremlschemas.azureedge.net/latest/schedule.schema.json
name: of_yaml
display_name: Of YAML
trigger:
  type: recurrence
  frequency: week
  interval: 1
  schedule:
    hours: [4, 5]
    minutes: [0]
    week_days: [monday, friday]
  start_time: "2030-07-10T10:00:00"
  time_zone: "Pacific Standard Time"
create_job: ./pipeline.yml
"""
PIPELINE = """
type: pipeline
settings: {default_compute: azureml:serverless}
inputs:
  when: ${{creation_context.trigger_time}}
jobs:
  say:
    type: command
    command: echo it is ${{inputs.when}}
    environment: {image: python:3.11-slim}
    inputs:
      when: ${{parent.inputs.when}}
"""


@pytest.fixture
def pipeline() -> PipelineJob:
    """Returns a pipeline of one step, whose environment other tests have built."""
    step = command(command="echo ${{inputs.when}}", environment=PLAIN, inputs={"when": "never"})

    @dsl.pipeline(default_compute="serverless")
    def nightly(when: str):
        say = step(when=when)
        say.display_name = "say"

    return nightly(when="${{creation_context.trigger_time}}")


def soon(seconds: float) -> str:
    return f"{datetime.now(timezone.utc) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}"


def daily(start: str | None = None) -> RecurrenceTrigger:
    return RecurrenceTrigger(frequency="day", interval=1, start_time=start)


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_schedule_without_a_start_runs_at_once_and_its_jobs_are_listed(ml: MLClient, pipeline: PipelineJob) -> None:
    ml.schedules.begin_create_or_update(JobSchedule(name="now", trigger=daily(), create_job=pipeline)).result()
    until(lambda: list(ml.jobs.list(scheduled_job_name="now")))
    (made,) = ml.jobs.list(scheduled_job_name="now")
    assert made.display_name == made.name
    assert made.name.startswith("now-20")
    until(lambda: ml.jobs.get(made.name).status in ("Completed", "Failed"))
    assert ml.jobs.get(made.name).status == "Completed"
    stamp = datetime.strptime(made.name.removeprefix("now-"), "%Y%m%dT%H%M%SZ")
    assert ml.jobs.get(made.name)._to_dict()["inputs"]["when"] == f"{stamp:%Y-%m-%dT%H:%M:%SZ}"
    assert [one.name for one in ml.jobs.list(schedule_defined=True)] == [made.name]


def test_a_schedule_comes_back_as_it_was_made(ml: MLClient, pipeline: PipelineJob) -> None:
    trigger = CronTrigger(
        expression="15 10 * * 1", time_zone=TimeZone.PACIFIC_STANDARD_TIME, start_time="2030-01-01T00:00:00"
    )
    wanted = JobSchedule(
        name="cron", trigger=trigger, create_job=pipeline, display_name="Cron", description="weekly", tags={"a": "b"}
    )
    ml.schedules.begin_create_or_update(wanted).result()
    found = ml.schedules.get("cron")
    assert (found.display_name, found.description, found.tags, found.is_enabled) == ("Cron", "weekly", {"a": "b"}, True)
    assert (found.trigger.expression, found.trigger.time_zone) == ("15 10 * * 1", "Pacific Standard Time")
    assert found.trigger.start_time == "2030-01-01T00:00:00"
    assert found.properties["lazulite.nextAt"] == "2030-01-07T18:15:00.000000+00:00"
    assert sorted(found.create_job.jobs) == ["say"]


def test_schedules_are_disabled_enabled_and_deleted(ml: MLClient, pipeline: PipelineJob) -> None:
    later = JobSchedule(name="later", trigger=daily("2030-01-01T00:00:00"), create_job=pipeline)
    ml.schedules.begin_create_or_update(later).result()
    assert [one.name for one in ml.schedules.list()] == ["later"]
    assert ml.schedules.begin_disable("later").result().is_enabled is False
    assert list(ml.schedules.list()) == []
    assert "lazulite.nextAt" not in ml.schedules.get("later").properties
    assert ml.schedules.begin_enable("later").result().is_enabled is True
    assert ml.schedules.get("later").properties["lazulite.nextAt"].startswith("2030-01-01T00:00:00")
    ml.schedules.begin_delete("later").result()
    with pytest.raises(ResourceNotFoundError):
        ml.schedules.get("later")


def test_a_schedule_of_an_earlier_job_is_triggered_by_hand(ml: MLClient, pipeline: PipelineJob) -> None:
    first = ml.jobs.create_or_update(pipeline)
    wanted = JobSchedule(name="again", trigger=daily("2030-01-01T00:00:00"), create_job=first.id)
    ml.schedules.begin_create_or_update(wanted).result()
    said = ml.schedules.trigger("again")
    assert said.schedule_action_type == "CreateJob"
    made = ml.jobs.get(said.job_name)
    assert (made.type, made.experiment_name) == ("pipeline", "Default")
    assert sorted(made.jobs) == ["say"]
    assert said.job_name in ml.schedules.get("again").properties["lazulite.triggered"]


def test_a_schedule_of_yaml_ticks_by_its_pattern(ml: MLClient, tmp_path: Path) -> None:
    (tmp_path / "schedule.yml").write_text(YAML)
    (tmp_path / "pipeline.yml").write_text(PIPELINE)
    made = ml.schedules.begin_create_or_update(load_schedule(tmp_path / "schedule.yml")).result()
    assert isinstance(made.trigger.schedule, RecurrencePattern)
    assert made.properties["lazulite.nextAt"] == "2030-07-12T11:00:00.000000+00:00"  # a Friday, 4:00 in California


def test_a_trigger_that_cannot_be_right_is_refused_with_what_is_wrong(ml: MLClient, pipeline: PipelineJob) -> None:
    with pytest.raises(HttpResponseError, match=r'"every day", which is no crontab expression'):
        ml.schedules.begin_create_or_update(
            JobSchedule(name="odd", trigger=CronTrigger(expression="every day"), create_job=pipeline)
        )
    with pytest.raises(HttpResponseError, match='"Middle-earth" is no time zone'):
        ml.schedules.begin_create_or_update(
            JobSchedule(
                name="odd",
                trigger=CronTrigger(expression="* * * * *", time_zone="Middle-earth"),
                create_job=pipeline,
            )
        )
    assert list(ml.schedules.list()) == []


def test_a_killed_platform_keeps_its_times(
    own_platform: Platform, monkeypatch: pytest.MonkeyPatch, pipeline: PipelineJob
) -> None:
    for variable, value in own_platform.environ.items():
        monkeypatch.setenv(variable, value)
    own_platform.start()
    ml = MLClient(DefaultAzureCredential(), SUBSCRIPTION, GROUP, "lasting")
    start = soon(5)
    ml.schedules.begin_create_or_update(JobSchedule(name="kept", trigger=daily(start), create_job=pipeline)).result()
    own_platform.kill()
    own_platform.start()
    until(lambda: list(ml.jobs.list(scheduled_job_name="kept")))
    stamp = datetime.fromisoformat(start)
    assert [one.name for one in ml.jobs.list()] == [f"kept-{stamp:%Y%m%dT%H%M%SZ}"]
