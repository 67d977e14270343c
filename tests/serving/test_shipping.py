"""What works here and would not on Azure, found in the bodies of a workspace."""

from lazulite.serving.shipping import Shipped, troubles

ENVIRONMENT = "/subscriptions/s/environments/e/versions/1"


def shipped(*deployments, workspace=None, endpoints=(), **more):
    return Shipped({"properties": workspace or {}}, endpoints, tuple(("ep", one) for one in deployments), **more)


def deployment(name="blue", capacity=1, **properties):
    given = {"endpointComputeType": "Managed", "instanceType": "Standard_DS3_v2", **properties}
    return {"name": name, "sku": {"capacity": capacity}, "properties": given}


def said(found):
    return " | ".join(f"{one.where}: {one.said} {one.fix}" for one in troubles(found))


def test_a_plain_deployment_ships():
    assert troubles(shipped(deployment())) == []


def test_sizes_and_quota_are_reckoned_with_what_upgrades_take():
    assert "ep/blue: Managed online endpoints do not offer" in said(
        shipped(deployment(instanceType="Standard_NV36ads_A10_v5"))
    )
    assert "need 72 cores" not in said(shipped(deployment(capacity=15)))
    many = shipped(deployment(capacity=50), deployment("green", capacity=20))
    assert f"need {(60 + 24) * 4} cores" in said(many) and "with 20 % for upgrades" in said(many)


def test_what_only_lazulite_knows_is_named():
    sleepy = deployment(properties={"lazulite.idleTimeout": "PT5M"})
    assert "sleeps" in said(shipped(sleepy))
    least = {"scaleType": "TargetUtilization", "minInstances": 0}
    assert "min_instances is 0" in said(shipped(deployment(endpointComputeType="Kubernetes", scaleSettings=least)))


def test_images_that_azure_could_not_pull_are_found():
    def named(image, **workspace):
        environments = {ENVIRONMENT: {"name": "e", "properties": {"image": image}}}
        return said(shipped(deployment(environmentId=ENVIRONMENT), workspace=workspace, environments=environments))

    assert "az acr build -r acr1 -t detector:cpu" in named("acr1.azurecr.io/detector:cpu")
    curated = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04"
    assert named(curated) == ""
    assert "az acr import" in named(curated, publicNetworkAccess="Disabled")
    assert "Nothing is known of image" in named("registry.example/own:1")


def test_answers_that_take_nearly_as_long_as_they_may_are_told():
    settings = {"requestTimeout": "PT5S"}
    counts = {"ep/blue": {"requests": 10, "latency_ms": {"8": 7, "16384": 2}, "statuses": {"200": 9, "408": 1}}}
    assert "3 of 10 requests" in said(shipped(deployment(requestSettings=settings), counts=counts))


def test_how_a_workspace_is_entered_is_told():
    endpoint = {"name": "ep", "properties": {"authMode": "Key"}}
    told = said(shipped(workspace={"systemDatastoresAuthMode": "Identity"}, endpoints=(endpoint,)))
    assert "Storage Blob Data Contributor" in told
    assert "inside its network" in said(shipped(workspace={"publicNetworkAccess": "Disabled"}, endpoints=(endpoint,)))
