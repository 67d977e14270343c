"""Tags, parameters and properties."""

import pytest

from lazulite.errors import BadRequest
from lazulite.tracking import entries


def test_a_tag_can_change_and_go(connection, run):
    entries.put(connection, run.number, "tag", {"a": "1", "b": "2"})
    entries.put(connection, run.number, "tag", {"a": "3"})
    entries.remove(connection, run.number, "tag", ["b", "never was"])
    assert entries.of_run(connection, run.number, "tag") == {"a": "3"}


def test_a_parameter_is_logged_again_but_never_changes(connection, run):
    entries.put_params(connection, run.number, {"lr": "0.1"})
    entries.put_params(connection, run.number, {"lr": "0.1", "depth": "3"})
    with pytest.raises(BadRequest, match=r"'0\.1' and cannot become '0\.2'"):
        entries.put_params(connection, run.number, {"width": "1", "lr": "0.2"})
    assert entries.of_run(connection, run.number, "param") == {"depth": "3", "lr": "0.1"}


def test_kinds_do_not_mix(connection, run):
    for kind in ("tag", "param", "property"):
        entries.put(connection, run.number, kind, {"same": kind})
    assert entries.of_runs(connection, [run.number]) == {
        (run.number, kind): {"same": kind} for kind in ("tag", "param", "property")
    }


def test_names_and_values_are_any_text(connection, run):
    odd = {"": "", "a.b/c": "\N{SNOWMAN}" * 8000, "%_'\"`": "' OR 1=1 --"}
    entries.put(connection, run.number, "tag", odd)
    assert entries.of_run(connection, run.number, "tag") == odd


def test_more_runs_than_one_query_takes(connection, run):
    many = list(range(run.number, run.number + 25_001))
    entries.put(connection, many[-1], "tag", {"last": "yes"})
    assert entries.of_runs(connection, many)[many[-1], "tag"] == {"last": "yes"}
