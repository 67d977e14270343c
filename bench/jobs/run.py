"""No-op jobs beside a bare loop of processes and two engines that run a step in its own process, in one run.

    python bench/jobs/run.py [--rounds 3] [--steps 20] [--jobs 50] [--peers bare,lazulite,kfp,metaflow] [--scratch DIR]

Each runs `python -c pass`, one after another: what a step costs is (time of all - time of one) / (all - 1), so that
no engine pays for its own start. Then 50 at once on two nodes. Peers take turns within each round, so that what else
the machine does falls on all. Printed are medians, what a step costs over the bare process, and CPU, the steadiest
figure: of the platform's whole family with its client, or of the engine's.
Lazulite is asked as a client asks it: PUT, then GET after 25 ms and every 5 ms until it says Completed.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from flows import METAFLOW_HOME, write_flow
from platform_client import Platform
from venvs import venv

NODES = 2
PACKAGES = {"kfp": ("kfp==2.17.0",), "metaflow": ("metaflow==2.19.39",)}


@dataclass(frozen=True)
class Point:
    """One measurement: wall and CPU seconds."""

    wall_s: float
    cpu_s: float


Points = dict[tuple[str, str], list[Point]]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--peers", default="bare,lazulite,kfp,metaflow")
    parser.add_argument("--scratch", type=Path, default=Path("/tmp/jobs-bench"))
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    turn = options.peers.split(",")
    interpreters = {peer: venv(options.scratch / peer, PACKAGES[peer]) for peer in turn if peer in PACKAGES}
    points: Points = defaultdict(list)
    with Platform(options.scratch / "home") as platform:
        python = str(platform.python)
        for _ in range(options.rounds):
            for peer in turn:
                for case, count in (("one", 1), ("all", options.steps), ("nodes", options.jobs)):
                    work = _work(peer, case, count, platform, python, interpreters, options.scratch)
                    if work:
                        points[peer, case].append(work())
                        point = points[peer, case][-1]
                        print(f"  {peer:9} {case:6} {point.wall_s:7.3f} s  CPU {point.cpu_s:6.2f} s", flush=True)
            turn.append(turn.pop(0))
    report(options.peers.split(","), points, options.steps, options.jobs)


def _work(
    peer: str,
    case: str,
    count: int,
    platform: Platform,
    python: str,
    interpreters: dict[str, Path],
    scratch: Path,
) -> Callable[[], Point] | None:
    """Returns what one measurement of a peer does, None where the peer has no such case."""
    if peer == "bare":
        return lambda: bare(python, count, NODES if case == "nodes" else 1)
    if peer == "lazulite":
        return lambda: ours(platform, count, is_parallel=case == "nodes")
    flow = write_flow(peer, case, count, scratch)
    return (lambda: theirs(interpreters[peer], flow, scratch)) if flow else None


def bare(python: str, count: int, at_once: int) -> Point:
    """Runs processes by a thread pool as large as the nodes."""

    def step(number: int) -> None:
        subprocess.run([python, "-c", "pass"], check=True)

    before, began = _children_s(), time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(step, range(count)))
    return Point(time.perf_counter() - began, _children_s() - before)


def ours(platform: Platform, count: int, *, is_parallel: bool) -> Point:
    """Submits jobs and waits for them: each before the next, or all at once on a cluster of two nodes."""
    before, began = platform.cpu_s() + time.process_time(), time.perf_counter()
    if is_parallel:
        names = [platform.submit("python -c pass", "two") for _ in range(count)]
        for name in names:
            platform.await_end(name)
    else:
        for _ in range(count):
            platform.await_end(platform.submit("python -c pass", "local"))
    wall_s = time.perf_counter() - began
    return Point(wall_s, platform.cpu_s() + time.process_time() - before)


def theirs(python: Path, flow: Path, scratch: Path) -> Point:
    """Runs a peer's flow from its start to its end."""
    words = ["--no-pylint", "run", "--max-workers", str(NODES)] if flow.name.startswith("metaflow") else []
    environ = {**os.environ, **METAFLOW_HOME, "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(scratch / "metaflow-store")}
    before, began = _children_s(), time.perf_counter()
    with (scratch / f"{flow.stem}.log").open("wb") as log:
        subprocess.run([python, flow, *words], cwd=scratch, env=environ, stdout=log, stderr=log, check=True)
    point = Point(time.perf_counter() - began, _children_s() - before)
    shutil.rmtree(scratch / "metaflow-store", ignore_errors=True)
    return point


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def report(peers: list[str], points: Points, steps: int, jobs: int) -> None:
    """Prints a table."""

    def median(peer: str, case: str, field: str) -> float:
        return statistics.median(getattr(point, field) for point in points[peer, case])

    def step_s(peer: str, field: str) -> float:
        return (median(peer, "all", field) - median(peer, "one", field)) / (steps - 1)

    heads = ("", "one, s", "per step, ms", "over bare, ms", "ratio", "CPU, ms", f"{jobs} on {NODES} nodes, s")
    print("\n" + "".join(f"{head:>20}" for head in heads))
    bare_s = step_s("bare", "wall_s")
    for peer in peers:
        wall_s = step_s(peer, "wall_s")
        row = [f"{median(peer, 'one', 'wall_s'):.3f}", f"{1e3 * wall_s:.1f}", f"{1e3 * (wall_s - bare_s):.1f}"]
        row += [f"{wall_s / bare_s:.1f}", f"{1e3 * step_s(peer, 'cpu_s'):.1f}"]
        row += [f"{median(peer, 'nodes', 'wall_s'):.2f}" if points[peer, "nodes"] else "-"]
        print("".join(f"{cell:>20}" for cell in (peer, *row)))


if __name__ == "__main__":
    main()
