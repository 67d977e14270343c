"""Filters and orders as run history's clients write them."""

from datetime import timedelta

import pytest

from lazulite.dataplane import run_filter
from lazulite.errors import BadRequest
from tests.dataplane.conftest import HERE, NOON, Plane

TRIAL = "/history/v1.0{W}/experiments/trial"


@pytest.fixture
def filled(plane: Plane) -> Plane:
    for number, tags in enumerate([{"lr": "0.1"}, {"lr": "0.01", "my tag": "a (b)"}, {}]):
        plane.now = NOON + timedelta(hours=number)
        body = {"tags": tags, "properties": {"azureml.runsource": "hyperdrive"} if number else {}, "runType": "train"}
        plane.ask("PATCH", f"{TRIAL}/runs/R{number}", {**body, "parentRunId": "R0" if number else None})
    plane.ask("PATCH", f"{TRIAL}/runs/R1", {"status": "Running"})
    return plane


# Filters of azureml-core 1.61, as its own functions build them, and hand-written ones.
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "R0 R1 R2"),
        ("(Status eq Running)", "R1"),
        ("(ParentRunId eq null)", "R0"),
        ("ParentRunId ne null", "R1 R2"),
        ("RunId eq r1 or RunId eq R2", "R1 R2"),
        ('(Tags/lr eq "0.1")', "R0"),
        ("(Tags/lr ne null or Tags/lr eq null)", "R0 R1"),
        ('(Tags/my tag eq "a (b)")', "R1"),
        ("(RunType eq hyperdrive or Properties/azureml.runsource eq hyperdrive)", "R1 R2"),
        ("(CreatedUtc ge 2026-01-31 13:00:00+00:00)", "R1 R2"),
        ("(CreatedUtc lt 2026-01-31T13:00:00Z)", "R0"),
        ("RunId eq R0 or RunId eq R1 and Status eq Completed", "R0"),
        ("((RunId eq R0 or RunId eq R1) and (Status eq Running))", "R1"),
        ("(RootRunId eq R0 and (RunId ne R0))", "R1 R2"),
        ("(RunTypeV2/Orchestrator eq Scenario)", ""),
    ],
)
def test_a_filter_finds(filled: Plane, text: str, found: str) -> None:
    asked = {"filter": text, "orderby": "RunId asc"}
    page = filled.ask("POST", f"{TRIAL}/runs:query", asked)
    assert " ".join(one["runId"] for one in page["value"]) == found


@pytest.mark.parametrize(
    "text",
    [
        "Status",
        "Status eq",
        "(Status eq Running",
        "Status eq a )",
        "Colour eq red",
        "Tags/a like b",
        "and and and",
        "CreatedUtc ge yesterday",
        "(" * 500,
        "x" * 9000,
    ],
)
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        run_filter.condition(text)


def test_an_order_by_what_is_not_there_is_refused() -> None:
    with pytest.raises(BadRequest, match='no field "colour"'):
        run_filter.order("colour desc")


def test_no_filter_reaches_into_another_workspace(filled: Plane) -> None:
    other = str(HERE).replace("workspaces/ws", "workspaces/other")
    filled.ask("PATCH", f"/history/v1.0{other}/experiments/trial/runs/alien", {})
    page = filled.ask("POST", f"{TRIAL}/runs:query", {"filter": "RunId eq alien or RunId eq R0"})
    assert [one["runId"] for one in page["value"]] == ["R0"]
