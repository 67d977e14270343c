"""What AutoML tries: each algorithm, then the good ones again, until it is enough."""

from dataclasses import replace

from lazulite.engine.automl import search
from lazulite.engine.automl.search import Attempt, Outcome
from lazulite.engine.automl.spec import spec_of
from tests.engine.automl.test_automl_spec import DETAILS

ASKED = spec_of({"taskDetails": DETAILS})


def tried(asked, count, score):
    """Tries one after another and returns all."""
    before = []
    while len(before) < count:
        attempt = search.next_attempt(asked, "job", before)
        before.append(Outcome(attempt, score(attempt)))
    return before


def test_each_algorithm_is_tried_plainly_before_any_is_tuned():
    before = tried(ASKED, 40, lambda attempt: float(attempt.algorithm == "KNN"))
    first, later = before[:12], before[12:]
    assert [one.attempt.algorithm for one in first] == list(ASKED.spaces)
    assert not any(one.attempt.parameters for one in first) and all(one.attempt.parameters for one in later)
    assert sum(one.attempt.algorithm == "KNN" for one in later) > len(later) / 3


def test_the_same_trials_lead_to_the_same_next_one():
    before = tried(ASKED, 20, lambda attempt: 0.5)
    assert search.next_attempt(ASKED, "job", before) == search.next_attempt(ASKED, "job", list(before))


def test_every_algorithm_is_tuned_within_its_space_and_none_is_stuck_by_failures():
    for name in ASKED.spaces:
        alone = replace(ASKED, spaces={name: ASKED.spaces[name]})
        assert all(
            set(one.attempt.parameters) == set(ASKED.spaces[name]) for one in tried(alone, 6, lambda _: None)[1:]
        )


def test_it_is_enough_by_number_by_score_and_without_progress():
    def outcomes(*scores):
        return [Outcome(Attempt("KNN"), score) for score in scores]

    assert search.is_enough(replace(ASKED, total=6), outcomes(*[0.1] * 4)) and not search.is_enough(
        ASKED, outcomes(0.1)
    )
    assert search.is_enough(replace(ASKED, exit_score=0.9), outcomes(0.1, 0.95))
    assert search.is_enough(replace(ASKED, exit_score=0.2, maximizes=False), outcomes(-0.1))
    assert not search.is_enough(replace(ASKED, exit_score=0.2, maximizes=False), outcomes(-0.3))
    stuck = outcomes(*[0.5] * 30)
    assert search.is_enough(ASKED, stuck) and not search.is_enough(replace(ASKED, stops_early=False), stuck)
    assert not search.is_enough(ASKED, outcomes(*[0.5] * 29, 0.6))


def test_ensembles_are_of_the_best_and_of_more_than_one():
    done = [Outcome(Attempt("KNN", {"p": number}), number / 10) for number in range(8)]
    voting, stack = search.ensembles(ASKED, done)
    assert [one["parameters"]["p"] for one in voting.members] == [7, 6, 5, 4, 3] and stack.algorithm == "StackEnsemble"
    assert search.ensembles(ASKED, done[:1]) == [] and search.ensembles(replace(ASKED, total=8), done) == []
