"""The host table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.edge import hosts

AZURE = [
    ("management.azure.com", "arm"),
    ("MANAGEMENT.azure.com:443", "arm"),
    ("management.azure.com.", "arm"),
    ("login.microsoftonline.com", "login"),
    ("sts.windows.net", "login"),
    ("169.254.169.254", "login"),
    ("churnst4f1c09a7be22d.blob.core.windows.net", "blob"),
    ("acct.dfs.core.windows.net", "blob"),
    ("eastus.api.azureml.ms", "dataplane"),
    ("ab12.workspace.westeurope.api.azureml.ms", "dataplane"),
    ("cert-eastus.experiments.azureml.net", "dataplane"),
    ("churn.eastus.inference.ml.azure.com", "scoring"),
    ("ml.azure.com", "studio"),
    ("crew.azurecr.io", "acr"),
    ("azuremlschemasprod.azureedge.net", "schemas"),
    ("westus2-0.in.applicationinsights.azure.com", "telemetry"),
]


@pytest.mark.parametrize(("host", "mount"), AZURE)
def test_azures_names_are_taken(host, mount):
    assert hosts.azure_mount(host) == mount
    assert hosts.mount_for(host, "/anything") == mount


@pytest.mark.parametrize(
    "host",
    [
        "pypi.org",
        "azure.com",
        "blob.core.windows.net",
        "evilmanagement.azure.com",
        "management.azure.com.evil.example",
        "a b.blob.core.windows.net",
        ".blob.core.windows.net",
        "-.blob.core.windows.net",
        "x" * 64 + ".blob.core.windows.net",
        "a." * 120 + "blob.core.windows.net",
        "",
    ],
)
def test_others_are_not(host):
    assert hosts.azure_mount(host) is None


@pytest.mark.parametrize(
    ("path", "mount"),
    [
        ("/subscriptions/1/resourceGroups/g", "arm"),
        ("/SUBSCRIPTIONS", "arm"),
        ("/subscriptionsX", "studio"),
        ("/_blob/acct/container/blob", "blob"),
        ("/metadata/endpoints", "login"),
        ("/metadata/identity/oauth2/token", "login"),
        ("/_identity/token", "login"),
        ("/adfs/oauth2/v2.0/token", "login"),
        ("/adfs/.well-known/openid-configuration", "login"),
        ("/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0/.well-known/openid-configuration", "login"),
        ("/common/discovery/instance", "login"),
        ("/registrymanagement/v1.0/registries/azureml/discovery", "dataplane"),
        ("/mlflow/v2.0/subscriptions/1", "mlflow"),
        ("/", "studio"),
        ("/jobs", "studio"),
    ],
)
@pytest.mark.parametrize("host", ["localhost:8765", "127.0.0.1", "[::1]:8765", ""])
def test_this_machines_own_names_go_by_path(host, path, mount):
    assert hosts.mount_for(host, path) == mount


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]", "192.168.1.5", "studio.localhost", ""])
def test_names_that_can_only_mean_this_machine(host):
    assert hosts.is_local_name(host)


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io"])
def test_names_that_a_web_page_could_have(host):
    assert not hosts.is_local_name(host)


def test_the_clouds_metadata_is_open_as_tokens_are():
    assert hosts.mount_for("management.azure.com", "/metadata/endpoints") == "login"


@given(st.text(max_size=300), st.text(max_size=50))
def test_any_host_and_path_has_a_mount(host, path):
    assert hosts.mount_for(host, path)
