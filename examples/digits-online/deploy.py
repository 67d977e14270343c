"""Registers the model, puts it behind an endpoint of its own, and asks it for a digit in two ways."""

import json
import os
import uuid
from pathlib import Path

import requests
from azure.ai.ml import MLClient
from azure.ai.ml.entities import (
    CodeConfiguration,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
)
from azure.identity import DefaultAzureCredential


def main():
    ml_client = MLClient(
        DefaultAzureCredential(),
        subscription_id=os.environ.get("AZURE_SUBSCRIPTION_ID", "00000000-0000-0000-0000-000000000000"),
        resource_group_name=os.environ.get("AZURE_RESOURCE_GROUP", "my-resource-group"),
        workspace_name=os.environ.get("AZURE_ML_WORKSPACE", "my-workspace"),
    )
    model = ml_client.models.create_or_update(Model(name="digits", path="model", type="custom_model"))
    print(f"Registered model {model.name}, version {model.version}")

    endpoint = deploy(ml_client, model)
    print("\nScoring URI:", endpoint.scoring_uri)
    key = ml_client.online_endpoints.get_keys(endpoint.name).primary_key
    print("Key:", key)

    answer = ml_client.online_endpoints.invoke(endpoint_name=endpoint.name, request_file="request.json")
    print("Answer to the SDK:", answer)
    response = requests.post(
        endpoint.scoring_uri,
        headers={"Authorization": f"Bearer {key}"},
        json=json.loads(Path("request.json").read_text()),
        timeout=30,
    )
    print("Answer to plain HTTP:", response.status_code, response.json())


def deploy(ml_client, model):
    """Creates an endpoint whose one deployment gets all the traffic, and returns it when it answers."""
    name = f"digits-{uuid.uuid4().hex[:8]}"  # must be the only one of its name in an Azure region
    endpoint = ManagedOnlineEndpoint(name=name, auth_mode="key")
    ml_client.online_endpoints.begin_create_or_update(endpoint).result()
    deployment = ManagedOnlineDeployment(
        name="blue",
        endpoint_name=name,
        model=model,
        environment=Environment(
            image="mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest", conda_file="conda.yml"
        ),
        code_configuration=CodeConfiguration(code="scoring", scoring_script="score.py"),
        instance_type="Standard_DS3_v2",
        instance_count=1,
    )
    ml_client.online_deployments.begin_create_or_update(deployment).result()
    endpoint.traffic = {"blue": 100}
    return ml_client.online_endpoints.begin_create_or_update(endpoint).result()


if __name__ == "__main__":
    main()
