"""The command line as a process, told which platform is meant."""

import json
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass, field

import pytest

from tests.conftest import GROUP, SUBSCRIPTION, Platform

LIMIT_S = 60


@dataclass
class Cli:
    """Runs `lazulite` for one platform: `run` gives the ended process, `text` and `json` what a success has printed."""

    platform: Platform
    scope: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self):
        bare = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE", "LAZULITE"))}
        return {**bare, **self.platform.variables, **self.variables}

    def run(self, *words, **options):
        command = [sys.executable, "-m", "lazulite.cli.main", *words]
        given = {"env": self.environ, "capture_output": True, "text": True, "timeout": LIMIT_S, **options}
        return subprocess.run(command, **given)

    def text(self, *words):
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *words):
        """Runs a command about the workspace; returns the JSON that it prints, None for nothing."""
        printed = self.text(*words, *self.scope)
        return json.loads(printed) if printed else None

    def refused(self, *words, code):
        """Runs a command that must fail with this exit code; returns what it says on stderr."""
        done = self.run(*words, *self.scope)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        assert done.stdout == ""
        return done.stderr


def in_own_workspace(platform: Platform) -> Cli:
    """Returns the command line in a workspace that nobody else uses."""
    return Cli(platform, ("--subscription", SUBSCRIPTION, "-g", GROUP, "-w", f"ws-{uuid.uuid4().hex[:8]}"))


@pytest.fixture
def cli(platform: Platform) -> Cli:
    """The command line on the shared platform, in a workspace that no other test uses."""
    return in_own_workspace(platform)


@pytest.fixture
def own_cli(own_platform: Platform) -> Cli:
    """The command line on a platform of the test's own, which is not started."""
    return Cli(own_platform)
