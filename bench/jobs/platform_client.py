"""A platform of its own for a bench, and the least client that submits jobs and asks for them."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from lazulite import clock
from lazulite.identity import tokens

sys.path.insert(0, str(Path(__file__).parent.parent))

from ports import free_ports

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/bench"
_ENDED = ("Completed", "Failed", "Canceled")
_FIRST_POLL_S, _POLL_S = 0.025, 0.005
_STARTS_WITHIN_S = 60


class Platform:
    """A running platform with an environment `plain` and a cluster `two` of two nodes. home: kept if it is there."""

    def __init__(self, home: Path, *, is_kept: bool = False) -> None:
        self.home = home
        self._is_kept = is_kept
        self.port, self._scoring_port = free_ports(2)

    def __enter__(self) -> "Platform":
        if not self._is_kept:
            shutil.rmtree(self.home, ignore_errors=True)
        environ = {
            "LAZULITE_HOME": str(self.home),
            "LAZULITE_PORT": str(self.port),
            "LAZULITE_SCORING_PORT": str(self._scoring_port),
        }
        with self.home.with_suffix(".log").open("wb") as log:
            command = [sys.executable, "-m", "lazulite.cli.main", "up"]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **environ})
        self._server = psutil.Process(self._process.pid)
        try:
            self._await_start()
            key = tokens.signing_key(self.home)
            who = {"tenant": "t", "oid": "o", "name": "bench"}
            self._token = tokens.issue(key, "https://management.azure.com", **who, now=clock.now())
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port)
            self._prepare()
        except BaseException:
            self._process.terminate()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        self._connection.close()
        self._process.terminate()
        self._process.wait(30)

    def _await_start(self) -> None:
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while self._process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise SystemExit(f"the platform did not start; see {self.home.with_suffix('.log')}")

    def _prepare(self) -> None:
        self.ask("PUT", "environments/plain/versions/1", {"properties": {"image": "python:3.11-slim"}})
        cluster = {"vmSize": "Standard_DS3_v2", "scaleSettings": {"maxNodeCount": 2}}
        self.ask("PUT", "computes/two", {"properties": {"computeType": "AmlCompute", "properties": cluster}})
        self.await_end(self.submit("python -c pass", "local"))
        while any("compileall" in _command(child) for child in self._server.children()):
            time.sleep(0.1)  # what follows the making of an environment

    @property
    def python(self) -> Path:
        """Returns the interpreter that jobs run."""
        return next(self.home.glob("environments/*/bin/python"))

    def submit(self, command: str, compute: str) -> str:
        """Submits a job and returns its name."""
        name = f"job{uuid.uuid4().hex}"
        job = {"jobType": "Command", "command": command, "environmentId": "plain:1", "computeId": compute}
        self.ask("PUT", f"jobs/{name}", {"properties": job})
        return name

    def await_end(self, name: str) -> None:
        """Asks until a job is over; one that did not complete ends the bench."""
        time.sleep(_FIRST_POLL_S)
        while (status := self.ask("GET", f"jobs/{name}")["properties"]["status"]) not in _ENDED:
            time.sleep(_POLL_S)
        if status != "Completed":
            raise SystemExit(f"{name} is {status}")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Sends one request below the workspace and returns what the answer's JSON says."""
        headers = {
            "Host": "management.azure.com",
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
        }
        content = None if body is None else json.dumps(body)
        self._connection.request(method, f"{WORKSPACE}/{path}", content, headers)
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {said.decode()}")
        return json.loads(said)

    def cpu_s(self) -> float:
        """Returns the CPU seconds of the platform and of all that it started, those that have ended included."""
        total = 0.0
        for process in (self._server, *self._server.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += sum(process.cpu_times()[:4])
        return total

    def rss_mib(self) -> float:
        """Returns the memory of the platform's own process."""
        return float(self._server.memory_info().rss) / 2**20


def _command(process: psutil.Process) -> str:
    with suppress(psutil.Error):  # it may have ended meanwhile
        return " ".join(process.cmdline())
    return ""
