"""Datasets and models that go into runs and come out of them."""

from lazulite.tracking import inputs
from lazulite.tracking.inputs import Dataset, ModelUse

DATASET = Dataset("digits", "d1", "train", "local", '{"uri": "x"}', None, '{"rows": 3}', {"k": "v"})


def test_a_dataset_is_there_once_per_context(connection, run):
    again = Dataset(**{**vars(DATASET), "context": "test"})
    for _ in range(2):
        inputs.log_datasets(connection, run.number, [DATASET, again])
    assert set(map(repr, inputs.datasets(connection, [run.number])[run.number])) == {repr(DATASET), repr(again)}


def test_a_model_may_come_out_and_go_in_and_has_its_last_step(connection, run):
    uses = [ModelUse("output", "m-1", 5), ModelUse("input", "m-1", 0)]
    inputs.log_models(connection, run.number, [ModelUse("output", "m-1", 3)])
    inputs.log_models(connection, run.number, uses)
    assert inputs.models(connection, [run.number, 99]) == {run.number: uses[::-1], 99: []}
