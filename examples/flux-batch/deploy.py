"""Makes a cluster, a batch endpoint and its deployment of the model, which ../flux-online has trained."""

from azure.ai.ml.constants import BatchDeploymentOutputAction
from azure.ai.ml.entities import (
    AmlCompute,
    BatchEndpoint,
    BatchRetrySettings,
    CodeConfiguration,
    Environment,
    Model,
    ModelBatchDeployment,
    ModelBatchDeploymentSettings,
)

from prepare_data import connect

ENDPOINT = "flux-batch"  # must be the only one of its name in an Azure region
CLUSTER = "gpu-cluster"


def main():
    ml_client = connect()
    if CLUSTER not in [compute.name for compute in ml_client.compute.list()]:
        cluster = AmlCompute(name=CLUSTER, size="Standard_NC40ads_H100_v5", min_instances=0, max_instances=1)
        ml_client.compute.begin_create_or_update(cluster).result()

    model = ml_client.models.create_or_update(
        Model(name="flux", path="../flux-online/saved_model", type="custom_model")
    )
    environment = ml_client.environments.create_or_update(
        Environment(
            name="flux-environment",
            version="2",
            image="mcr.microsoft.com/azureml/minimal-ubuntu22.04-py39-cuda11.8-gpu-inference:20241216.v1",
            conda_file="../flux-online/config.yml",
        )
    )
    ml_client.batch_endpoints.begin_create_or_update(BatchEndpoint(name=ENDPOINT)).result()
    deployment = ModelBatchDeployment(
        name="blue",
        endpoint_name=ENDPOINT,
        model=model,
        environment=environment,
        code_configuration=CodeConfiguration(code="./scripts", scoring_script="batch_score.py"),
        compute=CLUSTER,
        settings=ModelBatchDeploymentSettings(
            mini_batch_size=3,
            instance_count=1,
            max_concurrency_per_instance=1,
            output_action=BatchDeploymentOutputAction.APPEND_ROW,
            retry_settings=BatchRetrySettings(max_retries=3, timeout=300),
            logging_level="info",
        ),
    )
    ml_client.batch_deployments.begin_create_or_update(deployment).result()

    endpoint = ml_client.batch_endpoints.get(ENDPOINT)
    endpoint.defaults.deployment_name = deployment.name
    ml_client.batch_endpoints.begin_create_or_update(endpoint).result()
    print(f"Model {model.name}, version {model.version}, is deployed as {ENDPOINT}/{deployment.name}")


if __name__ == "__main__":
    main()
