"""Online endpoints and deployments by the official SDK: made, called, moved, broken, mended, deleted."""

import json
import threading
import time
from pathlib import Path

import pytest
import requests
from azure.ai.ml import MLClient
from azure.ai.ml.entities import (
    CodeConfiguration,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    OnlineRequestSettings,
)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

SCORE = """
import json, os

def init():
    global factor
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "saved_model", "factor.json")) as file:
        factor = json.load(file)
    print("loaded factor", factor)

def run(raw_data):
    return {"answer": json.loads(raw_data)["x"] * factor, "color": os.environ.get("COLOR", "")}
"""


@pytest.fixture
def model(ml: MLClient, tmp_path: Path) -> Model:
    folder = tmp_path / "saved_model"
    folder.mkdir()
    (folder / "factor.json").write_text("3")
    return ml.models.create_or_update(Model(name="factor", path=str(folder), type="custom_model"))


@pytest.fixture
def name(ml: MLClient) -> str:
    return f"ep-{ml.workspace_name}"


def deployment(endpoint: str, code: Path, model: Model | None, name: str = "blue", **more) -> ManagedOnlineDeployment:
    given = {
        "environment": Environment(name="plain", version="1", image="python:3.11-slim"),
        "code_configuration": CodeConfiguration(code=str(code), scoring_script="score.py"),
        "instance_type": "Standard_DS3_v2",
        "instance_count": 1,
        **more,
    }
    return ManagedOnlineDeployment(name=name, endpoint_name=endpoint, model=model, **given)


def make(ml: MLClient, name: str, code: Path, model: Model | None, **more) -> None:
    """Makes an endpoint with one deployment that takes all traffic."""
    endpoint = ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=name, auth_mode="key")).result()
    ml.online_deployments.begin_create_or_update(deployment(name, code, model, **more)).result()
    endpoint.traffic = {more.get("name", "blue"): 100}
    ml.online_endpoints.begin_create_or_update(endpoint).result()


def call(ml: MLClient, name: str, body: object, **headers: str) -> requests.Response:
    endpoint = ml.online_endpoints.get(name)
    key = ml.online_endpoints.get_keys(name).primary_key
    return requests.post(
        endpoint.scoring_uri, json=body, headers={"Authorization": f"Bearer {key}", **headers}, timeout=60
    )


def test_a_model_is_deployed_called_and_logged(
    ml: MLClient, name: str, code: Path, model: Model, tmp_path: Path
) -> None:
    make(ml, name, code, model, environment_variables={"COLOR": "azure"})
    request = tmp_path / "request.json"
    request.write_text('{"x": 14}')
    answer = ml.online_endpoints.invoke(name, request_file=str(request))
    assert json.loads(answer) == {"answer": 42, "color": "azure"}
    found = ml.online_deployments.get("blue", name)
    assert (found.provisioning_state, found.instance_count) == ("Succeeded", 1)
    assert "loaded factor 3" in ml.online_deployments.get_logs("blue", name, lines=50)
    storage = ml.online_deployments.get_logs("blue", name, lines=50, container_type="storage-initializer")
    assert "factor:1" in storage


def test_what_azure_fills_in_is_there_to_be_changed(ml: MLClient, name: str, code: Path) -> None:
    ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=name)).result()
    endpoint = ml.online_endpoints.get(name)
    assert (endpoint.kind, bool(endpoint.identity.principal_id)) == ("Managed", True)
    (code / "score.py").write_text("def init(): pass\ndef run(data): return 1\n")
    made = ml.online_deployments.begin_create_or_update(deployment(name, code, None)).result()
    assert (made.liveness_probe.period, made.request_settings.request_timeout_ms) == (10, 5000)
    made.request_settings.request_timeout_ms = 90_000
    ml.online_deployments.begin_create_or_update(made).result()
    assert ml.online_deployments.get("blue", name).request_settings.request_timeout_ms == 90_000


def test_azures_own_host_name_reaches_the_endpoint(ml: MLClient, name: str, code: Path, model: Model) -> None:
    make(ml, name, code, model)
    key = ml.online_endpoints.get_keys(name).primary_key
    url = f"https://{name}.eastus.inference.ml.azure.com/score"
    answer = requests.post(url, json={"x": 2}, headers={"Authorization": f"Bearer {key}"}, timeout=60)
    assert answer.json()["answer"] == 6
    assert answer.headers["azureml-model-deployment"] == "blue"
    assert requests.get(f"https://{name}.eastus.inference.ml.azure.com/", timeout=60).status_code == 200


def test_a_deployment_goes_on_after_its_client_has_left(ml: MLClient, name: str, code: Path, model: Model) -> None:
    ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=name))
    ml.online_deployments.begin_create_or_update(deployment(name, code, model))
    until(lambda: ml.online_deployments.get("blue", name).provisioning_state == "Succeeded")
    assert call(ml, name, {"x": 1}).status_code == 404, "no traffic is set, and none is named"
    named = call(ml, name, {"x": 1}, **{"azureml-model-deployment": "blue"})
    assert named.json()["answer"] == 3


def test_keys_are_regenerated_and_the_old_one_is_refused(ml: MLClient, name: str, code: Path, model: Model) -> None:
    make(ml, name, code, model)
    old = ml.online_endpoints.get_keys(name)
    ml.online_endpoints.begin_regenerate_keys(name, key_type="primary").result()
    new = ml.online_endpoints.get_keys(name)
    assert new.primary_key != old.primary_key
    assert new.secondary_key == old.secondary_key
    url = ml.online_endpoints.get(name).scoring_uri
    statuses = [
        requests.post(url, json={"x": 1}, headers={"Authorization": f"Bearer {key}"}, timeout=60).status_code
        for key in (old.primary_key, new.primary_key, new.secondary_key, "")
    ]
    assert statuses == [401, 200, 200, 401]


@pytest.mark.parametrize("mode", ["aml_token", "aad_token"])
def test_tokens_open_an_endpoint_that_takes_them(
    ml: MLClient, name: str, code: Path, model: Model, mode: str, tmp_path: Path
) -> None:
    endpoint = ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=name, auth_mode=mode)).result()
    ml.online_deployments.begin_create_or_update(deployment(name, code, model)).result()
    endpoint.traffic = {"blue": 100}
    ml.online_endpoints.begin_create_or_update(endpoint).result()
    request = tmp_path / "request.json"
    request.write_text('{"x": 5}')
    assert json.loads(ml.online_endpoints.invoke(name, request_file=str(request)))["answer"] == 15
    refused = requests.post(endpoint.scoring_uri, json={}, headers={"Authorization": "Bearer nonsense"}, timeout=60)
    assert refused.status_code == 401


def test_an_init_that_raises_fails_the_deployment_with_the_users_own_line(
    ml: MLClient, name: str, code: Path, model: Model
) -> None:
    (code / "score.py").write_text(
        "def init():\n    weights = {}\n    weights['missing']\n\ndef run(data):\n    pass\n"
    )
    ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=name)).result()
    with pytest.raises(HttpResponseError) as caught:
        ml.online_deployments.begin_create_or_update(deployment(name, code, model)).result()
    assert "KeyError: 'missing'" in str(caught.value)
    assert "score.py" in str(caught.value)
    assert "line 3" in str(caught.value)
    assert ml.online_deployments.get("blue", name).provisioning_state == "Failed"


def test_a_failed_deployment_is_mended_by_the_next_body(ml: MLClient, name: str, code: Path, model: Model) -> None:
    good = (code / "score.py").read_text()
    (code / "score.py").write_text("import nothing_of_that_name\n\ndef init(): pass\ndef run(data): pass\n")
    ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=name)).result()
    with pytest.raises(HttpResponseError, match="ModuleNotFoundError: No module named 'nothing_of_that_name'"):
        ml.online_deployments.begin_create_or_update(deployment(name, code, model)).result()
    (code / "score.py").write_text(good)
    ml.online_deployments.begin_create_or_update(deployment(name, code, model)).result()
    assert call(ml, name, {"x": 2}, **{"azureml-model-deployment": "blue"}).json()["answer"] == 6


def test_an_environment_that_cannot_be_built_says_why(
    ml: MLClient, name: str, code: Path, model: Model, tmp_path: Path
) -> None:
    conda = tmp_path / "conda.yml"
    conda.write_text("dependencies: [python=3.11, pip, {pip: [six==99.99]}]")
    broken = Environment(name="broken", image="python:3.11-slim", conda_file=str(conda))
    ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=name)).result()
    with pytest.raises(HttpResponseError, match=r"six==99\.99") as caught:
        ml.online_deployments.begin_create_or_update(deployment(name, code, model, environment=broken)).result()
    assert "ImageBuildFailure" in str(caught.value)


def test_wrong_bodies_are_refused_at_once_and_change_nothing(ml: MLClient, name: str, code: Path, model: Model) -> None:
    with pytest.raises(ResourceNotFoundError, match=f'"{name}" was not found'):
        ml.online_deployments.begin_create_or_update(deployment(name, code, model)).result()
    ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=name)).result()
    with pytest.raises(HttpResponseError, match="A10"):
        wrong = deployment(name, code, model, instance_type="Standard_NV36ads_A10_v5")
        ml.online_deployments.begin_create_or_update(wrong).result()
    with pytest.raises(HttpResponseError, match="requestTimeout"):
        wrong = deployment(name, code, model, request_settings=OnlineRequestSettings(request_timeout_ms=900_000))
        ml.online_deployments.begin_create_or_update(wrong).result()
    with pytest.raises(HttpResponseError, match=r'"nothing.py" is not in the uploaded code, which holds score.py'):
        wrong = deployment(
            name, code, model, code_configuration=CodeConfiguration(code=str(code), scoring_script="nothing.py")
        )
        ml.online_deployments.begin_create_or_update(wrong, skip_script_validation=True).result()
    assert list(ml.online_deployments.list(name)) == []


def test_moving_traffic_and_updating_under_load_fails_no_request(
    ml: MLClient, name: str, code: Path, model: Model
) -> None:
    make(ml, name, code, model, environment_variables={"COLOR": "blue"}, **_WIDE)
    with Load(ml, name) as load:
        green = deployment(name, code, model, "green", environment_variables={"COLOR": "green"}, **_WIDE)
        ml.online_deployments.begin_create_or_update(green).result()
        endpoint = ml.online_endpoints.get(name)
        for traffic in ({"blue": 50, "green": 50}, {"blue": 0, "green": 100}):
            endpoint.traffic = traffic
            ml.online_endpoints.begin_create_or_update(endpoint).result()
        load.until_seen("green")
        second = deployment(name, code, model, "green", environment_variables={"COLOR": "teal"}, **_WIDE)
        ml.online_deployments.begin_create_or_update(second).result()
        load.until_seen("teal")
        ml.online_deployments.begin_delete("blue", name).result()
    assert load.failures == []
    assert load.seen >= {"blue", "green", "teal"}


def test_a_deployment_with_traffic_is_not_deleted(ml: MLClient, name: str, code: Path, model: Model) -> None:
    make(ml, name, code, model)
    with pytest.raises(HttpResponseError, match="takes 100 % of the traffic"):
        ml.online_deployments.begin_delete("blue", name).result()
    ml.online_endpoints.begin_delete(name).result()
    assert list(ml.online_endpoints.list()) == []


def test_several_instances_answer_side_by_side(ml: MLClient, name: str, code: Path) -> None:
    (code / "score.py").write_text(
        "import os, time\ndef init(): pass\ndef run(d):\n    time.sleep(.2)\n    return os.getpid()\n"
    )
    make(ml, name, code, None, instance_count=3)
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(call(ml, name, {}).json())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) >= 2


def test_an_endpoint_name_is_unique_across_workspaces(ml: MLClient, name: str) -> None:
    ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=name)).result()
    other = MLClient(ml._credential, ml.subscription_id, ml.resource_group_name, f"{ml.workspace_name}-b")
    with pytest.raises(HttpResponseError, match="exists in another workspace"):
        other.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=name)).result()


_WIDE = {"request_settings": OnlineRequestSettings(request_timeout_ms=60_000, max_concurrent_requests_per_instance=50)}


class Load:
    """Two clients that call an endpoint without pause, and note every answer that is not 200."""

    def __init__(self, ml: MLClient, name: str) -> None:
        self.url = ml.online_endpoints.get(name).scoring_uri
        self.headers = {"Authorization": f"Bearer {ml.online_endpoints.get_keys(name).primary_key}"}
        self.failures: list[str] = []
        self.seen: set[str] = set()
        self.is_over = False
        self.threads = [threading.Thread(target=self._call) for _ in range(2)]

    def _call(self) -> None:
        with requests.Session() as session:
            while not self.is_over:
                answer = session.post(self.url, json={"x": 1}, headers=self.headers, timeout=60)
                if answer.status_code == 200:
                    self.seen.add(answer.json()["color"])
                else:
                    self.failures.append(f"{answer.status_code} {answer.text}")

    def until_seen(self, color: str) -> None:
        until(lambda: color in self.seen)

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.is_over = True
        for thread in self.threads:
            thread.join()


def until(holds, within_s: float = 60) -> None:
    """Waits until something holds; fails when it does not in time."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)


def test_a_script_that_never_returns_is_ended_and_the_endpoint_answers_again(
    ml: MLClient, name: str, code: Path
) -> None:
    # A loop inside C cannot be interrupted from Python: the worker is ended, another takes its place.
    (code / "score.py").write_text(
        "import json, re\n"
        "def init(): pass\n"
        "def run(data):\n"
        "    if json.loads(data).get('loop'):\n"
        "        re.match(r'(a+)+$', 'a' * 64 + 'b')\n"
        "    return 'fine'\n"
    )
    make(ml, name, code, None, request_settings=OnlineRequestSettings(request_timeout_ms=1000))
    assert call(ml, name, {"loop": 1}).status_code == 408
    until(lambda: call(ml, name, {}).status_code == 200)
