"""How many workers a deployment has: as many as it needs, none while nobody asks, and no request lost on the way."""

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import requests
from azure.ai.ml import MLClient
from azure.ai.ml.entities import (
    CodeConfiguration,
    Environment,
    KubernetesOnlineDeployment,
    KubernetesOnlineEndpoint,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    OnlineDeployment,
    OnlineEndpoint,
    TargetUtilizationScaleSettings,
)
from azure.identity import DefaultAzureCredential

from lazulite.serving.gateway import control
from tests.conftest import GROUP, SUBSCRIPTION, Platform, lead

SCORE = """
import os, time

def init():
    pass

def run(raw_data):
    time.sleep(float(raw_data or 0))
    return os.getpid()
"""
WITHIN_S = 60


def given(code: Path, endpoint: str, **more: object) -> dict:
    return {
        "name": "blue",
        "endpoint_name": endpoint,
        "environment": Environment(name="plain", version="1", image="python:3.11-slim"),
        "code_configuration": CodeConfiguration(code=str(code), scoring_script="score.py"),
        "instance_count": 1,
        **more,
    }


class Endpoint:
    """An endpoint with one deployment that has all traffic."""

    def __init__(self, ml: MLClient, platform: Platform, wanted: OnlineEndpoint, blue: OnlineDeployment) -> None:
        self.name, self._platform = wanted.name, platform
        endpoint = ml.online_endpoints.begin_create_or_update(wanted).result()
        ml.online_deployments.begin_create_or_update(blue).result()
        endpoint.traffic = {"blue": 100}
        self.url = ml.online_endpoints.begin_create_or_update(endpoint).result().scoring_uri
        self._headers = {"Authorization": f"Bearer {ml.online_endpoints.get_keys(self.name).primary_key}"}

    def ask(self, seconds: float = 0) -> requests.Response:
        return requests.post(self.url, data=str(seconds), headers=self._headers, timeout=WITHIN_S)

    def counts(self) -> dict:
        return control.ask(self._platform.settings.sockets, "stats")["endpoints"][self.name]["deployments"]["blue"]

    def has(self, workers: int) -> bool:
        return len(self.counts()["workers"]) == workers

    @contextmanager
    def load(self, clients: int, seconds: float, pause_s: float = 0) -> Iterator[Counter]:
        """Asks from so many clients at once; counts the statuses that they got."""
        statuses: Counter[int] = Counter()
        over = threading.Event()

        def client() -> None:
            while not over.wait(pause_s):
                statuses[self.ask(seconds).status_code] += 1

        threads = [threading.Thread(target=client) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield statuses
        finally:
            over.set()
            for thread in threads:
                thread.join()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < deadline, "it has not come"
        time.sleep(0.05)


def test_instances_follow_the_load_and_no_request_is_lost(ml: MLClient, platform: Platform, code: Path) -> None:
    settings = TargetUtilizationScaleSettings(
        min_instances=1, max_instances=3, polling_interval=1, target_utilization_percentage=60
    )
    name = f"ep-{ml.workspace_name}"
    wanted = KubernetesOnlineEndpoint(name=name, compute="k8s", auth_mode="key")
    one = Endpoint(ml, platform, wanted, KubernetesOnlineDeployment(**given(code, name, scale_settings=settings)))
    assert one.has(1)
    with one.load(clients=2, seconds=0.1) as few:
        until(lambda: one.has(3))
    with one.load(clients=1, seconds=0, pause_s=0.3) as fewer:
        until(lambda: one.has(1))
    assert few.keys() == fewer.keys() == {200}
    assert isinstance(ml.online_endpoints.get(name), KubernetesOnlineEndpoint)
    shown = ml.online_deployments.get("blue", one.name).scale_settings
    assert (shown.type, shown.max_instances, shown.polling_interval) == ("target_utilization", 3, 1)
    storage = ml.online_deployments.get_logs("blue", one.name, lines=50, container_type="storage-initializer")
    assert "scaled from 1 to " in storage
    words = ("online-deployment", "update", "-n", "blue", "-e", name, "--set", "tags.by=az")
    scope = ("-w", ml.workspace_name, "-g", GROUP, "--subscription", SUBSCRIPTION)
    command = [sys.executable, "-m", "lazulite.cli.main", *words, *scope]
    updated = json.loads(subprocess.check_output(command, env=os.environ | platform.variables))
    assert (updated["type"], updated["tags"]) == ("kubernetes", {"by": "az"})


def test_mirrored_answers_are_compared(ml: MLClient, platform: Platform, code: Path, tmp_path: Path) -> None:
    managed = {"instance_type": "Standard_DS3_v2", "environment_variables": {"WORKER_COUNT": "1"}}
    name = f"ep-{ml.workspace_name}"
    one = Endpoint(
        ml, platform, ManagedOnlineEndpoint(name=name), ManagedOnlineDeployment(**given(code, name, **managed))
    )
    other = ManagedOnlineDeployment(**given(code, name, **managed) | {"name": "green"})
    ml.online_deployments.begin_create_or_update(other).result()
    endpoint = ml.online_endpoints.get(name)
    endpoint.mirror_traffic = {"green": 50}
    ml.online_endpoints.begin_create_or_update(endpoint).result()
    live = {one.ask().json() for _ in range(4)}

    def report() -> dict:
        words = ("online-deployment", "mirror-report", "-n", "green", "-e", name, "-w", ml.workspace_name, "-g", GROUP)
        command = [sys.executable, "-m", "lazulite.cli.main", *words]
        return json.loads(subprocess.check_output(command, env=os.environ | platform.variables))

    until(lambda: report()["compared"] == 2)
    found = report()
    assert (found["same"], found["different"], len(found["differences"])) == (0, 2, 2)
    (pid,) = live
    assert found["differences"][0]["differences"][0].startswith(f"$: {pid} is "), "each worker says its own pid"


def test_a_deployment_sleeps_until_a_request_wakes_it(own_platform: Platform, code: Path, monkeypatch) -> None:
    own_platform.start()
    lead(monkeypatch, own_platform)
    ml = MLClient(DefaultAzureCredential(), SUBSCRIPTION, GROUP, "sleepy")
    told = {"instance_type": "Standard_DS3_v2", "properties": {"lazulite.idleTimeout": "PT1S"}}
    blue = ManagedOnlineDeployment(**given(code, "sleepy", **told))
    one = Endpoint(ml, own_platform, ManagedOnlineEndpoint(name="sleepy"), blue)
    pid = one.ask().json()
    until(lambda: one.counts()["asleep"])
    until(lambda: not psutil.pid_exists(pid))
    assert requests.get(one.url.removesuffix("score"), timeout=WITHIN_S).text == "Healthy"
    answers: list[requests.Response] = []
    threads = [threading.Thread(target=lambda: answers.append(one.ask())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() != pid
    # It sleeps on through a crash of the platform, and a request that comes meanwhile waits for the next.
    until(lambda: one.counts()["asleep"])
    own_platform.kill()
    waiting = threading.Thread(target=lambda: answers.append(one.ask()))
    waiting.start()
    own_platform.start()
    waiting.join()
    assert answers[2].status_code == 200
