"""Bodies of command jobs: what is read, and what is refused with the field that is wrong."""

import pytest

from lazulite.engine.services import InteractiveProgram
from lazulite.engine.spec import Distribution, Input, Output, Ray, spec_of
from lazulite.errors import BadRequest

LEAST = {"jobType": "Command", "command": "python train.py", "environmentId": "azureml:plain:1"}


def read(**more):
    return spec_of({**LEAST, **more})


def test_the_least_that_a_job_must_say():
    spec = read()
    assert (spec.command, spec.environment, spec.code, spec.compute) == ("python train.py", "azureml:plain:1", "", "")
    assert (spec.nodes, spec.distribution, spec.timeout_s, spec.inputs, spec.outputs) == (1, None, None, (), ())


def test_everything_that_a_job_may_say():
    spec = read(
        codeId="/subscriptions/s/resourceGroups/g/providers/x/workspaces/w/codes/c/versions/1",
        computeId="/subscriptions/s/resourceGroups/g/providers/x/workspaces/w/computes/cpu",
        resources={"instanceCount": 2, "instanceType": "Standard_DS3_v2", "shmSize": "1g", "properties": {}},
        distribution={"distributionType": "PyTorch", "processCountPerInstance": 4},
        environmentVariables={"A": "1", "EMPTY": ""},
        limits={"jobLimitsType": "Command", "timeout": "PT1M30S"},
        inputs={
            "lr": {"jobInputType": "literal", "value": "0.1"},
            "data": {"jobInputType": "uri_folder", "uri": "azureml:d:1", "mode": "ReadOnlyMount"},
            "old": {"jobInputType": "UriFile", "uri": "azureml:d:1", "mode": "Download"},
            "unused": None,
        },
        outputs={
            "default": {"jobOutputType": "uri_folder", "uri": "azureml://datastores/x/ExperimentRun"},
            "model": {"jobOutputType": "mlflow_model", "assetName": "m", "assetVersion": "7", "mode": "Upload"},
            "plain": {},
        },
        services={"nb": {"jobServiceType": "JupyterLab"}, "Studio": {"jobServiceType": "Studio"}},
    )
    assert (spec.compute, spec.nodes, spec.instance_type) == ("cpu", 2, "Standard_DS3_v2")
    assert spec.distribution == Distribution("PyTorch", 4)
    assert spec.variables == {"A": "1", "EMPTY": ""} and spec.timeout_s == 90
    assert spec.inputs == (
        Input("lr", "literal", "0.1", "Direct"),
        Input("data", "uri_folder", "azureml:d:1", "ReadOnlyMount"),
        Input("old", "uri_file", "azureml:d:1", "Download"),
    )
    assert spec.outputs == (
        Output("model", "mlflow_model", mode="Upload", asset="m", asset_version="7"),
        Output("plain", "uri_folder"),
    )
    assert spec.services == (InteractiveProgram("nb", "JupyterLab"),)


def test_tensorflow_has_as_many_workers_as_nodes_unless_it_says_otherwise():
    assert read(distribution={"distributionType": "TensorFlow"}, resources={"instanceCount": 3}).distribution == (
        Distribution("TensorFlow", workers=3)
    )
    given = {"distributionType": "tensorflow", "workerCount": 2, "parameterServerCount": 1}
    assert read(distribution=given).distribution == Distribution("TensorFlow", workers=2, servers=1)


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("command", {"command": ""}),
        ("command", {"command": None}),
        ("command", {"command": 7}),
        ("environmentId", {"environmentId": None}),
        ("environmentId", {"environmentId": ["x"]}),
        ("computeId", {"computeId": {}}),
        ("resources", {"resources": "large"}),
        ("resources.instanceCount", {"resources": {"instanceCount": 0}}),
        ("resources.instanceCount", {"resources": {"instanceCount": "2"}}),
        ("resources.instanceCount", {"resources": {"instanceCount": 10**9}}),
        ("limits.timeout", {"limits": {"timeout": "an hour"}}),
        ("limits", {"limits": {"timeout": "PT0S"}}),
        ("environmentVariables.A", {"environmentVariables": {"A": 1}}),
        ("environmentVariables.A=B", {"environmentVariables": {"A=B": "1"}}),
        ("environmentVariables.A", {"environmentVariables": {"A": "x\x00"}}),
        ("distribution.distributionType", {"distribution": {"distributionType": "Horovod"}}),
        (
            "distribution.processCountPerInstance",
            {"distribution": {"distributionType": "Mpi", "processCountPerInstance": -1}},
        ),
        ("services.x", {"services": {"x": "JupyterLab"}}),
        ("services.x.jobServiceType", {"services": {"x": {"jobServiceType": ["JupyterLab"]}}}),
        ("inputs", {"inputs": []}),
        ("inputs.x", {"inputs": {"x": "0.1"}}),
        ("inputs.9x", {"inputs": {"9x": {"jobInputType": "literal", "value": "1"}}}),
        ("inputs.x.jobInputType", {"inputs": {"x": {}}}),
        ("inputs.x.jobInputType", {"inputs": {"x": {"jobInputType": "tabular", "uri": "azureml:d:1"}}}),
        ("inputs.x.value", {"inputs": {"x": {"jobInputType": "literal"}}}),
        ("inputs.x.value", {"inputs": {"x": {"jobInputType": "literal", "value": {}}}}),
        ("inputs.x.uri", {"inputs": {"x": {"jobInputType": "uri_file"}}}),
        ("inputs.x.mode", {"inputs": {"x": {"jobInputType": "uri_file", "uri": "a:1", "mode": "ReadWriteMount"}}}),
        ("inputs.x.mode", {"inputs": {"x": {"jobInputType": "uri_file", "uri": "a:1", "mode": "EvalMount"}}}),
        ("outputs.x.jobOutputType", {"outputs": {"x": {"jobOutputType": "literal"}}}),
        ("outputs.x.mode", {"outputs": {"x": {"mode": "ReadOnlyMount"}}}),
        ("outputs.x.assetName", {"outputs": {"x": {"assetName": 1}}}),
    ],
)
def test_a_wrong_field_is_named(field, more):
    with pytest.raises(BadRequest) as refused:
        read(**more)
    assert refused.value.target == f"properties.{field}"
    assert field in refused.value.message


def test_a_ray_cluster_is_read_with_its_flags():
    sent = {"distributionType": "ray", "port": 6379, "includeDashboard": True, "headNodeAdditionalArgs": "--num-cpus 2"}
    assert read(distribution=sent).distribution.ray == Ray(6379, has_dashboard=True, head_args="--num-cpus 2")
    with pytest.raises(BadRequest, match='workerNodeAdditionalArgs is "\'": No closing quotation'):
        read(distribution={"distributionType": "Ray", "workerNodeAdditionalArgs": "'"})


def test_groups_of_inputs_have_names_with_dots():
    assert read(inputs={"g.lr": {"jobInputType": "literal", "value": "1"}}, command="x ${{inputs.g.lr}}").inputs == (
        Input("g.lr", "literal", "1", "Direct"),
    )
