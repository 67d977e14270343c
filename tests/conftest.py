"""What all tests share: a platform of their own, started as a user starts it, and official clients led to it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lazulite import settings
from lazulite.containers.boxes import Boxes
from lazulite.identity.environment import client_environment
from lazulite.settings import Settings

SUBSCRIPTION = "10000000-0000-0000-0000-000000000001"
GROUP = "group"
UP_WITHIN_S = 60


def free_port() -> int:
    """Returns a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Platform:
    """A platform in a process of its own, with a home of its own."""

    home: Path
    flags: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    scoring_port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def settings(self) -> Settings:
        """Returns what the platform was told."""
        return settings.read({}, home=self.home, port=self.port, scoring_port=self.scoring_port)

    @property
    def url(self) -> str:
        """Returns the platform's own address."""
        return self.settings.url

    @property
    def environ(self) -> dict[str, str]:
        """Returns the environment of a program that knows nothing of Lazulite."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE", "LAZULITE"))}
        return {**inherited, **client_environment(self.settings), **self.variables}

    @property
    def variables(self) -> dict[str, str]:
        """Returns what tells the CLI which platform is meant."""
        return {
            "LAZULITE_HOME": str(self.home),
            "LAZULITE_PORT": str(self.port),
            "LAZULITE_SCORING_PORT": str(self.scoring_port),
        }

    def start(self) -> None:
        """Starts the platform and waits until it answers."""
        log = (self.home.parent / f"{self.home.name}.log").open("ab")
        command = [sys.executable, "-m", "lazulite.cli.main", "up", *self.flags]
        environ = {**os.environ, **self.variables}
        self.process = subprocess.Popen(command, env=environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + UP_WITHIN_S
        while self.status() is None:
            assert self.process.poll() is None, Path(log.name).read_text()
            assert time.monotonic() < deadline, "the platform does not answer"
            time.sleep(0.05)

    def status(self) -> "dict[str, object] | None":
        """Returns what the platform says of itself, None while it does not answer."""
        try:
            with urllib.request.urlopen(f"{self.url}/_lazulite/status", timeout=5) as answer:
                return dict(json.load(answer))
        except OSError:
            return None

    def kill(self) -> None:
        """Ends the platform's process without a warning, as a crash would."""
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Ends the platform with all that it started."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
        local = Boxes(self.settings)  # local deployments, which go on as docker's containers do
        for box in local.all():
            local.stop(box)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that all tests of a session share; each takes a workspace of its own."""
    running = Platform(tmp_path_factory.mktemp("platform") / "home")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def own_platform(tmp_path: Path) -> Iterator[Platform]:
    """A platform for one test that does to it what others could not bear. The test starts it."""
    running = Platform(tmp_path / "home")
    yield running
    if running.process is None or running.process.poll() is not None:
        running.start()  # so that workers and gateway, which outlive it, end with it
    running.stop()


def lead(patch: pytest.MonkeyPatch, platform: Platform) -> None:
    """Leads this very process's Azure clients to a platform."""
    for name, value in platform.environ.items():
        patch.setenv(name, value)
    # The SDK leaves its choice of a cloud in the environment, where its next client in this process finds it.
    patch.setenv("AZUREML_CURRENT_CLOUD", "")
    patch.delenv("AZUREML_CURRENT_CLOUD")


@pytest.fixture
def environ(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """Leads this very process's Azure clients to the shared platform."""
    lead(monkeypatch, platform)
    return platform
