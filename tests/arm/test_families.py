"""What assets and children share: what lists cost, and what a container counts."""

from typing import Any

from sqlalchemy import event

from tests.arm.conftest import Arm

MODEL = {"properties": {"modelUri": "file:///m"}}


def test_a_list_asks_the_database_as_often_for_many_assets_as_for_one(arm: Arm) -> None:
    arm.ask("PUT", "models/m0/versions/1", MODEL)
    for_one = queries(arm, "models")
    for number in range(1, 30):
        arm.ask("PUT", f"models/m{number}/versions/1", MODEL)
    assert queries(arm, "models") == for_one


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
