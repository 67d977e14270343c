"""MLflow's filter language: what is read, what is refused, what it means."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.errors import BadRequest
from lazulite.tracking import filters
from lazulite.tracking.filters import Comparison, Order, Searchable

THINGS = Searchable(
    texts=frozenset(("name", "status")),
    numbers=frozenset(("start_time",)),
    kinds=frozenset(("metric", "param", "tag", "dataset")),
    aliases=(("Created", "start_time"),),
)


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("metrics.loss < 0.1", Comparison("metric", "loss", "<", 0.1)),
        ("metrics.loss<-1.5e-3", Comparison("metric", "loss", "<", -0.0015)),
        ("metric.`val loss` >= .5", Comparison("metric", "val loss", ">=", 0.5)),
        ('metrics."a.b" = 1', Comparison("metric", "a.b", "=", 1.0)),
        ("params.lr = '0.1'", Comparison("param", "lr", "=", "0.1")),
        ('params.lr != "0.1"', Comparison("param", "lr", "!=", "0.1")),
        ("parameters.lr <> '0.1'", Comparison("param", "lr", "!=", "0.1")),
        ("tags.mlflow.parentRunId = 'x'", Comparison("tag", "mlflow.parentRunId", "=", "x")),
        ("tags.team LIKE 'vis%'", Comparison("tag", "team", "LIKE", "vis%")),
        ("tags.team  not   in ('a', \"b\")", Comparison("tag", "team", "NOT IN", ("a", "b"))),
        ("tags.team is not null", Comparison("tag", "team", "IS NOT NULL", None)),
        ("name = 'it is AND'", Comparison("attribute", "name", "=", "it is AND")),
        ("attributes.status IN ('a')", Comparison("attribute", "status", "IN", ("a",))),
        ("run.Created > 1664067852747", Comparison("attribute", "start_time", ">", 1664067852747.0)),
        ("datasets.name = 'd'", Comparison("dataset", "name", "=", "d")),
    ],
)
def test_a_clause_is_read(text, clause):
    assert filters.parse(f"  {text} ", THINGS) == [clause]
    assert filters.parse(f"{text} AND {text}", THINGS) == [clause, clause]


def test_no_filter_has_no_clause():
    assert filters.parse("  ", THINGS) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("metrics.loss", "Invalid clause"),
        ("metrics.loss < 1 OR metrics.loss > 2", "at 'OR metrics"),
        ("metrics.loss < 1 AND", "Invalid clause"),
        ("metrics.loss < 1 metrics.loss > 2", "Invalid clause"),
        ("metrics.loss < '1'", "Expected a number for metric 'loss'"),
        ("metrics.loss LIKE '1'", "Invalid comparator 'LIKE'"),
        ("params.lr = 0.1", "Expected a quoted text"),
        ("params.lr > '0.1'", "Invalid comparator '>'"),
        ("params.lr IN ()", "Expected a list"),
        ("params.lr IN ('a' 'b')", "Expected a list"),
        ("color = 'red'", "Invalid attribute key 'color' specified. Valid keys are name, start_time, status"),
        ("colors.red = 'x'", "Invalid entity type 'colors'"),
        ("dataset.size = 'x'", "Invalid dataset key 'size'"),
        ("name = 'x'; DROP TABLE runs", "Invalid clause"),
        ("(name = 'x')", "Invalid clause"),
        ("x" * 20_001, "over 20000 characters"),
    ],
)
def test_what_cannot_be_read_is_quoted(text, told):
    with pytest.raises(BadRequest) as caught:
        filters.parse(text, THINGS)
    assert told in caught.value.message


@given(st.text(alphabet="metricsparag.=<>'\"`() \t1e-ANDLIKEIN", max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        filters.parse(text, THINGS)
    except BadRequest as error:
        assert error.target == "filter"


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("metrics.loss", Order("metric", "loss", True)),
        ("metrics.`val loss` desc", Order("metric", "val loss", False)),
        (" Created ASC ", Order("attribute", "start_time", True)),
    ],
)
def test_an_order_is_read(text, order):
    assert filters.parse_order(text, THINGS) == order


@pytest.mark.parametrize("text", ["", "metrics.loss up", "color", "dataset.name", "metrics.loss, metrics.acc"])
def test_what_is_no_order_is_refused(text):
    with pytest.raises(BadRequest):
        filters.parse_order(text, THINGS)


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [
        ("tags.a = 'x'", "x", True),
        ("tags.a != 'x'", "y", True),
        ("tags.a != 'x'", None, False),
        ("tags.a LIKE 'V%n'", "Vision", True),
        ("tags.a LIKE 'v%n'", "Vision", False),
        ("tags.a ILIKE 'v%n'", "Vision", True),
        ("tags.a LIKE '_.b'", "a.b", True),
        ("tags.a LIKE '_.b'", "axb", False),
        ("tags.a LIKE 'a%'", "a\nb", True),
        ("tags.a IN ('x', 'y')", "y", True),
        ("tags.a NOT IN ('x', 'y')", "y", False),
        ("tags.a IS NULL", None, True),
        ("tags.a IS NOT NULL", "", True),
        ("metrics.a >= 1", 1.0, True),
        ("metrics.a != 1", math.nan, False),
    ],
)
def test_a_clause_holds_or_not(text, value, holds):
    assert filters.matches(filters.parse(text, THINGS)[0], value) is holds


def test_things_are_found_and_sorted_with_the_valueless_last():
    things = [{"name": "a", "n": 2.0}, {"name": "b"}, {"name": "c", "n": 1.0}, {"name": "d", "n": 2.0}]

    def value_of(thing, kind, key):
        return thing.get("name" if kind == "attribute" else "n")

    def names(order):
        return "".join(
            thing["name"] for thing in filters.find(things, [], [filters.parse_order(order, THINGS)], value_of)
        )

    assert (names("metrics.n"), names("metrics.n DESC")) == ("cadb", "adcb")
    clauses = filters.parse("name != 'a'", THINGS)
    assert [thing["name"] for thing in filters.find(things, clauses, [], value_of)] == ["b", "c", "d"]
