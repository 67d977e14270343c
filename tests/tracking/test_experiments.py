"""Experiments: Default, names, archiving."""

import pytest

from lazulite.errors import BadRequest, Conflict, NotFound
from lazulite.tracking import experiments
from tests.tracking.conftest import NOON, SCOPE


def test_default_has_the_id_that_mlflow_takes_for_granted(connection):
    assert experiments.get(connection, SCOPE, "0").name == "Default"
    assert experiments.ensure(connection, SCOPE, "", NOON).id == "0"


def test_a_name_means_one_experiment(connection):
    made = experiments.ensure(connection, SCOPE, "vision", NOON)
    assert experiments.ensure(connection, SCOPE, "vision", NOON) == made
    assert experiments.named(connection, SCOPE, "vision") == made
    with pytest.raises(Conflict, match=made.id):
        experiments.create(connection, SCOPE, "vision", {}, NOON)


def test_workspaces_have_experiments_of_their_own(connection):
    made = experiments.ensure(connection, SCOPE, "vision", NOON)
    assert experiments.named(connection, "sub/rg/other", "vision") is None
    with pytest.raises(NotFound):
        experiments.get(connection, "sub/rg/other", made.id)


def test_a_job_takes_its_experiment_out_of_the_archive(connection):
    made = experiments.ensure(connection, SCOPE, "vision", NOON)
    experiments.change(connection, made, NOON, is_archived=True)
    assert not experiments.ensure(connection, SCOPE, "vision", NOON).is_archived


def test_a_taken_name_is_not_given_again(connection):
    made = experiments.ensure(connection, SCOPE, "one", NOON)
    experiments.ensure(connection, SCOPE, "two", NOON)
    with pytest.raises(Conflict):
        experiments.change(connection, made, NOON, name="two")
    assert experiments.change(connection, made, NOON, name="three").name == "three"


@pytest.mark.parametrize("name", [" ", "x" * 501, "a\nb"])
def test_what_is_no_name_is_refused(connection, name):
    with pytest.raises(BadRequest):
        experiments.ensure(connection, SCOPE, name, NOON)


def test_the_newest_is_listed_first(connection):
    for hour, name in enumerate(("a", "b", "c")):
        experiments.ensure(connection, SCOPE, name, NOON.replace(hour=13 + hour))
    assert [one.name for one in experiments.all_of(connection, SCOPE)] == ["c", "b", "a", "Default"]
