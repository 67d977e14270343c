"""A container engine that really runs containers, if there is one here."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lazulite.environments import engines

# Where root may not raise limits, as inside of many containers, engines must be told of lower ones.
_PODMAN = """
[containers]
default_ulimits = ["nofile=1024:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
_BASE = "FROM scratch\nCOPY busybox /bin/busybox\n"


@dataclass(frozen=True)
class RealEngine:
    """An engine, and an image in it that holds a static busybox and nothing else."""

    program: str
    base: str
    is_podman: bool

    def __call__(self, *words: str) -> str:
        """Runs a command of the engine's; fails the test unless it ends well. Returns its output."""
        done = subprocess.run([self.program, *words], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="session")
def _configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("engine") / "containers.conf"
    path.write_text(_PODMAN)
    return path


@pytest.fixture
def real_engine(tmp_path: Path, _configuration: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RealEngine]:
    """An engine that runs a container when it is asked to. Skips the test where there is none."""
    busybox, found = shutil.which("busybox"), engines.find(os.environ, "")
    if not busybox or not found:
        pytest.skip("there is no container engine here, or no busybox (apt-get install busybox-static podman)")
    folder = tmp_path / "base"
    folder.mkdir()
    shutil.copy(busybox, folder / "busybox")
    (folder / "Dockerfile").write_text(_BASE)
    # Another process of the same tests may use the same engine.
    engine = RealEngine(found.program, f"localhost/lazulite-tests/base:{os.getpid()}", found.is_podman)
    trials = [["build", "-t", engine.base, str(folder)], ["run", "--rm", engine.base, "/bin/busybox", "true"]]
    try:
        if _fails(engine, trials):
            monkeypatch.setenv("CONTAINERS_CONF", str(_configuration))
            reason = _fails(engine, trials)
            if reason:
                pytest.skip(f"{engine.program} runs no containers here: {reason[-300:]}")
        yield engine
    finally:
        subprocess.run([engine.program, "rmi", engine.base], capture_output=True)


def _fails(engine: RealEngine, trials: list[list[str]]) -> str:
    for words in trials:
        done = subprocess.run([engine.program, *words], capture_output=True, text=True, timeout=120)
        if done.returncode:
            return done.stderr or "it says nothing"
    return ""
