"""Docker's own command before a real daemon, which knows nothing of a workspace's registry, under `lazulite run`."""

import asyncio
import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lazulite import settings
from lazulite.containers.front import Front
from lazulite.environments import engines
from lazulite.environments.engines import Engine
from lazulite.serving import engine_images
from tests.conftest import Platform

# As users write it: nothing in it knows of Lazulite.
SCRIPT = """
set -eux
az acr login -n acr7
docker login acr7.azurecr.io -u me -p you
docker build -q -t mine:1 own
docker tag mine:1 acr7.azurecr.io/team/mine:1
docker save mine:1 acr7.azurecr.io/team/mine:1 | tar -xO manifest.json
docker push acr7.azurecr.io/team/mine:1
docker rmi mine:1 acr7.azurecr.io/team/mine:1
docker run --rm --network none acr7.azurecr.io/team/mine:1 /bin/busybox cat /hello
echo through stdin | docker run --rm -i --network none acr7.azurecr.io/team/mine:1 /bin/busybox cat
docker rmi acr7.azurecr.io/team/mine:1
DOCKER_BUILDKIT=0 docker build -q --pull -t derived:1 derived
docker run --rm --network none derived:1 /bin/busybox env
docker rmi derived:1 acr7.azurecr.io/team/mine:1
if docker pull acr7.azurecr.io/nothing:1; then exit 1; fi
if docker push acr7.azurecr.io/nothing:1; then exit 1; fi
az acr repository list -n acr7 --output tsv
"""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[str]:
    """The docker daemon that is here, or one of the test's own, without a network. Skips the test without either."""
    busybox, here = shutil.which("busybox"), engines.daemon(os.environ)
    if not busybox or subprocess.run(["ldd", busybox], capture_output=True).returncode == 0:
        pytest.skip("there is no static busybox here to make an image of (apt-get install busybox-static)")
    if here and shutil.which("docker"):
        yield f"unix://{here}"
        return
    if Path("/sys/class/net/docker0").exists():
        pytest.skip("a docker daemon is here that DOCKER_HOST does not name: another would take its network away")
    if not shutil.which("dockerd") or not shutil.which("docker") or os.geteuid() != 0:
        pytest.skip("no docker daemon can be started here (apt-get install docker.io; root)")
    (tmp_path / "d").mkdir()
    address = f"unix://{tmp_path}/d/s"
    limits = ("--default-ulimit", "nofile=1024:4096", "--default-ulimit", "nproc=4096:4096")
    places = (f"--data-root={tmp_path}/d/data", f"--exec-root={tmp_path}/d/exec", f"--pidfile={tmp_path}/d/pid")
    network = ("--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false")
    with (tmp_path / "d" / "log").open("wb") as log:
        process = subprocess.Popen(["dockerd", "-H", address, *places, *limits, *network], stdout=log, stderr=log)
    try:
        asked = ("docker", "-H", address, "info")
        deadline = time.monotonic() + 60
        while subprocess.run(asked, capture_output=True, timeout=60).returncode:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.skip(f"no docker daemon comes up here: {(tmp_path / 'd' / 'log').read_text()[-300:]}")
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(60)
        # A daemon mounts its own folder, which then could not be removed.
        subprocess.run(["umount", "--lazy", f"{tmp_path}/d/data"], capture_output=True)


@pytest.mark.slow
def test_dockers_own_command_finds_the_workspaces_registry(
    daemon: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, derived = tmp_path / "own", tmp_path / "derived"
    for folder in (own, derived, tmp_path / "home"):
        folder.mkdir()
    shutil.copy(str(shutil.which("busybox")), own / "busybox")
    (own / "hello").write_text("hello from the registry\n")
    (own / "Dockerfile").write_text("FROM scratch\nCOPY busybox /bin/busybox\nCOPY hello /\n")
    (derived / "Dockerfile").write_text("FROM acr7.azurecr.io/team/mine:1\nENV SAID=derived\n")
    (tmp_path / "go.sh").write_text(textwrap.dedent(SCRIPT))
    monkeypatch.setenv("DOCKER_HOST", daemon)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # docker login writes there
    running = Platform(tmp_path / "platform")
    running.start()
    try:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("AZURE")}
        command = [sys.executable, "-m", "lazulite.cli.main", "run", "--", "bash", "go.sh"]
        done = subprocess.run(
            command, cwd=tmp_path, env={**environ, **running.variables}, capture_output=True, text=True, timeout=170
        )
    finally:
        running.stop()
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()
    assert "Login Succeeded" in said and "hello from the registry" in said and "through stdin" in said
    assert any("mine:1" in line and "acr7.azurecr.io/team/mine:1" in line for line in said), (
        "both names that were saved"
    )
    assert "SAID=derived" in said and said[-1] == "team/mine"
    assert "There is no image nothing:1" in done.stderr


def test_what_is_of_others_is_handed_on_with_all_that_was_asked(tmp_path: Path) -> None:
    asked = "/v1.41/images/get?names=one%3A1&names=two%3A1&force"
    chosen = settings.read({}, home=tmp_path / "home")
    heard: list[str] = []

    async def daemon(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append((await reader.readline()).decode())
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nsaid")
        writer.close()

    async def ask() -> bytes:
        behind = chosen.make_sockets() / "d"
        front = Front(chosen, Engine("docker", {}), behind)
        async with await asyncio.start_unix_server(daemon, behind):
            await front.start()
            try:
                reader, writer = await asyncio.open_unix_connection(engines.front(chosen.sockets, behind))
                writer.write(f"GET {asked} HTTP/1.1\r\nhost: docker\r\n\r\n".encode())
                answer = await reader.read()
                writer.close()
                return answer
            finally:
                front.close()

    try:
        assert asyncio.run(ask()).endswith(b"said")
    finally:
        shutil.rmtree(chosen.sockets)
    assert heard == [f"GET {asked.replace('&force', '&force=')} HTTP/1.1\r\n"]


def test_who_pulls_and_who_pushes_an_image_leaves_its_name_to_the_other_until_he_is_done(tmp_path: Path) -> None:
    """What an engine's command is asked is written down; taking a name away fails."""
    chosen = settings.read({}, home=tmp_path / "home")
    heard, program = tmp_path / "heard", tmp_path / "docker"
    program.write_text(f'#!/bin/sh\necho "$1" >> {heard}\nsleep 0.1\n[ "$1" != rmi ]\n')
    program.chmod(0o755)
    engine, image = Engine(str(program), {}), "acr7.azurecr.io/team/mine"

    async def daemon(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with heard.open("a") as file:
            file.write("push\n")
        await asyncio.sleep(0.1)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nsaid")
        writer.close()

    async def push(behind: Path) -> bytes:
        reader, writer = await asyncio.open_unix_connection(engines.front(chosen.sockets, behind))
        writer.write(f"POST /v1.41/images/{image}/push?tag=latest HTTP/1.1\r\nhost: docker\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        return answer

    async def ask() -> list[bytes]:
        behind = chosen.make_sockets() / "d"
        front = Front(chosen, engine, behind)
        async with await asyncio.start_unix_server(daemon, behind):
            await front.start()
            try:
                return await asyncio.gather(push(behind), push(behind))
            finally:
                front.close()

    try:
        with ThreadPoolExecutor() as pool:
            pulls = [pool.submit(engine_images.fetch, chosen, engine, image, "test", print) for _ in range(2)]
            answers = asyncio.run(ask())
            for pull in pulls:
                pull.result()
    finally:
        shutil.rmtree(chosen.sockets)
    assert [answer.count(b"HTTP/1.1") for answer in answers] == [1, 1]
    words = heard.read_text().split()
    groups = [words[at : at + 3] for at in range(0, len(words), 3)]
    assert sorted(groups) == [["pull", "tag", "rmi"]] * 2 + [["tag", "push", "rmi"]] * 2
