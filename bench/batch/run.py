"""Batch jobs beside a loop, multiprocessing, joblib, dask and ray, as far as these are installed, in one run.

    python bench/batch/run.py [--rounds 3] [--files 2000]             files a second, start-up, CPU, memory
    python bench/batch/run.py --overhead                              what a mini-batch costs that does nothing
    python bench/batch/run.py --million [--files 1000000]             listing, memory, kill -9 in the middle

The same script scores the same small JSON files with the digits model, ten to a mini-batch, two processes. Rates are of
what comes after the first four mini-batches, in which models are loaded. Printed are medians and ratios to the loop.
"""

import argparse
import importlib.util
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

HERE = Path(__file__).parent
WARM_MINI_BATCHES, SIZE, WORKERS = 4, 10, 2
PEERS = ("loop", "pool", "joblib", "dask", "ray")
NOTHING = "def run(mini_batch):\n    return mini_batch\n"


def main() -> None:
    """Measures what is asked for, and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int)
    parser.add_argument("--overhead", action="store_true")
    parser.add_argument("--million", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lazulite-bench-") as folder:
        scratch = Path(folder)
        if given.million:
            million(scratch, given.files or 1_000_000)
        elif given.overhead:
            overhead(scratch, given.files or 5_000)
        else:
            beside_peers(scratch, given.files or 2_000, given.rounds)


def beside_peers(scratch: Path, files: int, rounds: int) -> None:
    """Measures every runner in turns, so that what else the machine does falls on all."""
    make_digits(scratch, files)
    os.environ.update(BENCH_MODEL=str(scratch / "model"), OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    peers = [one for one in PEERS if importlib.util.find_spec(one) or one in ("loop", "pool")]
    measured: dict[str, list[dict[str, float]]] = {one: [] for one in (*peers, "lazulite")}
    for number in range(rounds):
        for peer, found in measured.items():
            command = [sys.executable, HERE / "peers.py", peer, scratch / "data"]
            if peer == "lazulite":
                command = order(scratch / f"job-{number}", scratch / "data", HERE / "score.py")
            found.append(measure(command, scratch / f"job-{number}" / "out" / "predictions.csv"))
    loop_rate = statistics.median(one["rate"] for one in measured["loop"])
    print(f"{files} files, {rounds} rounds: medians")
    for peer, found in measured.items():
        middle = {name: statistics.median(one[name] for one in found) for name in found[0]}
        print(
            f"{peer:10} {middle['rate']:7.0f} files/s  {middle['rate'] / loop_rate:5.2f} loops  "
            f"start-up {middle['startup']:5.2f} s  wall {middle['wall']:5.2f} s  CPU {middle['cpu']:5.1f} s"
        )


def measure(command: list[object], results: Path) -> dict[str, float]:
    """Runs a program and reads its rows, from its output or, if it writes none, from a file."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    text = results.read_text() if results.exists() else run.stdout
    spans = [(float(begin), float(end)) for _, begin, end in map(str.split, text.splitlines())]
    batches = sorted(set(spans))
    steady = batches[WARM_MINI_BATCHES:]
    seconds = max(end for _, end in batches) - steady[0][0]
    return {
        "rate": len(steady) * SIZE / seconds,
        "startup": batches[0][0] - began,
        "wall": wall,
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    }


def make_digits(scratch: Path, files: int) -> None:
    """Trains the model, and writes the files."""
    import joblib
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    pixels, digits = load_digits(return_X_y=True)
    joblib.dump(LogisticRegression(max_iter=300).fit(pixels / 16, digits), scratch / "model")
    (scratch / "data").mkdir()
    for number in range(files):
        data = [(pixels[number % len(pixels)] / 16).tolist()]
        (scratch / "data" / f"{number:05d}.json").write_text(json.dumps({"data": data}))


def order(folder: Path, data: Path, script: Path, workers: int = WORKERS, size: int = SIZE) -> list[object]:
    """Lays out a batch job and returns the command that conducts it."""
    folder.mkdir(exist_ok=True)
    told = {
        "folder": str(folder / "batch"),
        "logs": str(folder / "logs"),
        "python": sys.executable,
        "code": str(script.parent),
        "source": str(data),
        "input": str(data),
        "script": script.name,
        "mini_batch_size": size,
        "workers": workers,
        "append_to": str(folder / "out" / "predictions.csv"),
        "outputs": [str(folder / "out")],
        "output": str(folder / "out"),
    }
    (folder / "parallel.json").write_text(json.dumps(told))
    return [sys.executable, "-I", "-m", "lazulite.batch", folder]


def overhead(scratch: Path, files: int) -> None:
    """Measures mini-batches of one file that do nothing, by one worker: all of the time is overhead."""
    (scratch / "score.py").write_text(NOTHING)
    (scratch / "data").mkdir()
    for number in range(files):
        (scratch / "data" / f"{number:06d}").touch()
    few = scratch / "few"
    few.mkdir()
    (few / "0").touch()
    wall, cpu = {}, {}
    for name, data in (("few", few), ("all", scratch / "data")):
        began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        command = order(scratch / f"job-{name}", data, scratch / "score.py", 1, 1)
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall[name] = time.monotonic() - began
        cpu[name] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    each = {name: (one["all"] - one["few"]) / files * 1000 for name, one in (("wall", wall), ("CPU", cpu))}
    print(f"start to end of one mini-batch: {wall['few']:.2f} s")
    print(f"{files} mini-batches: {each['wall']:.3f} ms each, {each['CPU']:.3f} ms of CPU")


def million(scratch: Path, files: int) -> None:
    """Conducts very many files; kills the conductor in the middle, and has another go on."""
    (scratch / "score.py").write_text(NOTHING)
    for number in range(files):
        if number % 10_000 == 0:
            (scratch / "data" / f"{number // 10_000:03d}").mkdir(parents=True)
        (scratch / "data" / f"{number // 10_000:03d}" / f"{number:07d}").touch()
    command = order(scratch / "job", scratch / "data", scratch / "score.py")
    job, progress = scratch / "job", scratch / "job" / "logs" / "batch" / "progress.json"
    for part in ("first", "second"):
        began = time.monotonic()
        conductor = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        running_after, peak, told = 0.0, 0, {"done": 0, "state": ""}
        while conductor.poll() is None:
            time.sleep(0.2)
            try:
                told = json.loads(progress.read_text())
                peak = max(peak, psutil.Process(conductor.pid).memory_info().rss)
            except (FileNotFoundError, psutil.Error):
                continue
            if told["state"] == "running" and not running_after:
                running_after = time.monotonic() - began
            if part == "first" and told["done"] > files / SIZE / 2:
                conductor.send_signal(signal.SIGKILL)
        wall = time.monotonic() - began
        print(
            f"{part}: running after {running_after:.1f} s, ended after {wall:.1f} s with {told['done']} mini-batches, "
            f"conductor's memory {peak >> 20} MiB at most"
        )
    with (job / "out" / "predictions.csv").open() as file:
        count, is_ordered, last = 0, True, ""
        for line in file:
            count, is_ordered, last = count + 1, is_ordered and last < line, line
    repeated = sum(1 for line in (job / "batch" / "journal.jsonl").open() if '"k"' in line) - files // SIZE
    print(f"{count} rows, {'in order' if is_ordered else 'NOT in order'}, {repeated} mini-batches told twice")


if __name__ == "__main__":
    main()
