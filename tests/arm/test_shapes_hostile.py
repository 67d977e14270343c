"""Bodies, queries and names that no client should send: refused with a reason, and nothing that was there is spoilt."""

import copy
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.arm.conftest import WORKSPACE, Arm

WRONG: tuple[Any, ...] = (7, True, "x\x00", [1], {"a": {"b": None}}, "P" + "9" * 400 + "D")
PROBE = {"period": "PT1S", "initialDelay": "PT1S", "timeout": "PT1S", "failureThreshold": 1, "successThreshold": 1}
BESIDE = {"location": "eastus", "kind": "k", "identity": {"type": "SystemAssigned"}, "tags": {"a": "b"}}
SHARED = {"description": "d", "tags": {"a": "b"}, "properties": {"a": "b"}}
ASSET = {**SHARED, "isAnonymous": False, "isArchived": False}
BODIES: dict[str, dict[str, Any]] = {
    "environments/e/versions/1": {"properties": {**ASSET, "image": "python:3.11", "condaFile": "", "build": None}},
    "environments/e": {"properties": {**SHARED, "isArchived": False}},
    "models/m/versions/1": {
        "properties": {**ASSET, "modelUri": "file:///m", "modelType": "custom_model", "flavors": {}}
    },
    "data/d/versions/1": {"properties": {**ASSET, "dataUri": "file:///d", "dataType": "uri_file"}},
    "codes/c/versions/1": {"properties": {**ASSET, "codeUri": "file:///c"}},
    "components/c/versions/1": {
        "properties": {
            **ASSET,
            "componentSpec": {
                "name": "c",
                "version": "1",
                "type": "command",
                "display_name": "C",
                "description": "d",
                "is_deterministic": True,
                "tags": {"a": "b"},
                "inputs": {"x": {"type": "integer", "default": "1"}},
                "outputs": {"y": {"type": "uri_folder"}},
                "command": "echo ${{inputs.x}}",
                "code": "azureml:code:1",
                "environment": "azureml:env:1",
                "resources": {"instance_count": 1},
            },
        }
    },
    "components/p/versions/1": {
        "properties": {
            "componentSpec": {
                "type": "pipeline",
                "jobs": {"a": {"type": "command", "componentId": "azureml:c:1", "inputs": {"x": {"value": "1"}}}},
            },
        }
    },
    "connections/c": {
        "properties": {
            "category": "AzureBlob",
            "authType": "SAS",
            "target": "https://a",
            "credentials": {"sas": "s"},
            "isSharedToAll": True,
            "metadata": {"AccountName": "a", "ContainerName": "c"},
        }
    },
    "schedules/s": {
        "properties": {
            **SHARED,
            "displayName": "S",
            "isEnabled": True,
            "trigger": {
                "triggerType": "Recurrence",
                "frequency": "Week",
                "interval": 1,
                "schedule": {"hours": [1], "minutes": [0], "weekDays": ["Monday"], "monthDays": [1]},
                "startTime": "2030-01-01T00:00:00",
                "endTime": "2031-01-01T00:00:00",
                "timeZone": "UTC",
            },
            "action": {
                "actionType": "CreateJob",
                "jobDefinition": {
                    "jobType": "Command",
                    "command": "echo ${{inputs.x}}",
                    "environmentId": "azureml:env:1",
                    "inputs": {"x": {"jobInputType": "literal", "value": "1"}},
                    "outputs": {"y": {"jobOutputType": "uri_folder"}},
                    "environmentVariables": {"A": "b"},
                },
            },
        }
    },
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/registries/r": {
        **BESIDE,
        "properties": {
            "publicNetworkAccess": "Enabled",
            "regionDetails": [{"location": "eastus", "acrDetails": [], "storageAccountDetails": []}],
            "managedResourceGroupTags": {"a": "b"},
        },
    },
    "computes/c": {
        **BESIDE,
        "properties": {
            "computeType": "AmlCompute",
            "properties": {
                "vmSize": "Standard_DS3_v2",
                "scaleSettings": {"maxNodeCount": 1, "minNodeCount": 0, "nodeIdleTimeBeforeScaleDown": "PT2M"},
            },
        },
    },
    "datastores/d": {
        "properties": {
            **SHARED,
            "datastoreType": "AzureBlob",
            "accountName": "a",
            "containerName": "c",
            "isDefault": False,
            "credentials": {"credentialsType": "AccountKey", "secrets": {"secretsType": "AccountKey", "key": "k"}},
        }
    },
    "onlineEndpoints/end": {
        **BESIDE,
        "properties": {**SHARED, "authMode": "Key", "traffic": {}, "mirrorTraffic": {}, "keys": {"primaryKey": "a"}},
    },
    "onlineEndpoints/end/deployments/blue": {
        **BESIDE,
        "sku": {"name": "Default", "capacity": 1},
        "properties": {
            **SHARED,
            "endpointComputeType": "Managed",
            "instanceType": "Standard_DS3_v2",
            "model": None,
            "environmentId": "azureml:env:1",
            "codeConfiguration": {"codeId": "azureml:code:1", "scoringScript": "score.py"},
            "environmentVariables": {"A": "b"},
            "requestSettings": {
                "requestTimeout": "PT3S",
                "maxConcurrentRequestsPerInstance": 1,
                "maxQueueWait": "PT1S",
            },
            "livenessProbe": PROBE,
            "readinessProbe": PROBE,
            "startupProbe": PROBE,
            "scaleSettings": {"scaleType": "Default"},
        },
    },
    f"{WORKSPACE}2": {**BESIDE, "sku": {"name": "Basic"}, "properties": {"friendlyName": "f", "description": "d"}},
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.Resources/deployments/d": {
        "properties": {"parameters": {"workspaceName": {"value": "made"}, "tagValues": {"value": {"a": "b"}}}}
    },
}


@pytest.fixture
def ready(arm: Arm) -> Arm:
    """A workspace with what a deployment refers to."""
    assert arm.ask("PUT", "environments/env/versions/1", {"properties": {"image": "python:3.11"}}).status == 201
    given = arm.ask("POST", "codes/code/versions/1/startPendingUpload", {}).body["blobReferenceForConsumption"]
    url = urlsplit(given["blobUri"])
    folder = arm.parts.settings.home / "storage" / url.netloc.partition(".")[0] / url.path.strip("/") / "src"
    folder.mkdir(parents=True)
    (folder / "score.py").write_text("def init(): pass\ndef run(data): return data\n")
    assert arm.ask("PUT", "codes/code/versions/1", {"properties": {"codeUri": f"{given['blobUri']}/src"}}).status == 201
    assert arm.ask("PUT", "onlineEndpoints/end", BODIES["onlineEndpoints/end"]).status == 201
    return arm


@pytest.mark.parametrize("path", BODIES)
def test_a_field_of_a_wrong_type_is_refused_or_harmless(ready: Arm, path: str) -> None:
    body = BODIES[path]
    assert ready.ask("PUT", path, body).status in (200, 201)
    for place in places(body):
        for value in WRONG:
            answer = ready.ask("PUT", path, changed(body, place, value))
            assert answer.status < 500, (place, value, answer.body)
            readable = [ready.ask("GET", at).status for at in (path, path.rpartition("/")[0])]
            assert all(status in (200, 404, 501) for status in readable), (place, value, readable)
            if answer.status < 300:
                ready.parts.supervisor.publish()
                ready.ask("PUT", path, body)


def places(value: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if at:
        yield at
    for name in value if isinstance(value, dict) else ():
        yield from places(value[name], (*at, name))


def changed(body: dict[str, Any], place: tuple[str, ...], value: Any) -> dict[str, Any]:
    whole = copy.deepcopy(body)
    holder = whole
    for name in place[:-1]:
        holder = holder[name]
    holder[place[-1]] = value
    return whole


@pytest.mark.parametrize(
    "raw",
    [
        b"[1]",
        b"7",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"properties":{"a":' * 20_000,
        b'{"properties":{"description":"\\ud800"}}',
        b'{"properties":{"modelUri":NaN}}',
        b'{"properties":{"a":' + b"9" * 5000 + b"}}",
    ],
    ids=lambda raw: raw[:24].decode("latin-1"),
)
def test_a_body_that_is_no_json_object_is_refused(arm: Arm, raw: bytes) -> None:
    answer = arm.ask("PUT", "models/m/versions/1", raw)
    assert (answer.status, answer.body["error"]["code"]) == (400, "InvalidRequestContent")
    assert arm.ask("GET", "models/m/versions/1").status == 404


@pytest.mark.parametrize("query", ["$skip=" + "9" * 30, "$skip=-1", "$top=x", "$top=%D9%A3", "a=1&" * 300])
def test_a_query_that_counts_nothing_is_refused(arm: Arm, query: str) -> None:
    assert arm.ask("GET", f"models?{query}").status in (200, 400)
    assert arm.ask("GET", f"models/m/versions?{query}").status in (400, 404)


@pytest.mark.parametrize("name", ["a" * 300, "%00", "a%0Ab", "..", "%2e%2e%2fx", "a%20b", "é", "%zz", "-a"])
def test_a_name_that_azure_refuses_makes_nothing(arm: Arm, name: str) -> None:
    for path in (
        f"models/{name}/versions/1",
        f"models/m/versions/{name}",
        f"onlineEndpoints/{name}",
        f"{WORKSPACE[:-2]}{name}",
        f"{WORKSPACE.replace('/group/', f'/{name * 2}./')}",
        f"{WORKSPACE.replace('1000000', name)}",
    ):
        answer = arm.ask("PUT", path, {"location": "x", "properties": {"modelUri": "file:///m"}})
        assert answer.status in (400, 501), (path, answer)
    assert arm.ask("POST", f"codes/{name}/versions/1/startPendingUpload", {}).status in (400, 501)


def test_the_next_pages_link_says_again_what_was_asked(arm: Arm) -> None:
    for number in range(501):
        body = {"properties": {"modelUri": "file:///m"}}
        assert arm.ask("PUT", f"models/m{number}/versions/1", body).status == 201
    page = arm.ask("GET", "models?listViewType=All&note=a%26%24skip%3D1%20b").body
    rest = arm.ask("GET", page["nextLink"].partition("management.azure.com")[2]).body
    assert (len(page["value"]), [one["name"] for one in rest["value"]], rest["nextLink"]) == (500, ["m500"], None)
