"""Registers the model and its environment, and asks for an endpoint with one deployment. Does not wait for them."""

import json
from pathlib import Path

from azure.ai.ml import MLClient
from azure.ai.ml.entities import (
    CodeConfiguration,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    OnlineRequestSettings,
)
from azure.identity import ClientSecretCredential

ENDPOINT = "flux-online"  # must be the only one of its name in an Azure region
DEPLOYMENT = "blue"


def connect():
    """Opens the workspace that config.json names, as the application it names."""
    config = json.loads(Path("config.json").read_text())
    credential = ClientSecretCredential(config["tenant_id"], config["client_id"], config["client_secret"])
    return MLClient(credential, config["subscription_id"], config["resource_group"], config["workspace_name"])


def main():
    ml_client = connect()

    model = ml_client.models.create_or_update(Model(name="flux", path="./saved_model", type="custom_model"))
    print(f"Model {model.name}, version {model.version}")

    ml_client.environments.create_or_update(
        Environment(
            name="flux-environment",
            version="2",
            image="mcr.microsoft.com/azureml/minimal-ubuntu22.04-py39-cuda11.8-gpu-inference:20241216.v1",
            conda_file="config.yml",
        )
    )
    known = {environment.name: environment.latest_version for environment in ml_client.environments.list()}
    print(f"{len(known)} environments in the workspace; flux-environment is at version {known['flux-environment']}")
    environment = ml_client.environments.get("flux-environment", version="2")

    ml_client.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=ENDPOINT, auth_mode="key"))
    ml_client.online_deployments.begin_create_or_update(
        ManagedOnlineDeployment(
            name=DEPLOYMENT,
            endpoint_name=ENDPOINT,
            model=model,
            environment=environment,
            code_configuration=CodeConfiguration(code="./scoring", scoring_script="score.py"),
            instance_type="Standard_NC40ads_H100_v5",
            instance_count=1,
            request_settings=OnlineRequestSettings(request_timeout_ms=60_000),
        )
    )
    print(f"Asked for {ENDPOINT}/{DEPLOYMENT}; python client.py waits for it and draws")


if __name__ == "__main__":
    main()
