"""What clients learn of this cloud before they ask it for anything."""

import pytest
import requests
from azure.ai.ml import MLClient
from azure.ai.ml._azure_environments import _get_clouds_by_metadata_url
from azure.identity import DefaultAzureCredential

from tests.entra.conftest import lead_here


def test_the_sdk_finds_itself_led_here_without_a_proxy(front, monkeypatch):
    variables = lead_here(front, monkeypatch, no_proxy=True)
    base = f"https://localhost:{front.port}"
    (cloud,) = _get_clouds_by_metadata_url(variables["ARM_CLOUD_METADATA_URL"]).values()
    assert cloud == {
        "azure_portal": "https://portal.azure.com",
        "resource_manager": base,
        "active_directory": base,
        "aml_resource_id": "https://ml.azure.com",
        "storage_endpoint": "core.windows.net",
        "registry_discovery_endpoint": f"{base}/",
    }
    client = MLClient(DefaultAzureCredential(), "10000000-0000-0000-0000-000000000001", "group", "workspace")
    assert client._base_url == base


@pytest.mark.usefixtures("led_here")
def test_by_the_proxy_the_cloud_is_azures():
    (cloud,) = _get_clouds_by_metadata_url(
        "https://management.azure.com/metadata/endpoints?api-version=2019-05-01"
    ).values()
    assert cloud["resource_manager"] == "https://management.azure.com"
    assert cloud["active_directory"] == "https://login.microsoftonline.com"


@pytest.mark.usefixtures("led_here")
def test_by_the_proxy_login_is_where_azure_has_it(front):
    url = "https://login.microsoftonline.com/some-tenant/v2.0/.well-known/openid-configuration"
    assert requests.get(url).json()["token_endpoint"] == (
        "https://login.microsoftonline.com/some-tenant/oauth2/v2.0/token"
    )


def test_instance_discovery_leads_to_the_address_that_was_asked(front):
    url = f"https://localhost:{front.port}/common/discovery/instance"
    asked = {"authorization_endpoint": "https://localhost/my-tenant/oauth2/v2.0/authorize", "api-version": "1.0"}
    found = requests.get(url, params=asked, verify=front.bundle).json()["tenant_discovery_endpoint"]
    assert found == f"https://localhost:{front.port}/my-tenant/v2.0/.well-known/openid-configuration"
    assert requests.get(found, verify=front.bundle).json()["issuer"].startswith(f"https://localhost:{front.port}/")


def test_tokens_are_checked_by_nobody_else(front):
    assert requests.get(f"{front.url}/common/discovery/v2.0/keys").json() == {"keys": []}


def test_the_metadata_service_wants_its_header(front):
    url = f"{front.url}/metadata/identity/oauth2/token?resource=https://ml.azure.com"
    assert requests.get(url).status_code == 400
    assert requests.get(url, headers={"Metadata": "true"}).json()["resource"] == "https://ml.azure.com"


@pytest.mark.parametrize("path", ["/_identity/token", "/metadata/identity/oauth2/token", "/_identity/obo"])
def test_managed_identity_without_a_resource_is_a_bad_request(front, path):
    answer = requests.get(front.url + path, headers={"Metadata": "true", "X-IDENTITY-HEADER": "x"})
    assert (answer.status_code, answer.json()["error"]["target"]) == (400, "resource")


def test_managed_identity_without_its_header_is_refused(front):
    answer = requests.get(f"{front.url}/_identity/token?resource=x")
    assert answer.status_code == 401
    assert "IDENTITY_HEADER" in answer.json()["error"]["message"]


@pytest.mark.usefixtures("led_here")
def test_graph_says_who_asks():
    token = DefaultAzureCredential().get_token("https://graph.microsoft.com/.default").token
    me = requests.get("https://graph.microsoft.com/v1.0/me", headers={"Authorization": f"Bearer {token}"}).json()
    assert me["id"]
    assert me["displayName"] == me["userPrincipalName"]


@pytest.mark.usefixtures("led_here")
def test_telemetry_is_swallowed():
    answer = requests.post("https://dc.services.visualstudio.com/v2.1/track", data=b"\x1f\x8b anything")
    assert answer.status_code == 200
    assert answer.json()["itemsReceived"] == answer.json()["itemsAccepted"]


def test_managed_identity_takes_a_form_as_its_oldest_clients_send_it(front):
    address, form = f"{front.url}/_identity/token", {"resource": "https://management.azure.com/"}
    answer = requests.post(address, data=form, headers={"Metadata": "true"}, timeout=10)
    assert (answer.status_code, answer.json()["token_type"]) == (200, "Bearer")
    assert requests.post(address, data=form, timeout=10).status_code == 400
