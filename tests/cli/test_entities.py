"""The tables of fields print what azure-ai-ml makes of the same ARM bodies, which is what `az ml` prints."""

import json

import pytest
from azure.ai.ml._restclient.arm_ml_service import models as arm
from azure.ai.ml.entities import Data, Environment, Model, Workspace
from azure.ai.ml.entities._compute.compute import Compute
from azure.ai.ml.entities._datastore.datastore import Datastore
from azure.ai.ml.entities._deployment.online_deployment import OnlineDeployment
from azure.ai.ml.entities._endpoint.online_endpoint import OnlineEndpoint
from azure.ai.ml.entities._job.job import Job

from lazulite.cli import entities

W = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws"
MOMENT = "2026-01-01T00:00:00+00:00"
SYSTEM = {
    "createdAt": MOMENT,
    "createdBy": "me",
    "createdByType": "User",
    "lastModifiedAt": MOMENT,
    "lastModifiedBy": "me",
    "lastModifiedByType": "User",
}
IDENTITY = {"type": "SystemAssigned", "principalId": "p", "tenantId": "t"}
PROBE = {
    "failureThreshold": 30,
    "initialDelay": "PT10S",
    "period": "PT1M",
    "successThreshold": 1,
    "timeout": "PT2S",
}
ROUTE = {"path": "/live", "port": 8000}


def asset(kind, name, properties, version="1"):
    about = {
        "description": "d",
        "tags": {"a": "b"},
        "properties": {"k": "v"},
        "isArchived": False,
        "isAnonymous": False,
    }
    where = f"{W}/{kind}/{name}/versions/{version}" if version else f"{W}/{kind}/{name}"
    return {"id": where, "name": version or name, "systemData": SYSTEM, "properties": {**about, **properties}}


def child(kinds, name, properties, **beside):
    row = {"id": f"{W}/{kinds}/{name}", "name": name, "location": "eastus", "tags": {"a": "b"}, "systemData": SYSTEM}
    return {**row, "properties": properties, **beside}


MODEL = asset(
    "models",
    "m",
    {
        "modelUri": "azureml://subscriptions/s/resourcegroups/rg/workspaces/ws/datastores/d/paths/p",
        "modelType": "mlflow_model",
        "flavors": {"sklearn": {"data": {"version": "1"}}},
        "stage": "Production",
        "jobName": "job",
    },
)
ENVIRONMENT = asset(
    "environments",
    "e",
    {
        "image": "image:1",
        "condaFile": "name: x\ndependencies:\n- python=3.10\n- pip:\n  - flask\n",
        "osType": "Linux",
        "inferenceConfig": {"livenessRoute": ROUTE, "readinessRoute": ROUTE, "scoringRoute": ROUTE},
    },
)
DATA = asset("data", "d", {"dataUri": "azureml://datastores/d/paths/p", "dataType": "uri_folder"})
CONTAINER = asset("environments", "e", {"latestVersion": "3", "nextVersion": "4"}, version="")
WORKSPACE = {
    "id": W,
    "name": "ws",
    "location": "eastus",
    "tags": {"a": "b"},
    "identity": IDENTITY,
    "properties": {
        "friendlyName": "Friendly",
        "description": "d",
        "discoveryUrl": "https://eastus.api.azureml.ms/discovery",
        "mlFlowTrackingUri": "azureml://x",
        "hbiWorkspace": False,
        "storageAccount": "/sa",
        "keyVault": "/kv",
        "applicationInsights": "/ai",
        "containerRegistry": "/cr",
        "publicNetworkAccess": "Enabled",
        "systemDatastoresAuthMode": "accesskey",
        "allowRoleAssignmentOnRG": True,
    },
}
CLUSTER = child(
    "computes",
    "c",
    {
        "computeType": "AmlCompute",
        "provisioningState": "Succeeded",
        "description": "d",
        "createdOn": "2026-01-01T00:00:00Z",
        "properties": {
            "vmSize": "STANDARD_DS3_V2",
            "vmPriority": "LowPriority",
            "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 4, "nodeIdleTimeBeforeScaleDown": "PT2M"},
            "remoteLoginPortPublicAccess": "Enabled",
            "enableNodePublicIp": True,
        },
    },
    identity=IDENTITY,
)
BLOB = child(
    "datastores",
    "b",
    {
        "datastoreType": "AzureBlob",
        "description": "d",
        "tags": {"a": "b"},
        "accountName": "account",
        "containerName": "container",
        "endpoint": "core.windows.net",
        "protocol": "https",
        "credentials": {"credentialsType": "AccountKey"},
    },
)
ENDPOINT = child(
    "onlineEndpoints",
    "e",
    {
        "authMode": "AMLToken",
        "description": "d",
        "properties": {"k": "v"},
        "scoringUri": "http://127.0.0.1:8766/e/score",
        "swaggerUri": "http://127.0.0.1:8766/e/swagger.json",
        "provisioningState": "Succeeded",
        "traffic": {"blue": 90, "green": 10},
        "mirrorTraffic": {},
        "publicNetworkAccess": "Enabled",
    },
    kind="Managed",
    identity=IDENTITY,
)
DEPLOYMENT = child(
    "onlineEndpoints/e/deployments",
    "blue",
    {
        "endpointComputeType": "Managed",
        "description": "d",
        "properties": {"k": "v"},
        "model": f"{W}/models/m/versions/1",
        "modelMountPath": "/mnt",
        "environmentId": f"{W}/environments/e/versions/1",
        "codeConfiguration": {"codeId": f"{W}/codes/c/versions/1", "scoringScript": "score.py"},
        "environmentVariables": {"A": "b"},
        "instanceType": "Standard_DS3_v2",
        "requestSettings": {
            "requestTimeout": "PT1M30S",
            "maxConcurrentRequestsPerInstance": 2,
            "maxQueueWait": "PT1S",
        },
        "livenessProbe": PROBE,
        "readinessProbe": PROBE,
        "scaleSettings": {"scaleType": "Default"},
        "appInsightsEnabled": False,
        "egressPublicNetworkAccess": "Enabled",
        "provisioningState": "Succeeded",
    },
    sku={"name": "Default", "capacity": 2},
)
JOB = {
    "id": f"{W}/jobs/j",
    "name": "j",
    "systemData": SYSTEM,
    "properties": {
        "jobType": "Command",
        "status": "Completed",
        "displayName": "j",
        "experimentName": "e",
        "description": "d",
        "tags": {"a": "b"},
        "properties": {"k": "v"},
        "isArchived": False,
        "command": "python train.py ${{inputs.lr}}",
        "codeId": f"{W}/codes/c/versions/1",
        "environmentId": f"{W}/environments/e/versions/1",
        "computeId": f"{W}/computes/gpu",
        "environmentVariables": {"A": "b"},
        "parameters": {},
        "inputs": {
            "lr": {"jobInputType": "literal", "value": "0.1"},
            "data": {"jobInputType": "uri_file", "uri": "azureml://datastores/d/paths/p", "mode": "ReadOnlyMount"},
            "table": {"jobInputType": "mltable", "uri": "azureml:t:1", "mode": "EvalDownload"},
        },
        "outputs": {
            "default": {"jobOutputType": "uri_folder", "uri": "azureml://datastores/x/d", "mode": "ReadWriteMount"},
            "model": {"jobOutputType": "custom_model", "mode": "Upload", "assetName": "m", "assetVersion": "2"},
        },
        "resources": {
            "instanceCount": 2,
            "instanceType": "STANDARD_D2",
            "shmSize": "2g",
            "dockerArgs": "--x",
            "properties": {},
        },
        "distribution": {"distributionType": "PyTorch", "processCountPerInstance": 2},
        "limits": {"jobLimitsType": "Command", "timeout": "PT1M"},
        "queueSettings": {"jobTier": "Spot"},
        "identity": {"identityType": "UserIdentity"},
        "services": {
            "Studio": {"jobServiceType": "Studio", "endpoint": "https://ml.azure.com/runs/j"},
            "lab": {
                "jobServiceType": "JupyterLab",
                "endpoint": "http://127.0.0.1",
                "port": 1,
                "status": "Running",
                "nodes": {"nodesValueType": "All"},
            },
        },
    },
}


def read_job(resource):
    """Reads a job as `az ml job show` does, which turns the pipeline node that the client makes back into a job."""
    return Job._from_rest_object(resource)._to_job()


# What the client fills in by itself, or prints by the name of its own enum, which no server sends.
OWN = {"network_settings", "managed_network", "credentials"}
CASES = [
    (entities.MODEL, MODEL, Model._from_rest_object, arm.ModelVersion),
    (entities.CONTAINER, CONTAINER, Environment._from_container_rest_object, arm.EnvironmentContainer),
    (entities.ENVIRONMENT, ENVIRONMENT, Environment._from_rest_object, arm.EnvironmentVersion),
    (entities.DATA, DATA, Data._from_rest_object, arm.DataVersionBase),
    (entities.WORKSPACE, WORKSPACE, Workspace._from_rest_object, arm.Workspace),
    (entities.COMPUTE, CLUSTER, Compute._from_rest_object, arm.ComputeResource),
    (entities.DATASTORE, BLOB, Datastore._from_rest_object, arm.Datastore),
    (entities.ONLINE_ENDPOINT, ENDPOINT, OnlineEndpoint._from_rest_object, arm.OnlineEndpoint),
    (entities.ONLINE_DEPLOYMENT, DEPLOYMENT, OnlineDeployment._from_rest_object, arm.OnlineDeployment),
    (entities.JOB, JOB, read_job, arm.JobBase),
]


@pytest.mark.parametrize(("fields", "body", "read", "shape"), CASES, ids=lambda case: getattr(case, "__name__", ""))
def test_prints_what_the_sdk_prints(fields, body, read, shape):
    theirs = json.loads(json.dumps(read(shape(body))._to_dict(), default=str))
    ours = entities.entity(body, fields)
    missing = {name: value for name, value in theirs.items() if name not in OWN and not same(ours.get(name), value)}
    assert missing == {}


def same(ours, theirs):
    """Compares; the client's own enums print as `ProvisioningState.SUCCEEDED`, its endpoints' properties hold more."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return all(same(ours.get(name), value) for name, value in theirs.items() if name not in SPREAD)
    if isinstance(theirs, str) and "." in theirs and isinstance(ours, str):
        return ours == theirs or ours.upper() == theirs.rpartition(".")[2]
    return ours == theirs


# azure-ai-ml copies these from systemData into an endpoint's properties.
SPREAD = {"createdBy", "createdAt", "lastModifiedAt"}


def test_what_is_null_is_left_out():
    assert entities.entity({"name": "m", "properties": None}, entities.MODEL[1:]) == {"version": "m"}


@pytest.mark.parametrize(
    ("duration", "milliseconds"),
    [("PT5S", 5000), ("PT0.5S", 500), ("PT1M30S", 90_000), ("P1DT2H", 93_600_000), ("soon", None)],
)
def test_reads_durations(duration, milliseconds):
    assert entities.milliseconds(duration) == milliseconds


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("SystemAssigned", "system_assigned"), ("AMLToken", "aml_token"), ("AzureDataLakeGen2", "azure_data_lake_gen2")],
)
def test_spells_choices_as_az_does(theirs, ours):
    assert entities.snake(theirs) == ours
