"""What works here and would not on Azure, found in what a workspace holds."""

import pytest

from lazulite.serving.shipped import DOCS, Folder, Named, Shipped, Used
from lazulite.serving.shipping import troubles

ENVIRONMENT, MODEL = "azureml:e:1", "azureml:m:1"
BASE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04"
SERVED = frozenset({"azureml-inference-server-http"})


def shipped(*deployments, workspace=None, **more):
    own = tuple(("ep1", one) for one in deployments)
    return Shipped("dev", {"properties": workspace or {}}, deployments=own, **more)


def deployment(name="blue", capacity=1, kind="Managed", **properties):
    given = {"endpointComputeType": kind, "instanceType": "Standard_DS3_v2", **properties}
    return {"name": name, "sku": {"capacity": capacity}, "properties": given}


def scripted(**properties):
    return deployment(environmentId=ENVIRONMENT, codeConfiguration={"scoringScript": "score.py"}, **properties)


def endpoint(name="ep1", **properties):
    return {"name": name, "properties": {"authMode": "Key", **properties}}


def used(image=BASE, packages=SERVED, **more):
    body = {"image": image, **more.pop("body", {})}
    return {ENVIRONMENT: Used("e:1", body, packages, **more)}


def machine(name="cpu", kind="AmlCompute", size="Standard_DS3_v2", nodes=1, **more):
    inner = {"vmSize": size, "scaleSettings": {"maxNodeCount": nodes}, **more}
    return Named(name, {"computeType": kind, "properties": inner})


def job(**properties):
    return Named("job1", {"environmentId": ENVIRONMENT, **properties})


def test_a_plain_workspace_ships():
    arm = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/dev"
    plain = shipped(
        scripted(model=MODEL),
        endpoints=(endpoint(),),
        computes=(machine(),),
        jobs=(
            job(inputs={"a": {"uri": "azureml://datastores/workspaceblobstore/paths/x"}, "b": None}),
            job(inputs={"a": {"uri": f"{arm}/data/flowers/versions/1"}}),
        ),
        schedules=(Named("s", {"trigger": {"triggerType": "Cron", "expression": "15 10 * * 1"}}),),
        datastores=(Named("workspaceblobstore", {"datastoreType": "AzureBlob", "isLocal": True, "accountName": "a"}),),
        data=(Named("d:1", {"dataUri": "azureml://datastores/workspaceblobstore/paths/d"}),),
        batch_deployments=(("b1", scripted(compute="azureml:cpu")),),
        environments={
            ENVIRONMENT: Used("e:1", {"image": BASE}, SERVED | {"azureml-core"}),
            f"{arm}/environments/e/versions/2": Used("e:2", {"image": BASE}, SERVED),
            "azureml://registries/azureml/environments/c/versions/3": Used("c:3", {"image": BASE}, SERVED),
        },
        models={MODEL: Folder(1, 1000)},
        codes={"code:1": Folder(3, 100)},
        local_accounts=frozenset({"a"}),
    )
    assert troubles(plain) == []


PRIVATE = {"publicNetworkAccess": "Disabled"}
MLFLOW = {MODEL: Folder(3, 100, "mlflow_model")}
REFUSED = {
    "a size": (
        shipped(deployment(instanceType="Standard_NV36ads_A10_v5")),
        "deployment ep1/blue: Managed online endpoints do not offer",
    ),
    "a scale": (shipped(deployment(scaleSettings={"scaleType": "TargetUtilization"})), "scale type default only"),
    "isolated twice": (
        shipped(
            deployment(egressPublicNetworkAccess="Disabled"),
            workspace={"managedNetwork": {"isolationMode": "AllowInternetOutbound"}},
        ),
        "the workspace has a managed network",
    ),
    "MLflow isolated": (
        shipped(deployment(egressPublicNetworkAccess="Disabled", model=MODEL), models=MLFLOW),
        "MLflow without a script cannot be isolated",
    ),
    "no server": (
        shipped(scripted(), environments=used(packages=frozenset({"numpy"}))),
        "no server for scoring scripts",
    ),
    "no collector": (
        shipped(scripted(dataCollector={"collections": {"request": {}, "model_inputs": {}}}), environments=used()),
        "It collects model_inputs",
    ),
    "memory": (shipped(deployment(model=MODEL), models={MODEL: Folder(1, 20 << 30)}), "take 20.0 GiB"),
    "tokens on Kubernetes": (
        shipped(endpoints=(endpoint(compute="k8s", authMode="AADToken"),)),
        "endpoint ep1: Endpoints on Kubernetes take keys",
    ),
    "mirrors on Kubernetes": (
        shipped(endpoints=(endpoint(compute="k8s", mirrorTraffic={"green": 10}),)),
        "do not mirror traffic",
    ),
    "a binding": (shipped(environments=used(is_bound=True)), "lazulite environment unbind e"),
    "an image built here": (
        shipped(environments=used("acr1.azurecr.io/detector:cpu")),
        "az acr build -r acr1 -t detector:cpu",
    ),
    "a public image": (
        shipped(environments=used("mcr.microsoft.com/own/image:1"), workspace=PRIVATE),
        "cannot be reached from a private network",
    ),
    "conda without conda": (
        shipped(environments=used("python:3.11-slim", body={"condaFile": "name: x"})),
        "the conda of image python:3.11-slim",
    ),
    "nobody who builds": (
        shipped(environments=used(body={"condaFile": "name: x"}), workspace=PRIVATE),
        "--image-build-compute",
    ),
    "cores": (
        shipped(deployment(capacity=50), deployment("green", capacity=20), computes=(machine(nodes=10),)),
        f"need {(60 + 24 + 10) * 4} cores of it",
    ),
    "instances": (shipped(deployment(capacity=51)), "quota ep1/blue: It has 51 instances"),
    "deployments": (shipped(*(deployment(f"d{n}") for n in range(21))), "quota ep1: It has 21 deployments"),
    "endpoints": (shipped(endpoints=(endpoint(),) * 101), "There are 101; a region of a subscription has 100"),
    "a workspace's name": (Shipped("x" * 34, {}), "has 34 characters"),
    "an instance's name": (shipped(computes=(machine("x" * 25, "ComputeInstance"),)), "have 3 to 24 characters"),
    "mlflow alone": (
        shipped(jobs=(job(),), environments=used(packages=frozenset({"mlflow"}))),
        "mlflow without azureml-mlflow",
    ),
    "a file": (
        shipped(data=(Named("d:1", {"dataUri": "file:///data/x.csv"}),)),
        "data d:1: file:///data/x.csv is a file",
    ),
    "this machine": (
        shipped(jobs=(job(inputs={"a": {"uri": "http://localhost:9/x?sig=secret"}}),), environments=used()),
        "job job1, input a: http://localhost:9/x leads to this machine",
    ),
    "a registry": (
        shipped(data=(Named("d:1", {"dataUri": "azureml://registries/own/data/d/versions/1"}),)),
        'Registry "own" is this machine\'s',
    ),
    "a month": (
        shipped(schedules=(Named("s", {"trigger": {"triggerType": "Cron", "expression": "0 0 1 * *"}}),)),
        'schedule s: Azure takes no notice of DAYS and MONTHS in "0 0 1 * *"',
    ),
    "a batch's packages": (
        shipped(batch_deployments=(("b1", scripted()),), environments=used()),
        "batch deployment b1/blue: Environment e:1 lacks",
    ),
    "a batch's compute": (
        shipped(
            batch_deployments=(("b1", deployment(compute="/x/computes/Mine")),),
            computes=(machine("mine", "ComputeInstance"),),
        ),
        "mine is ComputeInstance",
    ),
    "a lake that is no more": (
        shipped(datastores=(Named("l", {"datastoreType": "AzureDataLakeGen1"}),)),
        "was retired",
    ),
}
OTHERWISE = {
    "a name that may be taken": (shipped(endpoints=(endpoint("digits"),)), "endpoint digits: Names of endpoints"),
    "Kubernetes": (shipped(endpoints=(endpoint(compute="k8s"),)), "a cluster with Azure's extension"),
    "a cluster of others": (shipped(computes=(machine("k8s", "Kubernetes"),)), "az ml compute attach"),
    "sleep": (shipped(deployment(properties={"lazulite.idleTimeout": "PT5M"})), "It sleeps"),
    "isolated": (shipped(deployment(egressPublicNetworkAccess="disabled")), "needs private endpoints"),
    "an unknown image": (shipped(environments=used("registry.example/own:1")), "Nothing is known of image"),
    "a large context": (
        shipped(environments=used("", context=Folder(101, 5))),
        "has 101 files",
    ),
    "a GPU's memory": (
        shipped(deployment(model=MODEL, instanceType="Standard_NC6s_v3"), models={MODEL: Folder(1, 20 << 30)}),
        "loaded whole onto the GPU",
    ),
    "a GPU's quota": (shipped(deployment(instanceType="Standard_NC6s_v3")), "begins with none, for they have GPUs"),
    "a small quota": (shipped(deployment(capacity=6)), "begins with 24 to 300"),
    "late answers": (
        shipped(
            deployment(),
            counts={"ep1/blue": {"requests": 10, "latency_ms": {"8": 7, "8192": 3}, "statuses": {"408": 1}}},
        ),
        "3 of 10 requests took nearly 5000 ms, the default",
    ),
    "much code": (shipped(codes={"code:1": Folder(2001, 5)}), "code code:1: It has 2,001 files"),
    "warnings": (shipped(jobs=(Named("job1", {}, ("Only one node is here.",)),)), "job job1: Only one node is here."),
    "an account": (
        shipped(
            datastores=(Named("own", {"datastoreType": "AzureBlob", "accountName": "Here1"}),),
            local_accounts=frozenset({"here1"}),
        ),
        "Account Here1 is on this machine",
    ),
    "identities only": (shipped(workspace={"systemDatastoresAuthMode": "Identity"}), "Storage Blob Data Contributor"),
    "a private workspace": (shipped(endpoints=(endpoint(),), workspace=PRIVATE), "reached from inside its network"),
}


@pytest.mark.parametrize(("found", "words"), REFUSED.values(), ids=REFUSED)
def test_what_azure_would_refuse_is_told_with_its_fix_and_its_source(found, words):
    told = [one for one in troubles(found) if words in f"{one.what} {one.where}: {one.said} {one.fix}"]
    assert [one.is_refused for one in told] == [True], [*troubles(found)]
    assert told[0].fix and told[0].source.startswith(DOCS)


@pytest.mark.parametrize(("found", "words"), OTHERWISE.values(), ids=OTHERWISE)
def test_what_azure_would_do_otherwise_is_told_too(found, words):
    told = [one for one in troubles(found) if words in f"{one.what} {one.where}: {one.said} {one.fix}"]
    assert [one.is_refused for one in told] == [False], [*troubles(found)]
    assert told[0].fix and told[0].source.startswith(DOCS)


def test_what_is_not_known_is_held_against_nobody():
    unknown = shipped(scripted(), jobs=(job(),), environments=used("own.example/x", packages=None))
    assert [one.said for one in troubles(unknown)] == [
        "Nothing is known of image own.example/x; Azure has to be able to pull it."
    ]


def test_a_batch_of_an_mlflow_model_has_an_environment_that_nobody_wrote():
    bare = frozenset({"mlflow"})
    batch = shipped(jobs=(job(parallel={"task": {"model": MODEL}}),), environments=used(packages=bare))
    assert troubles(batch) == []
    scripts = shipped(
        jobs=(job(parallel={"task": {"model": MODEL, "entry_script": "b.py"}}),), environments=used(packages=bare)
    )
    assert "mlflow without azureml-mlflow" in troubles(scripts)[0].said


def test_low_priority_nodes_take_no_dedicated_cores():
    assert troubles(shipped(computes=(machine(nodes=90, vmPriority="LowPriority"),))) == []
