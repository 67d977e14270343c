"""Scoring through our gateway beside Azure's own inference server and others, in one run: same script, same machine.

    python bench/scoring/run.py [--rounds 3] [--seconds 4] [--peers azmlinfsrv,lazulite] [--works noop] [--scratch DIR]

Needs wrk (Debian: apt-get install wrk; macOS: brew install wrk); makes a venv per peer under the scratch folder. What
they do is in work.py; each server gets its bytes in the cheapest way that it has, and one worker. Peers take turns in
each round, so that what else the machine does falls on all. Our side checks a key and routes by traffic; the others do
neither. Printed are medians; a ratio is to azureml-inference-server-http at the same number of connections; CPU is user
and system time of all the server's processes per request, the steadiest figure, and `alone` what the work costs without
any server. At the end: how far ahead of each peer we are, by the median of the rounds.

The limit: with one worker, no server answers faster than the work alone. 1 MB costs the copies of it, in the kernel and
out of it; a no-op the wake-ups of gateway and worker.
"""

import argparse
import http.client
import os
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from bodies import body
from peers import HERE, OURS, PEERS, REFERENCE, SILENCE, WORKS, Peer, install
from ports import free_ports

CONNECTIONS = (1, 8, 64)
STARTS_WITHIN_S = 120
ALONE_S = 1.0
KEY = "k" * 84


@dataclass(frozen=True)
class Point:
    """One measurement. errors: requests that failed or were answered with an error."""

    rps: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    errors: int


Points = dict[tuple[str, str, int], list[Point]]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--peers", default=",".join(peer.name for peer in PEERS))
    parser.add_argument("--works", default=",".join(WORKS))
    parser.add_argument("--scratch", type=Path, default=Path("/tmp/scoring-bench"))
    options = parser.parse_args()
    if not shutil.which("wrk"):
        raise SystemExit("wrk is missing: apt-get install wrk, or brew install wrk.")
    names = set(options.peers.split(","))
    install(options.scratch, names)
    turn = [peer for peer in PEERS if peer.name in names]
    works = options.works.split(",")
    points: Points = defaultdict(list)
    costs: dict[str, list[float]] = defaultdict(list)
    for _ in range(options.rounds):
        for work in works:
            costs[work].append(alone_us(work, options.scratch))
            for peer in turn:
                if work in peer.works:
                    measure(peer, work, options, points)
        turn.append(turn.pop(0))
    for work in works:
        report(work, points, statistics.median(costs[work]))


def alone_us(work: str, scratch: Path) -> float:
    """Returns the CPU time of the work alone, without any server."""
    given = scratch / "body"
    given.write_bytes(body("azure", work)[0])
    environ = {**environment(work), "BENCH_BODY": str(given), "BENCH_SECONDS": str(ALONE_S)}
    command = [scratch / "azure" / "bin" / "python", HERE / "alone.py"]
    return float(subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=True).stdout)


def environment(work: str) -> dict[str, str]:
    """Returns the environment of a server and of what it runs."""
    return {**os.environ, **SILENCE, "BENCH_WORK": work, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE)}


def measure(peer: Peer, work: str, options: argparse.Namespace, points: Points) -> None:
    """Starts one peer and measures it with each number of connections."""
    with serve(peer, work, options.scratch) as (server, port):
        url = f"http://127.0.0.1:{port}{peer.path_of(work)}"
        load(url, peer, work, 8, 1, options.scratch)
        for connections in CONNECTIONS:
            before = cpu_s(server)
            requests, rps, p50_ms, p99_ms, errors = load(url, peer, work, connections, options.seconds, options.scratch)
            point = Point(rps, p50_ms, p99_ms, (cpu_s(server) - before) * 1e6 / max(1, requests), errors)
            points[work, peer.name, connections].append(point)
            print(
                f"  {work:8} {peer.name:11} c={connections:<3} {rps:9.1f}/s  p50 {p50_ms:8.2f} ms  p99 {p99_ms:8.2f} ms"
                f"  cpu {point.cpu_us:7.1f} us  errors {errors}",
                flush=True,
            )


@contextmanager
def serve(peer: Peer, work: str, scratch: Path) -> Iterator[tuple[psutil.Process, int]]:
    """Runs one peer until the block ends."""
    port, grpc, metrics = free_ports(3)
    home = scratch / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    places = {"bin": scratch / peer.venv / "bin", "here": HERE, "home": home}
    environ = {**environment(work), "BENCH_PORT": str(port)}
    with (scratch / f"{peer.name}-{work}.log").open("wb") as log:
        command = shlex.split(peer.command.format(port=port, grpc=grpc, metrics=metrics, **places))
        process = subprocess.Popen(
            command, cwd=HERE, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    server = psutil.Process(process.pid)
    try:
        wait_for(port, peer, work, process, log.name)
        yield server, port
    finally:
        family = [server, *server.children(recursive=True)]
        process.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(family, timeout=8)
        for one in alive:
            one.kill()
        process.wait()


def wait_for(port: int, peer: Peer, work: str, process: "subprocess.Popen[bytes]", log: str) -> None:
    """Waits until the peer answers a right request with 200."""
    data, kind = body(peer.form, work)
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            headers = {"Content-Type": kind, "Authorization": f"Bearer {KEY}"}
            connection.request("POST", peer.path_of(work), data, headers)
            answer = connection.getresponse()
            if answer.status == 200 and (work != "detector" or b"score" in answer.read()):
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    raise SystemExit(f"{peer.name} did not start; see {log}")


def load(
    url: str, peer: Peer, work: str, connections: int, seconds: int, scratch: Path
) -> tuple[int, float, float, float, int]:
    """Runs wrk; returns requests, requests/s, p50 and p99 in ms, errors."""
    data, kind = body(peer.form, work)
    given = scratch / "body"
    given.write_bytes(data)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", str(HERE / "post.lua"), url]
    environ = {**os.environ, "BENCH_BODY": str(given), "BENCH_TYPE": kind, "BENCH_KEY": KEY}
    output = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout
    line = next(line for line in output.splitlines() if line.startswith("FIGURES"))
    requests, duration_us, p50_us, p99_us, errors = map(int, line.split()[1:])
    return requests, requests / duration_us * 1e6, p50_us / 1000, p99_us / 1000, errors


def cpu_s(server: psutil.Process) -> float:
    """Returns the CPU time that a server's processes have used."""
    times = [process.cpu_times() for process in (server, *server.children(recursive=True))]
    return sum(time.user + time.system for time in times)


def report(work: str, points: Points, cost_us: float) -> None:
    """Prints a table of medians for one kind of work, and how far ahead we are."""
    print(f"\n#### {work}: alone {cost_us:,.0f} us of CPU\n")
    heads = [f"{what} c{connections}" for connections in CONNECTIONS for what in ("req/s", "ratio", "p50/p99 ms")]
    print("| server | " + " | ".join((*heads, "CPU us/req c8", "errors")) + " |")
    print("|---|" + "---:|" * (len(heads) + 2))
    there = [peer.name for peer in PEERS if (work, peer.name, 1) in points]
    for name in there:
        print(f"| {name} | {' | '.join(row(work, name, points))} |")
    if OURS not in there:
        return
    print(f"\n{OURS} is ahead by, at {', '.join(map(str, CONNECTIONS))} connections (by round at 8):")
    for name in there:
        if name != OURS:
            by_round = {c: ratios(points[work, OURS, c], points[work, name, c]) for c in CONNECTIONS}
            medians = ", ".join(f"{statistics.median(by_round[c]):.2f}" for c in CONNECTIONS)
            print(f"  {name:11} {medians}  ({', '.join(f'{ratio:.2f}' for ratio in by_round[8])})")


def ratios(ours: list[Point], theirs: list[Point]) -> list[float]:
    """Returns how many times as many requests we answered, round by round."""
    return [our.rps / their.rps for our, their in zip(ours, theirs, strict=True)]


def row(work: str, name: str, points: Points) -> Iterator[str]:
    """Yields the cells of one server."""
    for connections in CONNECTIONS:
        mine = points[work, name, connections]
        rps = median(mine, "rps")
        reference = points.get((work, REFERENCE, connections))
        yield f"{rps:,.0f}"
        yield f"{rps / median(reference, 'rps'):.2f}" if reference else "-"
        yield f"{median(mine, 'p50_ms'):.2f}/{median(mine, 'p99_ms'):.2f}"
    yield f"{median(points[work, name, 8], 'cpu_us'):,.0f}"
    yield str(sum(point.errors for connections in CONNECTIONS for point in points[work, name, connections]))


def median(found: list[Point], what: str) -> float:
    """Returns the median of one figure."""
    return statistics.median(getattr(point, what) for point in found)


if __name__ == "__main__":
    sys.exit(main())
