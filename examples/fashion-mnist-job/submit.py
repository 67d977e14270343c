"""Trains a model in a job, registers what the job left, deploys it, asks it what three pictures show, cleans up."""

import argparse
import os
import uuid

from azure.ai.ml import Input, MLClient, Output, command
from azure.ai.ml.entities import (
    AmlCompute,
    CodeConfiguration,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
)
from azure.core.exceptions import ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from dotenv import load_dotenv

COMPUTE = "gpu-cluster"


def main():
    arguments = parse()
    load_dotenv()
    ml_client = MLClient(
        DefaultAzureCredential(),
        subscription_id=os.environ.get("SUBSCRIPTION_ID", "00000000-0000-0000-0000-000000000000"),
        resource_group_name=os.environ.get("RESOURCE_GROUP", "my-resource-group"),
        workspace_name=os.environ.get("WORKSPACE_NAME", "my-workspace"),
    )
    ensure_compute(ml_client)
    environment = Environment(
        image="mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest",
        conda_file=f"{arguments.code}/conda.yml",
    )

    job = train(ml_client, environment, arguments)
    model = ml_client.models.create_or_update(
        Model(
            name="fashion-mnist",
            path=f"azureml://jobs/{job.name}/outputs/artifacts/paths/outputs/model/",
            type="custom_model",
            description="Tells ten kinds of clothes apart.",
        )
    )
    print(f"Registered {model.name}, version {model.version}")

    endpoint_name = f"fashion-mnist-{uuid.uuid4().hex[:8]}"  # must be the only one of its name in an Azure region
    deploy(ml_client, endpoint_name, model, environment, arguments.code)
    answer = ml_client.online_endpoints.invoke(
        endpoint_name=endpoint_name, deployment_name="blue", request_file="request.json"
    )
    print("Answer:", answer)
    ml_client.online_endpoints.begin_delete(endpoint_name).result()


def ensure_compute(ml_client):
    """Makes the cluster that the job is to run on, if it is not there yet."""
    try:
        compute = ml_client.compute.get(COMPUTE)
        print(f"There is a cluster {compute.name} already")
    except ResourceNotFoundError:
        compute = AmlCompute(
            name=COMPUTE,
            type="amlcompute",
            size="Standard_NC4as_T4_v3",
            min_instances=0,
            max_instances=4,
            idle_time_before_scale_down=180,
            tier="LowPriority",
        )
        compute = ml_client.compute.begin_create_or_update(compute).result()
        print(f"Made a cluster {compute.name} of {compute.size}")


def train(ml_client, environment, arguments):
    """Runs the training script as a job, shows what it prints, brings its report here; returns the job."""
    job = command(
        code=f"./{arguments.code}",
        command=f"python {arguments.script}"
        " --data ${{inputs.data}} --lr ${{inputs.lr}} --epochs ${{inputs.epochs}} --report ${{outputs.report}}",
        inputs={
            "data": Input(type="uri_file", path="data/fashion-mnist.npz"),
            "lr": 0.002,
            "epochs": arguments.epochs,
        },
        outputs={"report": Output(type="uri_folder")},
        environment=environment,
        compute=COMPUTE,
        experiment_name="fashion-mnist",
        display_name=f"{arguments.code}/{arguments.script}",
    )
    job = ml_client.jobs.create_or_update(job)
    ml_client.jobs.stream(job.name)
    ml_client.jobs.download(job.name, output_name="report", download_path="downloads")
    return job


def deploy(ml_client, endpoint_name, model, environment, code):
    """Makes an endpoint whose one deployment gets all the traffic."""
    endpoint = ManagedOnlineEndpoint(name=endpoint_name, auth_mode="key", tags={"model": model.name})
    ml_client.online_endpoints.begin_create_or_update(endpoint).result()
    deployment = ManagedOnlineDeployment(
        name="blue",
        endpoint_name=endpoint_name,
        model=ml_client.models.get(model.name, version=model.version),
        environment=environment,
        code_configuration=CodeConfiguration(code=f"./{code}", scoring_script="score.py"),
        instance_type="Standard_DS3_v2",
        instance_count=1,
    )
    ml_client.online_deployments.begin_create_or_update(deployment).result()
    endpoint.traffic = {"blue": 100}
    ml_client.online_endpoints.begin_create_or_update(endpoint).result()


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--code", default="src", help="the folder of the training script: src (PyTorch) or light")
    parser.add_argument("--script", default="train_mlflow.py", help="the training script in it")
    parser.add_argument("--epochs", type=int, default=10)
    return parser.parse_args()


if __name__ == "__main__":
    main()
