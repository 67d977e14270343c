"""Deployments whose image brings a server of its own, without a container engine, by the official SDK.

With one: tests/containers/test_engine_real.py.
"""

import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from azure.ai.ml import MLClient
from azure.ai.ml.entities import (
    BuildContext,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    OnlineRequestSettings,
)
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential

from lazulite.guest import box
from tests.conftest import GROUP, SUBSCRIPTION, Platform, lead

pytestmark = pytest.mark.slow

SERVER = """
import http.server, json, os, sys, urllib.error, urllib.request

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/out":
            try:
                urllib.request.urlopen("http://192.0.2.1/", timeout=2)
            except urllib.error.HTTPError as error:
                return self.answer({"out": error.code})
            except OSError as error:
                return self.answer({"out": str(error)})
        self.answer({"path": self.path, "host": self.headers.get("x-who")})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        model = os.path.join(os.environ["AZUREML_MODEL_DIR"], "weights", "factor")
        with open(model) as file:
            told = {"answer": int(body) * int(file.read()), "path": self.path, "model": model, "cwd": os.getcwd()}
        self.answer({**told, "color": os.environ["COLOR"], "from": os.environ["FROM_IMAGE"]})
        if body == "0":
            sys.stdout.flush()
            os._exit(7)

    def answer(self, found):
        content = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

print("serving", sys.argv[1:], flush=True)
http.server.ThreadingHTTPServer(("0.0.0.0", 8123), Handler).serve_forever()
"""
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
DOCKERFILE = f"""
FROM python:{MINOR}-slim
ENV FROM_IMAGE=yes
WORKDIR /srv/app
COPY server.py ./
EXPOSE 8123
CMD ["python", "server.py", "one"]
"""
ROUTES = {
    "liveness_route": {"path": "/live", "port": 8123},
    "readiness_route": {"path": "/ready", "port": 8123},
    "scoring_route": {"path": "/v1/predict", "port": 8123},
}


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that uses no engine, whether there is one or not."""
    if not box.are_possible():
        pytest.skip("this system allows no namespaces")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAZULITE_CONTAINER_ENGINE", "none")
        running = Platform(tmp_path_factory.mktemp("without") / "home")
        running.start()
    yield running
    running.stop()


def client(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> MLClient:
    lead(monkeypatch, platform)
    return MLClient(DefaultAzureCredential(), SUBSCRIPTION, GROUP, f"ws-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "docker"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "server.py").write_text(SERVER)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "factor").write_text("3")
    return folder


class Deployed:
    """An endpoint with one deployment that serves by its own image."""

    def __init__(self, ml: MLClient, environment: Environment, weights: Path, **more: object) -> None:
        self._ml, self.name = ml, f"ep-{ml.workspace_name}"
        endpoint = ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=self.name)).result()
        self.put(environment, weights, **more)
        endpoint.traffic = {"blue": 100}
        self.url = ml.online_endpoints.begin_create_or_update(endpoint).result().scoring_uri
        self._headers = {"Authorization": f"Bearer {ml.online_endpoints.get_keys(self.name).primary_key}"}

    def put(self, environment: Environment, weights: Path, **more: object) -> None:
        given = {"instance_type": "Standard_DS3_v2", "instance_count": 1, "environment_variables": {"COLOR": "blue"}}
        blue = ManagedOnlineDeployment(
            name="blue",
            endpoint_name=self.name,
            environment=environment,
            model=Model(name="weights", path=str(weights), type="custom_model"),
            request_settings=OnlineRequestSettings(request_timeout_ms=20_000),
            **{**given, **more},
        )
        self._ml.online_deployments.begin_create_or_update(blue).result()

    def ask(self, body: str) -> requests.Response:
        return requests.post(self.url, data=body, headers=self._headers, timeout=60)

    def get(self, path: str, **headers: str) -> requests.Response:
        return requests.get(self.url.removesuffix("/score") + path, headers={**self._headers, **headers}, timeout=60)

    def logs(self) -> str:
        return self._ml.online_deployments.get_logs("blue", self.name, lines=200)


def test_without_an_engine_a_plain_dockerfile_runs_as_a_program(
    without: Platform, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ml = client(without, monkeypatch)
    environment = Environment(build=BuildContext(path=str(context)), inference_config=ROUTES)
    one = Deployed(ml, environment, context.parent / "weights", model_mount_path="/opt/models", instance_count=2)
    told = one.ask("14").json()
    assert told == {
        "answer": 42,
        "path": "/v1/predict",
        "model": "/opt/models/weights/1/weights/factor",
        "cwd": "/srv/app",
        "color": "blue",
        "from": "yes",
    }
    assert one.get("/any/path?a=1", **{"x-who": "me"}).json() == {"path": "/any/path?a=1", "host": "me"}
    assert "serving ['one']" in one.logs()
    assert one.ask("0").json()["answer"] == 0, "and then it ends"
    deadline = time.monotonic() + 60
    while "exit status 7" not in one.logs():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert one.get("/out").json()["out"] != 403, "whatever the machine's network says to an address that nobody has"
    # Two generations have the same port, each in a network of its own.
    own = {"environment_variables": {"COLOR": "green"}, "egress_public_network_access": "disabled"}
    one.put(environment, context.parent / "weights", **own)
    assert one.ask("1").json()["color"] == "green"
    assert one.get("/out").json() == {"out": 403}, "and this one may not leave the machine"


def test_a_server_that_does_not_come_up_is_told_with_its_last_words(
    without: Platform, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ml = client(without, monkeypatch)
    (context / "server.py").write_text("raise SystemExit('no weights here')")
    environment = Environment(build=BuildContext(path=str(context)), inference_config=ROUTES)
    with pytest.raises(HttpResponseError, match="ended with exit status 1"):
        Deployed(ml, environment, context.parent / "weights")
    with (context / "Dockerfile").open("a") as file:
        file.write("\nCMD tritonserver --model-repository=/models\n")
    environment = Environment(build=BuildContext(path=str(context)), inference_config=ROUTES)
    with pytest.raises(HttpResponseError, match='runs "tritonserver", which is not here'):
        Deployed(ml, environment, context.parent / "weights")
    missing = Environment(image="registry.example/unknown:1", inference_config=ROUTES)
    with pytest.raises(HttpResponseError, match="no container engine here"):
        Deployed(ml, missing, context.parent / "weights")
