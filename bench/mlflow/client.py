"""What a training script and a person looking at its runs ask of an MLflow server; prints seconds and CPU by case.

python client.py TRACKING_URI SERVER_PID RUNS
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable

import psutil
from mlflow import MlflowClient
from mlflow.entities import Metric, Param

BATCHES, POINTS, SINGLES, SEARCHES, READS = 50, 1000, 300, 20, 100
ARTIFACT_MB = 100


def main(uri: str, server: int, run_count: int) -> None:
    """Runs every case once."""
    client = MlflowClient(uri)
    experiment = client.create_experiment("bench")
    run = client.create_run(experiment).info.run_id
    ids: list[str] = []

    def log_batches() -> None:
        for batch in range(BATCHES):
            first = batch * POINTS
            points = [Metric("loss", 1 / (first + n + 1), first + n, first + n) for n in range(POINTS)]
            client.log_batch(run, metrics=points)

    def log_singly() -> None:
        for step in range(SINGLES):
            client.log_metric(run, "accuracy", step / SINGLES, step=step)

    def make_runs() -> None:
        for number in range(run_count):
            made = client.create_run(experiment).info.run_id
            params = [Param("lr", str(number % 7)), Param("depth", str(number % 5))]
            client.log_batch(made, metrics=[Metric("score", number / run_count, 0, 0)], params=params)
            client.set_terminated(made)
            ids.append(made)

    def search() -> None:
        for _ in range(SEARCHES):
            found = client.search_runs(
                [experiment],
                "metrics.score > 0.5 and params.lr = '3'",
                order_by=["metrics.score DESC"],
                max_results=100,
            )
            assert 0 < len(found) <= 100

    cases: dict[str, Callable[[], object]] = {
        f"log_batch, {BATCHES} x {POINTS} points": log_batches,
        f"log_metric, {SINGLES} times": log_singly,
        f"create, log_batch and end, {run_count} runs": make_runs,
        f"search_runs by metric and param, {SEARCHES} times": search,
        f"get_run with 50,000 points, {READS} times": lambda: [client.get_run(run) for _ in range(READS)],
        "get_metric_history, 50,000 points": lambda: client.get_metric_history(run, "loss"),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/weights.bin"
        with open(path, "wb") as file:
            file.write(os.urandom(ARTIFACT_MB << 20))
        cases[f"log_artifact, {ARTIFACT_MB} MB"] = lambda: client.log_artifact(run, path)
        cases[f"download_artifacts, {ARTIFACT_MB} MB"] = lambda: client.download_artifacts(run, "weights.bin", folder)
        for case, work in cases.items():
            print(json.dumps({"case": case, **timed(work, server)}), flush=True)


def timed(work: Callable[[], object], server: int) -> dict[str, float]:
    """Runs work and measures this client and the server's processes."""
    time.sleep(0.3)
    server_before, client_before, began = cpu_s(server), time.process_time(), time.perf_counter()
    work()
    wall_s, client_cpu_s = time.perf_counter() - began, time.process_time() - client_before
    rss = sum(process.memory_info().rss for process in family(server))
    return {
        "wall_s": wall_s,
        "client_cpu_s": client_cpu_s,
        "server_cpu_s": cpu_s(server) - server_before,
        "rss_mib": rss / 2**20,
    }


def family(server: int) -> list[psutil.Process]:
    """Returns a process and its children."""
    process = psutil.Process(server)
    return [process, *process.children(recursive=True)]


def cpu_s(server: int) -> float:
    """Returns the CPU time of a process and its children."""
    times = [process.cpu_times() for process in family(server)]
    return sum(one.user + one.system for one in times)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
