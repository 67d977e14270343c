"""Runs as run history shows, changes and ends them."""

import contextlib
from collections.abc import Iterator
from datetime import timedelta

import pytest

from lazulite.engine import folders, states
from lazulite.engine.states import Change
from lazulite.errors import BadRequest, Conflict, InvalidName, NotFound
from tests.dataplane.conftest import HERE, NOON, Plane

TRIAL = "/history/v1.0{W}/experiments/trial"


def test_a_run_is_made_by_its_first_patch_and_changed_by_the_next(plane: Plane) -> None:
    made = plane.ask("PATCH", f"{TRIAL}/runs/r1", {"runId": "r1", "name": "run_r1", "tags": {"a": "1"}})
    assert (made["status"], made["displayName"], made["rootRunId"]) == ("NotStarted", "run_r1", "r1")
    changed = plane.ask("PATCH", f"{TRIAL}/runs/r1", {"displayName": "best", "tags": {"b": None}, "hidden": True})
    assert (changed["displayName"], changed["tags"], changed["hidden"]) == ("best", {"a": "1", "b": ""}, True)
    assert plane.ask("GET", "/history/v1.0{W}/runs/R1") == changed


def test_a_run_is_the_same_by_experiments_name_and_id_and_by_itself(plane: Plane) -> None:
    made = plane.ask("PATCH", f"{TRIAL}/runs/r1", {})
    by_id = plane.ask("GET", f"/history/v1.0{{W}}/experimentids/{made['experimentId']}/runs/r1")
    assert made == by_id == plane.ask("GET", f"{TRIAL}/runs/r1")


def test_a_run_without_an_experiment_is_not_made(plane: Plane) -> None:
    with pytest.raises(NotFound, match='Run "r1" was not found'):
        plane.ask("PATCH", "/history/v1.0{W}/runs/r1", {"displayName": "x"})


@pytest.mark.parametrize("name", ["..", "a b", "-x", "x" * 300])
def test_a_run_has_a_name_that_a_folder_can_have(plane: Plane, name: str) -> None:
    with pytest.raises((InvalidName, BadRequest)):
        plane.ask("PATCH", f"{TRIAL}/runs/{name}", {})


@pytest.mark.parametrize(
    ("field", "value"),
    [("displayName", 1), ("tags", ["a"]), ("tags", {"a": 1}), ("status", "Done"), ("startTimeUtc", "noon")],
)
def test_a_field_of_the_wrong_kind_is_named_and_changes_nothing(plane: Plane, field: str, value: object) -> None:
    before = plane.ask("PATCH", f"{TRIAL}/runs/r1", {})
    with pytest.raises(BadRequest) as caught:
        plane.ask("PATCH", f"{TRIAL}/runs/r1", {"description": "new", field: value})
    assert caught.value.target == field
    assert plane.ask("GET", f"{TRIAL}/runs/r1") == before


def test_events_start_and_end_a_run(plane: Plane) -> None:
    plane.ask("PATCH", f"{TRIAL}/runs/r1", {})
    _happens(plane, "r1", "Start")
    plane.now = NOON + timedelta(seconds=90)
    _happens(plane, "r1", "Completed")
    run = plane.ask("GET", f"{TRIAL}/runs/r1")
    assert (run["status"], run["startTimeUtc"], run["duration"]) == (
        "Completed",
        "2026-01-31T12:00:00.000000+00:00",
        "0:01:30",
    )


def test_an_error_is_kept_when_the_run_fails_after_it(plane: Plane) -> None:
    plane.ask("PATCH", f"{TRIAL}/runs/r1", {})
    error = {"code": "UserError", "message": "no such column", "target": None}
    _happens(plane, "r1", "Error", ErrorResponse={"error": error})
    _happens(plane, "r1", "Failed")
    details = plane.ask("GET", f"{TRIAL}/runs/r1/details")
    assert (details["status"], details["error"]["error"]["message"]) == ("Failed", "no such column")


def test_a_job_is_moved_by_the_engine_alone(plane: Plane) -> None:
    plane.job("j1")
    _happens(plane, "j1", "Completed")
    assert plane.ask("PATCH", f"{TRIAL}/runs/j1", {"status": "Failed"})["status"] == "Queued"


def test_a_job_that_waits_is_cancelled_by_an_event(plane: Plane) -> None:
    plane.job("j1")
    _happens(plane, "j1", "CancelRequested")
    assert plane.ask("GET", f"{TRIAL}/runs/j1")["status"] == "Canceled"


def test_children_come_on_one_page_whatever_is_asked_for(plane: Plane) -> None:
    plane.ask("PATCH", f"{TRIAL}/runs/p", {})
    sent = [{"runId": f"c{number}", "parentRunId": "p", "name": f"p>kid{number}"} for number in range(600)]
    answer = plane.ask("PATCH", f"{TRIAL}/batch/runs", {"runs": [*sent, {"runId": "x", "parentRunId": "none"}]})
    assert len(answer["runs"]) == 600 and answer["errors"]["x"]["error"]["code"] == "ResourceNotFound"
    page = plane.ask("GET", "/history/v1.0{W}/runs/p/children?$top=10")
    assert [one["name"] for one in page["value"]] == [f"kid{number}" for number in range(600)]
    assert page["continuationToken"] is None
    assert {one["rootRunId"] for one in page["value"]} == {"p"}


def test_events_of_many_runs_tell_which_could_not_be_taken(plane: Plane) -> None:
    plane.ask("PATCH", f"{TRIAL}/runs/r1", {})
    name = "Microsoft.MachineLearning.Run.Start"
    events = [{"name": name, "data": {"RunId": "r1"}}, {"name": name, "data": {"RunId": "r2"}}]
    answer = plane.ask("POST", f"{TRIAL}/batch/events", {"events": events})
    assert [one["key"]["data"]["RunId"] for one in answer["errors"]] == ["r2"]
    assert plane.ask("GET", f"{TRIAL}/runs/r1")["status"] == "Running"


def test_runs_are_listed_in_pages_by_filter_and_order(plane: Plane) -> None:
    for number in range(5):
        plane.now = NOON + timedelta(seconds=number)
        plane.ask("PATCH", f"{TRIAL}/runs/r{number}", {"tags": {"even": str(number % 2 == 0)}})
    plane.ask("PATCH", f"{TRIAL}/runs/r4", {"hidden": True})
    asked = {"filter": '(Tags/even eq "True")', "orderby": ["CreatedUtc desc"], "top": 1}
    first = plane.ask("POST", f"{TRIAL}/runs:query", asked)
    second = plane.ask("POST", f"{TRIAL}/runs:query", {**asked, "continuationToken": first["continuationToken"]})
    assert [one["runId"] for page in (first, second) for one in page["value"]] == ["r2", "r0"]


def test_tags_are_removed_by_name(plane: Plane) -> None:
    plane.ask("PATCH", f"{TRIAL}/runs/r1", {"tags": {"a": "1", "b": "2"}})
    assert plane.ask("DELETE", f"{TRIAL}/runs/r1/tags", ["a", "c"])["tags"] == {"b": "2"}


def test_details_have_a_signed_address_for_each_log_and_warnings_in_words(plane: Plane) -> None:
    run = plane.job("j1")
    folder = folders.artifacts(plane.parts.settings.home, HERE, "j1")
    (folder / "user_logs").mkdir(parents=True)
    (folder / "user_logs" / "std_log.txt").write_text("hello")
    (folder / "outputs").mkdir()
    (folder / "outputs" / "model.bin").write_text("no log")
    with plane.parts.db.write() as connection:
        job = states.get(connection, run.number)
        states.apply(connection, job, Change("Preparing", warnings=["no GPU here"]), now=NOON)
    details = plane.ask("GET", "/history/v1.0{W}/runs/j1/details")
    assert details["status"] == "Preparing"
    assert [one["message"] for one in details["warnings"]] == ["no GPU here"]
    assert list(details["logFiles"]) == ["user_logs/std_log.txt"]
    address = details["logFiles"]["user_logs/std_log.txt"]
    assert (
        ".blob.core.windows.net/azureml/ExperimentRun/dcid.j1/user_logs/std_log.txt?" in address and "sp=r" in address
    )


def test_a_job_that_was_over_at_once_is_shown_as_ending_to_whoever_streams_it(plane: Plane) -> None:
    run = plane.job("j1")
    for state in ("Preparing", "Starting", "Running", "Finalizing", "Completed"):
        with plane.parts.db.write() as connection:
            states.apply(connection, states.get(connection, run.number), Change(state), now=NOON)
    address, streaming = "/history/v1.0{W}/runs/j1/details", {"user_agent": "azsdk-python azure-ai-ml/1.35.2"}
    assert plane.ask("GET", address)["status"] == "Completed"
    assert plane.ask("GET", address, **streaming)["status"] == "Finalizing"
    plane.now = NOON + timedelta(seconds=5)
    assert plane.ask("GET", address, **streaming)["status"] == "Completed"


def test_experiments_are_found_made_renamed_and_archived(plane: Plane) -> None:
    with pytest.raises(NotFound, match='no experiment "trial"'):
        plane.ask("GET", TRIAL)
    made = plane.ask("POST", TRIAL)
    by_id = f"/history/v1.0{{W}}/experimentids/{made['experimentId']}"
    plane.ask("POST", "/history/v1.0{W}/experiments/other")
    with pytest.raises(Conflict):
        plane.ask("PATCH", by_id, {"name": "other"})
    plane.ask("PATCH", by_id, {"archive": True, "tags": {"a": "b"}})
    listed = "/history/v1.0{W}/experiments:query"
    assert [one["name"] for one in plane.ask("POST", listed, {})["value"]] == ["Default", "other"]
    assert [one["tags"] for one in plane.ask("POST", listed, {"viewType": "ArchivedOnly"})["value"]] == [{"a": "b"}]
    asked = {"viewType": "All", "filter": "(name eq trial)"}
    assert [one["experimentId"] for one in plane.ask("POST", listed, asked)["value"]] == [made["experimentId"]]


def test_a_script_gets_another_token_before_its_own_is_over(plane: Plane) -> None:
    plane.ask("PATCH", f"{TRIAL}/runs/r1", {})
    given = plane.ask("GET", f"{TRIAL}/runs/r1/token")
    assert given["token"].count(".") == 2 and given["expiryTimeUtc"].startswith("2026-02-01T11:59:59")


def _happens(plane: Plane, run: str, name: str, **data: object) -> None:
    event = {"name": f"Microsoft.MachineLearning.Run.{name}", "data": {"RunId": run, **data}}
    plane.ask("POST", f"{TRIAL}/runs/{run}/events", event)


ERROR = {"code": "x", "message": "m"}
SENT = {
    "PATCH batch/runs": {
        "runs": [{"runId": "r9", "tags": {"a": "b"}, "status": "Running", "startTimeUtc": "2026-01-01"}]
    },
    "PATCH runs/r": {
        "displayName": "x",
        "tags": {"a": "1"},
        "hidden": False,
        "endTimeUtc": "2026-01-01",
        "target": "t",
    },
    "POST batch/events": {"events": [{"name": "Start", "data": {"RunId": "r", "ErrorResponse": {"error": ERROR}}}]},
    "POST runs/r/events": {"name": "Error", "data": {"ErrorResponse": {"error": ERROR}}},
    "POST runs:query": {"filter": "(RunId eq r)", "orderby": "StartTimeUtc desc", "top": 5, "continuationToken": "1"},
}
WRONG = [None, True, 1.5, 2**70, -1, "", "x", "\x00", [], [1], [{}], [None], {}, {"a": 1}, {"a": None}]


@pytest.mark.parametrize("asked", SENT)
def test_no_value_of_a_wrong_kind_fails_the_platform(plane: Plane, asked: str) -> None:
    plane.ask("PATCH", f"{TRIAL}/runs/r", {})
    method, _, rest = asked.partition(" ")
    for body in spoiled(SENT[asked]):
        with contextlib.suppress(BadRequest, InvalidName, NotFound):
            plane.ask(method, f"{TRIAL}/{rest}", body)


def spoiled(value: object) -> Iterator[object]:
    """Yields a body as often as there are values in it and wrong ones to put in their place."""
    yield from WRONG
    for name, one in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else []):
        for wrong in spoiled(one):
            yield {**value, name: wrong} if isinstance(value, dict) else [wrong]
