"""No request is lost while a deployment grows, shrinks, is updated, loses a worker or its platform: large bodies, kept
connections, new ones, chunks.
"""

import os
import signal
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from azure.ai.ml import MLClient
from azure.ai.ml.entities import OnlineRequestSettings
from azure.identity import DefaultAzureCredential

from lazulite.serving.gateway import control
from tests.clients.test_online import deployment, make, until
from tests.conftest import GROUP, SUBSCRIPTION, Platform, lead

SCORE = """
import json, os, zlib
from azureml.contrib.services.aml_request import rawhttp
from azureml.contrib.services.aml_response import AMLResponse

def init(): pass

@rawhttp
def run(request):
    told = {"crc": zlib.crc32(request.get_data()), "pid": os.getpid(), "color": os.environ["COLOR"]}
    return AMLResponse(json.dumps(told), 200)
"""
LARGE, MIDDLE, SMALL = os.urandom(1 << 20), os.urandom(300_000), b"{}"
_WIDE = OnlineRequestSettings(
    request_timeout_ms=60_000, max_concurrent_requests_per_instance=50, max_queue_wait_ms=60_000
)


@pytest.fixture
def ml(own_platform: Platform, monkeypatch: pytest.MonkeyPatch) -> MLClient:
    own_platform.start()
    lead(monkeypatch, own_platform)
    return MLClient(DefaultAzureCredential(), SUBSCRIPTION, GROUP, "busy")


def chunks() -> Iterator[bytes]:
    """Yields a body of unknown length."""
    for at in range(0, len(MIDDLE), 50_000):
        yield MIDDLE[at : at + 50_000]


class Load:
    """Clients of four kinds that ask without pause. failures: what was not answered 200 with the body's checksum."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._headers = url, {"Authorization": f"Bearer {key}"}
        self.failures: list[str] = []
        self.answers: list[dict] = []
        self._is_over = False
        kinds = [(LARGE, LARGE, True), (LARGE, LARGE, True), (MIDDLE, chunks, True), (SMALL, SMALL, False)]
        self._threads = [threading.Thread(target=self._ask, args=kind) for kind in kinds]

    def _ask(self, whole: bytes, body: object, is_kept: bool) -> None:
        with requests.Session() as session:
            while not self._is_over:
                data = body() if callable(body) else body
                headers = self._headers if is_kept else {**self._headers, "Connection": "close"}
                try:
                    answer = session.post(self._url, data=data, headers=headers, timeout=60)
                except requests.RequestException as error:
                    self.failures.append(repr(error))
                    continue
                if answer.status_code == 200 and answer.json()["crc"] == zlib.crc32(whole):
                    self.answers.append(answer.json())
                else:
                    self.failures.append(f"{answer.status_code} {answer.text[:300]}")

    def goes_on(self, more: int = 100) -> None:
        """Waits until so many more answers have come."""
        goal = len(self.answers) + more
        until(lambda: len(self.answers) >= goal)

    def sees(self, what: str, value: object) -> None:
        """Waits until an answer says something."""
        seen = len(self.answers)
        until(lambda: any(answer[what] == value for answer in self.answers[seen:]))

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over = True
        for thread in self._threads:
            thread.join()


def workers(platform: Platform) -> int:
    """Returns how many workers the gateway sends to."""
    found = control.ask(platform.settings.sockets, "stats")["endpoints"]["ep-busy"]["deployments"]["blue"]
    return len(found["workers"])


@pytest.mark.slow
def test_no_request_is_lost_whatever_happens_to_the_deployment(
    ml: MLClient, own_platform: Platform, code: Path
) -> None:
    def update(instances: int, color: str) -> None:
        wanted = {"instance_count": instances, "environment_variables": {"COLOR": color}, "request_settings": _WIDE}
        ml.online_deployments.begin_create_or_update(deployment("ep-busy", code, None, **wanted)).result()
        until(lambda: workers(own_platform) == instances)

    blue = {"instance_count": 1, "environment_variables": {"COLOR": "blue"}, "request_settings": _WIDE}
    make(ml, "ep-busy", code, None, **blue)
    url = ml.online_endpoints.get("ep-busy").scoring_uri
    with Load(url, ml.online_endpoints.get_keys("ep-busy").primary_key) as load:
        load.goes_on()
        for instances in (3, 1, 2):
            update(instances, "blue")
            load.goes_on()
        update(2, "green")
        load.sees("color", "green")
        own_platform.kill()
        load.goes_on()
        own_platform.start()
        load.goes_on()
        assert load.failures == []
        killed = load.answers[-1]["pid"]
        os.kill(killed, signal.SIGKILL)
        load.goes_on()
        until(lambda: workers(own_platform) == 2)
        load.goes_on()
    # What a worker had begun when it was killed is not begun again: its client is told.
    assert len(load.failures) <= 1 and all(failure.startswith("424 ") for failure in load.failures), load.failures
    assert killed not in {answer["pid"] for answer in load.answers[-50:]}
