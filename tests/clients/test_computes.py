"""Computes and datastores by the official SDK."""

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import AccountKeyConfiguration, AmlCompute, AzureBlobDatastore, ComputeInstance, Workspace
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError


def test_the_published_get_or_create_of_a_cluster_works(ml: MLClient) -> None:
    with pytest.raises(ResourceNotFoundError):
        ml.compute.get("gpu-cluster")
    cluster = AmlCompute(
        name="gpu-cluster",
        size="STANDARD_NC4AS_T4_V3",
        min_instances=0,
        max_instances=4,
        idle_time_before_scale_down=180,
        tier="LowPriority",
    )
    made = ml.compute.begin_create_or_update(cluster).result()
    assert (made.size, made.max_instances, made.provisioning_state) == ("Standard_NC4as_T4_v3", 4, "Succeeded")
    found = ml.compute.get("gpu-cluster")
    assert (found.idle_time_before_scale_down, found.tier) == (180, "lowpriority")


def test_a_cluster_is_updated_and_deleted(ml: MLClient) -> None:
    ml.compute.begin_create_or_update(AmlCompute(name="cpu", size="Standard_DS3_v2", max_instances=1)).result()
    cluster = ml.compute.get("cpu")
    cluster.max_instances = 3
    assert ml.compute.begin_update(cluster).result().max_instances == 3
    ml.compute.begin_delete("cpu").result()
    assert list(ml.compute.list()) == []


def test_an_instance_stops_starts_and_restarts(ml: MLClient) -> None:
    ml.compute.begin_create_or_update(ComputeInstance(name="mine", size="Standard_DS3_v2")).result()
    ml.compute.begin_stop("mine").result()
    assert ml.compute.get("mine").state == "Stopped"
    ml.compute.begin_start("mine").result()
    assert ml.compute.get("mine").state == "Running"
    ml.compute.begin_restart("mine").result()
    assert ml.compute.get("mine").state == "Running"
    ml.compute.enable_sso(name="mine", enable_sso=False)
    assert ml.compute.get("mine").created_on is not None


def test_nodes_of_the_minimum_are_listed(ml: MLClient) -> None:
    cluster = AmlCompute(name="two", size="Standard_DS3_v2", min_instances=2, max_instances=2)
    ml.compute.begin_create_or_update(cluster).result()
    assert len(list(ml.compute.list_nodes("two"))) == 2


def test_sizes_and_usage_are_listed(ml: MLClient) -> None:
    sizes = {size.name: size for size in ml.compute.list_sizes()}
    assert sizes["Standard_NC40ads_H100_v5"].gpus == 1
    assert any(usage.limit for usage in ml.compute.list_usage())


def test_a_size_that_does_not_exist_is_refused_before_anything_is_made(ml: MLClient) -> None:
    with pytest.raises(HttpResponseError, match='"Standard_Nothing" is not a VM size'):
        ml.compute.begin_create_or_update(AmlCompute(name="odd", size="Standard_Nothing")).result()
    assert list(ml.compute.list()) == []


def test_a_datastore_keeps_its_secret_apart(ml: MLClient) -> None:
    store = AzureBlobDatastore(
        name="other",
        account_name="account",
        container_name="things",
        credentials=AccountKeyConfiguration(account_key="c2VjcmV0"),
    )
    ml.datastores.create_or_update(store)
    assert ml.datastores.get("other").credentials.account_key is None
    assert ml.datastores.get("other", include_secrets=True).credentials.account_key == "c2VjcmV0"
    ml.datastores.delete("other")
    assert "other" not in {one.name for one in ml.datastores.list()}


def test_the_default_datastore_is_blob_storage(ml: MLClient) -> None:
    assert ml.datastores.get_default().name == "workspaceblobstore"


def test_an_identity_only_workspace_gives_no_keys_and_says_which_setting(ml: MLClient) -> None:
    ml.workspaces.begin_create(Workspace(name=ml.workspace_name, system_datastores_auth_mode="identity")).result()
    store = ml.datastores.get("workspaceblobstore")
    assert "account_key" not in str(store.credentials)
