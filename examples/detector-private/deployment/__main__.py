"""Deploys the detector of symbols, with its settings, into a workspace that is reached by a private network only."""

import argparse
import tempfile
from pathlib import Path

from azure.ai.ml import MLClient
from azure.ai.ml.constants import AssetTypes
from azure.ai.ml.entities import (
    CodeConfiguration,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    OnlineRequestSettings,
)
from azure.core.exceptions import ResourceNotFoundError
from azure.identity import DefaultAzureCredential

from deployment import settings

HERE = Path(__file__).parents[1]
DEPLOYMENT = "symbols"


def main():
    given = parse()
    ml_client = MLClient(
        DefaultAzureCredential(), given.subscription_id, given.resource_group_name, given.workspace_name
    )
    endpoint = ensure_endpoint(ml_client, given.endpoint_name, given.is_local_deployment)
    model = ensure_model(ml_client, given.model_name, given.model_version, settings.given(given))
    deploy(ml_client, endpoint, model, given)
    endpoint = ml_client.online_endpoints.get(given.endpoint_name, local=given.is_local_deployment)
    print("Scoring URI:", endpoint.scoring_uri)


def parse():
    parser = argparse.ArgumentParser(prog="python -m deployment", description=__doc__)
    for name in ("subscription-id", "resource-group-name", "workspace-name", "environment-image"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument(
        "--is-local-deployment", action="store_true", help="run endpoint and deployment by Docker, here"
    )
    parser.add_argument("--model-name", default="symbol-detector")
    parser.add_argument("--model-version", help="the newest if not given")
    parser.add_argument("--endpoint-name", default="symbol-detection")
    parser.add_argument("--instance-type", default="Standard_DS3_v2")
    settings.add_flags(parser)
    return parser.parse_args()


def ensure_endpoint(ml_client, name, is_local):
    """Returns the endpoint, made if it is not there."""
    try:
        return ml_client.online_endpoints.get(name, local=is_local)
    except Exception as error:
        # A local endpoint that is not there is told by an exception of another kind.
        if not (is_local or isinstance(error, ResourceNotFoundError)):
            raise
    print(f"Making endpoint {name}")
    endpoint = ManagedOnlineEndpoint(name=name, auth_mode="key", public_network_access="disabled")
    made = ml_client.online_endpoints.begin_create_or_update(endpoint, local=is_local)
    return made if is_local else made.result()


def ensure_model(ml_client, name, version, wanted):
    """Returns the model with the wanted settings: one that has them, or a copy that is changed and registered."""
    source = find_model(ml_client, name, version)
    if not wanted:
        return source
    with tempfile.TemporaryDirectory() as folder:
        ml_client.models.download(name=source.name, version=source.version, download_path=folder)
        found = settings.change(Path(folder) / source.name, wanted)
        tags = {key: str(value) for key, value in found.items()}
        for known in named(ml_client, f"{name}-set"):
            if all((known.tags or {}).get(key) == value for key, value in tags.items()):
                return known
        changed = next((Path(folder) / source.name).rglob("MLmodel")).parent
        print("Registering the model with", wanted)
        model = Model(name=f"{name}-set", path=str(changed), type=AssetTypes.MLFLOW_MODEL, tags=tags)
        return ml_client.models.create_or_update(model)


def named(ml_client, name):
    """Returns the versions of a model, none where there is no model of this name."""
    try:
        return list(ml_client.models.list(name=name))
    except ResourceNotFoundError:
        return []


def find_model(ml_client, name, version):
    """Returns a registered model, the newest where no version is named; the one of this folder if there is none."""
    if version:
        return ml_client.models.get(name, version=version)
    versions = named(ml_client, name)
    if versions:
        return max(versions, key=lambda model: int(model.version))
    print(f"Registering {name}")
    return ml_client.models.create_or_update(Model(name=name, path=str(HERE / "model"), type=AssetTypes.MLFLOW_MODEL))


def deploy(ml_client, endpoint, model, given):
    """Makes the deployment, and gives it all of the endpoint's traffic."""
    deployment = ManagedOnlineDeployment(
        name=DEPLOYMENT,
        endpoint_name=endpoint.name,
        model=f"azureml:{model.name}:{model.version}",
        environment=Environment(image=given.environment_image),
        code_configuration=CodeConfiguration(code=str(HERE / "scoring"), scoring_script="score.py"),
        instance_type=given.instance_type,
        instance_count=1,
        request_settings=OnlineRequestSettings(request_timeout_ms=60_000),
        egress_public_network_access="disabled",
    )
    print(f"Deploying {model.name}, version {model.version}, with {given.environment_image}")
    made = ml_client.online_deployments.begin_create_or_update(deployment, local=given.is_local_deployment)
    if not given.is_local_deployment:
        made.result()
        endpoint.traffic = {DEPLOYMENT: 100}
        ml_client.online_endpoints.begin_create_or_update(endpoint).result()


if __name__ == "__main__":
    main()
