"""`lazulite up --private-network`: nothing leaves this machine, neither of platform and builds nor of user code.

The platform runs in a network of its own, whose only way out is a wire that nobody answers on, and that is listened to:
whatever leaves by it is seen, down to a question for a name or an address.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.conftest import GROUP, SUBSCRIPTION

pytestmark = pytest.mark.slow

# Everything that could leave by itself, in one program: a build, a script, a job, and what the proxy is asked for.
PROGRAM = """
import json, pathlib, sys
import requests
from azure.ai.ml import MLClient, command
from azure.ai.ml.entities import CodeConfiguration, Environment, ManagedOnlineDeployment, ManagedOnlineEndpoint
from azure.identity import DefaultAzureCredential

ml = MLClient(DefaultAzureCredential(), sys.argv[1], sys.argv[2], "private")
image = f"python:{sys.version_info[0]}.{sys.version_info[1]}-slim"
wheelhouse = ["--no-index", f"--find-links {sys.argv[3]}"]
plain = Environment(
    name="plain", version="1", image=image, conda_file={"dependencies": ["pip", {"pip": wheelhouse}]}
)
told = {}

def deployment(environment):
    return ManagedOnlineDeployment(
        name="blue", endpoint_name="private", environment=environment, instance_type="Standard_DS3_v2",
        code_configuration=CodeConfiguration(code="code", scoring_script="score.py"), instance_count=1,
    )

ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="private")).result()
ml.online_deployments.begin_create_or_update(deployment(plain)).result()
told["script"] = json.loads(ml.online_endpoints.invoke("private", deployment_name="blue", request_file="request.json"))
wanting = Environment(image=image, conda_file={"dependencies": ["pip", {"pip": ["nothing-like-this==9.9"]}]})
try:
    ml.online_deployments.begin_create_or_update(deployment(wanting)).result()
except Exception as error:
    told["build"] = str(error)
job = ml.jobs.create_or_update(command(code="code", command="python leave.py", environment=plain))
ml.jobs.stream(job.name)
ml.jobs.download(job.name, download_path="got")
told["job"] = next(pathlib.Path("got").rglob("std_log.txt")).read_text()
try:
    requests.get("https://example.com/", timeout=20)
except Exception as error:
    told["client"] = str(error)
pathlib.Path("told.json").write_text(json.dumps(told))
"""
LEAVE = """
import json, os, socket, urllib.request

def tries():
    found = {}
    for name, way in (("address", ("192.0.2.1", 80)), ("name", ("example.org", 80))):
        try:
            socket.create_connection(way, timeout=2).close()
            found[name] = "left"
        except OSError as error:
            found[name] = type(error).__name__
    try:
        urllib.request.urlopen("http://example.net/", timeout=5)
        found["proxy"] = "left"
    except urllib.error.HTTPError as error:
        found["proxy"] = error.code
    platform = os.environ["IDENTITY_ENDPOINT"].replace("/_identity/token", "/_lazulite/status")
    with urllib.request.urlopen(platform) as answer:
        found["platform"] = answer.status
    return found

def init(): pass
def run(raw_data): return tries()

if __name__ == "__main__":
    print(json.dumps(tries()))
"""
WIRE = """
set -e
ip link set lo up
ip link add wire0 type veth peer name wire1
ip addr add 198.18.0.2/24 dev wire0
ip link set wire0 up
ip link set wire1 up
ip route add default via 198.18.0.1
exec "$@"
"""


def listener() -> socket.socket:
    """Listens to every packet on the wire of this network."""
    heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    heard.bind(("wire0", 0))
    heard.setblocking(False)
    return heard


def packets(heard: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(heard.recv(65535))
        except BlockingIOError:
            return [one for one in found if not _is_chatter(one)]


def _is_chatter(packet: bytes) -> bool:
    """Tells what the kernel says by itself on any interface that comes up: IPv6's neighbours and groups."""
    return packet[12:14] == b"\x86\xdd" and packet[20] in (0, 58)


def test_nothing_leaves_from_inside(tmp_path: Path) -> None:
    if "LAZULITE_WIRE" not in os.environ:
        pytest.skip("runs inside the network that the test below makes")
    (tmp_path / "code").mkdir()
    (tmp_path / "home").mkdir()
    for name in ("score.py", "leave.py"):
        (tmp_path / "code" / name).write_text(LEAVE)
    (tmp_path / "request.json").write_text("{}")
    (tmp_path / "program.py").write_text(PROGRAM)
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AZURE", "LAZULITE"))},
        "LAZULITE_HOME": str(tmp_path / "home"),
        "XDG_RUNTIME_DIR": os.environ["LAZULITE_WIRE"],
        "UV_CACHE_DIR": str(tmp_path / "uv"),
    }
    lazulite = [sys.executable, "-m", "lazulite.cli.main"]
    heard = listener()
    subprocess.run([*lazulite, "up", "--detach", "--private-network"], env=environ, check=True, timeout=60)
    try:
        words = [
            *lazulite,
            "run",
            "--",
            sys.executable,
            "program.py",
            SUBSCRIPTION,
            GROUP,
            os.environ["LAZULITE_WIRE"] + "/wheels",
        ]
        done = subprocess.run(words, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=150)
        assert done.returncode == 0, done.stderr[-3000:]
        status = json.loads(subprocess.check_output([*lazulite, "status", "-o", "json"], env=environ))
    finally:
        subprocess.run([*lazulite, "down"], env=environ, check=False, timeout=60)
    told = json.loads((tmp_path / "told.json").read_text())
    stays = {"address": "OSError", "name": "gaierror", "proxy": 403, "platform": 200}
    assert told["script"] == stays
    assert json.loads(told["job"].splitlines()[-1]) == stays
    assert "could not be built" in told["build"]
    assert "403" in told["client"]
    refused = {(one["host"], one["who"].partition(" ")[0]) for one in status["refused"]}
    assert {("example.net", "private"), ("example.net", "job")} <= refused, "a deployment's name, a job's"
    assert "example.com" in {host for host, _ in refused}
    assert "builds" in {who for _, who in refused}
    assert packets(heard) == [], "and the wire was silent"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.sendto(b"?", ("198.18.0.7", 53))
    assert packets(heard), "which it is not when something leaves"


@pytest.mark.timeout(300)
def test_nothing_leaves_a_private_network(tmp_path_factory: pytest.TempPathFactory) -> None:
    ip, unshare = shutil.which("ip"), shutil.which("unshare")
    if os.getuid() or not ip or not unshare:
        pytest.skip("needs root, iproute2 and unshare: it makes a network and listens to it")
    runtime = tmp_path_factory.mktemp("r")
    script = runtime / "wire.sh"
    script.write_text(textwrap.dedent(WIRE))
    made = subprocess.run([unshare, "--net", "sh", str(script), "true"], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"this system allows no networks: {made.stderr}")
    wheels = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "-d",
        str(runtime / "wheels"),
        "pip",
        "setuptools",
    ]
    fetched = subprocess.run(wheels, capture_output=True, text=True)
    if fetched.returncode:
        pytest.skip(f"no wheelhouse can be made here: {fetched.stderr}")
    pytest_words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "inside"]
    done = subprocess.run(
        [unshare, "--net", "sh", str(script), *pytest_words, "--basetemp", str(runtime / "t")],
        env={**os.environ, "LAZULITE_WIRE": str(runtime)},
        capture_output=True,
        text=True,
        timeout=175,
    )
    assert done.returncode == 0, done.stdout[-6000:]
