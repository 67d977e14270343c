"""MLflow's runs over the one run record: whose status it is, what is a field, what is refused."""

import pytest

from lazulite.errors import BadRequest, NotFound
from lazulite.tracking import runs
from tests.dataplane.conftest import HERE


def make(tracking, **body):
    return tracking.ask("POST", "runs/create", {"experiment_id": "0", "start_time": 5, **body})["run"]


def tags_of(run):
    return {tag["key"]: tag["value"] for tag in run["data"]["tags"]}


def stored(tracking, run_id):
    with tracking.parts.db.read() as connection:
        return runs.find(connection, HERE.scope, run_id)


def test_a_run_is_made_running_in_default_with_a_name(tracking):
    run = make(tracking)
    assert run["info"]["status"] == "RUNNING" and run["info"]["run_name"]
    assert stored(tracking, run["info"]["run_id"]).kind == "azureml.mlflow"


def test_tags_that_are_fields_come_from_the_record(tracking):
    parent = make(tracking, run_name="top", user_id="me")["info"]["run_id"]
    child = make(
        tracking, tags=[{"key": "mlflow.parentRunId", "value": parent}, {"key": "mlflow.runName", "value": "low"}]
    )
    assert tags_of(child) == {
        "mlflow.parentRunId": parent,
        "mlflow.rootRunId": parent,
        "mlflow.runName": "low",
        "mlflow.user": "tester",
    }
    run_id = child["info"]["run_id"]
    tracking.ask("POST", "runs/set-tag", {"run_id": run_id, "key": "mlflow.runName", "value": "renamed"})
    assert stored(tracking, run_id).name == "renamed"
    found = tracking.ask(
        "POST", "runs/search", {"experiment_ids": ["0"], "filter": f"tags.mlflow.parentRunId = '{parent}'"}
    )
    assert [one["info"]["run_id"] for one in found["runs"]] == [run_id]


def test_an_unknown_parent_or_experiment_is_refused(tracking):
    with pytest.raises(NotFound, match="nobody"):
        make(tracking, tags=[{"key": "mlflow.parentRunId", "value": "nobody"}])
    with pytest.raises(NotFound, match="no experiment"):
        make(tracking, experiment_id="nothing")


@pytest.mark.parametrize("status", ["FINISHED", 3])
def test_an_end_is_an_end_and_a_run_may_go_on(tracking, status):
    run_id = make(tracking)["info"]["run_id"]
    ended = tracking.ask("POST", "runs/update", {"run_id": run_id, "status": status, "end_time": 9000})["run_info"]
    assert (ended["status"], ended["end_time"]) == ("FINISHED", 9000)
    going = tracking.ask("POST", "runs/update", {"run_id": run_id, "status": "RUNNING"})["run_info"]
    assert going["status"] == "RUNNING" and "end_time" not in going


def test_a_script_does_not_end_the_job_it_runs_in(tracking):
    job = stored(tracking, tracking.job("train").id)
    told = tracking.ask("POST", "runs/update", {"run_id": job.id, "status": "FINISHED", "run_name": "renamed"})
    assert told["run_info"]["status"] == "SCHEDULED"
    after = stored(tracking, job.id)
    assert (after.status, after.ended_at, after.name) == (job.status, None, "renamed")


def test_a_deleted_run_takes_nothing_until_it_is_restored(tracking):
    run_id = make(tracking)["info"]["run_id"]
    tracking.ask("POST", "runs/delete", {"run_id": run_id})
    metric = {"run_id": run_id, "key": "m", "value": 1, "timestamp": 1}
    with pytest.raises(BadRequest, match="must be in the 'active' state"):
        tracking.ask("POST", "runs/log-metric", metric)
    tracking.ask("POST", "runs/restore", {"run_id": run_id})
    tracking.ask("POST", "runs/log-metric", metric)


def test_a_job_goes_on_logging_after_it_was_archived(tracking):
    job = tracking.job("train")
    tracking.ask("POST", "runs/delete", {"run_id": job.id})
    tracking.ask("POST", "runs/log-metric", {"run_id": job.id, "key": "m", "value": 1, "timestamp": 1})
    assert stored(tracking, job.id).is_archived


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("status = 'RUNNING'", 1),
        ("attributes.status != 'RUNNING'", 2),
        ("status IN ('FINISHED', 'FAILED')", 1),
        ("status LIKE 'SCHED%'", 1),
        ("status = 'Completed'", 0),
    ],
)
def test_statuses_are_searched_in_mlflows_words(tracking, text, count):
    make(tracking)
    tracking.ask("POST", "runs/update", {"run_id": make(tracking)["info"]["run_id"], "status": "FINISHED"})
    experiment = tracking.job("waiting").experiment
    found = tracking.ask("POST", "runs/search", {"experiment_ids": ["0", experiment], "filter": text})["runs"]
    assert len(found) == count


def test_pages_of_a_search_add_up(tracking):
    made = [make(tracking, start_time=number)["info"]["run_id"] for number in range(5)]
    body, seen = {"experiment_ids": ["0"], "max_results": 2}, []
    while True:
        page = tracking.ask("POST", "runs/search", body)
        seen += [run["info"]["run_id"] for run in page["runs"]]
        if "next_page_token" not in page:
            break
        body["page_token"] = page["next_page_token"]
    assert seen == made[::-1]
