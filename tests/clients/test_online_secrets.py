"""What a scoring script finds of others when it looks: their files, their processes, the platform's secrets."""

import json
import uuid
from pathlib import Path

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import (
    CodeConfiguration,
    DataCollector,
    DeploymentCollection,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
)

from lazulite.serving import hidden
from tests.clients.test_online import until
from tests.conftest import Platform

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hidden.is_possible(), reason="this system allows no namespaces"),
]

VICTIM = "import os\ndef init(): pass\ndef run(raw_data): return os.getpid()\n"
# Each attempt returns what it got; what raises OSError got nothing.
ATTACKER = """
import ctypes, glob, json, os, socket

def init():
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "weights", "factor")) as file:
        assert file.read() == "3"
    with open(os.path.join(os.path.dirname(__file__), "written"), "w") as file:
        file.write("beside the script")

def read(path):
    with open(path, "rb") as file:
        return file.read(100).decode("latin-1")

def connect(path):
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(path)
        return "connected"

def trace(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(16, pid, 0, 0):  # PTRACE_ATTACH
        raise OSError(ctypes.get_errno(), "ptrace")
    return "attached"

def find(root):
    seen = [os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names]
    own = (os.environ["AML_APP_ROOT"], os.path.dirname(os.environ["AML_APP_ROOT"]), os.environ["VIRTUAL_ENV"])
    return [path for path in seen if not path.startswith(own) and "/ca/" not in path] or None

def run(raw_data):
    asked = json.loads(raw_data)
    home, sockets, got = asked["home"], asked["sockets"], {}
    tries = {
        "find": lambda: find(home), "up": lambda: os.listdir("../../../../../secrets"),
        "key": lambda: read(home + "/ca/ca.key"), "rows": lambda: read(home + "/lazulite.db"),
        "write": lambda: open(home + "/planted", "w").close() or "written",
        "sockets": lambda: os.listdir(sockets) or None,
        "control": lambda: connect(sockets + "/gateway.sock"), "worker": lambda: connect(asked["worker"]),
    }
    for who, pid in asked["pids"].items():
        for name in ("environ", "root/etc/hostname", "cwd/score.py", "mem", "fd/0"):
            tries[who + " " + name] = lambda path="/proc/%d/%s" % (pid, name): read(path)
        tries[who + " trace"] = lambda pid=pid: trace(pid)
    for name, attempt in tries.items():
        try:
            found = attempt()
        except OSError:
            continue
        if found is not None:
            got[name] = found
    return got
"""


def deploy(ml: MLClient, folder: Path, name: str, script: str, **more: object) -> None:
    folder.mkdir()
    (folder / "score.py").write_text(script)
    ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=name)).result()
    ml.online_deployments.begin_create_or_update(
        ManagedOnlineDeployment(
            name="blue",
            endpoint_name=name,
            environment=Environment(name="plain", version="1", image="python:3.11-slim"),
            code_configuration=CodeConfiguration(code=str(folder), scoring_script="score.py"),
            instance_type="Standard_DS3_v2",
            instance_count=1,
            **more,
        )
    ).result()


@pytest.mark.parametrize("egress", ["enabled", "disabled"])
def test_a_script_finds_its_own_things_and_nobody_elses(
    ml: MLClient, environ: Platform, tmp_path: Path, egress: str
) -> None:
    names = {who: f"{who}-{uuid.uuid4().hex[:8]}" for who in ("victim", "attacker")}
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "factor").write_text("3")
    model = ml.models.create_or_update(Model(name="weights", path=str(tmp_path / "weights")))
    collects = DataCollector(collections={"request": DeploymentCollection(enabled="true")})
    deploy(ml, tmp_path / "victim", names["victim"], VICTIM, environment_variables={"TOKEN": "hush"})
    more = {"model": model, "data_collector": collects, "egress_public_network_access": egress}
    deploy(ml, tmp_path / "attacker", names["attacker"], ATTACKER, **more)
    victim = int(
        ml.online_endpoints.invoke(names["victim"], deployment_name="blue", request_file=as_file(tmp_path, "{}"))
    )
    sockets = environ.settings.sockets
    asked = {
        "home": str(environ.home),
        "sockets": str(sockets),
        "worker": str(next(path for path in sockets.iterdir() if path.name.endswith("-0.sock"))),
        "pids": {"platform": environ.process.pid, "victim": victim},
    }
    assert Path(f"/proc/{victim}").exists()
    request = as_file(tmp_path, json.dumps(asked))
    found = json.loads(ml.online_endpoints.invoke(names["attacker"], deployment_name="blue", request_file=request))
    assert found == {}
    collected = f"storage/**/modelDataCollector/{names['attacker']}/blue/request/**/*.jsonl"
    until(lambda: any(environ.home.glob(collected)))


def as_file(folder: Path, text: str) -> str:
    path = folder / "request.json"
    path.write_text(text)
    return str(path)
