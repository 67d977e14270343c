"""`local=True` endpoints and deployments of the SDK, and the docker command, where there is no container engine."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import uv

from tests.conftest import GROUP, SUBSCRIPTION, Platform

pytestmark = pytest.mark.slow

# A program as users write it: nothing in it knows of Lazulite.
PROGRAM = """
import json, pathlib, sys
import requests
from azure.ai.ml import MLClient
from azure.ai.ml.entities import CodeConfiguration, Environment, ManagedOnlineDeployment, ManagedOnlineEndpoint, Model
from azure.ai.ml.constants._endpoint import LocalEndpointConstants
from azure.identity import DefaultAzureCredential

LocalEndpointConstants.DEFAULT_STARTUP_WAIT_TIME_SECONDS = 8  # the SDK's own pause, of 15 s
ml = MLClient(DefaultAzureCredential(), sys.argv[1], sys.argv[2], "local")
ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="near", auth_mode="key"), local=True)

def deployment(script):
    return ManagedOnlineDeployment(
        name="blue",
        endpoint_name="near",
        model=Model(path="model"),
        code_configuration=CodeConfiguration(code="code", scoring_script=script),
        environment=Environment(
            image="mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04",
            conda_file="conda.yml",
        ),
        environment_variables={"COLOR": "blue"},
        instance_type="Standard_DS3_v2",
        instance_count=1,
    )

told = {}
made = ml.online_deployments.begin_create_or_update(deployment("score.py"), local=True)
told["state"] = made.provisioning_state
endpoint = ml.online_endpoints.get("near", local=True)
told["answer"] = ml.online_endpoints.invoke("near", request_file="request.json", local=True)
told["health"] = requests.get(endpoint.scoring_uri.removesuffix("score")).status_code
told["logs"] = ml.online_deployments.get_logs("blue", "near", lines=50, local=True)
told["listed"] = [one.name for one in ml.online_endpoints.list(local=True)]
try:
    ml.online_deployments.begin_create_or_update(deployment("broken.py"), local=True)
except Exception as error:
    told["broken"] = str(error)
told["reason"] = ml.online_deployments.get_logs("blue", "near", lines=50, local=True)
ml.online_endpoints.begin_delete("near", local=True)
told["left"] = [one.name for one in ml.online_endpoints.list(local=True)]
pathlib.Path("told.json").write_text(json.dumps(told))
"""
SCORE = """
import json, os, pathlib
import six

def init():
    global factor
    factor = json.loads(next(pathlib.Path(os.environ["AZUREML_MODEL_DIR"]).rglob("factor.json")).read_text())
    print("factor is", factor)

def run(raw_data):
    return {"answer": json.loads(raw_data)["x"] * factor, "color": os.environ["COLOR"], "six": six.__version__}
"""


def run(platform: Platform, folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Runs a command as `lazulite run --` does, on a machine without an engine."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER", "AZURE"))}
    command = [sys.executable, "-m", "lazulite.cli.main", "run", "--", *words]
    home = {"HOME": str(folder / "home"), "UV_CACHE_DIR": _uv_cache()}
    return subprocess.run(
        command, cwd=folder, env={**environ, **platform.variables, **home}, capture_output=True, text=True, timeout=170
    )


def _uv_cache() -> str:
    return subprocess.check_output([uv.find_uv_bin(), "cache", "dir"], text=True).strip()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    if Path("/var/run/docker.sock").exists():
        pytest.skip("a container engine listens here: Docker's clients go there")
    (tmp_path / "home").mkdir()
    return tmp_path


def test_a_program_deploys_locally_without_an_engine(platform: Platform, folder: Path) -> None:
    for name in ("code", "model"):
        (folder / name).mkdir()
    (folder / "program.py").write_text(PROGRAM)
    (folder / "code" / "score.py").write_text(SCORE)
    (folder / "code" / "broken.py").write_text("def init(): raise KeyError('weights')\ndef run(data): pass\n")
    (folder / "model" / "factor.json").write_text("3")
    (folder / "request.json").write_text('{"x": 14}')
    minor = f"python={sys.version_info.major}.{sys.version_info.minor}"
    (folder / "conda.yml").write_text(json.dumps({"dependencies": [minor, {"pip": ["six==1.17.0"]}]}))
    done = run(platform, folder, sys.executable, "program.py", SUBSCRIPTION, GROUP)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads((folder / "told.json").read_text())
    assert told["state"] == "Succeeded"
    assert json.loads(told["answer"]) == {"answer": 42, "color": "blue", "six": "1.17.0"}
    assert (told["health"], told["listed"], told["left"]) == (200, ["near"], [])
    assert "factor is 3" in told["logs"]
    assert "failed state" in told["broken"].lower()
    assert "KeyError: 'weights'" in told["reason"]


def test_docker_builds_tags_and_pushes_what_a_deployment_then_names(platform: Platform, folder: Path) -> None:
    docker = shutil.which("docker")
    if not docker:
        pytest.skip("the docker command is not installed here")
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "Dockerfile").write_text(
        textwrap.dedent("""
        ARG TAG
        FROM python:$TAG
        COPY requirements.txt .
        RUN pip install -r requirements.txt
        """)
    )
    (folder / "requirements.txt").write_text("six==1.17.0\n")
    built = run(platform, folder, docker, "build", "--build-arg", f"TAG={minor}-slim", "-t", "detector:cpu", ".")
    assert built.returncode == 0, built.stdout + built.stderr
    for words in (("tag", "detector:cpu", "acr1.azurecr.io/detector:cpu"), ("push", "acr1.azurecr.io/detector:cpu")):
        done = run(platform, folder, docker, *words)
        assert done.returncode == 0, done.stderr
    assert "acr1.azurecr.io/detector" in run(platform, folder, docker, "images").stdout
    outside = run(platform, folder, docker, "pull", "nginx")
    assert outside.returncode == 1 and "has only what was built here" in outside.stderr
    broken = folder / "broken"
    broken.mkdir()
    (broken / "Dockerfile").write_text("FROM no.such/image:1\n")
    refused = run(platform, folder, docker, "build", "-t", "broken", str(broken))
    assert refused.returncode == 1 and "no.such/image:1" in refused.stderr
