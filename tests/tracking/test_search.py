"""Searching runs by what they say, by one query."""

import math

import pytest

from lazulite.errors import BadRequest
from lazulite.tracking import entries, experiments, filters, inputs, metrics, runs, search
from lazulite.tracking.inputs import Dataset
from lazulite.tracking.metrics import Point
from lazulite.tracking.runs import NewRun
from lazulite.tracking.search import Search
from tests.tracking.conftest import NOON, SCOPE

# id: metrics, params, tags
RUNS = {
    "alpha": ({"acc": 0.9, "loss": 1.0}, {"lr": "0.1"}, {"team": "vision"}),
    "beta": ({"acc": 0.5}, {"lr": "0.01"}, {"team": "Vision"}),
    "gamma": ({"acc": math.nan}, {}, {"a*b": "[x]?"}),
    "delta": ({}, {"lr": "1"}, {}),
}


@pytest.fixture
def known(connection):
    """Makes the runs, an hour between each and the next."""
    for hour, (name, (numbers, params, tags)) in enumerate(RUNS.items()):
        new = NewRun(
            name, "0", status="Completed", created_by=f"by {name}", started_at=NOON.replace(hour=hour), tags=tags
        )
        run = runs.create(connection, SCOPE, new, NOON)
        metrics.log(connection, run.number, [Point(key, value, 0) for key, value in numbers.items()])
        entries.put_params(connection, run.number, params)
        if name == "beta":
            dataset = Dataset("digits", "d1", "train", "local", "{}", None, None, {})
            inputs.log_datasets(connection, run.number, [dataset])
    return connection


def found(connection, text="", order=(), **more):
    wanted = Search(
        more.pop("experiments", ["0"]),
        filters.parse(text, search.RUNS),
        [filters.parse_order(one, search.RUNS) for one in order],
        **more,
    )
    return [run.id for run in search.find(connection, SCOPE, wanted)]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", "delta gamma beta alpha"),
        ("metrics.acc > 0.4", "beta alpha"),
        ("metrics.acc != 0.5", "alpha"),
        ("metrics.acc > 0.4 AND metrics.loss <= 1", "alpha"),
        ("params.lr = '0.1'", "alpha"),
        ("params.lr != '0.1'", "delta beta"),
        ("params.lr LIKE '0%'", "beta alpha"),
        ("params.lr IS NULL", "gamma"),
        ("tags.team LIKE 'v%'", "alpha"),
        ("tags.team ILIKE 'v%'", "beta alpha"),
        ("tags.`a*b` LIKE '[_]?'", "gamma"),
        ("tags.`a*b` LIKE '%*%'", ""),
        ("tags.team IN ('vision', 'sound')", "alpha"),
        ("tags.team IS NOT NULL", "beta alpha"),
        ("attributes.run_id = 'gamma'", "gamma"),
        ("run_name ILIKE 'ALP%'", "alpha"),
        ("attributes.`Run name` = 'beta'", "beta"),
        ("attributes.user_id = 'by beta'", "beta"),
        ("start_time >= 1769824800000", "delta gamma"),
        ("dataset.name = 'digits' AND dataset.context = 'train'", "beta"),
        ("dataset.digest != 'd1'", ""),
        ('tags.team = "\' OR 1=1 --"', ""),
    ],
)
def test_a_filter_finds(known, text, ids):
    assert found(known, text) == ids.split()


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        (["metrics.acc"], "beta alpha gamma delta"),
        (["metrics.acc DESC"], "alpha beta gamma delta"),
        (["params.lr"], "beta alpha delta gamma"),
        (["tags.team", "start_time"], "beta alpha gamma delta"),
        (["attributes.start_time ASC"], "alpha beta gamma delta"),
        (["run_id"], "alpha beta delta gamma"),
        (["end_time", "run_id DESC"], "gamma delta beta alpha"),
    ],
)
def test_runs_are_sorted_with_the_valueless_last(known, order, ids):
    assert found(known, order=order) == ids.split()


def test_pages_add_up(known):
    pages = [found(known, offset=offset, limit=3) for offset in (0, 3, 6)]
    assert pages == [["delta", "gamma", "beta"], ["alpha"], []]


def test_archived_runs_are_found_only_when_wanted(known):
    runs.change(known, runs.find(known, SCOPE, "beta"), NOON, is_archived=True)
    assert found(known) == ["delta", "gamma", "alpha"]
    assert found(known, is_archived=True) == ["beta"]
    assert found(known, is_archived=None) == ["delta", "gamma", "beta", "alpha"]


def test_a_job_that_waits_is_sorted_by_when_it_was_asked_for(known):
    waiting = NewRun("waiting", "0", is_job=True)
    runs.create(known, SCOPE, waiting, NOON.replace(hour=1, minute=30))
    assert found(known) == ["delta", "gamma", "waiting", "beta", "alpha"]


def test_other_experiments_and_workspaces_are_not_searched(known):
    other = experiments.ensure(known, SCOPE, "other", NOON)
    runs.create(known, SCOPE, NewRun("elsewhere", other.id), NOON)
    assert found(known, experiments=[other.id]) == ["elsewhere"]
    assert found(known, experiments=[]) == []
    assert search.find(known, "sub/rg/other", Search(["0"])) == []


def test_a_moment_beyond_all_calendars_is_refused(known):
    with pytest.raises(BadRequest, match="milliseconds since 1970"):
        found(known, "start_time > 1e300")
