"""Parallel steps of pipelines, by the unmodified SDK on a platform; the platform and the conductor are killed."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from azure.ai.ml import Input, MLClient, Output, dsl
from azure.ai.ml.entities import Environment
from azure.ai.ml.parallel import RunFunction, parallel_run_function
from azure.identity import DefaultAzureCredential

from tests.conftest import GROUP, SUBSCRIPTION, Platform, lead

WITHIN_S = 90
SCRIPT = """
import argparse, json, os, time

def init():
    global scale, model
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=int)
    scale = parser.parse_known_args()[0].scale
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "weights", "bias.txt")) as file:
        model = int(file.read())
    print("init with a bias of", model)

def run(mini_batch):
    rows = []
    for path in mini_batch:
        number = json.load(open(path))
        if number == 7:
            raise ValueError("seven")
        time.sleep(float(os.environ.get("PAUSE", 0)))
        with open(os.path.join(os.environ["AZUREML_BI_OUTPUT_PATH"], "same.txt"), "w") as file:
            file.write(str(number))
        rows.append(f"{os.path.basename(path)} {number * scale + model}")
    return rows
"""


@pytest.fixture
def ml(own_platform: Platform, monkeypatch: pytest.MonkeyPatch) -> MLClient:
    own_platform.start()
    lead(monkeypatch, own_platform)
    return MLClient(DefaultAzureCredential(), SUBSCRIPTION, GROUP, "parallel")


def submit(ml: MLClient, folder: Path, files: int, pause_s: float, **more: object) -> str:
    for part in ("data/deeper", "code", "weights"):
        (folder / part).mkdir(parents=True)
    for number in range(files):
        (folder / "data" / ("deeper" if number % 2 else "") / f"{number:03d}.json").write_text(str(number))
    (folder / "code" / "score.py").write_text(SCRIPT)
    (folder / "weights" / "bias.txt").write_text("1000")
    scoring = parallel_run_function(
        name="scoring",
        inputs={"data": Input(type="uri_folder"), "weights": Input(type="uri_folder"), "scale": Input(type="integer")},
        outputs={"rows": Output(type="uri_file"), "files": Output(type="uri_folder")},
        input_data="${{inputs.data}}",
        instance_count=1,
        max_concurrency_per_instance=2,
        mini_batch_size="5",
        retry_settings={"max_retries": 1, "timeout": 60},
        environment_variables={"PAUSE": str(pause_s)},
        task=RunFunction(
            code=str(folder / "code"),
            entry_script="score.py",
            model="${{inputs.weights}}",
            environment=Environment(image="python:3.11-slim"),
            program_arguments="--scale ${{inputs.scale}}",
            append_row_to="${{outputs.rows}}",
        ),
        **more,
    )

    @dsl.pipeline(default_compute="serverless")
    def flow(data: Input, weights: Input) -> dict[str, object]:
        step = scoring(data=data, weights=weights, scale=3)
        return {"rows": step.outputs.rows, "files": step.outputs.files}

    made = flow(
        Input(type="uri_folder", path=str(folder / "data")), Input(type="uri_folder", path=str(folder / "weights"))
    )
    return str(ml.jobs.create_or_update(made, experiment_name="parallel").name)


def child(ml: MLClient, name: str) -> object:
    return next(iter(ml.jobs.list(parent_job_name=name)))


def until(seen: object) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def results(ml: MLClient, name: str, output: str, folder: Path) -> Path:
    ml.jobs.download(name, download_path=str(folder), output_name=output)
    return folder / "named-outputs" / output


def conductor_of(home: Path) -> psutil.Process:
    """Finds the conductor of the one job that runs on a platform. Processes come and go meanwhile, others' too."""
    for one in psutil.process_iter():
        with suppress(psutil.Error):
            said = " ".join(one.cmdline())
            if "lazulite.batch" in said and str(home) in said and one.name() != "bash":
                return one
    raise AssertionError(f"no conductor runs below {home}")


def test_a_parallel_step_scores_a_folder_and_goes_on_after_every_kill(
    ml: MLClient, own_platform: Platform, tmp_path: Path
) -> None:
    name = submit(ml, tmp_path, 100, 0.02)
    storage = own_platform.home / "storage"
    until(lambda: next(storage.rglob("logs/batch/progress.json"), None))
    progress = next(storage.rglob("logs/batch/progress.json"))
    until(lambda: json.loads(progress.read_text())["done"] > 2)
    conductor = conductor_of(own_platform.home)
    os.kill(conductor.pid, signal.SIGKILL)
    until(lambda: json.loads(progress.read_text())["done"] > 8)
    own_platform.kill()
    own_platform.start()
    until(lambda: ml.jobs.get(name).status in ("Completed", "Failed"))
    step = child(ml, name)
    rows = results(ml, name, "rows", tmp_path)
    text = (rows if rows.is_file() else next(one for one in rows.rglob("*") if one.is_file())).read_text()
    told = [line.split() for line in text.splitlines()]
    kept = sorted(set(range(100)))
    assert ml.jobs.get(name).status == "Completed"
    expected = sorted((f"{number:03d}.json", str(number * 3 + 1000)) for number in kept)
    lost = [one for one in expected if list(one) not in told]
    assert len(lost) == 5 and ["007.json", "1021"] in [list(one) for one in lost]
    assert [line[0] for line in told] == sorted(line[0] for line in told[:48]) + [line[0] for line in told[48:]]
    files = results(ml, name, "files", tmp_path)
    assert len(list(files.rglob("same*.txt"))) == 20  # one for each mini-batch, the failed one's too
    ml.jobs.download(step.name, download_path=str(tmp_path / "logs"), all=True)
    log = (tmp_path / "logs" / "artifacts" / "user_logs" / "std_log.txt").read_text()
    assert "init with a bias of 1000" in log and "ValueError: seven (score.py, line" in log and "Going on:" in log
    failed = (tmp_path / "logs" / "artifacts" / "logs" / "batch" / "failed.jsonl").read_text()
    assert json.loads(failed)["error"]["message"] == "seven"


def test_a_step_that_fails_too_often_says_why_and_its_mini_batch_is_replayed_under_pdb(
    ml: MLClient, own_platform: Platform, tmp_path: Path
) -> None:
    name = submit(ml, tmp_path, 10, 0, error_threshold=2)
    with pytest.raises(Exception, match="ValueError: seven"):
        ml.jobs.stream(name)
    assert child(ml, name).status == "Failed"
    lazulite = Path(sys.executable).with_name("lazulite")
    words = ("job", "replay", "-n", name, "-w", "parallel", "-g", GROUP, "--subscription", SUBSCRIPTION)
    run = subprocess.run(
        [lazulite, *words, "--mini-batch", "1", "--pdb"],
        env={**os.environ, **own_platform.variables},
        input="p number, scale\nq\n",
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )
    assert run.returncode == 1 and "(Pdb) (7, 3)" in run.stdout, run.stdout + run.stderr
    again = subprocess.run(
        [lazulite, *words, "--mini-batch", "9"],
        env={**os.environ, **own_platform.variables},
        capture_output=True,
        text=True,
    )
    assert "has no mini-batch 9: they are 0 to 1." in again.stderr
