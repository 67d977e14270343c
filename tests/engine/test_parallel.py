"""Bodies of parallel jobs, as the SDK makes them: what is read, what is refused, what the conductor is told."""

import json
from datetime import datetime

import pytest

from lazulite.catalog.job_variables import JOB_VARIABLES
from lazulite.engine import conductor, launch, parallel, prepare, stage, submit
from lazulite.engine.courses import NewJob
from lazulite.engine.spec import Input
from lazulite.errors import BadRequest
from tests.engine.conftest import HERE

KEY = b"k" * 64
TASK = {
    "type": "run_function",
    "code": "azureml:/subscriptions/s/x/codes/c/versions/1",
    "entry_script": "score.py",
    "environment": "azureml:plain:1",
    "append_row_to": "${{outputs.out}}",
}
LEAST = {
    "jobType": "Parallel",
    "inputs": {"data": {"jobInputType": "uri_folder", "uri": "azureml://datastores/workspaceblobstore/paths/d"}},
    "outputs": {"out": {"jobOutputType": "uri_folder"}},
    "parallel": {"task": TASK, "input_data": "${{inputs.data}}"},
}


def read(task=None, inputs=None, **more):
    """Reads the least body with some fields of `parallel`, of its task, and of the inputs changed."""
    inner = {**LEAST["parallel"], **more, "task": {**TASK, **(task or {})}}
    return parallel.spec_of({**LEAST, "parallel": inner, "inputs": {**LEAST["inputs"], **(inputs or {})}})


def test_the_least_that_a_parallel_job_must_say_and_azures_defaults():
    spec = read()
    assert (spec.script, spec.environment, spec.input_data, spec.output) == ("score.py", "plain:1", "data", "out")
    assert spec.code == "/subscriptions/s/x/codes/c/versions/1"
    assert (spec.tries, spec.timeout_s_each, spec.init_timeout_s, spec.load_timeout_s) == (3, 60, 210, 600)
    assert (spec.error_threshold, spec.mini_batch_error_threshold, spec.allowed_failed_percent) == (-1, -1, 100)
    assert (spec.mini_batch_size, spec.concurrency, spec.partition_keys, spec.model) == (0, 0, (), "")


def test_everything_that_a_parallel_job_may_say_in_the_sdks_words():
    spec = read(
        task={
            "program_arguments": "--lr ${{inputs.lr}} --error_threshold 7 "
            "--task_overhead_timeout=12 --copy_logs_to_parent True"
        },
        inputs={"lr": {"jobInputType": "literal", "value": "0.1 'x"}, "unused": None},
        mini_batch_size="10kb",
        partition_keys='["Store", "Brand"]',
        max_concurrency_per_instance="2",
        error_threshold=5,
        mini_batch_error_threshold="4",
        retry_settings={"max_retries": "0", "timeout": "PT2M"},
        logging_level="debug",
        output_file_name="predictions.csv",
    )
    assert (spec.mini_batch_size, spec.partition_keys, spec.concurrency) == (10240, ("Store", "Brand"), 2)
    assert (spec.error_threshold, spec.mini_batch_error_threshold, spec.tries) == (7, 4, 1)
    assert (spec.timeout_s_each, spec.load_timeout_s, spec.init_timeout_s) == (120, 12, 390)
    assert (spec.logging_level, spec.file_name, spec.unheard) == (
        "DEBUG",
        "predictions.csv",
        ("--copy_logs_to_parent",),
    )
    words = parallel.words(spec, {"inputs.lr": "0.1 'x", "inputs.data": "/d", "outputs.out": "/o"})
    assert words[:3] == ["--lr", "0.1 'x", "--error_threshold"]


@pytest.mark.parametrize("head", ["azureml:", ""])
def test_an_environment_of_a_registry_is_understood_as_the_sdk_sends_it(head):
    place = "//registries/azureml/environments/sklearn-1.5/labels/latest"
    assert read(task={"environment": f"{head}{place}"}).environment == f"azureml:{place}"


def test_a_size_of_nothing_is_what_the_sdk_sends_where_keys_split_the_table():
    assert read(mini_batch_size=0, partition_keys=["Store"]).mini_batch_size == 0


def test_a_model_is_an_input_of_its_own_and_what_is_split_must_be_here():
    table = {"jobInputType": "mltable", "uri": "azureml:t:1", "mode": "Direct"}
    spec = read(task={"model": "azureml:m:1", "entry_script": None}, inputs={"data": table})
    assert spec.model == parallel.MODEL and spec.inputs[-1] == Input(
        parallel.MODEL, "custom_model", "m:1", is_contained=True
    )
    assert spec.inputs[0].mode == "ReadOnlyMount"
    weights = {"jobInputType": "uri_folder", "uri": "azureml:w:1"}
    spec = read(task={"model": "${{inputs.weights}}"}, inputs={"weights": weights})
    assert spec.model == "weights" and [one.is_contained for one in spec.inputs] == [False, True]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"input_data": "${{inputs.dta}}"}, "must be ${{inputs.NAME}}. The job has inputs.data"),
        ({"input_data": "data"}, "must be ${{inputs.NAME}}"),
        ({"task": {"entry_script": ""}}, "needs a task with an entry_script"),
        ({"task": {"append_row_to": "${{outputs.rows}}"}}, "nothing has that name. The job has outputs.out"),
        ({"task": {"append_row_to": "rows.csv"}}, "must be an output, ${{outputs.NAME}}"),
        ({"task": {"append_row_to": "${{outputs.out}}/../rows.csv"}}, "must be an output, ${{outputs.NAME}}"),
        ({"output_file_name": "../rows.csv"}, "must be the name of a file, without folders"),
        ({"task": {"program_arguments": "--a ${{inputs.b}}"}}, "The job has inputs.data"),
        ({"task": {"program_arguments": "--a 'b"}}, "No closing quotation"),
        ({"task": {"model": "${{inputs.m}}"}}, "there is no such input"),
        ({"mini_batch_size": "10 files"}, "must be a number of files, or of bytes such as 10kb"),
        ({"mini_batch_size": 0}, "mini_batch_size is 0"),
        ({"partition_keys": "Store"}, "must be a list of names"),
        ({"max_concurrency_per_instance": 0}, "must be a whole number from 1"),
        ({"error_threshold": "x"}, "must be a whole number from -1"),
        ({"retry_settings": {"timeout": 0}}, "must be over 0 and at most 259200 seconds"),
        ({"retry_settings": {"max_retries": -1}}, "must be a whole number from 0"),
        ({"logging_level": "loud"}, "must be one of DEBUG, INFO, WARNING"),
    ],
)
def test_what_cannot_be_right_is_refused_with_its_field(changed, told):
    with pytest.raises(BadRequest) as refusal:
        read(**changed)
    assert told in refusal.value.message and refusal.value.target.startswith("properties.")


@pytest.fixture
def laid_out(home):
    """Lays a parallel job out as the engine does; returns its folder and what its conductor is told."""
    (home.store("d") / "x").mkdir(parents=True)
    (home.store("weights") / "w.bin").parent.mkdir(parents=True)
    task = {name: value for name, value in TASK.items() if name != "code"}
    body = {
        **LEAST,
        "computeId": "local",
        "parallel": {
            **LEAST["parallel"],
            "task": {**task, "model": "${{inputs.m}}", "program_arguments": "--out ${{outputs.out}}"},
            "max_concurrency_per_instance": 3,
        },
    }
    place = "azureml://datastores/workspaceblobstore/paths/weights"
    body["inputs"] = {**LEAST["inputs"], "m": {"jobInputType": "custom_model", "uri": place}}
    new = NewJob(body=body, name="scored", created_by="tester")
    with home.db.write() as connection:
        job = submit.submit(connection, home.folder, HERE, new, datetime.now().astimezone())
    made = prepare.prepare(home.settings, home.db, job, print)
    staged = stage.stage(home.settings, made, True, print)
    launch.write_plan(home.settings, KEY, True, made, staged)
    return staged.folder, json.loads((staged.folder / "parallel.json").read_text())


def test_the_conductor_sees_what_it_lists_and_its_workers_what_they_may(laid_out):
    folder, told = laid_out
    plan = json.loads((folder / "job.json").read_text())
    assert plan["isolated"] is False and told["isolated"] is True  # user code is isolated, and renames are not
    assert plan["command"].endswith(f"-I -m lazulite.batch {folder}")
    assert told["source"].endswith("/d") and told["input"] == str(folder / "inputs" / "data")
    assert told["append_to"] == f"{told['output']}/parallel_run_step.txt" and told["outputs"] == [told["output"]]
    assert told["output"] not in told["writable"] and told["arguments"] == ["--out", told["output"]]
    assert told["workers"] == 3
    variables = plan["variables"]
    assert variables["AZUREML_MODEL_DIR"] == str(folder / "inputs" / "m")
    assert [folder / "inputs" / "m" / "weights"] == list((folder / "inputs" / "m").iterdir())
    of_batch = {one.name for one in JOB_VARIABLES if one.set_for == "parallel"} - {"CUDA_VISIBLE_DEVICES"}
    assert of_batch == {"AZUREML_MODEL_DIR", "AZUREML_BI_OUTPUT_PATH"} <= set(variables)


def test_a_result_is_read_if_the_conductor_lived_to_write_it(laid_out):
    folder, _ = laid_out
    assert conductor.read(folder) is None
    (folder / "batch").mkdir()
    (folder / "batch" / "result.json").write_text('{"state": "comp')
    assert conductor.read(folder) is None
    told = {"state": "failed", "code": "EmptyInput", "message": "m", "warnings": ["w"]}
    (folder / "batch" / "result.json").write_text(json.dumps(told))
    assert conductor.read(folder) == conductor.Result("failed", "EmptyInput", "m", ["w"])
