"""What is refused before anything starts, each with the step, the field, and what there is instead."""

import contextlib
import json

import pytest

from lazulite.engine import states, submit
from lazulite.engine.courses import NewJob
from lazulite.engine.pipeline import accept, bodies, values
from lazulite.errors import BadRequest, LazuliteError, NotImplementedHere
from tests.engine.conftest import HERE
from tests.engine.pipeline.conftest import literal, made_by, node

DATA = {"uri": "azureml://datastores/workspaceblobstore/paths/there", "job_input_type": "uri_folder"}


@pytest.fixture(autouse=True)
def parts(home):
    home.store("there").mkdir(parents=True)
    home.component("rate", "echo ${{inputs.lr}}", {"lr": {"type": "number", "min": 0, "max": 1}}, {"f": "uri_file"})
    home.component("count", "echo ${{inputs.c}}", {"c": {"type": "integer", "enum": [1, 2]}}, {})
    home.component("flag", "echo ${{inputs.f}}", {"f": "boolean"}, {"go": "boolean"})
    home.component("bent", "echo ${{inputs.nothing}}", {}, {})
    home.component("lost", "true", {}, {}, environment="gone:1")
    home.component(
        "around",
        type="pipeline",
        inputs={"n": "integer"},
        jobs={"m": node("make", inputs={"n": literal("${{parent.inputs.m}}")})},
    )


A = node("make", inputs={"n": literal(1)})
BAD = {
    "no steps": ({}, "The pipeline has no steps", "jobs"),
    "cycle": (
        {
            "a": node("add", inputs={"d": made_by("c")}),
            "b": node("add", inputs={"d": made_by("a")}),
            "c": node("add", inputs={"d": made_by("b")}),
        },
        "The steps wait for one another: ",
        "jobs.a",
    ),
    "itself": ({"a": node("add", inputs={"d": made_by("a")})}, "wait for one another: a -> a", "jobs.a"),
    "no such step": (
        {"b": node("add", inputs={"d": made_by("q")})},
        'step "q", which is not there. There are b',
        "jobs.b.inputs",
    ),
    "no such output": (
        {"a": A, "b": node("add", inputs={"d": made_by("a", "p")})},
        'step "a" has no output "p". It has o.',
        "jobs.b.inputs.d",
    ),
    "no such input of the pipeline": (
        {"a": node("make", inputs={"n": literal("${{parent.inputs.m}}")})},
        'the pipeline has no input "m". It has n',
        "jobs.a.inputs.n",
    ),
    "no such input": (
        {"a": node("make", inputs={"n": literal(1), "m": literal(1)})},
        'jobs.a.inputs has "m", but component make has n.',
        "jobs.a.inputs.m",
    ),
    "missing input": (
        {"a": node("make")},
        "jobs.a.inputs.n is missing: component make needs it (integer)",
        "jobs.a.inputs.n",
    ),
    "no whole number": (
        {"a": node("make", inputs={"n": literal("one")})},
        "'one', but must be a whole number",
        "jobs.a.inputs.n",
    ),
    "too much": ({"a": node("rate", inputs={"lr": literal("1.5")})}, "is 1.5, but its max is 1", "jobs.a.inputs.lr"),
    "none of those": ({"a": node("count", inputs={"c": literal("3")})}, "must be one of 1, 2", "jobs.a.inputs.c"),
    "no truth": ({"a": node("flag", inputs={"f": literal("maybe")})}, "must be true or false", "jobs.a.inputs.f"),
    "literal for data": (
        {"b": node("add", inputs={"d": literal("x")})},
        "is the literal 'x', but component add wants uri_folder",
        "jobs.b.inputs.d",
    ),
    "data for a literal": (
        {"a": A, "b": node("make", inputs={"n": made_by("a")})},
        "is data of type uri_folder, but component make wants integer",
        "jobs.b.inputs.n",
    ),
    "file for a folder": (
        {"a": node("rate", inputs={"lr": literal(1)}), "b": node("add", inputs={"d": made_by("a", "f")})},
        "is bound to data of type uri_file",
        "jobs.b.inputs.d",
    ),
    "no such component": (
        {"a": node("nobody", inputs={})},
        'jobs.a.componentId: components "nobody" was not found',
        "jobs.a.componentId",
    ),
    "no such version": (
        {"a": {"type": "command", "componentId": "make:7"}},
        'has no version "7"',
        "jobs.a.componentId",
    ),
    "another type": ({"a": {"type": "pipeline", "componentId": "make:1"}}, "is of type command", "jobs.a.componentId"),
    "no such compute": (
        {"a": node("make", "nowhere", inputs={"n": literal(1)})},
        'Compute "nowhere" was not found',
        "jobs.a",
    ),
    "no such environment": ({"a": node("lost")}, "jobs.a: environmentId: ", "jobs.a"),
    "command bound to nothing": ({"a": node("bent")}, "command has ${{inputs.nothing}}", "jobs.a"),
    "no such data": (
        {"b": node("add", inputs={"d": {**DATA, "uri": "azureml:gone:1"}})},
        'jobs.b: inputs.d: data "gone"',
        "jobs.b",
    ),
    "inside a component": (
        {"p": {"type": "pipeline", "componentId": "around:1", "inputs": {"n": literal(1)}}},
        "jobs.p: jobs.m.inputs.n has ${{parent.inputs.m}}",
        "jobs.p",
    ),
    "output of nobody": (
        {"a": {**A, "outputs": {"o": literal("${{parent.outputs.q}}")}}},
        "is bound to '${{parent.outputs.q}}'",
        "jobs.a.outputs.o",
    ),
    "an unmade output": ({"a": A}, "outputs.all is made by no step", "outputs.all"),
    "condition on data": (
        {
            "a": A,
            "i": {"type": "if_else", "condition": "${{parent.jobs.a.outputs.o}}", "true_block": "${{parent.jobs.b}}"},
            "b": A,
        },
        "must be true or false",
        "jobs.i.condition",
    ),
    "loop of nothing": ({"l": {"type": "do_while", "body": "${{parent.jobs.b}}"}}, "must name a step", "jobs.l.body"),
    "items that are none": (
        {"b": node("make"), "l": {"type": "parallel_for", "body": "${{parent.jobs.b}}", "items": "[]"}},
        "must be a list or an object of objects",
        "jobs.l.items",
    ),
    "an item that does not fit": (
        {"b": node("make"), "l": {"type": "parallel_for", "body": "${{parent.jobs.b}}", "items": '[{"n": "x"}]'}},
        "must be a whole number",
        "jobs.b.inputs.n",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_right_is_refused_and_changes_nothing(home, case):
    jobs, said, where = BAD[case]
    outputs = {"all": {"jobOutputType": "uri_folder"}} if case == "an unmade output" else {}
    with pytest.raises(BadRequest) as raised:
        home.submit_pipeline(jobs, inputs={"n": {"jobInputType": "literal", "value": "1"}}, outputs=outputs)
    assert said in raised.value.message, raised.value.message
    assert raised.value.target.startswith(f"properties.{where}"), raised.value.target
    with home.db.read() as connection:
        assert states.listed(connection, "sub/group/ws", limit=9) == []


@pytest.mark.parametrize("kind", ["spark", "data_transfer"])
def test_a_kind_of_step_that_is_not_run_here_says_so(home, kind):
    with pytest.raises(NotImplementedHere, match=f"jobs.a is of type {kind}"):
        home.submit_pipeline({"a": {"type": kind, "componentId": "make:1"}})


def test_what_the_parent_gives_reaches_every_field_of_a_step(home):
    home.component(
        "say", "echo $WHO '${{inputs.text}}'", {"text": "string", "d": {"type": "uri_folder", "optional": True}}, {}
    )
    home.store("there/a").mkdir()
    step = node(
        "say",
        "${{parent.inputs.where}}",
        inputs={
            "text": literal("<${{parent.inputs.n}}>"),
            "d": {**DATA, "uri": f"{DATA['uri']}/${{{{parent.inputs.path}}}}"},
        },
        environment_variables={"WHO": "${{parent.inputs.who}}"},
        limits={"timeout": "${{parent.inputs.n}}"},
        resources={"instance_count": "${{parent.inputs.count}}"},
    )
    given = {"where": "cpu", "n": "50", "path": "a", "who": "me", "count": "1"}
    inputs = {name: {"jobInputType": "literal", "value": value} for name, value in given.items()}
    body = home.children(home.submit_and_look(step, inputs))["a"].body
    assert body["computeId"] == "cpu" and body["environmentVariables"] == {"WHO": "me"}
    assert body["inputs"]["text"]["value"] == "<50>" and body["inputs"]["d"]["uri"].endswith("/there/a")
    assert body["limits"]["timeout"] == "PT50S" and body["resources"]["instanceCount"] == 1


def test_an_optional_input_that_nobody_gave_is_left_out_and_a_default_fills_in(home):
    home.component(
        "maybe",
        "echo [$[[${{inputs.a}}]]] ${{inputs.b}}",
        {"a": {"type": "string", "optional": True}, "b": {"type": "integer", "default": "3"}},
        {},
    )
    step = node("maybe", inputs={"a": literal("${{parent.inputs.gone}}")})
    body = home.children(home.submit_and_look(step, {}))["a"].body
    assert body["inputs"] == {"b": {"jobInputType": "literal", "value": "3"}}


def test_grouped_inputs_have_dots_in_their_names(home):
    home.component("grouped", "echo ${{inputs.g.lr}}", {"g.lr": "number"}, {})
    step = node("grouped", inputs={"g.lr": literal("${{parent.inputs.all.lr}}")})
    name = home.submit_and_look(step, {"all.lr": {"jobInputType": "literal", "value": "0.5"}})
    assert home.children(name)["a"].body["inputs"] == {"g.lr": {"jobInputType": "literal", "value": "0.5"}}


def test_a_body_is_kept_with_versions_and_places(home):
    jobs = {"a": {**A, "componentId": "make@latest", "outputs": {"o": literal("${{parent.outputs.all}}")}}}
    job = home.job(home.submit_pipeline(jobs, outputs={"all": {"jobOutputType": "uri_file"}}, wake=False))
    assert job.body["jobs"]["a"]["componentId"].endswith("/components/make/versions/1")
    assert job.body["outputs"]["all"]["jobOutputType"] == "uri_folder"
    assert job.body["outputs"]["all"]["uri"].endswith(f"/paths/azureml/{job.name}/all/")
    assert json.dumps(job.body)


def test_an_automl_step_becomes_an_automl_job_whose_tables_steps_may_make(home):
    home.component("table", "true", {}, {"t": "mltable"})
    home.component("use", "true", {"m": "mlflow_model"}, {})
    train = {
        "type": "automl",
        "task": "regression",
        "primary_metric": "r2_score",
        "target_column_name": "price",
        "training_data": "${{parent.jobs.t.outputs.t}}",
        "limits": {"max_trials": 1, "timeout_minutes": 5},
        "training": {"enable_stack_ensemble": False},
        "computeId": "cpu",
        "outputs": {"best": {"job_output_type": "mlflow_model"}},
    }
    jobs = {"t": node("table"), "a": train, "u": node("use", inputs={"m": made_by("a", "best")})}
    job = home.job(home.submit_pipeline(jobs, wake=False))
    assert job.body["jobs"]["a"] == train
    with home.db.read() as connection:
        found = accept.read(connection, HERE, job.body)
    place = values.Value("mltable", "azureml://datastores/workspaceblobstore/paths/t/", is_made=True)
    drawn = bodies.body_of(found.frame, found.graph.steps["a"], {"parent.jobs.t.outputs.t": place})
    assert drawn.body["taskDetails"] == {
        "taskType": "Regression",
        "primaryMetric": "r2_score",
        "targetColumnName": "price",
        "trainingData": {"jobInputType": "mltable", "uri": place.text},
        "limitSettings": {"maxTrials": 1, "timeout": "PT5M"},
        "trainingSettings": {"enableStackEnsemble": False},
        "featurizationSettings": {},
    }
    with pytest.raises(BadRequest, match=r"jobs.u.inputs.m has .*step \"a\" has no output \"worst\". It has best."):
        home.submit_pipeline({**jobs, "u": node("use", inputs={"m": made_by("a", "worst")})})


WHOLE = {
    "jobType": "Pipeline",
    "inputs": {"n": {"jobInputType": "literal", "value": "1"}, "d": {**DATA, "jobInputType": "uri_folder"}},
    "outputs": {"all": {"jobOutputType": "uri_folder", "mode": "Upload", "assetName": "x"}},
    "settings": {"default_compute": "cpu", "default_datastore": "workspaceblobstore", "force_rerun": True},
    "jobs": {
        "a": node(
            "make",
            inputs={"n": literal("${{parent.inputs.n}}")},
            outputs={"o": {"value": "${{parent.outputs.all}}", "type": "literal", "mode": "Upload"}},
            environment_variables={"X": "1"},
            resources={"instance_count": 1, "shm_size": "1g"},
            limits={"timeout": "PT5S"},
            distribution={"distribution_type": "PyTorch", "process_count_per_instance": 1},
            tags={"a": "b"},
            identity={"type": "managed"},
        ),
        "i": {"type": "if_else", "condition": True, "true_block": "${{parent.jobs.b}}", "false_block": None},
        "b": node("add", inputs={"d": {**DATA, "mode": "Download"}}),
        "p": {"type": "parallel_for", "body": "${{parent.jobs.e}}", "items": '[{"n": 1}]', "outputs": {}},
        "e": node("make"),
        "w": {
            "type": "do_while",
            "body": "${{parent.jobs.m}}",
            "mapping": {"o": ["d"]},
            "limits": {"max_iteration_count": 2},
        },
        "m": node("add", inputs={"d": DATA}),
        "s": {
            "type": "sweep",
            "trial": {"componentId": "make:1"},
            "search_space": {"n": {"type": "choice", "values": [1, 2]}},
            "objective": {"goal": "maximize", "primary_metric": "m"},
            "sampling_algorithm": "grid",
            "limits": {"max_total_trials": 2},
        },
    },
}


def places(value, path=()):
    """Yields the way to every part of a body."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in items:
        yield from places(one, (*path, key))


def put(body, path, junk):
    """Returns a body with one part of it replaced."""
    if not path:
        return junk
    copy = dict(body) if isinstance(body, dict) else list(body)
    copy[path[0]] = put(copy[path[0]], path[1:], junk)
    return copy


@pytest.mark.parametrize(
    "junk", [None, 5, -1, "x", "${{", "${{parent.inputs.n}}", [], [5], {}, {"x": 5}, True], ids=str
)
def test_no_body_however_bent_is_more_than_refused(home, junk):
    with home.db.read() as connection:
        submit.accept(connection, home.folder, HERE, NewJob(WHOLE))
        for path in list(places(WHOLE))[1:]:
            with contextlib.suppress(LazuliteError):
                submit.accept(connection, home.folder, HERE, NewJob(put(WHOLE, path, junk)))
