"""Search spaces: both forms of the wire, values and their places, what is refused."""

import math
import random
import statistics

import pytest

from lazulite.engine.sweep import space
from lazulite.errors import BadRequest, NotImplementedHere

FORMS = {
    "uniform": (["uniform", [0.1, 0.9]], {"type": "uniform", "min_value": 0.1, "max_value": 0.9}),
    "quniform": (["quniform", [1, 10, 2]], {"type": "quniform", "min_value": 1, "max_value": 10, "q": 2}),
    "loguniform": (["loguniform", [-6, -1]], {"type": "loguniform", "min_value": -6, "max_value": -1}),
    "qloguniform": (["qloguniform", [0, 3, 1]], {"type": "qloguniform", "min_value": 0, "max_value": 3, "q": 1}),
    "normal": (["normal", [5, 2]], {"type": "normal", "mu": 5, "sigma": 2}),
    "qnormal": (["qnormal", [5, 2, 0.5]], {"type": "qnormal", "mu": 5, "sigma": 2, "q": 0.5}),
    "lognormal": (["lognormal", [0, 1]], {"type": "lognormal", "mu": 0, "sigma": 1}),
    "qlognormal": (["qlognormal", [0, 1, 0.1]], {"type": "qlognormal", "mu": 0, "sigma": 1, "q": 0.1}),
    "randint": (["randint", [8]], {"type": "randint", "upper": 8}),
    "choice": (["choice", [[16, "a", 0.5]]], {"type": "choice", "values": [16, "a", 0.5]}),
}


def one(given):
    (found,) = space.space_of({"x": given})
    return found


@pytest.mark.parametrize("kind", FORMS)
def test_both_forms_of_the_wire_mean_the_same(kind):
    listed, named = FORMS[kind]
    assert one(listed) == one(named) and one(listed).kind == kind


@pytest.mark.parametrize("kind", FORMS)
def test_a_value_is_found_again_where_it_was_taken_from(kind):
    dimension = one(FORMS[kind][0])
    for number in range(1, 100):
        value = dimension.at(number / 100)
        again = dimension.at(dimension.unit(value))
        assert again == pytest.approx(value) if isinstance(value, float) else again == value


def test_values_are_spread_as_the_distributions_say():
    rng = random.Random(7)

    def drawn(given):
        dimension = one(given)
        return [dimension.at(rng.random()) for _ in range(4000)]

    assert all(0.1 <= value < 0.9 for value in drawn(["uniform", [0.1, 0.9]]))
    assert set(drawn(["quniform", [1, 10, 2]])) == {2, 4, 6, 8, 10}
    logs = [math.log(value) for value in drawn(["loguniform", [-6, -1]])]
    assert statistics.fmean(logs) == pytest.approx(-3.5, abs=0.1) and min(logs) >= -6 and max(logs) <= -1
    normal = drawn(["normal", [5, 2]])
    assert (statistics.fmean(normal), statistics.stdev(normal)) == pytest.approx((5, 2), abs=0.15)
    assert statistics.median(drawn(["lognormal", [0, 1]])) == pytest.approx(1, abs=0.1)
    assert set(drawn(["randint", [3]])) == {0, 1, 2}
    assert set(drawn(["choice", [["a", "b"]]])) == {"a", "b"}


def test_whole_steps_are_whole_numbers_and_others_have_no_tail():
    assert space.text_of(one(["quniform", [1, 10, 1]]).at(0.5)) in ("5", "6")
    assert space.text_of(one(["quniform", [0, 1, 0.1]]).at(0.3)) == "0.3"


def test_logarithms_have_the_base_that_is_asked_for():
    (dimension,) = space.space_of({"lr": ["loguniform", [-3, -1]]}, 10)
    assert dimension.at(0.5) == pytest.approx(0.01)


def test_a_space_of_choices_has_a_size_and_others_have_none():
    choices = {"a": ["choice", [[1, 2, 2]]], "b": ["randint", [3]]}
    assert space.size_of(space.space_of(choices)) == 6
    assert space.size_of(space.space_of({**choices, "c": ["uniform", [0, 1]]})) is None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["uniform", [1, 0]], "not below"),
        (["uniform", [0]], "max_value must be a number"),
        (["uniform", ["a", 1]], "min_value must be a number"),
        (["uniform", [0, float("inf")]], "max_value"),
        (["uniform", [True, 2]], "min_value"),
        (["loguniform", [0, 1000]], "no number.*-6.91 and -2.30"),
        (["normal", [0, 0]], "sigma"),
        (["quniform", [0, 1, 0]], "q must be above 0"),
        (["randint", [0]], "above 0"),
        (["randint", [2.5]], "whole"),
        (["choice", [[]]], "list of values"),
        (["choice", [[[1]]]], "text, a number"),
        (["beta", [1]], "must be one of the distributions"),
        ("x", "must be one of"),
        (None, "must be one of"),
        ({"type": "choice"}, "list of values"),
    ],
)
def test_what_is_no_distribution_is_refused_by_name(given, told):
    with pytest.raises(BadRequest, match=rf"(?s)searchSpace\.x.*{told}") as refused:
        try:
            one(given)
        except BadRequest as error:
            raise BadRequest(f"{error.message} {error.hint}", target=error.target) from error
    assert refused.value.target.startswith("properties.searchSpace.x")


def test_choices_within_choices_are_refused_clearly():
    with pytest.raises(NotImplementedHere, match="distributions of their own"):
        one(["choice", [[{"lr": ["uniform", [0, 1]]}]]])


@pytest.mark.parametrize("given", [None, {}, [], "x"])
def test_a_space_has_a_parameter(given):
    with pytest.raises(BadRequest, match="at least one"):
        space.space_of(given)
