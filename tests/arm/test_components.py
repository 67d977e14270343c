"""Components without a client that would be kind: what is kept, what is refused, what cannot run here."""

from typing import Any

import pytest

from tests.arm.conftest import WORKSPACE, Arm

COMMAND = {"type": "command", "command": "echo ${{inputs.x}}", "environment": "azureml:env:1"}
IMPORT = {
    "type": "command",
    "command": "import",
    "inputs": {"type": "azuresqldb", "query": "select 1", "connection": "azureml:sql"},
    "outputs": {"output": {"type": "mltable"}},
}
SPARK = {"type": "spark", "entry": {"file": "a.py"}, "code": "azureml:code:1", "environment": "azureml:env:1"}


def put(arm: Arm, name: str, spec: Any, version: str = "1", **properties: Any) -> Any:
    return arm.ask(
        "PUT", f"components/{name}/versions/{version}", {"properties": {"componentSpec": spec, **properties}}
    )


def test_a_spec_is_kept_as_it_is_sent_less_its_nulls(arm: Arm) -> None:
    inputs: dict[str, Any] = {"x": {"type": "integer", "default": "1", "max": None}}
    answer = put(arm, "c", {**COMMAND, "inputs": inputs, "code": None, "odd": [None, 1]}, "7")
    kept = answer.body["properties"]["componentSpec"]
    del inputs["x"]["max"]
    assert kept == {**COMMAND, "inputs": inputs, "odd": [None, 1], "name": "c", "version": "7"}
    for path in ("c/versions/azureml_default", "c/labels/default", "c/labels/latest"):
        assert arm.ask("GET", f"components/{path}").body["properties"]["componentSpec"] == kept


def test_a_flow_of_promptflow_is_refused_in_words(arm: Arm) -> None:
    answer = put(arm, "flow", {"type": "promptflow_parallel", "code": "azureml:code:1"})
    assert (answer.status, "runtime is a service of Azure's" in answer.message) == (501, True), answer.body
    assert arm.ask("GET", "components").body["value"] == []


def test_an_anonymous_component_may_have_any_name(arm: Arm) -> None:
    first = put(arm, "azureml_anonymous", {**COMMAND, "name": "one"}, "aa-bb", isAnonymous=True)
    again = put(arm, "azureml_anonymous", {**COMMAND, "name": "two"}, "aa-bb", isAnonymous=True)
    assert (first.status, again.status) == (201, 200)
    assert put(arm, "azureml_anonymous", {**COMMAND, "command": "rm"}, "aa-bb", isAnonymous=True).status == 409


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (None, "has a componentSpec"),
        ({"type": "sweep"}, "must be one of command, pipeline"),
        ({"type": "command", "command": "x"}, "environment"),
        ({"type": "pipeline", "jobs": {}}, "needs jobs"),
        ({"type": "pipeline", "jobs": {"a": 7}}, "jobs.a"),
        ({**COMMAND, "inputs": {"x": {}}}, "inputs.x.type"),
        ({**COMMAND, "name": "other"}, 'the component is "c"'),
    ],
    ids=str,
)
def test_a_spec_that_could_not_be_read_again_is_refused(arm: Arm, spec: Any, said: str) -> None:
    answer = put(arm, "c", spec)
    assert (answer.status, said in answer.message) == (400, True), answer.body
    assert arm.ask("GET", "components").body["value"] == []


@pytest.mark.parametrize(("spec", "said"), [(IMPORT, "imports data"), (SPARK, "spark")])
def test_what_cannot_run_here_is_kept_and_refused_where_it_would_run(arm: Arm, spec: Any, said: str) -> None:
    assert put(arm, "c", spec).status == 201
    steps = {"a": {"type": spec["type"], "componentId": f"{WORKSPACE}/components/c/versions/1"}}
    answer = arm.ask("PUT", "jobs/j", {"properties": {"jobType": "Pipeline", "jobs": steps}})
    assert (answer.status, said in answer.message) == (501, True), answer.body
