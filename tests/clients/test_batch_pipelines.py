"""Pipeline components behind batch endpoints, by the official SDK: deployed, invoked with data and literals."""

import time
from typing import Any

import pytest
from azure.ai.ml import Input, MLClient, Output, command, dsl
from azure.ai.ml.entities import BatchEndpoint, Environment, PipelineComponentBatchDeployment
from azure.core.exceptions import HttpResponseError

SCRIPT = (
    "python -c \"import os,sys; d,o,m,n=sys.argv[1:]; open(os.path.join(o,'out.txt'),'w').write("
    "m*int(n)+''.join(open(os.path.join(d,f)).read() for f in sorted(os.listdir(d))))\" "
    "${{inputs.data}} ${{outputs.out}} ${{inputs.mode}} ${{inputs.times}}"
)
ENDS_WITHIN_S = 60


@dsl.pipeline(name="joins")
def joins(data: Input(type="uri_folder"), mode: Input(type="string", default="+"), times: Input(type="integer")):  # type: ignore[valid-type]
    step = command(
        name="join",
        command=SCRIPT,
        environment=Environment(name="plain", version="1", image="python:3.11-slim"),
        inputs={
            "data": Input(type="uri_folder"),
            "mode": Input(type="string"),
            "times": Input(type="integer"),
        },
        outputs={"out": Output(type="uri_folder")},
    )(data=data, mode=mode, times=times)
    return {"joined": step.outputs.out}


def ended(ml: MLClient, name: str) -> Any:
    deadline = time.monotonic() + ENDS_WITHIN_S
    while (job := ml.jobs.get(name)).status not in ("Completed", "Failed", "Canceled"):
        assert time.monotonic() < deadline, f"{name} is {job.status}"
        time.sleep(0.1)
    return job


def test_a_pipeline_component_is_deployed_and_invoked(ml: MLClient, tmp_path):
    (tmp_path / "data").mkdir()
    for name in "ab":
        (tmp_path / "data" / name).write_text(name)
    name = f"joins-{ml.workspace_name}"
    ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name=name)).result()
    component = ml.components.create_or_update(joins().component, version="1")
    deployment = PipelineComponentBatchDeployment(
        name="joined", endpoint_name=name, component=component, settings={"default_compute": "serverless"}
    )
    made = ml.batch_deployments.begin_create_or_update(deployment).result()
    assert made.component.endswith("/components/joins/versions/1")
    assert made.settings["default_compute"] == "serverless"
    assert ml.batch_deployments.get("joined", name).properties["default_compute"] == "serverless"
    endpoint = ml.batch_endpoints.get(name)
    endpoint.defaults.deployment_name = "joined"
    ml.batch_endpoints.begin_create_or_update(endpoint).result()

    place = f"azureml://datastores/workspaceblobstore/paths/joined/{name}/"
    job = ml.batch_endpoints.invoke(
        endpoint_name=name,
        deployment_name="joined",
        inputs={
            "data": Input(type="uri_folder", path=str(tmp_path / "data")),
            "mode": Input(type="string", default="-"),
            "times": Input(type="integer", default=3),
        },
        outputs={"joined": Output(type="uri_folder", path=place)},
        experiment_name="tryout",
    )
    assert ended(ml, job.name).status == "Completed"
    assert ml.jobs.get(job.name).experiment_name == "tryout"
    ml.jobs.download(job.name, download_path=tmp_path / "got", output_name="joined")
    assert (tmp_path / "got" / "named-outputs" / "joined" / "out.txt").read_text() == "---ab"
    assert [one.name for one in ml.batch_endpoints.list_jobs(name)] == [job.name]

    for inputs, words in (
        ({"times": Input(type="integer", default=1)}, "data is missing"),
        ({"data": Input(type="uri_folder", path=place), "times": Input(type="string", default="x")}, "whole number"),
        ({"dat": Input(type="uri_folder", path=place)}, 'inputs has "dat"'),
    ):
        with pytest.raises(HttpResponseError, match=words):
            ml.batch_endpoints.invoke(endpoint_name=name, deployment_name="joined", inputs=inputs)


def test_a_job_that_ran_is_deployed(ml: MLClient, tmp_path):
    (tmp_path / "a").write_text("a")
    ran = joins(data=Input(type="uri_folder", path=str(tmp_path)), times=1)
    ran.settings.default_compute = "serverless"
    ran = ml.jobs.create_or_update(ran)
    assert ended(ml, ran.name).status == "Completed"
    name = f"again-{ml.workspace_name}"
    ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name=name)).result()
    deployment = PipelineComponentBatchDeployment(name="job", endpoint_name=name, job_definition=ran)
    made = ml.batch_deployments.begin_create_or_update(deployment).result()
    other = joins(data=Input(type="uri_folder", path=str(tmp_path)), times=5)
    other.settings.default_compute = "serverless"
    other = ml.jobs.create_or_update(other)
    deployment = PipelineComponentBatchDeployment(name="other", endpoint_name=name, job_definition=other)
    assert ml.batch_deployments.begin_create_or_update(deployment).result().component != made.component
    inputs = {"data": Input(type="uri_folder", path=str(tmp_path)), "times": Input(type="integer", default=2)}
    job = ml.batch_endpoints.invoke(endpoint_name=name, deployment_name=made.name, inputs=inputs)
    assert ended(ml, job.name).status == "Completed"
    (output,) = [name for name in ml.jobs.get(job.name).outputs if name != "default"]
    ml.jobs.download(job.name, download_path=tmp_path / "got", output_name=output)
    assert (tmp_path / "got" / "named-outputs" / output / "out.txt").read_text() == "++a"
