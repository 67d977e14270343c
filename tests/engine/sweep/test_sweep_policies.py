"""Early termination, by the examples of Azure's own documentation and beyond them."""

import pytest

from lazulite.engine.sweep.policies import policy_of
from lazulite.errors import BadRequest


def ends(curves, running=None, **given):
    policy = policy_of(given)
    return policy.ends(curves, list(curves) if running is None else running)


def test_bandit_ends_what_is_not_within_the_slack_of_the_best():
    curves = {"best": [0.8], "near": [0.67], "far": [0.66]}
    assert ends(curves, policyType="Bandit", slackFactor=0.2, evaluationInterval=1) == ["far"]
    assert ends(curves, policyType="bandit", slackAmount=0.135) == ["far"]


def test_bandit_spares_the_best_where_metrics_are_below_zero():
    curves = {"best": [-1.0], "near": [-1.1], "far": [-2.0]}
    assert ends(curves, policyType="Bandit", slackFactor=0.2) == ["far"]


def test_a_trial_is_compared_at_the_same_interval_with_those_that_reached_it():
    curves = {"ahead": [0.5, 0.6, 0.9, 0.95], "slow": [0.5, 0.55]}
    assert ends(curves, policyType="Bandit", slackAmount=0.1, evaluationInterval=2) == []
    assert ends({**curves, "slow": [0.5, 0.4]}, policyType="Bandit", slackAmount=0.05) == ["slow"]


def test_who_ended_early_is_compared_with_what_it_had():
    curves = {"short": [0.9], "long": [0.1] * 20}
    assert ends(curves, ["long"], policyType="Bandit", slackFactor=0.5, delayEvaluation=2) == ["long"]


def test_evaluation_waits_for_its_interval_and_its_delay():
    curves = {"good": [0.9] * 5, "bad": [0.1] * 5}
    assert ends(curves, policyType="Bandit", slackFactor=0.1, delayEvaluation=6) == []
    assert ends(curves, policyType="Bandit", slackFactor=0.1, evaluationInterval=6) == []
    assert ends(curves, policyType="Bandit", slackFactor=0.1, delayEvaluation=5) == ["bad"]


def test_median_stopping_compares_the_best_with_the_median_of_averages():
    curves = {"a": [0.2, 0.8], "b": [0.4, 0.6], "c": [0.3, 0.2], "d": [0.45, 0.5]}
    assert ends(curves, policyType="MedianStopping") == ["c"]


def test_truncation_ends_the_worst_share():
    curves = {str(number): [float(number)] for number in range(10)}
    assert ends(curves, policyType="TruncationSelection", truncationPercentage=20) == ["0", "1"]
    gone = [name for name in curves if name not in "01"]
    assert ends(curves, gone, policyType="TruncationSelection", truncationPercentage=20) == []
    assert ends({"0": [1.0], "1": [2.0]}, policyType="truncation_selection", truncationPercentage=20) == []


@pytest.mark.parametrize("kind", ["Bandit", "MedianStopping", "TruncationSelection"])
def test_who_has_told_nothing_and_who_is_alone_goes_on(kind):
    given = {"policyType": kind, "slackFactor": 0.1, "truncationPercentage": 50}
    assert ends({"a": [1.0]}, ["a", "silent"], **given) == []


def test_no_policy_is_none():
    assert policy_of({}) is None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"policyType": "Luck"}, "Bandit, MedianStopping"),
        ({"policyType": "Bandit"}, "slackFactor or a slackAmount"),
        ({"policyType": "Bandit", "slackFactor": -1}, "slackFactor must be a number"),
        ({"policyType": "TruncationSelection"}, "from 1 to 99"),
        ({"policyType": "MedianStopping", "delayEvaluation": "x"}, "delayEvaluation"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(given, told):
    with pytest.raises(BadRequest, match=told):
        policy_of(given)
