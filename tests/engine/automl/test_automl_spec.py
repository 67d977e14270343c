"""AutoML's bodies: what is read, what is refused by name."""

import pytest

from lazulite.engine.automl.spec import spec_of
from lazulite.errors import BadRequest, NotImplementedHere

DETAILS = {
    "taskType": "Classification",
    "targetColumnName": "y",
    "primaryMetric": "AUCWeighted",
    "trainingData": {"jobInputType": "mltable", "uri": "azureml://datastores/workspaceblobstore/paths/t"},
}


def of(**more):
    return spec_of({"taskDetails": {**DETAILS, **more}})


def test_a_body_with_nothing_but_what_it_needs_has_azures_defaults():
    found = of()
    assert (found.metric, found.maximizes, found.at_once, found.total) == ("AUC_weighted", True, 1, 1000)
    assert found.ensembles == ["VotingEnsemble", "StackEnsemble"] and list(found.data) == ["training_data"]
    assert found.timeout_s == 6 * 3600 and found.stops_early and len(found.spaces) == 12


@pytest.mark.parametrize("spelling", ["LightGBM", "light_gbm", "LIGHTGBM"])
def test_algorithms_are_allowed_and_blocked_in_any_spelling(spelling):
    assert list(of(trainingSettings={"allowedTrainingAlgorithms": [spelling]}).spaces) == ["LightGBM"]
    blocked = of(trainingSettings={"blockedTrainingAlgorithms": [spelling, "XGBoostClassifier"]}).spaces
    assert "LightGBM" not in blocked and len(blocked) == 11


def test_a_step_of_a_pipeline_has_its_tables_as_inputs():
    body = {"taskDetails": {**DETAILS, "trainingData": None}, "inputs": {"training_data": {"uri": "x"}}}
    assert spec_of(body).data == {"training_data": {"uri": "x"}}


def test_folds_are_a_number_or_left_to_the_data():
    assert of(nCrossValidations={"mode": "Custom", "value": 4}).told["folds"] == 4
    assert of(nCrossValidations={"mode": "Auto"}).told["folds"] is None and of().told["folds"] is None


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"taskType": "Forecasting"}, "not Forecasting"),
        ({"taskType": "ImageClassification"}, "not ImageClassification"),
        ({"featurizationSettings": {"mode": "Custom"}}, "not Custom"),
        ({"positiveLabel": "yes"}, "positiveLabel"),
        ({"cvSplitColumnNames": ["a"]}, "cvSplitColumnNames"),
        ({"trainingSettings": {"enableDnnTraining": True}}, "enableDnnTraining"),
    ],
)
def test_what_would_have_to_be_ignored_is_refused(more, told):
    with pytest.raises(NotImplementedHere, match=told):
        of(**more)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"primaryMetric": "R2Score"}, "knows AUCWeighted"),
        ({"targetColumnName": None}, "targetColumnName"),
        ({"trainingData": None}, "needs trainingData"),
        ({"trainingSettings": {"allowedTrainingAlgorithms": ["XGBoostClassifier"]}}, "XGBoostClassifier"),
        ({"trainingSettings": {"allowedTrainingAlgorithms": ["KNN"], "blockedTrainingAlgorithms": ["KNN"]}}, "blocked"),
        ({"limitSettings": {"maxTrials": 0}}, "maxTrials"),
        ({"limitSettings": {"exitScore": "x"}}, "exitScore"),
        ({"validationDataSize": 1.5}, "between 0 and 1"),
        ({"nCrossValidations": {"mode": "Custom", "value": 1}}, "nCrossValidations"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(more, told):
    with pytest.raises(BadRequest, match=told) as refused:
        of(**more)
    assert refused.value.target.startswith("properties.taskDetails")
