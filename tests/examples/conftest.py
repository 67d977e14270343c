"""Copies of the examples, and a platform of their own to run them on."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Platform:
    """One LAZULITE_HOME, on ports that were free."""

    home: Path

    def lazulite(self, *words: str, cwd: Path | None = None) -> str:
        """Runs one lazulite command in the folder `cwd`; fails the test unless it ends well. Returns its output."""
        environ = os.environ | {"LAZULITE_HOME": str(self.home), "LAZULITE_PORT": "0", "LAZULITE_SCORING_PORT": "0"}
        ended = subprocess.run(
            [sys.executable, "-m", "lazulite.cli.main", *words], cwd=cwd, env=environ, capture_output=True, text=True
        )
        assert ended.returncode == 0, f"{words} ended with {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    def run(self, folder: Path, script: str, *arguments: str) -> str:
        """Runs an example's script as its README says, `lazulite run -- python SCRIPT`."""
        return self.lazulite("run", "--", sys.executable, script, *arguments, cwd=folder)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """Yields a platform that the first `run` starts; takes it down in the end."""
    platform = Platform(tmp_path / "home")
    yield platform
    platform.lazulite("down")


@pytest.fixture
def example(tmp_path: Path) -> Callable[[str], Path]:
    """Copies an example, as it is in the repository, to a folder of the test's own."""

    def copy(name: str) -> Path:
        return shutil.copytree(EXAMPLES / name, tmp_path / name, ignore=shutil.ignore_patterns("model", "__pycache__"))

    return copy
