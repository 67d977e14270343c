"""Interpreters for scoring workers: bare ones, old and new ones, and one with what Azure's scoring images hold."""

import fcntl
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import pytest

from lazulite.environments import interpreters
from tests.guest.deployed import Deployed

# What an environment for online deployments is told to hold; azureml-inference-server-http brings Flask.
AZURE_PACKAGES = ("azureml-inference-server-http==1.5.1", "inference-schema==1.8", "flask==3.1.3", "werkzeug==3.1.9")
MINORS = (8, 9, 13)


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory):
    """An interpreter without any package."""
    folder = tmp_path_factory.mktemp("bare")
    venv.EnvBuilder(symlinks=True).create(folder)
    return folder / "bin" / "python"


@pytest.fixture(scope="session", params=MINORS, ids=lambda minor: f"3.{minor}")
def any_python(request):
    """An interpreter of each of some releases, where this machine has it."""
    found = interpreters.find(request.param)
    if not found:
        pytest.skip(f"this machine has no Python 3.{request.param}, neither on PATH nor where version managers put it")
    return found.path


@pytest.fixture(scope="session")
def azure_python(pytestconfig):
    """An interpreter with Azure's own inference server, kept from one session to the next."""
    folder = pytestconfig.cache.mkdir("azure-scoring-environment")
    python = folder / "bin" / "python"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "complete").exists() and (folder / "complete").read_text() == " ".join(AZURE_PACKAGES):
            return python
        venv.EnvBuilder(symlinks=True).create(folder)
        uv = Path(sys.executable).with_name("uv")
        built = subprocess.run(
            [uv, "pip", "install", "--python", python, "--compile-bytecode", *AZURE_PACKAGES],
            capture_output=True,
            text=True,
        )
        if built.returncode:
            pytest.skip(f"Azure's inference server cannot be installed here: {built.stderr[-500:]}")
        (folder / "complete").write_text(" ".join(AZURE_PACKAGES))
    return python


@pytest.fixture
def folder():
    """A folder whose path is short enough for a socket's."""
    path = Path(tempfile.mkdtemp(prefix="lz-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def deploy(folder, bare_python):
    """Makes `deploy(script, python=…, files={…}, VARIABLE=…)`, a worker that is ended with the test."""
    made = []

    def make(script, python=bare_python, **more):
        one = Deployed(folder / str(len(made)), script, python, **more)
        made.append(one)
        return one

    yield make
    for one in made:
        one.stop()
