"""What a job is told: every variable of the catalog and none besides, and a plan for its guest alone."""

import dataclasses
import json
import os
import re
from pathlib import Path

import jwt
import pytest

from lazulite.catalog.job_variables import JOB_VARIABLES
from lazulite.engine import collect, launch, prepare, processes, stage
from lazulite.identity.environment import client_environment
from tests.engine.conftest import HERE
from tools.shape import ROOT

KEY = b"k" * 64


@pytest.fixture
def plan(home):
    """Prepares and stages a job as the engine does, and returns the plan that its guest would follow."""

    def make(**body):
        with home.db.write() as connection:
            job = home.submit(connection, **body)
        made = prepare.prepare(home.settings, home.db, job, print)
        staged = stage.stage(home.settings, made, True, print)
        launch.write_plan(home.settings, KEY, True, made, staged)
        return json.loads((staged.folder / "job.json").read_text())

    return make


def told(home, plan):
    """Returns the variables that are a job's own, with `{name}` for the names of inputs and outputs."""
    common = {*processes.environment(Path("/bin/python"), 1, os.environ), *client_environment(home.settings)}
    names = {*plan["variables"], *plan["ranks"][0]["variables"]} - common
    return {re.sub(r"_(lr|data|model)$", "_{name}", name) for name in names}


@pytest.mark.parametrize("kind", ["", "PyTorch", "Mpi", "TensorFlow"])
def test_jobs_are_told_what_the_catalog_says_and_nothing_else(home, plan, kind):
    home.store("d").mkdir(parents=True)
    found = plan(
        compute="local",
        inputs={
            "lr": {"jobInputType": "literal", "value": "1"},
            "data": {"jobInputType": "uri_folder", "uri": "azureml://datastores/workspaceblobstore/paths/d"},
        },
        outputs={"model": {"uri": "azureml://datastores/workspaceblobstore/paths/m"}},
        distribution={"distributionType": kind} if kind else None,
    )
    assert told(home, found) == {one.name for one in JOB_VARIABLES if one.set_for in ("every", "each rank", kind)}


def test_a_job_on_an_instance_is_told_which(home, plan):
    inner = {"vmSize": "Standard_DS3_v2", "state": "Running"}
    home.put("computes", "mine", {"properties": {"computeType": "ComputeInstance", "properties": inner}})
    assert plan(compute="mine")["variables"]["CI_NAME"] == "mine"


def test_the_token_is_a_jwt_that_sdk_v1_can_read(plan):
    variables = plan()["variables"]
    claims = jwt.decode(
        variables["AZUREML_RUN_TOKEN"],
        KEY,
        algorithms=["HS256"],
        audience="https://ml.azure.com",
    )
    assert claims["runId"] == variables["AZUREML_RUN_ID"]
    assert int(variables["AZUREML_RUN_TOKEN_EXPIRY"]) == claims["exp"] < 2**31


def test_a_jobs_own_variables_win(plan):
    given = plan(environmentVariables={"MLFLOW_TRACKING_URI": "http://mine", "OMP_NUM_THREADS": "7"})["variables"]
    assert (given["MLFLOW_TRACKING_URI"], given["OMP_NUM_THREADS"]) == ("http://mine", "7")


def test_where_mlflow_logs_to_depends_on_what_can_read_the_address(home, plan, tmp_path):
    plain = plan()["variables"]["MLFLOW_TRACKING_URI"]
    assert plain == f"http://127.0.0.1:1/mlflow/v2.0{HERE}"
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to("/usr/bin/env")
    (venv / "lib" / "python3.11" / "site-packages" / "azureml" / "mlflow").mkdir(parents=True)
    bindings = home.folder / "environments" / "bindings.json"
    known = json.loads(bindings.read_text())
    known["plain"]["python"] = str(venv / "bin" / "python")
    bindings.write_text(json.dumps(known))
    assert plan()["variables"]["MLFLOW_TRACKING_URI"] == f"azureml://westeurope.api.azureml.ms/mlflow/v1.0{HERE}"


def test_ranks_share_the_cores_and_have_ports_of_their_own(plan):
    shape = {"distribution": {"distributionType": "PyTorch", "processCountPerInstance": 64}, "compute": "local"}
    first, second = plan(**shape), plan(**shape)
    assert first["variables"]["OMP_NUM_THREADS"] == "1"
    ports = [one["ranks"][0]["variables"]["MASTER_PORT"] for one in (first, second)]
    assert all(1024 < int(port) < 65536 for port in ports)


def test_what_is_left_of_an_earlier_attempt_is_gone(home, plan):
    first = plan()
    folder = Path(first["folder"]).parent
    (folder / "exit.json").write_text("{}")
    (folder / "inputs").mkdir()
    job = home.job(first["variables"]["AZUREML_RUN_ID"])
    made = prepare.prepare(home.settings, home.db, job, print)
    launch.write_plan(home.settings, KEY, True, made, stage.stage(home.settings, made, True, print))
    assert not (folder / "exit.json").exists() and not (folder / "inputs").exists()


def test_the_plan_and_the_exit_have_the_fields_that_the_protocol_says(plan):
    page = (ROOT / "docs/guest-protocol.md").read_text(encoding="utf-8")
    plan_part, exit_part = (page.split(f"### {name}\n")[1].split("###")[0] for name in ("job.json", "exit.json"))
    assert written(plan_part) == set(plan(command="true"))
    assert written(exit_part) == {field.name for field in dataclasses.fields(collect.Exit)}


def written(part):
    """Returns the fields that a table of the protocol names."""
    heads = re.findall(r"^\| (`[^|]+`) \|", part, re.MULTILINE)
    return {name for head in heads for name in re.findall(r"`(\w+)`", head)}
