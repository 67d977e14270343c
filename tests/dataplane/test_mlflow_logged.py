"""What runs are told through MLflow: batches whole or not at all, limits, histories."""

import pytest

from lazulite.dataplane.mlflow import wire
from lazulite.errors import BadRequest, NotFound
from tests.dataplane.conftest import Plane


@pytest.fixture
def run_id(tracking):
    return tracking.ask("POST", "runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]


def data_of(tracking, run_id):
    return tracking.ask("GET", f"runs/get?run_id={run_id}")["run"]["data"]


def points(count, key="m"):
    return [{"key": key, "value": number, "timestamp": number, "step": number} for number in range(count)]


def test_a_batch_is_written_whole_or_not_at_all(tracking, run_id):
    tracking.ask("POST", "runs/log-parameter", {"run_id": run_id, "key": "lr", "value": "1"})
    batch = {
        "run_id": run_id,
        "metrics": points(3),
        "tags": [{"key": "t", "value": "v"}],
        "params": [{"key": "new", "value": "x"}, {"key": "lr", "value": "2"}],
    }
    with pytest.raises(BadRequest, match="'1' and cannot become '2'"):
        tracking.ask("POST", "runs/log-batch", batch)
    data = data_of(tracking, run_id)
    assert (data["metrics"], data["params"]) == ([], [{"key": "lr", "value": "1"}])


@pytest.mark.parametrize(
    ("batch", "told"),
    [
        ({"metrics": points(1001)}, "at most 1000"),
        ({"params": [{"key": "k", "value": "v" * 6001}]}, "has 6001 characters; at most 6000"),
        ({"tags": [{"key": "k", "value": "v" * 8001}]}, "at most 8000"),
        ({"params": [{"key": "k", "value": "1"}, {"key": "k", "value": "2"}]}, "'k' twice"),
        ({"metrics": [{"key": "", "value": 1, "timestamp": 1}]}, "key must be text"),
        ({"metrics": [{"key": "k" * 251, "value": 1, "timestamp": 1}]}, "1 to 250"),
        ({"metrics": [{"key": "k", "timestamp": 1}]}, "value must be a number"),
        ({"metrics": "many"}, "must be a list of objects"),
    ],
)
def test_what_is_over_a_limit_is_refused(tracking, run_id, batch, told):
    with pytest.raises(BadRequest, match=told):
        tracking.ask("POST", "runs/log-batch", {"run_id": run_id, **batch})


def test_the_plugin_hears_that_a_batch_is_done(tracking, run_id):
    path = "/mlflow/v2.0{W}/api/2.0/preview/mlflow/runs/log-batch-async"
    told = Plane.ask(tracking, "POST", path, {"run_id": run_id, "metrics": points(2)})
    assert told == {"batch_tracking_id": ""}
    assert [point["step"] for point in data_of(tracking, run_id)["metrics"]] == [1]


def test_a_history_comes_whole_or_in_pages(tracking, run_id):
    tracking.ask("POST", "runs/log-batch", {"run_id": run_id, "metrics": points(10)})
    whole = tracking.ask("GET", f"metrics/get-history?run_id={run_id}&metric_key=m")
    assert [point["step"] for point in whole["metrics"]] == list(range(10)) and "next_page_token" not in whole
    token, steps = "", []
    while token is not None:
        page = tracking.ask("GET", f"metrics/get-history?run_id={run_id}&metric_key=m&max_results=4&page_token={token}")
        steps += [point["step"] for point in page["metrics"]]
        token = page.get("next_page_token")
    assert steps == list(range(10))
    for bad in ("x", wire.sealed(5), wire.sealed({"value": 1, "step": 1 << 70})):
        with pytest.raises(BadRequest):
            tracking.ask("GET", f"metrics/get-history?run_id={run_id}&metric_key=m&page_token={bad}")


def test_long_histories_of_several_runs_are_sampled_with_both_ends(tracking, run_id):
    tracking.ask("POST", "runs/log-batch", {"run_id": run_id, "metrics": points(100)})
    asked = f"run_ids={run_id}&run_ids={run_id}&metric_key=m&start_step=10&end_step=89&max_results=5"
    found = tracking.ask("GET", f"metrics/get-history-bulk-interval?{asked}")["metrics"]
    assert [point["step"] for point in found] == [10, 30, 50, 70, 89] * 2
    assert {point["run_id"] for point in found} == {run_id}


def test_numbers_that_json_lacks_are_told_as_text(tracking, run_id):
    for key, value in (("a", "NaN"), ("b", "Infinity"), ("c", "-Infinity")):
        tracking.ask("POST", "runs/log-metric", {"run_id": run_id, "key": key, "value": value, "timestamp": 1})
    assert [point["value"] for point in data_of(tracking, run_id)["metrics"]] == ["NaN", "Infinity", "-Infinity"]


def test_a_metric_of_an_unknown_model_is_refused_and_not_written(tracking, run_id):
    metric = {"run_id": run_id, "key": "m", "value": 1, "timestamp": 1, "model_id": "m-nothing"}
    with pytest.raises(NotFound):
        tracking.ask("POST", "runs/log-metric", metric)
    assert data_of(tracking, run_id)["metrics"] == []


def test_models_of_mlflow_2_are_noted_in_a_tag(tracking, run_id):
    model = '{"artifact_path": "net", "flavors": {}, "utc_time_created": "now", "run_id": "x"}'
    for _ in range(2):
        tracking.ask("POST", "runs/log-model", {"run_id": run_id, "model_json": model})
    tags = {tag["key"]: tag["value"] for tag in data_of(tracking, run_id)["tags"]}
    assert tags["mlflow.log-model.history"].count("net") == 2
    for wrong in ("{", "[]", '{"flavors": {}}'):
        with pytest.raises(BadRequest):
            tracking.ask("POST", "runs/log-model", {"run_id": run_id, "model_json": wrong})
