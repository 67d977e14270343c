"""kill -9 of the platform, the gateway or a worker: what was acknowledged is there, and endpoints go on answering."""

import os
import signal
from pathlib import Path

import psutil
import pytest
import requests
from azure.ai.ml import MLClient
from azure.ai.ml.entities import ManagedOnlineEndpoint, Model
from azure.identity import DefaultAzureCredential

from tests.clients.test_online import deployment, make, until
from tests.conftest import GROUP, SUBSCRIPTION, Platform, free_port, lead

SCORE = "import os\ndef init(): pass\ndef run(data): return os.getpid()\n"


@pytest.fixture
def ml(own_platform: Platform, monkeypatch: pytest.MonkeyPatch) -> MLClient:
    own_platform.start()
    lead(monkeypatch, own_platform)
    return MLClient(DefaultAzureCredential(), SUBSCRIPTION, GROUP, "survivor")


def address(ml: MLClient) -> tuple[str, str]:
    """Returns where the endpoint is called, and the key that opens it."""
    endpoints = ml.online_endpoints
    return endpoints.get("ep-survivor").scoring_uri, endpoints.get_keys("ep-survivor").primary_key


def score(url: str, key: str) -> int | None:
    """Returns the process that answered, None while nobody does."""
    try:
        answer = requests.post(url, json={}, headers={"Authorization": f"Bearer {key}"}, timeout=30)
    except requests.ConnectionError:
        return None
    return int(answer.text) if answer.status_code == 200 else None


def test_endpoints_answer_while_the_platform_is_dead_and_are_found_again(
    ml: MLClient, own_platform: Platform, code: Path
) -> None:
    make(ml, "ep-survivor", code, None)
    url, key = (
        ml.online_endpoints.get("ep-survivor").scoring_uri,
        ml.online_endpoints.get_keys("ep-survivor").primary_key,
    )
    worker = score(url, key)
    own_platform.kill()
    assert score(url, key) == worker
    own_platform.start()
    assert ml.online_deployments.get("blue", "ep-survivor").provisioning_state == "Succeeded"
    assert score(url, key) == worker, "the worker was adopted, not replaced"
    ml.online_deployments.begin_create_or_update(deployment("ep-survivor", code, None, instance_count=2)).result()
    assert score(url, key) not in (None, worker)


def test_a_deployment_that_was_being_made_is_made_by_the_next_platform(
    ml: MLClient, own_platform: Platform, code: Path
) -> None:
    (code / "score.py").write_text(f"import time\ntime.sleep(1)\n{SCORE}")
    ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="ep-survivor")).result()
    ml.online_deployments.begin_create_or_update(deployment("ep-survivor", code, None))
    own_platform.kill()
    own_platform.start()
    until(lambda: ml.online_deployments.get("blue", "ep-survivor").provisioning_state == "Succeeded")


def test_a_killed_worker_is_replaced_and_its_last_words_are_kept(ml: MLClient, code: Path) -> None:
    make(ml, "ep-survivor", code, None)
    url, key = (
        ml.online_endpoints.get("ep-survivor").scoring_uri,
        ml.online_endpoints.get_keys("ep-survivor").primary_key,
    )
    worker = score(url, key)
    assert worker
    os.kill(worker, signal.SIGKILL)
    until(lambda: score(url, key) not in (None, worker))
    assert "SIGKILL" in ml.online_deployments.get_logs("blue", "ep-survivor", lines=100)


def test_a_killed_gateway_comes_back_and_serves_what_was_served(
    ml: MLClient, own_platform: Platform, code: Path
) -> None:
    make(ml, "ep-survivor", code, None)
    url, key = (
        ml.online_endpoints.get("ep-survivor").scoring_uri,
        ml.online_endpoints.get_keys("ep-survivor").primary_key,
    )
    worker = score(url, key)
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "lazulite.serving.gateway" in words and str(own_platform.home) in words:
            process.kill()
    until(lambda: score(url, key) == worker)


def test_whatever_was_acknowledged_is_there_after_a_kill(ml: MLClient, own_platform: Platform) -> None:
    for number in range(20):
        ml.models.create_or_update(Model(name="kept", path=f"azureml://datastores/workspaceblobstore/paths/{number}"))
    own_platform.kill()
    own_platform.start()
    assert ml.models.get("kept", label="latest").version == "20"


def test_a_platform_on_other_ports_takes_its_gateway_along(ml: MLClient, own_platform: Platform, code: Path) -> None:
    make(ml, "ep-survivor", code, None)
    key = address(ml)[1]
    own_platform.kill()
    own_platform.scoring_port = free_port()
    own_platform.start()
    url, _ = address(ml)
    assert f":{own_platform.scoring_port}/" in url
    until(lambda: score(url, key) is not None)
