"""Samplers: the same seed gives the same trials, discrete spaces are used up, Bayesian finds what is good."""

import math
import random
import statistics

import pytest
from scipy.stats import qmc

from lazulite.engine.sweep import sobol
from lazulite.engine.sweep.sampling import Tried, sampler_of
from lazulite.errors import BadRequest

SPACE = {"lr": ["loguniform", [-6, 0]], "units": ["quniform", [8, 128, 8]], "act": ["choice", [["relu", "tanh"]]]}


def of(kind, searched=None, name="job", **more):
    return sampler_of({"samplingAlgorithmType": kind, **more}, searched or SPACE, name)


def run(sampler, count, score=lambda values: None):
    """Tries one after another and returns all."""
    tried = []
    while len(tried) < count and (values := sampler.propose(len(tried), tried)) is not None:
        tried.append(Tried(values, score(values)))
    return tried


@pytest.mark.parametrize("more", [{}, {"rule": "Sobol"}])
def test_a_seed_gives_the_same_trials_and_another_gives_others(more):
    first = [one.values for one in run(of("Random", seed=1, **more), 5)]
    assert first == [one.values for one in run(of("Random", seed=1, name="other", **more), 5)]
    assert first != [one.values for one in run(of("Random", seed=2, **more), 5)]


def test_sobol_is_scipys():
    ours = [sobol.place(number, [0] * sobol.MOST_DIMENSIONS) for number in range(256)]
    theirs = qmc.Sobol(sobol.MOST_DIMENSIONS, scramble=False).random(256)
    assert all(mine == pytest.approx(list(row)) for mine, row in zip(ours, theirs, strict=True))


def test_a_grid_is_all_there_is_in_order():
    sampler = of("Grid", {"a": ["choice", [[1, 2]]], "b": ["choice", [["x", "y"]]]})
    found = [tuple(one.values.values()) for one in run(sampler, 99)]
    assert found == [(1, "x"), (1, "y"), (2, "x"), (2, "y")]


@pytest.mark.parametrize("kind", ["Random", "Bayesian"])
def test_few_values_are_each_tried_once(kind):
    sampler = of(kind, {"a": ["choice", [[1, 2, 3]]], "b": ["randint", [5]]})
    found = [tuple(one.values.values()) for one in run(sampler, 99, lambda values: values["a"])]
    assert len(found) == len(set(found)) == 15


def test_bayesian_goes_on_from_what_it_is_told_whoever_tells_it():
    tried = run(of("Bayesian"), 14, lambda values: -math.log(values["lr"]))
    assert of("Bayesian").propose(14, tried) == of("Bayesian").propose(14, list(tried))


def test_bayesian_beats_random_where_there_is_something_to_find():
    searched = {name: ["uniform", [-5, 5]] for name in "abc"} | {"k": ["choice", [["p", "q", "r"]]]}

    def score(values):
        return -sum((values[name] - at) ** 2 for name, at in zip("abc", (1, -2, 3), strict=True)) - 5 * (
            values["k"] != "q"
        )

    def best(kind):
        return [max(one.score for one in run(of(kind, searched, f"s{seed}"), 60, score)) for seed in range(7)]

    assert statistics.median(best("Bayesian")) > statistics.median(best("Random")) / 3


def test_bayesian_bears_trials_that_told_nothing():
    rng = random.Random(1)
    tried = run(of("Bayesian"), 40, lambda values: rng.choice([None, 1.0, math.inf, -math.inf]))
    assert len(tried) == 40


@pytest.mark.parametrize(
    ("given", "searched", "told"),
    [
        ("hyperband", SPACE, "must be Random, Grid or Bayesian"),
        (None, SPACE, "must be an object"),
        ({"samplingAlgorithmType": "Grid"}, SPACE, "Grid sampling takes choice only.*lr, units"),
        ({"samplingAlgorithmType": "Random", "rule": "halton"}, SPACE, "random or sobol"),
        ({"samplingAlgorithmType": "Random", "logbase": -1}, SPACE, "logbase"),
        (
            {"samplingAlgorithmType": "Random", "rule": "sobol"},
            {f"p{number}": ["uniform", [0, 1]] for number in range(40)},
            "21 parameters at most",
        ),
    ],
)
def test_what_cannot_be_sampled_is_refused(given, searched, told):
    with pytest.raises(BadRequest, match=told):
        sampler_of(given, searched, "job")
