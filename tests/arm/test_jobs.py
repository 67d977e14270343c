"""Jobs on the control plane: what is accepted, what is refused with its field, what lists and cancels answer.

No engine's loop runs here, so that every job waits.
"""

import re

import pytest
from azure.ai.ml._restclient.arm_ml_service.models import JobBase
from azure.ai.ml.entities import Job

from lazulite import clock
from lazulite.engine import folders, queue, states
from lazulite.engine.states import Change
from tests.arm.conftest import WORKSPACE, Arm

LEAST = {"jobType": "Command", "command": "python train.py", "environmentId": "azureml:plain:1"}


@pytest.fixture
def arm(arm: Arm) -> Arm:
    """A control plane whose workspace has an environment and a cluster."""
    arm.ask("PUT", "environments/plain/versions/1", {"properties": {"image": "python:3.11"}})
    cluster = {"vmSize": "Standard_DS3_v2", "scaleSettings": {"maxNodeCount": 2}}
    arm.ask("PUT", "computes/cpu", {"properties": {"computeType": "AmlCompute", "properties": cluster}})
    return arm


def put(arm, name, **more):
    return arm.ask("PUT", f"jobs/{name}", {"properties": {**LEAST, **more}})


def move(arm, name, *moves):
    """Moves a job as the engine does."""
    for state in moves:
        with arm.parts.db.write() as connection:
            job = states.find(connection, scope(connection), name)
            assert states.apply(connection, job, Change(state), now=clock.now())


def scope(connection):
    return connection.exec_driver_sql("SELECT scope FROM jobs").first()[0]


def upload(arm, path, content="x"):
    """Puts a file where workspaceblobstore has that path."""
    store = arm.ask("GET", "datastores/workspaceblobstore").body["properties"]
    file = arm.parts.settings.home / "storage" / store["accountName"] / store["containerName"] / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return f"azureml://datastores/workspaceblobstore/paths/{path}"


def test_a_job_is_answered_at_once_with_all_that_the_sdk_reads(arm):
    answer = put(
        arm,
        "first",
        computeId=f"{WORKSPACE}/computes/cpu",
        inputs={"lr": {"jobInputType": "literal", "value": "0.1"}},
        outputs={"model": {"jobOutputType": "mlflow_model"}},
        tags={"a": "b"},
    )
    shown = answer.body["properties"]
    assert answer.status == 201 and answer.body["id"] == f"{WORKSPACE}/jobs/first"
    assert (shown["status"], shown["displayName"], shown["experimentName"]) == ("Queued", "first", "Default")
    assert shown["tags"] == {"a": "b"} and shown["properties"] == {} and shown["isArchived"] is False
    assert shown["services"]["Studio"]["endpoint"].endswith(f"/runs/first?wsid={WORKSPACE}")
    assert all(one["properties"] == {} for one in shown["services"].values())
    assert shown["outputs"]["default"] == {
        "jobOutputType": "uri_folder",
        "uri": "azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.first",
        "mode": "ReadWriteMount",
    }
    assert shown["outputs"]["model"]["uri"] == "azureml://datastores/workspaceblobstore/paths/azureml/first/model/"
    assert arm.ask("GET", "jobs/FIRST").body == answer.body
    job = Job._from_rest_object(JobBase(answer.body))
    assert (job.name, job.status, job.compute) == ("first", "Queued", f"{WORKSPACE}/computes/cpu")


@pytest.mark.parametrize(
    ("reference", "resolved"),
    [
        ("azureml:plain@latest", f"{WORKSPACE}/environments/plain/versions/2"),
        (f"{WORKSPACE}/environments/azureml:plain/versions/1", f"{WORKSPACE}/environments/plain/versions/1"),
        ("azureml:AzureML-sklearn-1.5:10", "azureml://registries/azureml/environments/sklearn-1.5/versions/10"),
        (
            "azureml://registries/azureml/environments/sklearn-1.5/versions/10",
            "azureml://registries/azureml/environments/sklearn-1.5/versions/10",
        ),
    ],
)
def test_environments_are_resolved_once_and_for_all(arm, reference, resolved):
    arm.ask("PUT", "environments/plain/versions/2", {"properties": {"image": "python:3.12"}})
    assert put(arm, "one", environmentId=reference).body["properties"]["environmentId"] == resolved


def given(kind, uri):
    return {"inputs": {"d": {"jobInputType": kind, "uri": uri}}}


STORED = "azureml://datastores/workspaceblobstore/paths"


@pytest.mark.parametrize(
    ("field", "told", "more"),
    [
        ("computeId", 'Compute "gpu" was not found in this workspace. It has cpu.', {"computeId": "gpu"}),
        ("environmentId", '"plain" has no version "9".*It has 1', {"environmentId": "azureml:plain:9"}),
        ("environmentId", "Near it are", {"environmentId": "AzureML-tensorflow-99@latest"}),
        ("codeId", "codes.*was not found", {"codeId": f"{WORKSPACE}/codes/c/versions/1"}),
        ("inputs.d", "Nothing is at", given("uri_folder", f"{STORED}/none/")),
        ("inputs.d", 'data "d" was not found', given("uri_folder", "azureml:d:1")),
        ("inputs.d", 'models "m" was not found', given("mlflow_model", "azureml:m:1")),
        ("inputs.d", 'Datastore "s3" was not found', given("uri_file", "azureml://datastores/s3/paths/x")),
        ("inputs.d", 'Job "j" was not found', given("uri_file", "azureml://jobs/j/outputs/m")),
        ("inputs.d", "does not lie in blob storage", given("uri_file", "ftp://host/x")),
        ("outputs.o", "not the URI of a path in a datastore", {"outputs": {"o": {"uri": "/mnt/x"}}}),
        ("outputs.o", 'Datastore "s3" was not found', {"outputs": {"o": {"uri": "azureml://datastores/s3/paths/x"}}}),
        ("command", "inputs.lr", {"command": "x ${{inputs.lr}}"}),
        ("resources.instanceCount", "3 nodes.*2 at most", {"computeId": "cpu", "resources": {"instanceCount": 3}}),
        ("resources.instanceType", "not a VM size", {"resources": {"instanceType": "Standard_Huge"}}),
        ("jobType", "must be one of", {"jobType": "Dance"}),
        ("tags.a", "must be text", {"tags": {"a": 1}}),
        ("experimentName", "must be text", {"experimentName": 7}),
    ],
)
def test_what_leads_nowhere_is_refused_at_once_with_its_field(arm, field, told, more):
    answer = put(arm, "wrong", **more)
    assert (answer.status, answer.body["error"]["target"]) == (400, f"properties.{field}"), answer.body
    assert re.search(told, answer.message), answer.message
    assert arm.ask("GET", "jobs/wrong").status == 404 and arm.ask("GET", "jobs").body["value"] == []


def test_a_wrong_type_is_refused_at_once(arm):
    uri = upload(arm, "data/x.csv")
    for kind, path, told in (
        ("uri_folder", uri, "is a file"),
        ("uri_file", uri.removesuffix("/x.csv"), "is a folder"),
        ("mltable", uri.removesuffix("/x.csv"), "no file called MLTable"),
    ):
        answer = put(arm, "wrong", inputs={"d": {"jobInputType": kind, "uri": path}})
        assert answer.status == 400 and told in answer.message and "inputs.d" in answer.message


def test_a_stopped_instance_is_refused_with_how_to_start_it(arm):
    instance = {"computeType": "ComputeInstance", "properties": {"vmSize": "Standard_DS3_v2"}}
    arm.ask("PUT", "computes/mine", {"properties": instance})
    assert put(arm, "runs", computeId="mine").status == 201
    assert arm.ask("POST", "computes/mine/stop").status == 202
    answer = put(arm, "waits", computeId="mine")
    assert answer.status == 400 and "is stopped" in answer.message and "begin_start" in answer.message


@pytest.mark.parametrize("kind", ["FineTuning", "Spark"])
def test_types_that_do_not_run_here_are_refused_by_name(arm, kind):
    answer = put(arm, "other", jobType=kind)
    assert answer.status == 501 and kind in answer.message


@pytest.mark.parametrize("name", ["-x", "a b", "x" * 256, "a%2Fb", ".."])
def test_names_that_azure_refuses_are_refused(arm, name):
    assert arm.ask("PUT", f"jobs/{name}", {"properties": LEAST}).status == 400


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"properties": 1}', b'{"properties": {"jobType": "Command"}}'])
def test_bodies_that_are_none_are_refused(arm, body):
    assert arm.ask("PUT", "jobs/x", body).status == 400


def test_the_same_name_again_changes_words_and_nothing_else(arm):
    put(arm, "one", tags={"a": "1"})
    again = put(arm, "one", tags={"b": "2"}, displayName="better", description="why", isArchived=True)
    shown = again.body["properties"]
    assert again.status == 200 and shown["tags"] == {"a": "1", "b": "2"}
    assert (shown["displayName"], shown["description"], shown["isArchived"]) == ("better", "why", True)
    other = put(arm, "one", command="python other.py")
    assert other.status == 409 and "another command" in other.message
    assert arm.ask("PUT", "jobs/one", again.body).status == 200, "what was answered can be sent back"


def test_lists_are_narrowed_and_go_on(arm):
    for name in ("a", "b", "c"):
        put(arm, name, tags={"team": name})
    put(arm, "a", isArchived=True)

    def listed(query=""):
        return [job["name"] for job in arm.ask("GET", f"jobs?{query}").body["value"]]

    assert listed() == ["c", "b"]
    assert listed("listViewType=ArchivedOnly") == ["a"] and listed("listViewType=All") == ["c", "b", "a"]
    assert listed("tag=team&listViewType=All") == ["c", "b", "a"] and listed("tag=team%3Db") == ["b"]
    assert listed("jobType=Command") == ["c", "b"] and listed("jobType=Pipeline") == []
    assert arm.ask("GET", "jobs?jobType=Dance").status == 400 and arm.ask("GET", "jobs?$skip=x").status == 400


def test_a_long_list_has_a_next_page(arm):
    names = [f"job{number}" for number in range(103)]
    for name in names:
        put(arm, name)
    page = arm.ask("GET", "jobs").body
    more = arm.ask("GET", page["nextLink"].partition("management.azure.com")[2]).body
    assert [job["name"] for job in (*page["value"], *more["value"])] == names[::-1] and more["nextLink"] is None


def test_a_waiting_job_is_cancelled_at_once_and_an_ended_one_stays(arm):
    put(arm, "one")
    assert arm.ask("POST", "jobs/one/cancel").status == 200
    assert arm.ask("GET", "jobs/one").body["properties"]["status"] == "Canceled"
    assert arm.ask("POST", "jobs/one/cancel").status == 200
    assert arm.ask("POST", "jobs/none/cancel").status == 404


def test_a_running_job_is_cancelled_in_two_steps(arm):
    put(arm, "one")
    move(arm, "one", "Preparing", "Starting", "Running")
    answer = arm.ask("POST", "jobs/one/cancel")
    assert answer.status == 202 and int(answer.headers["retry-after"]) > 0
    poll = answer.headers["location"].partition("management.azure.com")[2]
    assert arm.ask("GET", poll).status == 202
    assert arm.ask("GET", "jobs/one").body["properties"]["status"] == "CancelRequested"
    assert arm.ask("POST", "jobs/one/cancel").status == 202
    move(arm, "one", "Canceled")
    assert arm.ask("GET", poll).status == 204


def test_a_job_is_deleted_once_it_has_ended(arm):
    put(arm, "one")
    assert arm.ask("DELETE", "jobs/one").status == 409
    arm.ask("POST", "jobs/one/cancel")
    with arm.parts.db.read() as connection:
        folder = folders.of_job(arm.parts.settings.home, scope(connection), "one")
    folder.mkdir(parents=True)
    assert arm.ask("DELETE", "jobs/one").status == 200 and not folder.exists()
    assert arm.ask("GET", "jobs/one").status == 404 and arm.ask("DELETE", "jobs/one").status == 204
    assert put(arm, "one").status == 201


def test_another_job_can_be_given_an_output_before_it_is_written(arm):
    put(arm, "train", outputs={"model": {}})
    given = {"m": {"jobInputType": "uri_folder", "uri": "azureml://jobs/train/outputs/model"}}
    assert put(arm, "score", inputs=given).status == 201
    wrong = {"m": {"jobInputType": "uri_folder", "uri": "azureml://jobs/train/outputs/metrics"}}
    answer = put(arm, "other", inputs=wrong)
    assert answer.status == 400 and 'no output "metrics". It has model, artifacts.' in answer.message


@pytest.mark.parametrize(
    ("uri", "where"),
    [
        ("azureml://jobs/train/outputs/model/sub", "azureml/train/model/sub"),
        ("azureml://jobs/train/outputs/model/paths/sub/", "azureml/train/model/sub/"),
        ("azureml://jobs/train/outputs/artifacts/paths/outputs/m", "ExperimentRun/dcid.train/outputs/m"),
        ("runs:/train/outputs/m", "ExperimentRun/dcid.train/outputs/m"),
    ],
)
def test_models_and_data_of_what_a_job_made_point_at_the_bytes(arm, uri, where):
    put(arm, "train", outputs={"model": {}})
    home = arm.parts.settings.home
    for path in (*home.glob("storage/*/*/azureml/train/model"), *home.glob("storage/*/azureml")):
        (path / ("sub" if path.name == "model" else "ExperimentRun/dcid.train/outputs/m")).mkdir(parents=True)
    model = arm.ask("PUT", "models/m/versions/1", {"properties": {"modelUri": uri}}).body["properties"]
    data = arm.ask("PUT", "data/d/versions/1", {"properties": {"dataUri": uri, "dataType": "uri_folder"}}).body
    assert model["modelUri"] == data["properties"]["dataUri"]
    assert model["modelUri"].startswith("azureml://subscriptions/") and model["modelUri"].endswith(f"/paths/{where}")
    assert model["jobName"] == "train"
    assert arm.ask("PUT", "models/m/versions/2", {"properties": {"modelUri": f"{uri}/none"}}).status == 404


def test_the_published_rest_example_is_accepted(arm):
    """The body of azureml-examples' train-rest.sh, as far as it goes without its data."""
    code = upload(arm, "src/main.py", "print(1)")
    arm.ask("PUT", "codes/c/versions/1", {"properties": {"codeUri": code.removesuffix("/main.py")}})
    answer = put(
        arm,
        "rest",
        codeId=f"{WORKSPACE}/codes/c/versions/1",
        computeId=f"{WORKSPACE}/computes/cpu",
        command="python main.py --data $AZURE_ML_INPUT_train",
        inputs={"train": {"uri": code, "jobInputType": "uri_file"}},
        displayName="rest",
    )
    assert answer.status == 201, answer.body


def test_nodes_of_a_cluster_are_shown_with_their_jobs(arm):
    put(arm, "one", computeId="cpu")
    with arm.parts.db.write() as connection:
        queue.claim(connection, scope(connection), "cpu", "token", clock.now())
    nodes = arm.ask("POST", "computes/cpu/listNodes").body["nodes"]
    assert [(node["nodeState"], node["runId"]) for node in nodes] == [("running", "one")]
    counts = arm.ask("GET", "computes/cpu").body["properties"]["properties"]["nodeStateCounts"]
    assert counts == {"idleNodeCount": 0, "runningNodeCount": 1}
