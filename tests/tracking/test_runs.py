"""Runs: ids, parents, statuses, what forgetting a workspace takes with it."""

import dataclasses

import pytest
from sqlalchemy import func, select

from lazulite.errors import Conflict, NotFound
from lazulite.store import tables
from lazulite.tracking import entries, experiments, inputs, logged_models, metrics, runs
from lazulite.tracking.inputs import Dataset, ModelUse
from lazulite.tracking.logged_models import ModelPoint, NewModel
from lazulite.tracking.metrics import Cell, Point
from lazulite.tracking.runs import NewRun
from tests.tracking.conftest import NOON, SCOPE

LATER = NOON.replace(hour=13)


def make(connection, run_id, **more):
    return runs.create(connection, SCOPE, NewRun(run_id, experiments.DEFAULT_ID, **more), NOON)


def test_ids_ignore_case_and_keep_their_spelling(connection):
    made = make(connection, "Keen_Fox")
    assert runs.find(connection, SCOPE, "keen_fox") == made
    assert made.folder == "ExperimentRun/dcid.Keen_Fox"
    with pytest.raises(Conflict):
        make(connection, "KEEN_FOX")


def test_a_run_without_a_name_is_called_by_its_id(connection):
    assert make(connection, "a").name == "a"
    assert make(connection, "b", name="shown").name == "shown"


def test_a_tree_of_runs_has_one_root(connection):
    for name, parent in (("Top", ""), ("middle", "top"), ("leaf", "MIDDLE")):
        make(connection, name, parent=parent)
    leaf = runs.find(connection, SCOPE, "leaf")
    assert (leaf.parent, leaf.root) == ("middle", "Top")
    assert [one.id for one in runs.children(connection, runs.find(connection, SCOPE, "top"))] == ["middle"]


def test_children_are_listed_page_by_page(connection, run):
    for number in range(5):
        make(connection, f"c{number}", parent=run.id)
    first = runs.children(connection, run, limit=3)
    second = runs.children(connection, run, after=first[-1].number, limit=3)
    assert [one.id for one in (*first, *second)] == ["c0", "c1", "c2", "c3", "c4"]


def test_an_unknown_parent_is_refused(connection):
    with pytest.raises(NotFound, match="nobody"):
        make(connection, "orphan", parent="nobody")


def test_running_begins_once_and_an_end_ends(connection, run):
    runs.move(connection, SCOPE, run.id, "Running", NOON)
    runs.move(connection, SCOPE, run.id, "Running", LATER)
    runs.move(connection, SCOPE, run.id, "Failed", LATER, error={"code": "UserError"})
    ended = runs.find(connection, SCOPE, run.id)
    assert (ended.started_at, ended.ended_at) == (NOON, LATER)
    assert (ended.status, ended.error) == ("Failed", {"code": "UserError"})


def test_tags_and_properties_come_with_a_new_run(connection):
    made = make(connection, "a", tags={"team": "vision"}, properties={"p": "q"})
    assert entries.of_run(connection, made.number, "tag") == {"team": "vision"}
    assert entries.of_run(connection, made.number, "property") == {"p": "q"}


def fill(connection, run):
    """Writes a row about the run into every table that has rows about runs."""
    entries.put(connection, run.number, "tag", {"a": "b"})
    metrics.log(connection, run.number, [Point("m", 1.0, 0)])
    metrics.log_cells(connection, run.number, [Cell("rows", "azureml.v1.row", [1], 0)])
    inputs.log_datasets(connection, run.number, [Dataset("d", "1", "", "local", "{}", None, None, {})])
    model = logged_models.create(connection, run.scope, NewModel(run.experiment, "net", run.id), NOON)
    logged_models.log(connection, model.id, [ModelPoint(run.id, Point("m", 1.0, 0))])
    inputs.log_models(connection, run.number, [ModelUse("output", model.id)])


def count(connection):
    names = ("runs", "logged_models", "model_points", *(name for name in tables.metadata.tables if "run_" in name))
    return {
        name: connection.execute(select(func.count()).select_from(tables.metadata.tables[name])).scalar_one()
        for name in names
    }


def test_a_workspace_is_forgotten_whole_and_alone(connection, run):
    fill(connection, run)
    once = count(connection)
    assert all(once.values())
    elsewhere = "sub/rg/other"
    experiment = experiments.ensure(connection, elsewhere, "", NOON)
    fill(connection, runs.create(connection, elsewhere, NewRun("first", experiment.id), NOON))
    runs.forget(connection, SCOPE)
    assert count(connection) == once
    assert experiments.all_of(connection, SCOPE) == []


def test_changing_a_run_changes_nothing_else(connection, run):
    changed = runs.change(connection, run, LATER, name="new", is_archived=True)
    assert changed == dataclasses.replace(run, name="new", is_archived=True, modified_at=LATER)
