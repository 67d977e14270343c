"""Batch endpoints by the official SDK and by plain HTTP: deployed, invoked in every way, listed, cancelled, fetched."""

import functools
import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.ai.ml import Input, MLClient, Output
from azure.ai.ml.constants import AssetTypes, BatchDeploymentOutputAction
from azure.ai.ml.entities import (
    AmlCompute,
    BatchEndpoint,
    BatchRetrySettings,
    CodeConfiguration,
    Data,
    Environment,
    Model,
    ModelBatchDeployment,
    ModelBatchDeploymentSettings,
)
from azure.ai.ml.exceptions import ValidationException
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential

from tests.conftest import GROUP, SUBSCRIPTION, Platform, lead

SCORE = """
import os

def init():
    global scale
    (name,) = os.listdir(os.environ["AZUREML_MODEL_DIR"])
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], name)) as file:
        scale = int(file.read()) * int(os.environ.get("FACTOR", "1"))

def run(mini_batch):
    rows = []
    for index, path in enumerate(mini_batch):
        with open(path) as file:
            number = int(file.read())
        with open(os.path.join(os.environ["AZUREML_BI_OUTPUT_PATH"], "picture-%d.txt" % index), "w") as file:
            file.write(str(number))
        rows.append("%s %d of %d" % (os.path.basename(path), number * scale, len(mini_batch)))
    return rows
"""
ENDS_WITHIN_S = 60


class Endpoint:
    """An endpoint with one deployment `blue`, which is its default, and seven numbers in files."""

    def __init__(self, ml: MLClient, folder: Path) -> None:
        self.ml, self.folder = ml, folder
        self.name = f"numbers-{ml.workspace_name}"[:32]
        (folder / "code").mkdir()
        (folder / "code" / "batch_score.py").write_text(SCORE)
        (folder / "scale.txt").write_text("10")
        (folder / "data").mkdir()
        for number in range(7):
            (folder / "data" / f"{number}.txt").write_text(str(number))
        self.model = ml.models.create_or_update(Model(name="scale", path=str(folder / "scale.txt")))
        self.data = ml.data.create_or_update(Data(name="numbers", path=str(folder / "data"), type="uri_folder"))
        ml.compute.begin_create_or_update(AmlCompute(name="cpu", size="Standard_DS3_v2", max_instances=2)).result()
        ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name=self.name)).result()
        self.deploy("blue")
        endpoint = ml.batch_endpoints.get(self.name)
        endpoint.defaults.deployment_name = "blue"
        ml.batch_endpoints.begin_create_or_update(endpoint).result()
        self.scoring_uri = ml.batch_endpoints.get(self.name).scoring_uri

    def deploy(self, name: str, **changes: Any) -> Any:
        settings = {
            "mini_batch_size": 3,
            "instance_count": 1,
            "max_concurrency_per_instance": 1,
            "output_action": BatchDeploymentOutputAction.APPEND_ROW,
            "retry_settings": BatchRetrySettings(max_retries=1, timeout=30),
            "logging_level": "info",
        }
        deployment = ModelBatchDeployment(
            name=name,
            endpoint_name=self.name,
            model=self.model,
            environment=Environment(name="plain", version="1", image="python:3.11-slim"),
            code_configuration=CodeConfiguration(code=str(self.folder / "code"), scoring_script="batch_score.py"),
            compute="cpu",
            settings=ModelBatchDeploymentSettings(**{**settings, **changes}),
        )
        return self.ml.batch_deployments.begin_create_or_update(deployment).result()

    def invoke(self, **how: Any) -> Any:
        # The SDK keeps the deployment of one invocation for the next ones. Source: azure-ai-ml 1.35.2,
        # EndpointInvokeFields.DEFAULT_HEADER, one dict for all.
        return self.ml.batch_endpoints.invoke(endpoint_name=self.name, **{"deployment_name": "blue", **how})

    def results(self, job: str, to: Path, file: str = "predictions.csv") -> list[str]:
        """Waits for a job to complete; returns the lines of its results, as its step's `score` gives them."""
        assert ended(self.ml, job).status == "Completed"
        (step,) = self.ml.jobs.list(parent_job_name=job)
        self.ml.jobs.download(step.name, download_path=to, output_name="score")
        return (to / "named-outputs" / "score" / file).read_text().splitlines()

    @property
    def headers(self) -> dict[str, str]:
        token = DefaultAzureCredential().get_token("https://ml.azure.com/.default").token
        return {"Authorization": f"Bearer {token}"}


def ended(ml: MLClient, name: str) -> Any:
    """Returns a job once it has ended."""
    deadline = time.monotonic() + ENDS_WITHIN_S
    while (job := ml.jobs.get(name)).status not in ("Completed", "Failed", "Canceled"):
        assert time.monotonic() < deadline, f"{name} is {job.status}"
        time.sleep(0.1)
    return job


@pytest.fixture(scope="module")
def numbers(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with pytest.MonkeyPatch.context() as patch:
        lead(patch, platform)
        ml = MLClient(DefaultAzureCredential(), SUBSCRIPTION, GROUP, f"ws-{time.time_ns() % 10**9}")
        yield Endpoint(ml, tmp_path_factory.mktemp("numbers"))


ROWS = [f"{number}.txt {number * 10} of {3 if number < 6 else 1}" for number in range(7)]


def test_a_data_asset_is_scored_and_the_results_are_fetched_by_child_and_parent(numbers, tmp_path, capfd):
    latest = numbers.ml.data.get("numbers", label="latest")
    job = numbers.invoke(input=Input(path=latest.id), experiment_name="tryout")
    assert job.name and job.status and f"/batchEndpoints/{numbers.name}/" in job.id
    numbers.ml.jobs.stream(job.name)
    watched = capfd.readouterr().out
    assert "batchscoring: 3 mini-batches of 7 files" in watched and "3 of 3 mini-batches are finished" in watched
    assert 'wrote "picture-0.txt", as another did before. Both are kept' in watched
    assert "batchscoring: Completed" in watched
    assert numbers.results(job.name, tmp_path / "child") == ROWS

    # Pictures of three mini-batches bear the same names: none is lost.
    pictures = sorted((tmp_path / "child" / "named-outputs" / "score").glob("picture-*.txt"))
    assert sorted(int(picture.read_text()) for picture in pictures) == list(range(7))

    numbers.ml.jobs.download(job.name, download_path=tmp_path / "parent", output_name="score")
    assert (tmp_path / "parent" / "predictions.csv").read_text().splitlines() == ROWS
    parent = numbers.ml.jobs.get(job.name)
    assert parent.experiment_name == "tryout" and parent.tags["azureml.batchrun"] == "true"
    (step,) = numbers.ml.jobs.list(parent_job_name=job.name)
    assert step.display_name == "batchscoring" and numbers.ml.jobs.get(step.name).status == "Completed"


def test_an_invocation_overrides_what_the_deployment_says(numbers, tmp_path):
    place = f"azureml://datastores/workspaceblobstore/paths/results/{numbers.name}/"
    job = numbers.invoke(
        inputs={"any_name": Input(type=AssetTypes.URI_FOLDER, path=str(numbers.folder / "data"))},
        outputs={"score": Output(type=AssetTypes.URI_FOLDER, path=place)},
        job_name=f"mine-{numbers.name}",
        params_override=[
            {"mini_batch_size": 2},
            {"compute.instance_count": 2},
            {"output_file_name": "numbers.csv"},
            {"retry_settings.max_retries": 0},
            {"error_threshold": 5},
        ],
    )
    assert job.name == f"mine-{numbers.name}"
    rows = numbers.results(job.name, tmp_path, "numbers.csv")
    assert rows == [f"{number}.txt {number * 10} of {2 if number < 6 else 1}" for number in range(7)]
    parent = numbers.ml.jobs.get(job.name)
    assert parent.outputs["score"].path == place
    assert parent.jobs["batchscoring"].resources.instance_count == 2
    with pytest.raises(HttpResponseError, match="exists already"):
        numbers.invoke(input=Input(path=numbers.data.id), job_name=job.name)


def test_another_deployment_is_asked_by_name_and_one_file_is_enough(numbers, tmp_path):
    numbers.deploy("green", environment_variables={"FACTOR": "-1"}, output_file_name="green.csv")
    one = Input(type=AssetTypes.URI_FILE, path=str(numbers.folder / "data" / "5.txt"))
    job = numbers.invoke(input=one, deployment_name="green")
    assert numbers.results(job.name, tmp_path, "green.csv") == ["5.txt -50 of 1"]
    jobs = numbers.ml.batch_deployments.list_jobs(numbers.name, name="green")
    assert [one.name for one in jobs] == [job.name]
    assert job.name in [one.name for one in numbers.ml.batch_endpoints.list_jobs(numbers.name)]
    with pytest.raises(ValidationException, match="red not found for this endpoint"):
        numbers.invoke(input=one, deployment_name="red")
    numbers.ml.batch_deployments.begin_delete("green", numbers.name).result()
    assert [one.name for one in numbers.ml.batch_deployments.list(numbers.name)] == ["blue"]


def test_azures_documented_request_starts_a_job_that_its_address_tells_of(numbers, tmp_path):
    body = {
        "properties": {
            "InputData": {"numbers": {"JobInputType": "UriFolder", "Uri": numbers.data.id}},
            "OutputData": {
                "score": {
                    "JobOutputType": "UriFile",
                    "Uri": f"{numbers.ml.datastores.get_default().id}/paths/rest/{numbers.name}/out.csv",
                }
            },
            "properties": {"experimentName": "by-rest"},
        }
    }
    made = requests.post(numbers.scoring_uri, json=body, headers=numbers.headers, timeout=30)
    assert made.status_code == 201, made.text
    job = made.json()["id"].rpartition("/")[2]
    assert numbers.results(job, tmp_path, "out.csv") == ROWS
    shown = requests.get(f"{numbers.scoring_uri}/{job}", headers=numbers.headers, timeout=30).json()
    assert shown["properties"]["status"] == "Completed"
    assert numbers.ml.jobs.get(job).experiment_name == "by-rest"


def test_a_file_on_the_web_is_fetched_and_scored(numbers, tmp_path):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=numbers.folder / "data")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{web.server_port}/4.txt"
        job = numbers.invoke(input=Input(type=AssetTypes.URI_FILE, path=address))
        assert numbers.results(job.name, tmp_path) == ["4.txt 40 of 1"]
        web.shutdown()


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({}, "exactly one data input"),
        ({"inputData": {"n": {"jobInputType": "Literal", "value": 3}}}, "no literals"),
        ({"inputData": {"d": {"jobInputType": "UriFolder", "uri": "azureml:nobody:1"}}}, '"nobody" was not found'),
        ({"inputData": {"d": {"jobInputType": "UriFolder", "uri": "azureml:numbers@newest"}}}, "newest"),
        ({"inputData": {"d": {"jobInputType": "Folder", "uri": "azureml:numbers:1"}}}, "must be one of"),
        ({"inputData": {"d": {"uri": "azureml://datastores/workspaceblobstore/paths/none"}}}, "Nothing is at"),
        ({"inputDatas": {}}, "is no field of an invocation"),
        ({"inputData": {"d": {"uri": "azureml:numbers:1"}}, "miniBatchSize": 0}, "from 1 to"),
        ({"inputData": {"d": {"uri": "azureml:numbers:1"}}, "compute": {"instanceCount": 9}}, "2 at most"),
        ({"inputData": {"d": {"uri": "azureml:numbers:1"}}, "outputData": {"s": {"uri": "/tmp"}}}, "in a datastore"),
    ],
)
def test_what_cannot_be_scored_is_refused_and_starts_nothing(numbers, properties, words):
    before = len(list(numbers.ml.batch_endpoints.list_jobs(numbers.name)))
    answer = requests.post(numbers.scoring_uri, json={"properties": properties}, headers=numbers.headers, timeout=30)
    assert answer.status_code == 400 and words in answer.json()["error"]["message"], answer.text
    assert len(list(numbers.ml.batch_endpoints.list_jobs(numbers.name))) == before


def test_who_has_no_token_or_names_nothing_that_is_there_is_told_so(numbers):
    assert requests.post(numbers.scoring_uri, json={}, timeout=30).status_code == 401
    wrong = {**numbers.headers, "azureml-model-deployment": "red"}
    answer = requests.post(numbers.scoring_uri, json={"properties": {}}, headers=wrong, timeout=30)
    assert answer.status_code == 404 and "It has blue" in answer.text
    gone = numbers.scoring_uri.replace(numbers.name, "nobody")
    assert requests.post(gone, json={}, headers=numbers.headers, timeout=30).status_code == 404
    by_name = f"https://{numbers.name}.eastus.inference.ml.azure.com/jobs"
    assert requests.get(by_name, timeout=30).status_code == 401
    assert requests.get(f"{by_name}/none", headers=numbers.headers, timeout=30).status_code == 404
    nobody = by_name.replace(numbers.name, "nobody-of-that-name")
    assert requests.get(nobody, headers=numbers.headers, timeout=30).status_code == 404


def test_a_request_that_is_sent_again_makes_no_second_job(numbers):
    headers = {**numbers.headers, "repeatability_request-id": f"again-{numbers.name}"}
    by_name = f"https://{numbers.name}.eastus.inference.ml.azure.com/jobs"  # as Azure has it
    body = {"properties": {"inputData": {"d": {"jobInputType": "UriFolder", "uri": "azureml:numbers@latest"}}}}
    addresses = (numbers.scoring_uri, by_name)
    first, second = (requests.post(address, json=body, headers=headers, timeout=30) for address in addresses)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["name"] == second.json()["name"]
    assert ended(numbers.ml, first.json()["name"]).status == "Completed"


def test_a_job_is_cancelled(numbers, tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "batch_score.py").write_text("import time\ndef init(): pass\ndef run(b): time.sleep(600)\n")
    folder, numbers.folder = numbers.folder, tmp_path
    try:
        numbers.deploy("slow")
    finally:
        numbers.folder = folder
    job = numbers.invoke(input=Input(path=numbers.data.id), deployment_name="slow")
    deadline = time.monotonic() + ENDS_WITHIN_S
    while not any(one.status == "Running" for one in numbers.ml.jobs.list(parent_job_name=job.name)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    numbers.ml.jobs.begin_cancel(job.name).result()
    assert ended(numbers.ml, job.name).status == "Canceled"
    (step,) = numbers.ml.jobs.list(parent_job_name=job.name)
    assert step.status == "Canceled"


def test_an_endpoint_is_deleted_with_its_deployments_and_its_jobs_stay(ml: MLClient, tmp_path):
    made = Endpoint(ml, tmp_path)
    job = made.invoke(input=Input(path=made.data.id))
    ml.batch_endpoints.begin_delete(made.name).result()
    with pytest.raises(ResourceNotFoundError, match="was not found"):
        ml.batch_endpoints.get(made.name)
    assert made.results(job.name, tmp_path / "got") == ROWS
