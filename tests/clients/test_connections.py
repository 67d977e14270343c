"""Connections by the official SDK: every kind comes back, secrets only when they are asked for."""

import pytest
import requests
from azure.ai.ml import MLClient
from azure.ai.ml.entities import (
    APIKeyConnection,
    AzureAISearchConnection,
    AzureAIServicesConnection,
    AzureBlobStoreConnection,
    AzureContentSafetyConnection,
    AzureOpenAIConnection,
    NoneCredentialConfiguration,
    OpenAIConnection,
    PatTokenConfiguration,
    SasTokenConfiguration,
    SerpConnection,
    ServerlessConnection,
    UsernamePasswordConfiguration,
    WorkspaceConnection,
)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.clients.test_assets import _send

RESOURCE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/a"
CONNECTIONS = (
    APIKeyConnection(name="api", api_base="https://a.example/v1", api_key="secret-1"),
    AzureOpenAIConnection(
        name="aoai", azure_endpoint="https://o.example", api_key="secret-2", open_ai_resource_id=RESOURCE
    ),
    AzureAIServicesConnection(
        name="ai", endpoint="https://s.example", api_key="secret-3", ai_services_resource_id=RESOURCE
    ),
    AzureAISearchConnection(name="search", endpoint="https://f.example", api_key="secret-4"),
    AzureContentSafetyConnection(name="safety", endpoint="https://c.example", api_key="secret-5"),
    OpenAIConnection(name="openai", api_key="secret-6"),
    SerpConnection(name="serp", api_key="secret-7"),
    ServerlessConnection(name="less", endpoint="https://m.example", api_key="secret-8"),
    WorkspaceConnection(
        name="git", type="git", target="https://git.example", credentials=PatTokenConfiguration(pat="secret-9")
    ),
    WorkspaceConnection(
        name="feed",
        type="python_feed",
        target="https://feed.example",
        credentials=UsernamePasswordConfiguration(username="me", password="secret-10"),
    ),
    WorkspaceConnection(
        name="open", type="git", target="https://git.example", credentials=NoneCredentialConfiguration()
    ),
    AzureBlobStoreConnection(
        name="blob",
        url="https://b.example/c",
        container_name="c",
        account_name="b",
        credentials=SasTokenConfiguration(sas_token="secret-11"),
    ),
)


def test_every_kind_of_connection_comes_back_without_its_secrets(ml: MLClient) -> None:
    for one in CONNECTIONS:
        made = ml.connections.create_or_update(one)
        assert (made.name, made.type, made.target) == (one.name, one.type, one.target)
        assert "secret" not in str(vars(made.credentials))
    listed = {one.name: type(one) for one in ml.connections.list()}
    assert listed == {one.name: type(one) for one in CONNECTIONS if one.name != "blob"}
    assert type(ml.connections.get("blob")) is AzureBlobStoreConnection
    # This SDK sends includeAll=false whatever it is told.
    everything = _send(ml, "GET", "connections?includeAll=true", None).json()["value"]
    assert {one["name"] for one in everything} == {one.name for one in CONNECTIONS}
    assert [one.name for one in ml.connections.list(connection_type="serp")] == ["serp"]


def test_secrets_are_told_when_they_are_asked_for(ml: MLClient) -> None:
    made = ml.connections.create_or_update(CONNECTIONS[0], populate_secrets=True)
    assert made.credentials.key == "secret-1"
    assert ml.connections.get("api").credentials.key is None
    assert ml.connections.get("api", populate_secrets=True).credentials.key == "secret-1"
    assert [one.credentials.key for one in ml.connections.list(populate_secrets=True)] == ["secret-1"]


def test_a_connection_is_replaced_and_deleted(ml: MLClient) -> None:
    ml.connections.create_or_update(CONNECTIONS[0])
    ml.connections.create_or_update(APIKeyConnection(name="api", api_base="https://b.example", api_key="secret-0"))
    assert ml.connections.get("api", populate_secrets=True).credentials.key == "secret-0"
    assert ml.connections.get("api").target == "https://b.example"
    ml.connections.delete("api")
    with pytest.raises(ResourceNotFoundError, match='connections "api" was not found'):
        ml.connections.get("api")


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"category": "Git", "authType": "None"}, "target"),
        ({"category": "Git", "authType": "Password", "target": "t"}, "must be one of PAT"),
        ({"authType": "None", "target": "t"}, "category"),
        ({"category": "AzureBlob", "authType": "AAD", "target": "t"}, "AccountName"),
        ({"category": "AzureOpenAI", "authType": "AAD", "target": "t", "metadata": [1]}, "metadata"),
        ({"category": "Git", "authType": "PAT", "target": "t", "credentials": {"pat": 7}}, "credentials.pat"),
    ],
    ids=str,
)
def test_a_connection_that_could_not_be_read_again_is_refused(ml: MLClient, properties: object, said: str) -> None:
    answer: requests.Response = _send(ml, "PUT", "connections/odd", {"properties": properties})
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]
    assert list(ml.connections.list()) == []


def test_deployments_of_azures_openai_are_not_here(ml: MLClient) -> None:
    ml.connections.create_or_update(CONNECTIONS[1])
    with pytest.raises(HttpResponseError, match="does not know GET"):
        list(ml.azure_openai_deployments.list("aoai"))
