"""Batch jobs by themselves: a real conductor with real workers, without a platform."""

import fcntl
import json
import os
import subprocess
import sys
import textwrap
import venv
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lazulite.batch import order
from lazulite.engine.executors.process import Launcher

# What a batch script's environment holds that is handed tables, or a model of MLflow.
PACKAGES = ("mlflow-skinny==3.15.0", "numpy==2.2.6", "pandas==2.3.3", "pyarrow==22.0.0")
WITHIN_S = 60


@dataclass
class Batch:
    """One batch job, told by files: `parallel.json` in root, the output in `out`."""

    root: Path
    order: order.Order

    def start(self):
        """Starts a conductor; what it says goes to `log`."""
        with (self.root / "log").open("ab") as log:
            command = (sys.executable, "-I", "-m", "lazulite.batch", self.root)
            return subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def run(self):
        """Conducts the job to its end and returns the conductor's exit status."""
        code = self.start().wait(WITHIN_S)
        print(self.log)
        return code

    @property
    def log(self):
        return (self.root / "log").read_text()

    @property
    def output(self):
        return self.root / "out"

    @property
    def rows(self):
        return (self.output / "predictions.csv").read_text().splitlines()

    @property
    def result(self):
        return json.loads((self.root / "batch" / "result.json").read_text())

    @property
    def progress(self):
        return json.loads((self.root / "logs" / "batch" / "progress.json").read_text())

    @property
    def failed(self):
        return listed(self.root / "logs" / "batch" / "failed.jsonl")

    @property
    def collisions(self):
        return listed(self.root / "logs" / "batch" / "collisions.jsonl")

    @property
    def journal(self):
        return [one for one in listed(self.root / "batch" / "journal.jsonl") if "k" in one]

    def files(self):
        """Returns the output files by name, but for the results."""
        found = (path for path in sorted(self.output.rglob("*")) if path.is_file())
        return {
            path.relative_to(self.output).as_posix(): path.read_text()
            for path in found
            if path.name != "predictions.csv"
        }


def listed(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture(scope="session")
def has_views():
    launcher = Launcher()
    yield launcher.has_views
    launcher.close()


@pytest.fixture
def batch(tmp_path):
    """Makes `batch(script, files={"a.json": "1"} or 20, **order)`."""

    def make(text, files=20, /, **more):
        code, source = tmp_path / "code", tmp_path / "in"
        code.mkdir()
        (code / "score.py").write_text(textwrap.dedent(text))
        named = {f"{number:03d}.json": str(number) for number in range(files)} if isinstance(files, int) else files
        source.mkdir()
        for name, content in named.items():
            path = source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        output = str(tmp_path / "out")
        made = order.Order(
            folder=str(tmp_path / "batch"),
            logs=str(tmp_path / "logs"),
            python=sys.executable,
            code=str(code),
            source=str(source),
            input=str(source),
            script="score.py",
            mini_batch_size=4,
            workers=2,
            tries=1,
            append_to=f"{output}/predictions.csv",
            outputs=(output,),
            output=output,
            variables={"AZUREML_BI_OUTPUT_PATH": output},
        )
        made = replace(made, **more)
        order.write(made, tmp_path / "parallel.json")
        return Batch(tmp_path, made)

    return make


@pytest.fixture(scope="session")
def pandas_python(pytestconfig):
    """An interpreter with pandas and MLflow, kept from one session to the next."""
    folder = pytestconfig.cache.mkdir("batch-environment")
    python = folder / "bin" / "python"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "complete").exists() and (folder / "complete").read_text() == " ".join(PACKAGES):
            return str(python)
        venv.EnvBuilder(symlinks=True).create(folder)
        uv = Path(sys.executable).with_name("uv")
        built = subprocess.run(
            [uv, "pip", "install", "--python", python, "--compile-bytecode", *PACKAGES],
            capture_output=True,
            text=True,
            env={**os.environ, "UV_LINK_MODE": "copy"},
        )
        if built.returncode:
            pytest.skip(f"pandas and MLflow cannot be installed here: {built.stderr[-500:]}")
        (folder / "complete").write_text(" ".join(PACKAGES))
    return str(python)
