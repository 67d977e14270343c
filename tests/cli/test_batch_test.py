"""`lazulite batch-test`: the runner of batch jobs at a terminal, without a platform; pdb where a script raises."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import argparse, json, os

def init():
    global scale
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=int, default=1)
    scale = parser.parse_known_args()[0].scale
    print("model in", os.environ["AZUREML_MODEL_DIR"])

def run(mini_batch):
    rows = []
    for path in mini_batch:
        number = json.load(open(path))
        assert number != 7, "seven"
        rows.append(f"{os.path.basename(path)} {number * scale}")
    return rows
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    for number in range(12):
        (tmp_path / "data" / f"{number:02d}.json").write_text(str(number))
    (tmp_path / "score.py").write_text(SCRIPT)
    return tmp_path


def batch_test(
    folder: Path, *words: str, typed: str = "", python: str | None = sys.executable, **variables: str
) -> "subprocess.CompletedProcess[str]":
    command = [Path(sys.executable).with_name("lazulite"), "batch-test", *words]
    command += ["--python", python] if python else []
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LAZULITE", "AZUREML"))}
    environ = {**kept, **variables}
    run = subprocess.run(command, cwd=folder, input=typed, capture_output=True, text=True, timeout=60, env=environ)
    print(run.stdout, run.stderr)
    return run


ALL = ("--entry-script", "score.py", "--input", "data", "--model-dir", ".", "--mini-batch-size", "4")


def test_a_script_runs_over_a_folder_as_a_deployment_would(folder: Path) -> None:
    run = batch_test(folder, *ALL, "--arguments", "--scale 3", "--max-concurrency", "2", "--output", "out")
    assert run.returncode == 0
    rows = (folder / "out" / "predictions.csv").read_text().splitlines()
    assert rows == [f"{number:02d}.json {number * 3}" for number in range(12) if number not in range(4, 8)]
    assert f"] model in {folder}" in run.stdout
    assert "1 of 3 mini-batches failed, 4 items. The first: Mini-batch 1 (04.json" in run.stdout
    assert "AssertionError: seven (score.py, line 15)" in run.stdout
    failed = json.loads((folder / "out" / "logs" / "batch" / "failed.jsonl").read_text())
    assert failed["files"] == ["04.json", "05.json", "06.json", "07.json"]
    assert batch_test(folder, *ALL, "--error-threshold", "3").returncode == 1


def test_pdb_stands_where_the_script_raised(folder: Path) -> None:
    run = batch_test(folder, *ALL, "--pdb", typed="p number\nq\n")
    assert run.returncode == 1
    assert "Mini-batch 1: " in run.stderr and "AssertionError: seven" in run.stderr
    assert "(Pdb) 7" in run.stdout and "Mini-batch 2" not in run.stderr


def test_the_environment_of_a_file_is_built_and_run_with(folder: Path, tmp_path: Path) -> None:
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "conda.yml").write_text(f"dependencies: [python={minor}]\nvariables: {{SCALE: '5'}}\n")
    (folder / "environment.yml").write_text("name: own\nimage: ubuntu\nconda_file: conda.yml\n")
    script = "import os, sys\ndef run(files):\n    return [os.environ['SCALE'] + sys.prefix] * len(files)\n"
    (folder / "score.py").write_text(script)
    home = str(tmp_path / "home")
    for file in ("environment.yml", "conda.yml"):
        words = ("--entry-script", "score.py", "--input", "data", "--output", "out", "--environment", file)
        run = batch_test(folder, *words, python=None, LAZULITE_HOME=home)
        rows = (folder / "out" / "predictions.csv").read_text().split()
        assert run.returncode == 0 and rows[0].startswith(f"5{home}/environments/")
    assert "stands already" in run.stdout
    (folder / "conda.yml").write_text("- 1")
    refused = batch_test(folder, *words, python=None, LAZULITE_HOME=home)
    assert refused.returncode and "conda.yml is neither a conda file nor an environment" in refused.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--input", "data"), "There is nothing to run."),
        (("--input", "data", "--entry-script", "scoer.py"), "There is no file scoer.py."),
        (("--input", "dta", "--entry-script", "score.py"), "There is no file or folder dta."),
        (("--input", "data", "--entry-script", "score.py", "--mini-batch-size", "0"), "mini-batch-size"),
    ],
)
def test_what_is_not_there_is_said_before_anything_starts(folder: Path, words: tuple[str, ...], told: str) -> None:
    run = batch_test(folder, *words)
    assert run.returncode == 2 and told in run.stderr and not (folder / "batch-output").exists()
