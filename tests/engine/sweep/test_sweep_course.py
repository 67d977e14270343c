"""A sweep's course on its own: told of trials, asked what is next."""

import contextlib
from dataclasses import replace
from datetime import timedelta

import pytest

from lazulite.engine.courses import Child, NewJob
from lazulite.engine.submit import accept, submit
from lazulite.engine.sweep.course import Sweep
from lazulite.errors import BadRequest, NotImplementedHere
from tests.engine.conftest import BORN, HERE, spoiled

BODY = {
    "jobType": "Sweep",
    "trial": {"command": "train ${{search_space.lr}} ${{inputs.n}}", "environmentId": "plain@latest"},
    "searchSpace": {"lr": ["uniform", [0, 1]], "n": ["choice", [[1, 2]]]},
    "samplingAlgorithm": {"samplingAlgorithmType": "Random", "seed": 3},
    "objective": {"goal": "minimize", "primaryMetric": "loss"},
    "limits": {"maxTotalTrials": 4, "maxConcurrentTrials": 2, "timeout": "PT10M", "trialTimeout": "PT1M"},
    "outputs": {"model": {"jobOutputType": "custom_model", "assetName": "m"}},
    "computeId": "cpu",
}


class Told:
    """A sweep and its trials as a test wants them to be."""

    def __init__(self, home, **body):
        with home.db.write() as connection:
            self.job = submit(connection, home.folder, HERE, NewJob({**BODY, **body}, "s"), BORN)
        self.now = BORN
        self.trials = {}
        self.begin()

    def begin(self):
        """Forgets the course, as a kill of the platform does."""
        self.sweep = Sweep(self.job, lambda: self.now)

    def take(self, *numbers):
        """Tells of some trials, or of all, and makes those that are wanted."""
        then = self.sweep.take([self.trials[number] for number in numbers or self.trials])
        for new in then.start:
            job = replace(self.job, kind="Command", body=dict(new.body), state="Queued")
            job = replace(job, run=replace(job.run, id=new.name))
            self.trials[int(new.step)] = Child(new.step, job, str)
        return then

    def ends(self, number, state="Completed", *points):
        """Has a trial end."""
        child = self.trials[number]
        self.trials[number] = replace(child, job=replace(child.job, state=state), points=points)


@pytest.fixture
def told(home):
    return lambda **body: Told(home, **body)


def names(then):
    return [new.name for new in then.start]


def test_a_trial_is_a_job_with_its_own_values_places_and_time(told):
    sweep = told()
    (first, _) = sweep.take().start
    lr, n = first.body["parameters"]["lr"], first.body["parameters"]["n"]
    assert first.body["command"] == f"train {lr!r} ${{{{inputs.n}}}}"
    assert first.body["inputs"]["n"] == {"jobInputType": "literal", "value": str(n)}
    assert first.body["environmentVariables"] == {"AZUREML_SWEEP_lr": repr(lr), "AZUREML_SWEEP_n": str(n)}
    model = first.body["outputs"]["model"]
    assert first.body["limits"]["timeout"] == "PT1M" and "assetName" not in model
    assert model["uri"].endswith("/s/model/0/")
    assert sweep.job.body["trial"]["environmentId"].endswith("/environments/plain/versions/1")


def test_as_many_run_as_may_until_all_are_told_and_the_best_is_found(told):
    sweep = told()
    assert names(sweep.take()) == ["s_0", "s_1"] and not sweep.take().start
    sweep.ends(0, "Completed", 0.5, 0.2)
    then = sweep.take(0)
    assert (
        names(then) == ["s_2"] and then.properties["best_child_run_id"] == "s_0" and then.properties["score"] == "0.2"
    )
    sweep.ends(1, "Failed", 0.1)
    sweep.ends(2, "Completed", 0.15, float("nan"))
    sweep.take(1, 2)
    sweep.ends(3, "Completed", 0.9)
    then = sweep.take(3)
    assert then.end.state == "Completed" and then.properties["best_child_run_id"] == "s_2"
    assert then.outputs["model"]["uri"] == sweep.trials[2].job.body["outputs"]["model"]["uri"]
    assert then.outputs["model"]["assetName"] == "m"


def test_a_new_course_goes_on_where_the_old_one_was(told):
    sweep = told()
    sweep.take()
    sweep.begin()
    assert not sweep.take().start
    sweep.ends(1, "Completed", 0.5)
    before = names(sweep.take(1))
    sweep.trials.pop(2)
    sweep.begin()
    assert names(sweep.take()) == before == ["s_2"]


def test_time_ends_it(told):
    sweep = told()
    sweep.take()
    sweep.now += timedelta(minutes=9, seconds=58)
    then = sweep.take()
    assert not then.end and then.look_again_s == 2  # not before: each look reads what every trial has logged
    sweep.now += timedelta(seconds=2)
    assert sweep.take().end.state == "Canceled"


def test_trials_that_fail_without_a_word_end_it_for_good(told):
    sweep = told(limits={"maxTotalTrials": 100, "maxConcurrentTrials": 2})
    for number in range(3):
        sweep.take()
        sweep.ends(number, "Failed")
    assert sweep.take().end.state == "Failed"
    sweep.ends(3, "Canceled")
    sweep.begin()
    assert sweep.take().end.state == "Failed"


def test_a_policy_ends_trials_early_and_looks_again(told):
    policy = {"policyType": "Bandit", "slackAmount": 0.1}
    sweep = told(earlyTermination=policy)
    sweep.take()
    sweep.ends(0, "Running", 0.1)
    sweep.ends(1, "Running", 0.5)
    then = sweep.take()
    assert then.cancel == ["1"] and then.look_again_s


@pytest.mark.parametrize(
    ("change", "told_"),
    [
        ({"objective": {"goal": "best", "primaryMetric": "x"}}, "minimize or maximize"),
        ({"objective": None}, "goal must be text"),
        ({"limits": {"maxTotalTrials": 0}}, "maxTotalTrials"),
        ({"trial": {"command": "${{search_space.x}}", "environmentId": "plain:1"}}, "searchSpace has lr, n"),
        ({"trial": {"command": "true", "environmentId": "none:1"}}, "none"),
        ({"trial": None}, "trial.command"),
        ({"inputs": {"lr": {"jobInputType": "literal", "value": "1"}}}, "both an input and a parameter"),
        ({"outputs": {"m": {"uri": "https://x/y"}}}, "outputs.m"),
        ({"outputs": {"m": {"jobOutputType": "folder"}}}, "outputs.m"),
        ({"computeId": "none"}, "none"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(told, change, told_):
    with pytest.raises(BadRequest, match=told_):
        told(**change)


def test_nothing_that_a_body_may_hold_fails_the_platform(home):
    whole = {
        **BODY,
        "earlyTermination": {"policyType": "Bandit", "slackAmount": 0.1},
        "resources": {"instanceCount": 1},
    }
    for body in spoiled({**whole, "trial": {**BODY["trial"], "environmentVariables": {"A": "1"}}}):
        with home.db.read() as connection, contextlib.suppress(BadRequest, NotImplementedHere):
            accept(connection, home.folder, HERE, NewJob(body, "s"))
