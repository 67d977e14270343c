"""`lazulite up --private-network`: nothing leaves this machine, neither of platform and builds nor of user code.

The platform runs in a network of its own, whose only way out is a wire that nobody answers on, and that is listened to:
whatever leaves by it is seen, down to a question for a name or an address.
"""

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import GROUP, SUBSCRIPTION

pytestmark = pytest.mark.slow

# Everything that could leave by itself, in one program: builds, a script, a job, an input, and what the proxy is asked.
PROGRAM = """
import json, pathlib, sys
import requests
from azure.ai.ml import Input, MLClient, command
from azure.ai.ml.entities import CodeConfiguration, Environment, ManagedOnlineDeployment, ManagedOnlineEndpoint
from azure.identity import DefaultAzureCredential

ml = MLClient(DefaultAzureCredential(), sys.argv[1], sys.argv[2], "private")
image = f"python:{sys.version_info[0]}.{sys.version_info[1]}-slim"

def environment(*packages, **named):
    return Environment(image=image, conda_file={"dependencies": ["pip", {"pip": list(packages)}]}, **named)

plain = environment("--no-index", f"--find-links {sys.argv[3]}", "leaver", name="plain", version="1")
told = {}

def deployment(environment):
    return ManagedOnlineDeployment(
        name="blue", endpoint_name="private", environment=environment, instance_type="Standard_DS3_v2",
        code_configuration=CodeConfiguration(code="code", scoring_script="score.py"), instance_count=1,
    )

def said(job):
    try:
        ml.jobs.stream(job.name)
    except Exception as error:
        return str(error)
    ml.jobs.download(job.name, download_path=job.name)
    return next(pathlib.Path(job.name).rglob("std_log.txt")).read_text()

ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="private")).result()
ml.online_deployments.begin_create_or_update(deployment(plain)).result()
told["script"] = json.loads(ml.online_endpoints.invoke("private", deployment_name="blue", request_file="request.json"))
for name in ("nothing-like-this==9.9", "gone @ git+https://git.example.org/a/b.git"):
    try:
        ml.online_deployments.begin_create_or_update(deployment(environment(name))).result()
    except Exception as error:
        told[name.split()[0]] = str(error)
uri = ml.online_endpoints.get("private").scoring_uri
key = ml.online_endpoints.get_keys("private").primary_key
variables = {"SCORE": uri, "KEY": key}
leave = command(code="code", command="python leave.py", environment=plain, environment_variables=variables)
told["job"] = said(ml.jobs.create_or_update(leave))
web = {"page": Input(type="uri_file", path="https://data.example.org/page.csv")}
told["input"] = said(ml.jobs.create_or_update(command(command="cat ${{inputs.page}}", environment=plain, inputs=web)))
try:
    requests.get("https://example.com/", timeout=20)
except Exception as error:
    told["client"] = str(error)
pathlib.Path("told.json").write_text(json.dumps(told))
"""
# What a package's own build tries; it then builds all the same.
SETUP = """
import socket
import setuptools

for way in (("192.0.2.50", 443), ("setup.example.org", 443)):
    try:
        socket.create_connection(way, timeout=2)
    except OSError:
        continue
    raise SystemExit("it got out")
setuptools.setup(name="leaver", version="1.0", py_modules=[])
"""
# What user code tries, by its proxy and past it, from itself and from a child that knows of no proxy.
LEAVE = """
import ctypes, json, os, pathlib, socket, subprocess, sys, urllib.request

CHILD = "import socket; socket.create_connection(('192.0.2.3', 8080), timeout=2)"

def attempt(act):
    try:
        return act()
    except urllib.error.HTTPError as error:
        return error.code
    except OSError as error:
        return type(error).__name__

def connected(*way):
    socket.create_connection(way, timeout=2).close()
    return "left"

def sent(kind, protocol, payload, port):
    with socket.socket(socket.AF_INET, kind, protocol) as sender:
        sender.sendto(payload, ("192.0.2.4", port))

def answered(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.status

def joined():
    libc, found = ctypes.CDLL(None), 0
    for path in pathlib.Path("/proc").glob("[0-9]*/ns/net"):
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        found += libc.setns(descriptor, 0) == 0
        os.close(descriptor)
    return found

def asked_a_servant(path):
    with socket.socket(socket.AF_UNIX) as servant:
        servant.connect(path)
    return "left"

def tries():
    bare = subprocess.run(["env", "-i", sys.executable, "-c", CHILD], capture_output=True, text=True)
    attempt(lambda: sent(socket.SOCK_DGRAM, 0, b"?", 53))
    attempt(lambda: sent(socket.SOCK_RAW, socket.IPPROTO_ICMP, bytes([8, 0, 247, 255, 0, 0, 0, 0]), 0))
    platform = os.environ["IDENTITY_ENDPOINT"].replace("/_identity/token", "/_lazulite/status")
    resolver = urllib.request.ProxyHandler({"http": os.environ["HTTP_PROXY"]})
    return {
        "address": attempt(lambda: connected("192.0.2.1", 80)),
        "newer address": attempt(lambda: connected("2001:db8::1", 80)) in ("ConnectionRefusedError", "OSError"),
        "name": attempt(lambda: connected("example.org", 80)),
        "child": bare.stderr.strip().splitlines()[-1].partition(":")[0],
        "namespaces": joined(),
        "servant": attempt(lambda: asked_a_servant("/run/nscd/socket")),
        "proxy": attempt(lambda: answered("http://example.net/")),
        "resolver": attempt(lambda: urllib.request.build_opener(resolver).open("http://127.0.0.53:53/").status),
        "platform": attempt(lambda: answered(platform)),
    }

def scored():
    headers = {"Authorization": "Bearer " + os.environ["KEY"], "azureml-model-deployment": "blue"}
    request = urllib.request.Request(os.environ["SCORE"], b"{}", {**headers, "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.status

def init(): pass
def run(raw_data): return tries()

if __name__ == "__main__":
    print(json.dumps({**tries(), "scored": scored()}))
"""
# A network whose only way out is a wire; a servant that answers in the machine's network, as a resolver's cache does.
WIRE = """
set -e
mount -t tmpfs none /run
mkdir /run/nscd
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


def lazulite(environ: dict[str, str], *words: str, **more: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "lazulite.cli.main", *words]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=200, **more)  # type: ignore[call-overload,no-any-return]


def assert_stayed(told: dict[str, Any]) -> None:
    """Holds that user code got nowhere but to the platform, and builds and inputs nowhere at all."""
    stays = {
        **dict.fromkeys(("address", "child", "servant"), "ConnectionRefusedError"),
        "newer address": True,
        "name": "gaierror",
        "namespaces": 0,
        "proxy": 403,
        "resolver": 403,
        "platform": 200,
    }
    assert told["script"] == stays
    assert json.loads(told["job"].splitlines()[-1]) == {**stays, "scored": 200}
    assert "could not be built" in told["nothing-like-this==9.9"]
    assert "could not be built" in told["gone"]
    assert "https://data.example.org/page.csv is on the web" in told["input"]
    assert "403" in told["client"]


def assert_listed(status: dict[str, Any], told: dict[str, Any]) -> None:
    """Holds that everybody who asked for something outside is listed with it, by whatever way."""
    refused = {(one["host"], one["port"], one["who"].partition(" ")[0]) for one in status["refused"]}
    for who in ("private", "job"):  # a deployment's name, a job's
        past = {("192.0.2.1", 80), ("192.0.2.3", 8080), ("192.0.2.4", 53), ("example.org", 53)}
        if who == "job":  # root of a namespace of its own, as scripts are, sends no packets as it likes
            past.add(("192.0.2.4", 7))
        by_proxy = {("example.net", 80), ("127.0.0.53", 53)}
        assert {(*place, who) for place in past | by_proxy} <= refused
    assert {("192.0.2.50", 443, "builds"), ("setup.example.org", 53, "builds")} <= refused
    assert {("git.example.org", 443, "builds"), ("data.example.org", 443, "job")} <= refused, told["gone"]
    assert "example.com" in {host for host, _, _ in refused}


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
    heard = listener()
    servant = socket.socket(socket.AF_UNIX)
    servant.bind("/run/nscd/socket")
    servant.listen()
    up = lazulite(environ, "up", "--detach", "--private-network")
    assert "private: builds, jobs and deployments reach this platform" in up.stdout, up.stderr
    wheels = os.environ["LAZULITE_WIRE"] + "/wheels"
    try:
        words = ("run", "--", sys.executable, "program.py", SUBSCRIPTION, GROUP, wheels)
        done = lazulite(environ, *words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr[-3000:]
        status = json.loads(lazulite(environ, "status", "-o", "json").stdout)
        os.kill(status["pid"], signal.SIGKILL)
        again = lazulite(
            environ, "run", "--", sys.executable, "-c", "import requests; requests.get('http://again.org')"
        )
        restarted = json.loads(lazulite(environ, "status", "-o", "json").stdout)
        invoke = ("az", "ml", "online-endpoint", "invoke", "-n", "private", "-d", "blue", "-r", "request.json")
        scope = ("--subscription", SUBSCRIPTION, "-g", GROUP, "-w", "private")
        after = lazulite(environ, *invoke, *scope, cwd=tmp_path)
    finally:
        lazulite(environ, "down")
    told = json.loads((tmp_path / "told.json").read_text())
    assert_stayed(told)
    assert_listed(status, told)
    assert again.returncode == 0, "a refusal is an answer to a plain request"
    assert restarted["privateNetwork"], "who takes the place of a killed one is as private"
    assert json.loads(json.loads(after.stdout)) == told["script"], "a worker that was found again"
    assert packets(heard) == [], "and the wire was silent"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.sendto(b"?", ("198.18.0.7", 53))
    assert packets(heard), "which it is not when something leaves"


def wheelhouse(folder: Path) -> str:
    """Makes a folder of what environments need, and a package that is built; returns why that is not possible."""
    words = ("download", "-q", "--no-deps", "-d", str(folder), "pip", "setuptools")
    fetched = subprocess.run([sys.executable, "-m", "pip", *words], capture_output=True, text=True)
    folder.mkdir(exist_ok=True)
    with tarfile.open(folder / "leaver-1.0.tar.gz", "w:gz") as archive:
        for name, text in (("setup.py", SETUP), ("PKG-INFO", "Metadata-Version: 2.1\nName: leaver\nVersion: 1.0\n")):
            info = tarfile.TarInfo(f"leaver-1.0/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return fetched.stderr if fetched.returncode else ""


@pytest.mark.timeout(400)
def test_nothing_leaves_a_private_network(tmp_path_factory: pytest.TempPathFactory) -> None:
    ip, unshare = shutil.which("ip"), shutil.which("unshare")
    if os.getuid() or not ip or not unshare:
        pytest.skip("needs root, iproute2 and unshare: it makes a network and listens to it")
    runtime = tmp_path_factory.mktemp("r")
    script = runtime / "wire.sh"
    script.write_text(textwrap.dedent(WIRE))
    made = subprocess.run([unshare, "--net", "--mount", "sh", str(script), "true"], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"this system allows no networks: {made.stderr}")
    problem = wheelhouse(runtime / "wheels")
    if problem:
        pytest.skip(f"no wheelhouse can be made here: {problem}")
    pytest_words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "inside"]
    done = subprocess.run(
        [unshare, "--net", "--mount", "sh", str(script), *pytest_words, "--basetemp", str(runtime / "t")],
        env={**os.environ, "LAZULITE_WIRE": str(runtime)},
        capture_output=True,
        text=True,
        timeout=275,
    )
    assert done.returncode == 0, done.stdout[-6000:]
