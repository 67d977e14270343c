"""Pipelines of no-op steps beside a bare loop of processes and engines that run pipelines, in one run.

    python bench/pipelines/run.py [--rounds 3] [--steps 20] [--peers bare,lazulite,doit,luigi,kfp,metaflow]
                                  [--scratch DIR]

Every step is a process, `python -c pass`. Three cases: one step; 20 that each need what the one before made; 20 that
need nothing, two at a time. What a step costs is (time of the chain - time of one) / (steps - 1), so that no engine
pays for its own start. Peers take turns within each round, so that what else the machine does falls on all. Printed
are medians. Lazulite is asked as a client asks it: one PUT of the pipeline, then GET every 25 ms until it says
Completed. At last a chain of 100 without force_rerun, twice: what a pipeline costs whose steps are all reused.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "jobs"))

from flows import METAFLOW_HOME, write_flow
from platform_client import Platform
from venvs import venv

AT_ONCE = 2
ENDED = ("Completed", "Failed", "Canceled")
POLL_S = 0.025  # asking costs the platform as much as a statement of its own work
CASES = ("one", "chain", "fan")
PACKAGES = {
    "doit": ("doit==0.36.0",),
    "luigi": ("luigi==3.6.0",),
    "kfp": ("kfp==2.17.0",),
    "metaflow": ("metaflow==2.19.39",),
}

_DOIT = """
import subprocess, sys

DOIT_CONFIG = {{"dep_file": {root!r} + "/doit.db", "verbosity": 0}}

def step():
    subprocess.run([sys.executable, "-c", "pass"], check=True)

def task_steps():
    for number in range({count}):
        before = [f"steps:{{number - 1}}"] if number and {is_chain} else []
        yield {{"name": str(number), "actions": [step], "task_dep": before, "uptodate": [False]}}
"""
_LUIGI = """
import subprocess, sys
import luigi

class Step(luigi.Task):
    number = luigi.IntParameter()

    def requires(self):
        return [Step(self.number - 1)] if self.number and {is_chain} else []

    def run(self):
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        open({root!r} + f"/step{{self.number}}", "w").close()

    def output(self):
        return luigi.LocalTarget({root!r} + f"/step{{self.number}}")

steps = [Step({count} - 1)] if {is_chain} else [Step(number) for number in range({count})]
luigi.build(steps, local_scheduler=True, workers={workers}, log_level="ERROR")
"""


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--peers", default="bare,lazulite,doit,luigi,kfp,metaflow")
    parser.add_argument("--scratch", type=Path, default=Path("/tmp/pipelines-bench"))
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    peers = options.peers.split(",")
    interpreters = {peer: venv(options.scratch / peer, PACKAGES[peer]) for peer in peers if peer in PACKAGES}
    seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    with Platform(options.scratch / "home") as platform:
        make_component(platform)
        turn = list(peers)
        for _ in range(options.rounds):
            for peer in turn:
                for case in CASES:
                    count = 1 if case == "one" else options.steps
                    taken = measure(peer, case, count, platform, interpreters, options.scratch)
                    if taken is not None:
                        seconds[peer, case].append(taken)
                        print(f"  {peer:9} {case:6} {taken:7.3f} s", flush=True)
            turn.append(turn.pop(0))
        ours(platform, 100, is_chain=True, is_forced=False)
        reused_s = ours(platform, 100, is_chain=True, is_forced=False)
    report(peers, seconds, options.steps)
    print(f"\n100 reused steps, one after another: {reused_s:.2f} s")


def measure(
    peer: str, case: str, count: int, platform: Platform, interpreters: dict[str, Path], scratch: Path
) -> float | None:
    """Returns how many seconds a peer takes for a case, None where it has no such case."""
    if peer == "bare":
        return bare(str(platform.python), count, AT_ONCE if case == "fan" else 1)
    if peer == "lazulite":
        return ours(platform, count, is_chain=case != "fan", is_forced=True)
    flow = _write(peer, case, count, scratch)
    return theirs(peer, interpreters[peer], flow, case, scratch) if flow else None


def bare(python: str, count: int, at_once: int) -> float:
    """Runs processes, so many at a time."""

    def step(number: int) -> None:
        subprocess.run([python, "-c", "pass"], check=True)

    began = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(step, range(count)))
    return time.perf_counter() - began


def make_component(platform: Platform) -> None:
    """Registers the step that all pipelines are made of."""
    ports = {
        "inputs": {"before": {"type": "uri_folder", "optional": True}},
        "outputs": {"after": {"type": "uri_folder"}},
    }
    spec = {"name": "noop", "type": "command", "command": "python -c pass", "environment": "plain:1", **ports}
    platform.ask("PUT", "components/noop/versions/1", {"properties": {"componentSpec": spec}})


def ours(platform: Platform, count: int, *, is_chain: bool, is_forced: bool) -> float:
    """Submits a pipeline and waits for its end."""

    def step(number: int) -> dict[str, object]:
        made = {"value": f"${{{{parent.jobs.s{number - 1}.outputs.after}}}}", "job_input_type": "literal"}
        inputs = {"before": made} if is_chain and number else {}
        return {"type": "command", "componentId": "noop:1", "inputs": inputs}

    name = f"pipeline{uuid.uuid4().hex}"
    settings = {"default_compute": "two", "force_rerun": is_forced}
    body = {"jobType": "Pipeline", "jobs": {f"s{one}": step(one) for one in range(count)}, "settings": settings}
    began = time.perf_counter()
    platform.ask("PUT", f"jobs/{name}", {"properties": body})
    while (status := platform.ask("GET", f"jobs/{name}")["properties"]["status"]) not in ENDED:
        time.sleep(POLL_S)
    if status != "Completed":
        raise SystemExit(f"{name} is {status}")
    return time.perf_counter() - began


def _write(peer: str, case: str, count: int, scratch: Path) -> Path | None:
    if peer in ("kfp", "metaflow"):
        return write_flow(peer, "nodes" if case == "fan" else case, count, scratch)
    root = scratch / f"{peer}-root"
    root.mkdir(exist_ok=True)
    for left in root.iterdir():
        left.unlink()
    path = scratch / f"{peer}_{case}.py"
    values = {"count": count, "is_chain": case != "fan", "root": str(root), "workers": AT_ONCE if case == "fan" else 1}
    path.write_text((_DOIT if peer == "doit" else _LUIGI).format(**values))
    return path


def theirs(peer: str, python: Path, flow: Path, case: str, scratch: Path) -> float:
    """Runs a peer's pipeline from its start to its end."""
    at_once = str(AT_ONCE if case == "fan" else 1)
    words = {
        "doit": [python, "-m", "doit", "run", "-f", flow, "-n", at_once if case == "fan" else "0"],
        "metaflow": [python, flow, "--no-pylint", "run", "--max-workers", at_once],
    }.get(peer, [python, flow])
    environ = {**os.environ, **METAFLOW_HOME, "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(scratch / "metaflow-store")}
    began = time.perf_counter()
    with (scratch / f"{flow.stem}.log").open("wb") as log:
        subprocess.run(words, cwd=scratch, env=environ, stdout=log, stderr=log, check=True)
    return time.perf_counter() - began


def report(peers: list[str], seconds: dict[tuple[str, str], list[float]], steps: int) -> None:
    """Prints a table."""

    def step_s(peer: str) -> float:
        one, chain = (statistics.median(seconds[peer, case]) for case in ("one", "chain"))
        return (chain - one) / (steps - 1)

    heads = ("", "one, s", "per step, ms", "over bare, ms", "ratio", f"{steps} at once, s")
    print("\n" + "".join(f"{head:>18}" for head in heads))
    for peer in peers:
        one, fan = statistics.median(seconds[peer, "one"]), seconds[peer, "fan"]
        row = [f"{one:.3f}", f"{1e3 * step_s(peer):.1f}", f"{1e3 * (step_s(peer) - step_s('bare')):.1f}"]
        row += [f"{step_s(peer) / step_s('bare'):.1f}", f"{statistics.median(fan):.2f}" if fan else "-"]
        print("".join(f"{cell:>18}" for cell in (peer, *row)))


if __name__ == "__main__":
    main()
