"""AutoML's course on its own: told of trials, asked what is next."""

import contextlib
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from lazulite.engine.automl.course import AutoML
from lazulite.engine.courses import Child, NewJob
from lazulite.engine.submit import accept, submit
from lazulite.errors import BadRequest, NotFound, NotImplementedHere
from tests.engine.automl.test_automl_spec import DETAILS
from tests.engine.conftest import BORN, HERE, spoiled

LIMITS = {"maxTrials": 6, "maxConcurrentTrials": 2, "timeout": "PT10M", "trialTimeout": "PT1M"}
TWO = {"allowedTrainingAlgorithms": ["KNN", "SGD"]}
BODY = {
    "jobType": "AutoML",
    "taskDetails": {**DETAILS, "limitSettings": LIMITS, "trainingSettings": TWO},
    "outputs": {"best_model": {"jobOutputType": "mlflow_model"}},
    "environmentId": "plain@latest",
    "computeId": "cpu",
}


class Told:
    """An AutoML job and its trials as a test wants them to be."""

    def __init__(self, home, **details):
        body = {**BODY, "taskDetails": {**BODY["taskDetails"], **details}}
        with home.db.write() as connection:
            self.job = submit(connection, home.folder, HERE, NewJob(body, "a"), BORN)
        self.now, self.trials = BORN, {}
        self.begin()

    def begin(self):
        """Forgets the course, as a kill of the platform does."""
        self.course = AutoML(self.job, lambda: self.now)

    def take(self):
        """Tells of all trials and makes those that are wanted."""
        then = self.course.take(list(self.trials.values()))
        for new in then.start:
            job = replace(self.job, kind="Command", body=dict(new.body), state="Queued")
            job = replace(job, run=replace(job.run, id=new.name))
            self.trials[int(new.step)] = Child(new.step, job, str)
        return then

    def end(self, number, state="Completed", *points):
        """Has a trial end."""
        child = self.trials[number]
        self.trials[number] = replace(child, job=replace(child.job, state=state), points=points)


@pytest.fixture
def told(home):
    (home.store("t")).mkdir(parents=True)
    (home.store("t") / "MLTable").write_text("paths: []")
    return lambda **details: Told(home, **details)


def test_a_trial_is_a_job_that_is_told_what_to_train(told):
    (first, second) = told().take().start
    assert (first.name, first.body["tags"], second.body["tags"]) == (
        "a_0",
        {"run_algorithm": "KNN"},
        {"run_algorithm": "SGD"},
    )
    plan = json.loads(first.body["environmentVariables"]["LAZULITE_AUTOML"])
    assert plan["attempt"] == {"algorithm": "KNN", "parameters": {}, "members": []} and plan["target"] == "y"
    assert first.body["inputs"]["training_data"]["mode"] == "ReadOnlyMount"
    assert first.body["limits"]["timeout"] == "PT1M"


@pytest.mark.parametrize("forgets", [True, False])
def test_ensembles_follow_once_all_others_have_ended_and_the_best_is_kept(told, forgets):
    job, started = told(), []
    while not (then := job.take()).end:
        started += [new.body["parameters"]["algorithm"] for new in then.start]
        for number, child in job.trials.items():
            if child.job.state == "Queued":
                job.end(number, "Completed", 0.5 + number / 10)
        if forgets:
            job.begin()
    assert len(started) == 6 and started[4:] == ["VotingEnsemble", "StackEnsemble"]
    assert then.end.state == "Completed" and then.tags == {"automl_best_child_run_id": "a_5"}
    assert then.properties == {"best_child_run_id": "a_5", "score": "1.0"}
    assert then.outputs["best_model"]["uri"].endswith("ExperimentRun/dcid.a_5/outputs/mlflow-model")


def test_time_ends_it_with_the_best_until_then(told):
    job = told()
    job.take()
    job.end(0, "Completed", 0.7)
    job.now += timedelta(minutes=11)
    assert job.take().cancel == ["1"]
    job.end(1, "Canceled")
    then = job.take()
    assert then.end.state == "Completed" and then.properties["best_child_run_id"] == "a_0"


def test_trials_that_all_fail_end_it(told):
    job = told()
    while not (then := job.take()).end:
        for number in job.trials:
            job.end(number, "Failed")
    assert then.end.state == "Failed" and len(job.trials) == 4


def test_nothing_that_a_body_may_hold_fails_the_platform(home, told):
    told()
    for body in spoiled({**BODY, "environmentVariables": {"A": "1"}}):
        with home.db.read() as connection, contextlib.suppress(BadRequest, NotFound, NotImplementedHere):
            accept(connection, home.folder, HERE, NewJob(body, "b"))
