"""What assets and children share: what lists cost, and what a container counts."""

from typing import Any

from sqlalchemy import event

from lazulite import clock
from lazulite.arm.families import PAGE
from lazulite.store import resources
from lazulite.store.resources import Place
from tests.arm.conftest import Arm

SCOPE = "10000000-0000-0000-0000-000000000001/group/ws"
MODEL = {"properties": {"modelUri": "file:///m"}}


def test_a_list_asks_the_database_as_often_for_many_assets_as_for_one(arm: Arm) -> None:
    arm.ask("PUT", "models/m0/versions/1", MODEL)
    for_one = queries(arm, "models")
    for number in range(1, 30):
        arm.ask("PUT", f"models/m{number}/versions/1", MODEL)
    assert queries(arm, "models") == for_one


def test_a_list_of_schedules_does_too(arm: Arm) -> None:
    trigger = {"triggerType": "Recurrence", "frequency": "Hour", "interval": 1, "startTime": "2099-01-01T00:00:00Z"}
    job = {"jobType": "Command", "command": "true", "environmentId": "azureml:env:1"}
    body = {"properties": {"trigger": trigger, "action": {"actionType": "CreateJob", "jobDefinition": job}}}
    arm.ask("PUT", "environments/env/versions/1", {"properties": {"image": "python:3.11"}})
    arm.ask("PUT", "schedules/s0", body)
    for_one = queries(arm, "schedules")
    for number in range(1, 5):
        assert arm.ask("PUT", f"schedules/s{number}", body).status == 201
    assert queries(arm, "schedules") == for_one
    told = [one["properties"]["properties"] for one in arm.ask("GET", "schedules").body["value"]]
    assert [one["lazulite.nextAt"][:10] for one in told] == ["2099-01-01"] * 5


def test_a_long_list_comes_in_pages(arm: Arm) -> None:
    arm.ask("GET", "schedules")  # makes the workspace
    with arm.parts.db.write() as connection:
        for number in range(PAGE + 2):
            body = {"properties": {"isEnabled": number != PAGE, "properties": {}}}
            resources.put(connection, Place(SCOPE, "schedules", f"s{number}"), body, now=clock.now(), who="me")
    first = arm.ask("GET", "schedules").body
    assert len(first["value"]) == PAGE
    rest = arm.ask("GET", first["nextLink"].partition("azure.com")[2]).body
    assert rest["nextLink"] is None and [one["name"] for one in rest["value"]] == [f"s{PAGE + 1}"]


def queries(arm: Arm, path: str) -> int:
    seen: list[Any] = []

    def count(*said: Any) -> None:
        seen.append(said)

    event.listen(arm.parts.db.engine, "before_cursor_execute", count)
    assert arm.ask("GET", path).status == 200
    event.remove(arm.parts.db.engine, "before_cursor_execute", count)
    return len(seen)


def test_a_container_tells_the_newest_active_version_and_a_number_that_is_free(arm: Arm) -> None:
    for version in ("1", "7", "beta", "3"):
        arm.ask("PUT", f"models/M/versions/{version}", MODEL)
    arm.ask("PUT", "models/m/versions/3", {"properties": {**MODEL["properties"], "isArchived": True}})
    one = arm.ask("GET", "models/m").body["properties"]
    listed = arm.ask("GET", "models").body["value"][0]["properties"]
    assert (one["latestVersion"], one["nextVersion"]) == ("beta", "8")
    assert listed == one


def test_a_version_that_would_change_is_refused_with_its_lines_and_the_next_free_version(arm: Arm) -> None:
    def environment(package: str) -> dict[str, Any]:
        return {"properties": {"image": "python:3.11", "condaFile": f"dependencies:\n- python=3.11\n- {package}\n"}}

    arm.ask("PUT", "environments/e/versions/1", environment("numpy=1"))
    arm.ask("PUT", "environments/e/versions/7", environment("numpy=7"))
    answer = arm.ask("PUT", "environments/e/versions/1", environment("numpy=2"))
    assert (answer.status, answer.body["error"]["code"]) == (409, "Conflict")
    assert 'condaFile: "- numpy=1" is missing, "- numpy=2" is new' in answer.message
    assert "use the next one, 8," in answer.message
    assert arm.ask("PUT", "environments/e/versions/1", environment("numpy=1")).status == 200
