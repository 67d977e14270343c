"""What schedules do as time goes by, on a clock of the test's own: on time, late, missed, failed, disabled."""

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from lazulite import clock
from lazulite.engine import schedules
from lazulite.engine.schedules import Event
from lazulite.store.resources import Place
from lazulite.store.tables import schedule_events
from tests.arm.conftest import Arm

SCOPE = "10000000-0000-0000-0000-000000000001/group/ws"
PLACE = Place(SCOPE, schedules.KIND, "nightly")
JOB = {
    "jobType": "Command",
    "command": "echo ${{inputs.day}} ${{inputs.me}}",
    "environmentId": "azureml:env:1",
    "inputs": {
        "day": {"jobInputType": "literal", "value": "${{creation_context.trigger_time}}"},
        "me": {"jobInputType": "literal", "value": "I am ${{name}}"},
    },
}


@pytest.fixture
def later(arm: Arm) -> datetime:
    """Returns a time a week from now, when a schedule could begin."""
    assert arm.ask("PUT", "environments/env/versions/1", {"properties": {"image": "python:3.11"}}).status == 201
    return (clock.now() + timedelta(days=7)).replace(microsecond=0)


def body(later: datetime, **trigger: Any) -> dict[str, Any]:
    wanted = {"triggerType": "Recurrence", "frequency": "Hour", "interval": 1, "startTime": later.isoformat()}
    return {
        "properties": {
            "trigger": {**wanted, **trigger},
            "action": {"actionType": "CreateJob", "jobDefinition": JOB},
        }
    }


def put(arm: Arm, wanted: dict[str, Any]) -> dict[str, Any]:
    answer = arm.ask("PUT", "schedules/nightly", wanted)
    assert answer.status in (200, 201), answer.body
    return dict(answer.body["properties"])


def jobs(arm: Arm) -> list[dict[str, Any]]:
    return list(arm.ask("GET", "jobs?scheduleId=nightly").body["value"])[::-1]


def events(arm: Arm, kind: str = "") -> list[Event]:
    query = select(schedule_events).where(schedule_events.c.kind.contains(kind)).order_by(schedule_events.c.sequence)
    with arm.parts.db.read() as connection:
        return [Event(row.at, row.kind, row.job, row.note) for row in connection.execute(query)]


def test_a_tick_makes_one_job_that_knows_its_time(arm: Arm, later: datetime) -> None:
    put(arm, body(later))
    assert arm.parts.scheduler.tick(later - timedelta(seconds=1)) <= 1
    assert jobs(arm) == []
    for seconds in (0, 1, 30):
        arm.parts.scheduler.tick(later + timedelta(seconds=seconds))
    made = jobs(arm)
    assert [one["name"] for one in made] == [f"nightly-{later:%Y%m%dT%H%M%SZ}"]
    assert made[0]["properties"]["displayName"] == made[0]["name"]
    assert made[0]["properties"]["inputs"]["day"]["value"] == f"{later:%Y-%m-%dT%H:%M:%SZ}"
    assert made[0]["properties"]["inputs"]["me"]["value"] == f"I am {made[0]['name']}"
    assert arm.ask("GET", "jobs?scheduled=true").body["value"][0]["name"] == made[0]["name"]
    arm.parts.scheduler.tick(later + timedelta(hours=1))
    assert len(jobs(arm)) == 2


def test_a_schedule_that_says_no_start_makes_its_first_job_at_once(arm: Arm, later: datetime) -> None:
    wanted = body(later)
    wanted["properties"]["trigger"] = {"triggerType": "Cron", "expression": f"0 0 1 {(later.month + 3) % 12 + 1} *"}
    put(arm, wanted)
    for _ in range(2):
        arm.parts.scheduler.tick(clock.now())
    assert len(jobs(arm)) == 1
    put(arm, wanted)  # not new any more
    arm.parts.scheduler.tick(clock.now())
    assert len(jobs(arm)) == 1


def test_what_was_missed_is_said_once_and_not_made_up_for(arm: Arm, later: datetime) -> None:
    put(arm, body(later, frequency="Minute", interval=10))
    arm.parts.scheduler.tick(later + timedelta(hours=3, minutes=5))
    assert jobs(arm) == []
    assert [(one.kind, one.note[:11]) for one in events(arm)] == [("missed", "19 times si")]
    assert "19 times since" in arm.ask("GET", "schedules/nightly").body["properties"]["properties"]["lazulite.missed"]
    arm.parts.scheduler.tick(later + timedelta(hours=3, minutes=10, seconds=20))
    assert [one["name"][-7:] for one in jobs(arm)] == [f"{later + timedelta(hours=3, minutes=10):%H%M%SZ}"]


def test_a_tick_that_is_a_little_late_is_kept(arm: Arm, later: datetime) -> None:
    put(arm, body(later))
    arm.parts.scheduler.tick(later + timedelta(hours=2, seconds=50))
    assert [one["name"][-7:] for one in jobs(arm)] == [f"{later + timedelta(hours=2):%H%M%SZ}"]
    assert "2 times" in events(arm, "missed")[0].note


def test_a_schedule_ends_and_a_disabled_one_does_not_tick(arm: Arm, later: datetime) -> None:
    wanted = body(later, endTime=(later + timedelta(hours=1)).isoformat())
    put(arm, wanted)
    for hours in range(4):
        arm.parts.scheduler.tick(later + timedelta(hours=hours))
    assert len(jobs(arm)) == 2
    wanted["properties"]["isEnabled"] = False
    assert "lazulite.nextAt" not in put(arm, wanted)["properties"]
    assert arm.ask("GET", "schedules").body["value"] == []
    assert len(arm.ask("GET", "schedules?listViewType=All").body["value"]) == 1
    assert len(arm.ask("GET", "schedules?listViewType=DisabledOnly").body["value"]) == 1


def test_a_job_that_cannot_be_made_any_more_is_there_as_failed(arm: Arm, later: datetime) -> None:
    put(arm, body(later))
    arm.ask("DELETE", "environments/env")
    arm.parts.scheduler.tick(later)
    made = jobs(arm)[0]
    assert made["properties"]["status"] == "Failed"
    assert [(one.kind, one.job) for one in events(arm)] == [("failed", made["name"])]


def test_a_schedule_of_an_earlier_job_writes_to_places_of_its_own(arm: Arm, later: datetime) -> None:
    outputs = {
        "plain": {"jobOutputType": "uri_folder"},
        "named": {"jobOutputType": "uri_folder", "uri": "azureml://datastores/workspaceblobstore/paths/a/${{name}}/"},
    }
    first = {**JOB, "outputs": outputs, "tags": {"a": "b"}, "displayName": "first"}
    assert arm.ask("PUT", "jobs/first", {"properties": first}).status == 201
    wanted = body(later)
    wanted["properties"]["action"]["jobDefinition"] = {"sourceJobId": "first", "jobType": "Pipeline", "inputs": {}}
    put(arm, wanted)
    arm.parts.scheduler.tick(later)
    made = jobs(arm)[0]
    name, told = made["name"], made["properties"]
    assert told["inputs"]["me"]["value"] == f"I am {name}"
    assert (told["jobType"], told["command"], told["tags"]) == ("Command", first["command"], {"a": "b"})
    assert told["outputs"]["plain"]["uri"].endswith(f"azureml/{name}/plain/")
    assert told["outputs"]["named"]["uri"].endswith(f"paths/a/{name}/")
    arm.ask("DELETE", "schedules/nightly")
    assert arm.parts.scheduler.tick(later + timedelta(hours=1)) == 60
    assert len(jobs(arm)) == 1


def created(**definition: Any) -> dict[str, Any]:
    return {"action": {"actionType": "CreateJob", "jobDefinition": definition}}


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"action": {"actionType": "CreateMonitor"}}, 501, "does not monitor"),
        ({"action": {"actionType": "ImportData"}}, 501, "does not import data"),
        (created(jobType="Spark"), 501, "does not run jobs"),
        (created(jobType="Command"), 400, "command"),
        (created(**{**JOB, "environmentId": "azureml:no:1"}), 400, '"no"'),
        (created(jobType="Pipeline", sourceJobId="no"), 404, "which the schedule is of"),
        ({"trigger": {"triggerType": "Cron", "expression": "hourly"}}, 400, "crontab"),
        ({"trigger": None}, 400, "triggerType"),
    ],
    ids=str,
)
def test_a_schedule_that_cannot_be_right_is_refused(
    arm: Arm, later: datetime, change: dict[str, Any], status: int, said: str
) -> None:
    wanted = body(later)
    wanted["properties"].update(change)
    answer = arm.ask("PUT", "schedules/nightly", wanted)
    assert (answer.status, said in answer.message) == (status, True), answer.body
    assert arm.ask("GET", "schedules/nightly").status == 404


def test_a_strict_platform_deletes_only_disabled_schedules(tmp_path: Path) -> None:
    strict = Arm(tmp_path / "home", strict=True)
    assert strict.ask("PUT", "", {"properties": {}}).status == 201
    assert strict.ask("PUT", "environments/env/versions/1", {"properties": {"image": "python:3.11"}}).status == 201
    wanted = body(clock.now() + timedelta(days=7))
    put(strict, wanted)
    answer = strict.ask("DELETE", "schedules/nightly")
    assert (answer.status, "is enabled" in answer.message) == (409, True)
    wanted["properties"]["isEnabled"] = False
    put(strict, wanted)
    assert strict.ask("DELETE", "schedules/nightly").status == 200
    strict.parts.db.close()


def test_an_input_that_is_yet_to_be_made_does_not_stop_a_schedule(arm: Arm, later: datetime) -> None:
    wanted = body(later)
    inputs = {"rows": {"jobInputType": "uri_folder", "uri": "azureml:rows@latest"}}
    wanted["properties"]["action"]["jobDefinition"] = {**JOB, "command": "ls ${{inputs.rows}}", "inputs": inputs}
    put(arm, wanted)


def test_a_workspace_takes_its_schedules_with_it(arm: Arm, later: datetime) -> None:
    put(arm, body(later))
    arm.ask("DELETE", "")
    assert arm.parts.scheduler.tick(later) == 60


def test_the_time_of_a_trigger_is_told_in_utc(arm: Arm, later: datetime) -> None:
    put(arm, body(later))
    answer = arm.ask("POST", "schedules/nightly/trigger", {"scheduleTime": "2026-01-31T12:00:00+02:00"})
    assert answer.body["submissionId"] == "nightly-20260131T100000Z"
    again = arm.ask("POST", "schedules/nightly/trigger", {"scheduleTime": "2026-01-31T10:00:00"})
    assert again.body["submissionId"] == "nightly-20260131T100000Z-2"
    assert datetime(2026, 1, 31, 10, tzinfo=timezone.utc) < later
    assert arm.ask("POST", "schedules/nightly/trigger", {"scheduleTime": "soon"}).status == 400
