"""Scoring through our gateway beside Azure's own inference server and others, in one run: same script, same machine.

    python bench/scoring/run.py [--rounds 3] [--seconds 4] [--peers azmlinfsrv,lazulite] [--works noop] [--scratch DIR]

Needs wrk (Debian: apt-get install wrk; macOS: brew install wrk) and uv; makes a venv per peer under the scratch folder.
Peers take turns within each round, so that what else the machine does falls on all. Our side checks a key and routes by
traffic; the others do neither. Printed are medians; a ratio is to azureml-inference-server-http at the same number of
connections; CPU is user and system time of all the server's processes per request, the steadiest figure.
"""

import argparse
import http.client
import os
import shlex
import shutil
import signal
import socket
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
from peers import HERE, OURS, PEERS, REFERENCE, WORKS, Peer, install

CONNECTIONS = (1, 8, 64)
STARTS_WITHIN_S = 60
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
    points: Points = defaultdict(list)
    for _ in range(options.rounds):
        for work in options.works.split(","):
            for peer in turn:
                if work in peer.works:
                    measure(peer, work, options, points)
        turn.append(turn.pop(0))
    for work in options.works.split(","):
        report(work, points)


def measure(peer: Peer, work: str, options: argparse.Namespace, points: Points) -> None:
    """Starts one peer and measures it with each number of connections."""
    with serve(peer, work, options.scratch) as (server, port):
        url = f"http://127.0.0.1:{port}{peer.path}"
        load(url, work, 8, 1)
        for connections in CONNECTIONS:
            before = cpu_s(server)
            requests, rps, p50_ms, p99_ms, errors = load(url, work, connections, options.seconds)
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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = scratch / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    places = {"port": port, "bin": scratch / peer.venv / "bin", "here": HERE, "home": home}
    environ = {
        **os.environ,
        "BENCH_WORK": work,
        "BENCH_PORT": str(port),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(HERE),
    }
    with (scratch / f"{peer.name}-{work}.log").open("wb") as log:
        command = shlex.split(peer.command.format(**places))
        process = subprocess.Popen(
            command, cwd=HERE, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    server = psutil.Process(process.pid)
    try:
        wait_for(port, peer, process, log.name)
        yield server, port
    finally:
        family = [server, *server.children(recursive=True)]
        process.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(family, timeout=8)
        for one in alive:
            one.kill()
        process.wait()


def wait_for(port: int, peer: Peer, process: "subprocess.Popen[bytes]", log: str) -> None:
    """Waits until the peer answers a right request with 200."""
    body = b"x" if peer.works == () else b'{"data": [[' + b"0.5," * 63 + b"0.5]]}"
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request(
                "POST", peer.path, body, {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
            )
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    raise SystemExit(f"{peer.name} did not start; see {log}")


def load(url: str, work: str, connections: int, seconds: int) -> tuple[int, float, float, float, int]:
    """Runs wrk; returns requests, requests/s, p50 and p99 in ms, errors."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", str(HERE / "post.lua"), url]
    environ = {**os.environ, "BENCH_WORK": work, "BENCH_KEY": KEY}
    output = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout
    line = next(line for line in output.splitlines() if line.startswith("FIGURES"))
    requests, duration_us, p50_us, p99_us, errors = map(int, line.split()[1:])
    return requests, requests / duration_us * 1e6, p50_us / 1000, p99_us / 1000, errors


def cpu_s(server: psutil.Process) -> float:
    """Returns the CPU time that a server's processes have used."""
    times = [process.cpu_times() for process in (server, *server.children(recursive=True))]
    return sum(time.user + time.system for time in times)


def report(work: str, points: Points) -> None:
    """Prints a table of medians for one kind of work."""
    print(f"\n#### {work}\n")
    heads = [f"{what} c{connections}" for connections in CONNECTIONS for what in ("req/s", "ratio", "p50/p99 ms")]
    print("| server | " + " | ".join((*heads, "CPU us/req c8", "errors")) + " |")
    print("|---|" + "---:|" * (len(heads) + 2))
    for peer in PEERS:
        if (work, peer.name, 1) in points:
            print(f"| {peer.name} | {' | '.join(row(work, peer.name, points))} |")
    if (work, OURS, 8) in points and (work, REFERENCE, 8) in points:
        ours, reference = points[work, OURS, 8], points[work, REFERENCE, 8]
        by_round = [f"{a.rps / b.rps:.1f}" for a, b in zip(ours, reference, strict=False)]
        print(f"\n{OURS} to {REFERENCE} at 8 connections, by round: {', '.join(by_round)}")


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
