"""Logged models: where their files go, their states, what is measured of them."""

import math

import pytest

from lazulite.errors import NotFound
from lazulite.tracking import logged_models
from lazulite.tracking.logged_models import ModelPoint, NewModel
from lazulite.tracking.metrics import Point
from tests.tracking.conftest import NOON, SCOPE


def make(connection, run="", name="net"):
    return logged_models.create(connection, SCOPE, NewModel("0", name, run), NOON)


def test_a_model_lies_in_its_runs_folder_under_its_name(connection, run):
    first, second = make(connection, run.id), make(connection, run.id)
    assert first.folder == f"{run.folder}/net"
    assert second.folder == f"{run.folder}/net-{second.id}"


def test_a_model_without_a_run_has_a_folder_like_one(connection):
    made = make(connection)
    assert made.folder == f"ExperimentRun/dcid.{made.id}"
    assert logged_models.artifacts_of(connection, SCOPE, made.id) == made.folder


def test_artifacts_of_a_run_are_its_own(connection, run):
    assert logged_models.artifacts_of(connection, SCOPE, run.id) == run.folder
    with pytest.raises(NotFound):
        logged_models.artifacts_of(connection, SCOPE, "nobody")


def test_a_deleted_model_is_found_by_those_only_who_want_it(connection):
    made = make(connection)
    logged_models.change(connection, made, NOON, is_deleted=True)
    with pytest.raises(NotFound, match="was deleted"):
        logged_models.find(connection, SCOPE, made.id)
    assert logged_models.get(connection, SCOPE, made.id).is_deleted
    assert logged_models.in_experiments(connection, SCOPE, ["0"]) == []


def test_the_newest_is_listed_first(connection):
    made = [make(connection, name=name) for name in "abc"]
    assert logged_models.in_experiments(connection, SCOPE, ["0"]) == made[::-1]
    assert logged_models.in_experiments(connection, "sub/rg/other", ["0"]) == []


def test_the_latest_of_a_metric_is_kept_by_run_and_dataset(connection):
    made = make(connection)
    points = [
        ModelPoint("r", Point("acc", 0.1, 5, 1), "train", "d"),
        ModelPoint("r", Point("acc", 0.2, 6, 2), "train", "d"),
        ModelPoint("r", Point("acc", math.inf, 1, 0), "test", "d"),
    ]
    for _ in range(2):
        logged_models.log(connection, made.id, points)
    assert set(logged_models.latest(connection, [made.id])[made.id]) == {points[1], points[2]}
