"""Batch jobs that are killed, at any moment, and go on; disks that are full; journals that were cut short."""

import contextlib
import itertools
import os
import random
import resource
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lazulite.batch import order

# Each call of run leaves a trace of its own, and an output file, so that repetitions are seen.
TRACED = """
    import json, os, time, uuid

    def run(mini_batch):
        with open("trace", "a") as trace:
            trace.write(os.path.basename(mini_batch[0]) + "\\n")
        for path in mini_batch:
            with open(os.path.join(os.environ["AZUREML_BI_OUTPUT_PATH"], os.path.basename(path)), "w") as file:
                file.write("made from " + os.path.basename(path))
        if "0" in os.path.basename(mini_batch[0]):
            time.sleep(0.02)
        return ["%s: %d" % (os.path.basename(path), json.load(open(path)) ** 2) for path in mini_batch]
"""
FILES = 240


def is_whole(job):
    """Tells what must be true of a finished job, however often it was killed."""
    names = [f"{number:03d}.json" for number in range(FILES)]
    assert job.rows == [f"{name}: {int(name[:3]) ** 2}" for name in names]
    assert job.files() == {name: f"made from {name}" for name in names}
    assert job.collisions == [] and job.failed == []
    assert job.result["state"] == "completed"
    assert job.progress | {"done": 60, "failed": 0, "items_done": FILES, "items_failed": 0} == job.progress
    return True


@pytest.mark.parametrize("is_isolated", [True, False], ids=["isolated", "not isolated"])
def test_a_conductor_killed_at_any_moment_repeats_at_most_what_was_in_flight(batch, has_views, is_isolated):
    job = batch(TRACED, FILES, isolated=is_isolated and has_views)
    chance, kills = random.Random(7), 0
    for attempt in itertools.count():
        before = len(job.journal)
        conductor = job.start()
        if attempt < 8:
            wanted = min(60, before + chance.randint(1, 8))
            while conductor.poll() is None and len(job.journal) < wanted:
                time.sleep(chance.random() / 500)
            os.kill(conductor.pid, signal.SIGKILL)
            kills += 1
        if conductor.wait(60) == 0:
            break
    assert is_whole(job)
    trace = (job.root / "code" / "trace").read_text().splitlines()
    assert len(set(trace)) == 60 and len(trace) <= 60 + kills * 2  # two workers


def test_a_worker_killed_at_any_moment_is_replaced_and_its_mini_batch_run_again(batch):
    job = batch(TRACED, FILES, tries=50)
    conductor = job.start()
    chance = random.Random(3)
    for _ in range(8):
        workers = (
            [one["pid"] for one in job.progress["workers"]] if (job.root / "logs/batch/progress.json").exists() else []
        )
        time.sleep(chance.random() / 5)
        for pid in workers[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    assert conductor.wait(60) == 0
    assert is_whole(job)


@pytest.mark.parametrize("cut", ["journal.jsonl", "spool"])
def test_what_a_power_failure_cut_off_is_run_again(batch, cut):
    job = batch(TRACED.replace("raise", ""), FILES)
    conductor = job.start()
    while not (job.root / "batch" / "journal.jsonl").exists() or len(job.journal) < 30:
        time.sleep(0.01)
    conductor.kill()
    conductor.wait()
    if cut == "spool":
        os.truncate(job.root / "batch" / "spool", 0)
        os.truncate(job.output / "predictions.csv", (job.output / "predictions.csv").stat().st_size // 2)
    else:
        os.truncate(job.root / "batch" / "journal.jsonl", (job.root / "batch" / "journal.jsonl").stat().st_size - 7)
    assert job.run() == 0
    assert len(job.rows) == FILES and [row[:3] for row in job.rows] == [f"{number:03d}" for number in range(FILES)]
    assert job.progress | {"done": 60, "items_done": FILES} == job.progress
    (job.root / "batch" / "result.json").unlink()
    assert job.run() == 0  # told once more, from what the journal says now
    assert job.progress | {"done": 60, "items_done": FILES} == job.progress and len(job.rows) == FILES


def test_failures_and_collisions_told_before_the_death_are_told_after_it(batch):
    script = """
        import os, time

        def run(mini_batch):
            with open(os.path.join(os.environ["AZUREML_BI_OUTPUT_PATH"], "same.txt"), "w") as file:
                file.write(mini_batch[0])
            assert "004" not in mini_batch[0], "four"
            while "01" in os.path.basename(mini_batch[0]) and not os.path.exists("go"):
                time.sleep(0.01)
            return mini_batch
    """
    job = batch(script, 16, workers=1)
    conductor = job.start()
    while not (job.root / "batch" / "journal.jsonl").exists() or len(job.journal) < 3:
        time.sleep(0.01)
    conductor.kill()
    conductor.wait()
    (job.root / "code" / "go").touch()
    assert job.run() == 0
    assert [one["mini_batch"] for one in job.failed] == [1] and job.failed[0]["error"]["message"] == "four"
    assert [one["mini_batch"] for one in job.collisions] == [1, 2, 3]
    assert sorted(text[-8:] for text in job.files().values()) == ["000.json", "004.json", "008.json", "012.json"]
    assert len(job.rows) == 12


def test_a_job_that_is_killed_again_and_again_before_it_gets_anywhere_ends(batch):
    job = batch("import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\ndef run(mini_batch): return mini_batch")
    for _ in range(3):
        assert job.run() == -signal.SIGKILL
    assert job.run() == 1
    assert "killed 3 times before it had finished a mini-batch" in job.result["message"]


def test_a_job_that_is_killed_again_and_again_while_it_is_planned_ends(batch):
    job = batch("def run(mini_batch): return mini_batch")
    os.mkfifo(job.root / "in" / "MLTable")  # which nobody ever writes
    order.write(replace(job.order, is_table=True), job.root / "parallel.json")
    journal = job.root / "batch" / "journal.jsonl"
    for number in range(1, 4):
        conductor, deadline = job.start(), time.monotonic() + 60
        while not journal.exists() or journal.read_text().count("\n") < number:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        conductor.kill()
        conductor.wait()
    assert job.run() == 1
    assert "killed 3 times" in job.result["message"]


def test_a_full_disk_ends_the_job_with_whole_rows_and_the_truth(batch):
    job = batch("def run(mini_batch):\n    return ['x' * 999] * len(mini_batch)", 400, workers=1)
    limit = 50_500

    def confine():
        """Files cannot grow over the limit: the same as a disk without room, but for the error's number."""
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    with (job.root / "log").open("ab") as log:
        command = (Path(os.sys.executable), "-I", "-m", "lazulite.batch", job.root)
        code = subprocess.run(command, stdout=log, stderr=log, preexec_fn=confine, timeout=60).returncode
    assert code == 1
    assert job.rows == ["x" * 999] * 48  # whole mini-batches
    assert job.result["state"] == "failed" and "disk is full" in job.result["message"]
    assert job.progress["done"] == 12
