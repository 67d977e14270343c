"""Environment builds beside `python -m venv` and pip, in one run, with the same packages and the same index.

    python bench/environments/run.py [--rounds 3] [--packages "scikit-learn pandas mlflow"] [--python 3.11]

Each round builds from nothing with warm caches, in turns, so that what else the machine does falls on all. pip is
given a folder of wheels, the best case that it has. Printed are medians, and ratios to pip.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lazulite.environments import built, interpreters
from lazulite.environments.spec import EnvironmentSpec, spec_of

CASES = ("python -m venv + pip install", "lazulite, first build", "lazulite, used again")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--packages", default="flask requests pyyaml numpy")
    parser.add_argument("--python", default=f"3.{sys.version_info[1]}")
    given = parser.parse_args()
    packages = given.packages.split()
    conda_file = json.dumps({"dependencies": [f"python={given.python}", {"pip": packages}]})
    spec = spec_of({"condaFile": conda_file})
    python = interpreters.choose(spec.python).interpreter.path
    seconds: dict[str, list[float]] = {case: [] for case in CASES}
    with tempfile.TemporaryDirectory(prefix="lazulite-bench-") as folder:
        scratch = Path(folder)
        built.ensure(scratch / "warm", spec, lambda line: None)
        wheels = scratch / "wheels"
        subprocess.run([python, "-m", "pip", "wheel", "-qqq", "-w", wheels, *packages], check=True)
        for number in range(given.rounds):
            seconds[CASES[0]].append(timed(lambda: with_pip(scratch / "pip", python, wheels, packages)))
            home = scratch / f"home-{number}"
            seconds[CASES[1]].append(timed(lambda home=home: build(home, spec)))
            seconds[CASES[2]].append(timed(lambda home=home: build(home, spec)))
    report(seconds)


def timed(work: Callable[[], object]) -> float:
    """Returns how long a piece of work took."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def with_pip(folder: Path, python: Path, wheels: Path, packages: list[str]) -> None:
    """Makes a virtual environment as the manual says."""
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([python, "-m", "venv", folder], check=True)
    environ = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    subprocess.run([folder / "bin" / "pip", "install", "-q", *packages], env=environ, check=True)


def build(home: Path, spec: EnvironmentSpec) -> None:
    """Makes the same environment, or finds it."""
    built.ensure(home, spec, lambda line: None)


def report(seconds: dict[str, list[float]]) -> None:
    """Prints medians, spreads and ratios."""
    reference = statistics.median(seconds[CASES[0]])
    for case, taken in seconds.items():
        median = statistics.median(taken)
        ratio = f"{reference / median:9.1f} times pip's pace"
        print(f"{case:32} {median:9.3f} s  ({min(taken):.3f}-{max(taken):.3f})  {ratio}")


if __name__ == "__main__":
    main()
