"""Deployments by a real engine, docker or podman: built, pulled, run, ended, found again; and what goes wrong."""

import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from azure.ai.ml import MLClient
from azure.ai.ml.entities import (
    BuildContext,
    CodeConfiguration,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    ProbeSettings,
)
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential

from tests.conftest import GROUP, SUBSCRIPTION, Platform
from tests.containers.conftest import RealEngine

pytestmark = pytest.mark.slow

# Serves files, its variables among them, at the routes of Azure's own inference server.
SERVER = (
    "/bin/busybox env > /www/env; /bin/busybox ln -s /var/azureml-app /www/app; "
    "exec /bin/busybox httpd -f -p {port} -h /www"
)
ROUTES = {f"{name}_route": {"path": "/index.html", "port": 8123} for name in ("liveness", "readiness", "scoring")}


class Endpoint:
    """An endpoint with one deployment, blue."""

    def __init__(self, ml: MLClient, weights: Path) -> None:
        self.ml, self.name, self._weights = ml, f"ep-{ml.workspace_name}", weights
        self._endpoint = ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=self.name)).result()
        self._key = ml.online_endpoints.get_keys(self.name).primary_key

    def put(self, environment: Environment, **more: object) -> None:
        blue = ManagedOnlineDeployment(
            name="blue",
            endpoint_name=self.name,
            environment=environment,
            model=Model(name="weights", path=str(self._weights)),
            instance_type="Standard_DS3_v2",
            instance_count=1,
            **more,
        )
        self.ml.online_deployments.begin_create_or_update(blue).result()
        self._endpoint.traffic = {"blue": 100}
        self._endpoint = self.ml.online_endpoints.begin_create_or_update(self._endpoint).result()

    def get(self, path: str) -> requests.Response:
        url = self._endpoint.scoring_uri.removesuffix("/score") + path
        return requests.get(url, headers={"Authorization": f"Bearer {self._key}"}, timeout=60)

    def logs(self) -> str:
        return str(self.ml.online_deployments.get_logs("blue", self.name, lines=200))


@pytest.fixture
def running(real_engine: RealEngine, tmp_path: Path) -> Iterator[Platform]:
    (tmp_path / "platform").mkdir()
    running = Platform(tmp_path / "platform" / "home")
    running.start()
    yield running
    if running.status() is None:
        running.start()
    running.stop()
    real_engine("image", "prune", "--all", "--force", "--filter", f"label=lazulite.home={running.home}")
    for name in ("base:1", "served:1"):
        subprocess.run([real_engine.program, "rmi", f"acr9.azurecr.io/{name}"], capture_output=True)


@pytest.fixture
def endpoint(running: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    for name, value in running.environ.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "factor").write_text("3")
    ml = MLClient(DefaultAzureCredential(), SUBSCRIPTION, GROUP, f"ws-{uuid.uuid4().hex[:8]}")
    return Endpoint(ml, tmp_path / "weights")


def image(folder: Path, base: str, page: str, command: str) -> Path:
    """Writes the build context of an image that shows a page."""
    folder.mkdir()
    (folder / "Dockerfile").write_text(
        f"FROM {base}\nCOPY www /www\nENV PAGE={page}\nCMD ['/bin/busybox', 'sh', '-c', '{command}']".replace("'", '"')
    )
    (folder / "www").mkdir()
    (folder / "www" / "index.html").write_text(page)
    (folder / "www" / "score").write_text(f"score of {page}")
    return folder


def containers(engine: RealEngine, platform: Platform) -> list[str]:
    return engine("ps", "-aq", "--filter", f"name={platform.settings.sockets.name}-").split()


def until(holds: Callable[[], object], limit_s: float = 60) -> None:
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_images_of_the_workspaces_registry_are_started_from_run_and_given_scripts(
    real_engine: RealEngine, running: Platform, endpoint: Endpoint, tmp_path: Path
) -> None:
    registry = f"127.0.0.1:{running.port}/acr9"
    flags = ["--tls-verify=false"] if real_engine.is_podman else []

    def push(name: str) -> None:
        real_engine("push", *flags, f"{registry}/{name}")
        real_engine("rmi", f"{registry}/{name}")

    real_engine("tag", real_engine.base, f"{registry}/base:1")
    push("base:1")
    own = image(tmp_path / "own", "acr9.azurecr.io/base:1", "built", SERVER.format(port=8123))
    endpoint.put(
        Environment(build=BuildContext(path=str(own)), inference_config=ROUTES),
        model_mount_path="/www/models",
        environment_variables={"COLOR": "blue"},
    )
    assert endpoint.get("/score").text == endpoint.get("/index.html").text == "built"
    assert endpoint.get("/models/weights/1/weights/factor").text == "3"
    said = endpoint.get("/env").text.splitlines()
    assert {"COLOR=blue", "PAGE=built", "AZUREML_MODEL_DIR=/www/models/weights/1"} <= set(said)
    # An image of which nobody here knows what it holds: its own server runs the script, as Azure has it.
    served = image(tmp_path / "served", real_engine.base, "served", SERVER.format(port=5001))
    real_engine("build", "-t", f"{registry}/served:1", str(served))
    push("served:1")
    pushed = requests.get(f"http://127.0.0.1:{running.port}/v2/acr9/served/manifests/1", timeout=30)
    digest = pushed.headers["docker-content-digest"]
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "score.py").write_text("def init(): pass\n")
    endpoint.put(
        Environment(image=f"acr9.azurecr.io/served@{digest}"),
        code_configuration=CodeConfiguration(code=str(tmp_path / "code"), scoring_script="score.py"),
    )
    assert endpoint.get("/score").text == "score of served"
    said = endpoint.get("/env").text.splitlines()
    wanted = {
        "AML_APP_ROOT": "/var/azureml-app",
        "AZUREML_ENTRY_SCRIPT": "code/score.py",
        "AZUREML_MODEL_DIR": "/var/azureml-app/azureml-models/weights/2",
    }
    assert {f"{name}={value}" for name, value in wanted.items()} <= set(said)
    assert endpoint.get("/app/code/score.py").text == "def init(): pass\n"
    assert endpoint.get("/app/azureml-models/weights/2/weights/factor").text == "3"


def test_containers_outlive_the_platform_and_come_back_when_they_end_and_none_is_left_behind(
    real_engine: RealEngine, running: Platform, endpoint: Endpoint, tmp_path: Path
) -> None:
    own = image(tmp_path / "own", real_engine.base, "there", SERVER.format(port=8123))
    environment = Environment(build=BuildContext(path=str(own)), inference_config=ROUTES)
    endpoint.put(environment)
    first = containers(real_engine, running)
    assert len(first) == 1 and endpoint.get("/score").text == "there"
    running.kill()
    assert endpoint.get("/score").text == "there", "gateway and container go on"
    running.start()
    assert containers(real_engine, running) == first, "and are found again"
    real_engine("kill", first[0])
    until(lambda: containers(real_engine, running) not in ([], first) and endpoint.get("/score").status_code == 200)
    assert "The container has ended with exit status 137" in endpoint.logs()
    endpoint.ml.online_endpoints.begin_delete(endpoint.name).result()
    until(lambda: containers(real_engine, running) == [])


def test_what_cannot_be_run_is_told_and_what_ran_goes_on(
    real_engine: RealEngine, running: Platform, endpoint: Endpoint, tmp_path: Path
) -> None:
    own = image(tmp_path / "own", real_engine.base, "there", SERVER.format(port=8123))
    endpoint.put(Environment(build=BuildContext(path=str(own)), inference_config=ROUTES))
    with pytest.raises(HttpResponseError, match=r"pull` failed(.|\n)*nothing"):
        endpoint.put(Environment(image="acr9.azurecr.io/nothing:1", inference_config=ROUTES))
    ends = image(tmp_path / "ends", real_engine.base, "ends", "echo no weights here; exit 5")
    with pytest.raises(HttpResponseError, match="exit status 5 before it was ready"):
        endpoint.put(Environment(build=BuildContext(path=str(ends)), inference_config=ROUTES))
    assert "no weights here" in endpoint.logs()
    own_deaf = image(tmp_path / "deaf", real_engine.base, "deaf", SERVER.format(port=8123))
    deaf = {name: {"path": "/nowhere", "port": 8123} for name in ROUTES}
    impatient = ProbeSettings(initial_delay=0, period=1, timeout=1, failure_threshold=2)
    with pytest.raises(HttpResponseError, match="before it was ready"):
        endpoint.put(
            Environment(build=BuildContext(path=str(own_deaf)), inference_config=deaf), liveness_probe=impatient
        )
    assert "The liveness probe of /nowhere failed 2 times" in endpoint.logs()
    broken = image(tmp_path / "broken", real_engine.base, "broken", "true")
    (broken / "Dockerfile").write_text(f"FROM {real_engine.base}\nCOPY nothing /there\n")
    with pytest.raises(HttpResponseError, match="build` failed"):
        endpoint.put(Environment(build=BuildContext(path=str(broken)), inference_config=ROUTES))
    assert endpoint.get("/score").text == "there"
    until(lambda: len(containers(real_engine, running)) == 1)
