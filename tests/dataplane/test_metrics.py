"""Metrics as SDK v1 sends and reads them, and as MLflow sees the same numbers."""

import math

import pytest

from lazulite.errors import BadRequest, NotFound
from lazulite.tracking import metrics, runs
from tests.dataplane.conftest import HERE, Plane

RUN = "/metric/v2.0{W}/runs/r1"
TABLE = "azureml.v1.table"


@pytest.fixture(autouse=True)
def run(plane: Plane) -> None:
    plane.ask("PATCH", "/history/v1.0{W}/experiments/trial/runs/r1", {})


def test_numbers_without_a_step_stand_one_after_another(plane: Plane) -> None:
    _log(plane, "loss", 3, 2)
    _log(plane, "loss", 2)
    assert _values(plane, "loss") == [3, 2, 2]
    with plane.parts.db.read() as connection:
        number = runs.find(connection, HERE.scope, "r1").number
        assert [point.step for point in metrics.history(connection, number, "loss")] == [0, 1, 2]


def test_numbers_with_a_step_keep_it(plane: Plane) -> None:
    values = [{"data": {"loss": 0.5}, "step": 40}, {"data": {"loss": 0.25}, "step": 20}]
    plane.ask("POST", f"{RUN}/batch", {"values": [{"name": "loss", "value": values}]})
    _log(plane, "loss", 0.1)
    answer = plane.ask("POST", f"{RUN}/full", {"metricName": "loss"})
    assert [(one["step"], one["data"]["loss"]) for one in answer["value"]] == [(20, 0.25), (40, 0.5), (41, 0.1)]


def test_what_is_no_finite_number_survives(plane: Plane) -> None:
    _log(plane, "odd", math.inf, math.nan)
    first, second = _values(plane, "odd")
    assert first == math.inf and math.isnan(second)


def test_a_table_comes_back_row_by_row(plane: Plane) -> None:
    rows = [{"data": {"a": 1, "b": "x"}}, {"data": {"a": 2, "b": "y"}}]
    sent = {"name": "tab", "columns": {"a": "int", "b": "string"}, "value": rows}
    plane.ask("POST", f"{RUN}/batch", {"values": [{**sent, "properties": {"uxMetricType": TABLE}}]})
    answer = plane.ask("POST", f"{RUN}/full", {"metricName": "tab"})
    assert [one["data"] for one in answer["value"]] == [one["data"] for one in rows]
    assert (answer["columns"], answer["properties"]) == ({"a": "int", "b": "string"}, {"uxMetricType": TABLE})


def test_a_text_and_a_truth_are_no_numbers(plane: Plane) -> None:
    for name, value in (("text", "hello"), ("truth", True)):
        sent = {"name": name, "columns": {name: "string"}, "value": [{"data": {name: value}}]}
        plane.ask("POST", f"{RUN}/batch", {"values": [sent]})
    assert (_values(plane, "text"), _values(plane, "truth")) == (["hello"], [True])


def test_all_names_are_listed_with_what_they_are(plane: Plane) -> None:
    _log(plane, "loss", 1.5)
    row = {"name": "row", "columns": {"x": "int"}, "value": [{"data": {"x": 1}}]}
    plane.ask("POST", f"{RUN}/batch", {"values": [{**row, "properties": {"uxMetricType": TABLE}}]})
    listed = plane.ask("POST", f"{RUN}/list", {})["value"]
    assert {(one["metricKey"]["name"], one["properties"]["uxMetricType"]) for one in listed} == {
        ("loss", "azureml.v1.scalar"),
        ("row", TABLE),
    }


def test_a_long_history_comes_in_pages(plane: Plane) -> None:
    _log(plane, "loss", *range(25_000))
    asked, seen, pages = {"metricName": "loss"}, [], 0
    while True:
        answer = plane.ask("POST", f"{RUN}/full", asked)
        seen += [one["data"]["loss"] for one in answer["value"]]
        pages += 1
        if not answer["continuationToken"]:
            break
        asked["continuationToken"] = answer["continuationToken"]
    assert seen == list(range(25_000)) and pages == 3


def test_only_values_of_the_time_asked_for_are_answered(plane: Plane) -> None:
    values = [{"data": {"loss": hour}, "createdUtc": f"2026-01-31T1{hour}:00:00.1234567Z"} for hour in range(3)]
    plane.ask("POST", f"{RUN}/batch", {"values": [{"name": "loss", "value": values}]})
    asked = {"metricName": "loss", "startTime": "2026-01-31T10:30:00Z", "endTime": "2026-01-31T11:30:00Z"}
    assert [one["data"]["loss"] for one in plane.ask("POST", f"{RUN}/full", asked)["value"]] == [1]


def test_a_metric_that_was_never_logged_is_not_found(plane: Plane) -> None:
    with pytest.raises(NotFound, match='no metric "loss"'):
        plane.ask("POST", f"{RUN}/full", {"metricName": "loss"})


@pytest.mark.parametrize(
    "values",
    [
        "x",
        [1],
        [{}],
        [{"name": "a", "value": 1}],
        [{"name": "a", "value": [{"data": 1}]}],
        [{"name": "a", "value": [{"data": {"a": 1}, "step": "first"}]}],
    ],
)
def test_a_malformed_batch_is_refused_whole(plane: Plane, values: object) -> None:
    with pytest.raises(BadRequest):
        plane.ask("POST", f"{RUN}/batch", {"values": values})


def test_a_token_that_was_not_given_out_is_refused(plane: Plane) -> None:
    with pytest.raises(BadRequest, match="continuationToken"):
        plane.ask("POST", f"{RUN}/full", {"metricName": "loss", "continuationToken": "[1]"})


def _log(plane: Plane, name: str, *values: float) -> None:
    sent = {"name": name, "columns": {name: "double"}, "value": [{"data": {name: value}} for value in values]}
    plane.ask("POST", f"{RUN}/batch", {"values": [sent]})


def _values(plane: Plane, name: str) -> list[object]:
    answer = plane.ask("POST", f"{RUN}/full", {"metricName": name})
    return [one["data"][name] for one in answer["value"]]
