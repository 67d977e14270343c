"""Puts both forms of the model behind one batch endpoint: `svm` with a script, the default, and `mlflow` without."""

import os

from azure.ai.ml import MLClient
from azure.ai.ml.constants import AssetTypes, BatchDeploymentOutputAction
from azure.ai.ml.entities import (
    AmlCompute,
    BatchEndpoint,
    BatchRetrySettings,
    CodeConfiguration,
    Data,
    Environment,
    Model,
    ModelBatchDeployment,
    ModelBatchDeploymentSettings,
)
from azure.identity import DefaultAzureCredential

ENDPOINT = os.environ.get("ENDPOINT", "digits-batch")  # must be the only one of its name in an Azure region
CLUSTER = "cpu-cluster"


def connect():
    """Opens the workspace that the environment names."""
    return MLClient(
        DefaultAzureCredential(),
        subscription_id=os.environ.get("AZURE_SUBSCRIPTION_ID", "00000000-0000-0000-0000-000000000000"),
        resource_group_name=os.environ.get("AZURE_RESOURCE_GROUP", "my-resource-group"),
        workspace_name=os.environ.get("AZURE_ML_WORKSPACE", "my-workspace"),
    )


def main():
    ml_client = connect()
    for name, folder in (("digits-unseen", "data"), ("digits-tables", "tables")):
        data = ml_client.data.create_or_update(Data(name=name, path=folder, type=AssetTypes.URI_FOLDER))
        print(f"Data {data.name}, version {data.version}")
    if CLUSTER not in [compute.name for compute in ml_client.compute.list()]:
        cluster = AmlCompute(name=CLUSTER, size="Standard_DS3_v2", min_instances=0, max_instances=2)
        ml_client.compute.begin_create_or_update(cluster).result()

    ml_client.batch_endpoints.begin_create_or_update(BatchEndpoint(name=ENDPOINT)).result()
    ml_client.batch_deployments.begin_create_or_update(with_script(ml_client)).result()
    ml_client.batch_deployments.begin_create_or_update(without_script(ml_client)).result()

    endpoint = ml_client.batch_endpoints.get(ENDPOINT)
    endpoint.defaults.deployment_name = "svm"
    endpoint = ml_client.batch_endpoints.begin_create_or_update(endpoint).result()
    print(f"Endpoint {endpoint.name}, invoked at {endpoint.scoring_uri}")


def with_script(ml_client):
    """Describes the deployment of the bare model, which scoring/batch_score.py loads and asks."""
    model = ml_client.models.create_or_update(Model(name="digits", path="model", type=AssetTypes.CUSTOM_MODEL))
    return ModelBatchDeployment(
        name="svm",
        endpoint_name=ENDPOINT,
        model=model,
        environment=Environment(
            image="mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest", conda_file="conda.yml"
        ),
        code_configuration=CodeConfiguration(code="scoring", scoring_script="batch_score.py"),
        compute=CLUSTER,
        settings=ModelBatchDeploymentSettings(
            mini_batch_size=10,
            instance_count=1,
            max_concurrency_per_instance=2,
            output_action=BatchDeploymentOutputAction.APPEND_ROW,
            output_file_name="predictions.csv",
            retry_settings=BatchRetrySettings(max_retries=1, timeout=60),
            logging_level="info",
        ),
    )


def without_script(ml_client):
    """Describes the deployment of the MLflow model, which says by itself how it is loaded and what it needs."""
    model = ml_client.models.create_or_update(
        Model(name="digits-mlflow", path="mlflow_model", type=AssetTypes.MLFLOW_MODEL)
    )
    return ModelBatchDeployment(
        name="mlflow",
        endpoint_name=ENDPOINT,
        model=model,
        compute=CLUSTER,
        settings=ModelBatchDeploymentSettings(mini_batch_size=2, retry_settings=BatchRetrySettings(timeout=120)),
    )


if __name__ == "__main__":
    main()
