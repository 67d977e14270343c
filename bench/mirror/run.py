"""What mirroring adds to the live answer: the same gateway and workers with and without a copy of each request.

    python bench/mirror/run.py [--pairs 30] [--seconds 0.5] [--works noop,model,differs,large] [--scratch DIR]

All is local and nothing is installed. The copy is switched on and off by the routing file between short blocks, in
pairs of random order, so that what else the machine does falls on both sides; Azure allows 50 % at most. Each work is
asked in two ways: `steady`, requests at random moments that leave most of the machine idle, and `busy`, the next as
soon as the answer has come, so that copies compete with the requests after them. A ratio is the median over the pairs,
that of p99 is of all answers together. `none` is a control: neither side mirrors.

The limit is the machine: a copy takes as much of it as the request did, after the answer. Where live requests need all
cores, as `busy` ones of no-ops do, copies take from them what the scheduler gives them.
"""

import argparse
import os
import random
import selectors
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from lazulite import clock, settings
from lazulite.errors import Unavailable
from lazulite.serving import routing, workers
from lazulite.serving.gateway import control

HERE = Path(__file__).parent
KEY = "k" * 84
WORKS = ("noop", "model", "differs", "large")
CONNECTIONS = 16
WARM_S = 1.0
BUSY_SHARE = 0.15  # of the rate of one busy connection: copies included, most of the machine is idle


class Side:
    """One home's gateway with a live deployment and one that may get copies."""

    def __init__(self, chosen: settings.Settings, deployments: dict[str, routing.Deployment]) -> None:
        self._settings, self._deployments = chosen, deployments
        self._generation = 0
        self.port = 0

    def mirror(self, percent: int) -> None:
        """Has so much of the traffic copied from now on, and waits until earlier copies have been answered."""
        self._generation += 1
        endpoint = routing.Endpoint(self._deployments, keys=(KEY,), traffic={"blue": 100}, mirror={"green": percent})
        routing.write(self._settings.home / "routing.json", routing.Routes(self._generation, {"bench": endpoint}))
        control.ask(self._settings.sockets, "reload")
        while self.green()["in_flight"] + self.green()["waiting"]:
            clock.sleep(0.005)

    def stats(self) -> dict:
        """Returns what the gateway has counted."""
        return control.ask(self._settings.sockets, "stats")

    def green(self) -> dict:
        """Returns the counts of the deployment that gets copies."""
        return self.stats()["endpoints"]["bench"]["deployments"]["green"]

    def copied(self) -> tuple[int, int]:
        """Returns how many were copied, and how many could not be."""
        live = self.stats()["endpoints"]["bench"]["deployments"]["blue"]
        return live["mirrored"], live["not_mirrored"]


@contextmanager
def side(work: str, scratch: Path) -> Iterator[Side]:
    """Starts a gateway and two workers, and ends them."""
    home = scratch / work
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    chosen = settings.read({}, home=home, scoring_port=0)
    launched = {name: workers.launch(_spec(chosen, name, work)) for name in ("blue", "green")}
    gateway = None
    try:
        while any(workers.probe(one, datetime.now(timezone.utc)).kind == "starting" for one in launched.values()):
            clock.sleep(0.01)
        deployments = {
            name: routing.Deployment((routing.Worker(name, f"unix:{one.spec.socket}", one.pid),), queue=64)
            for name, one in launched.items()
        }
        gateway = subprocess.Popen(
            [sys.executable, "-m", "lazulite.serving.gateway", "--home", str(home), "--port", "0"]
        )
        found = Side(chosen, deployments)
        found.port = _port(chosen)
        found.mirror(0)
        yield found
    finally:
        if gateway:
            gateway.send_signal(signal.SIGTERM)
            gateway.wait()
        for one in launched.values():
            workers.stop(one, 1)


def _spec(chosen: settings.Settings, name: str, work: str) -> workers.WorkerSpec:
    (chosen.home / "endpoints" / "bench" / name).mkdir(parents=True)  # where differences are written down
    return workers.WorkerSpec(
        id=name,
        folder=chosen.home / name,
        socket=chosen.sockets / f"{name}.sock",
        console=chosen.home / f"{name}.log",
        python=Path(sys.executable),
        app=HERE,
        variables={"AZUREML_ENTRY_SCRIPT": "score.py", "BENCH_WORK": work},
    )


def _port(chosen: settings.Settings) -> int:
    while True:
        try:
            return int(control.ask(chosen.sockets, "stats")["port"])
        except Unavailable:
            clock.sleep(0.02)


class Clients:
    """Connections that stay open. One thread sends and receives for all."""

    def __init__(self, port: int, work: str) -> None:
        body = b"0123456789abcdef" * 65536 if work == "large" else b'{"data": [1, 2, 3]}'
        head = f"POST /bench/score HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n"
        self._request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        self._selector = selectors.SelectSelector()  # the one that can wait for less than a millisecond
        self._links = []
        for _ in range(CONNECTIONS):
            link = socket.create_connection(("127.0.0.1", port))
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(link, selectors.EVENT_READ)
            self._links.append(link)

    def busy(self, seconds: float) -> list[float]:
        """Asks over one connection as fast as it is answered; returns what each took."""
        link, took = self._links[0], []
        over_at = time.perf_counter() + seconds
        while (began := time.perf_counter()) < over_at:
            link.sendall(self._request)
            _check(link.recv(65536))
            took.append(time.perf_counter() - began)
        return took

    def steady(self, seconds: float, rate: float, chance: random.Random) -> list[float]:
        """Asks at random moments, `rate` times a second; returns what each took from when it was sent."""
        free, began, took = [*self._links], {}, []
        now = time.perf_counter()
        over_at, due_at = now + seconds, now
        while now < over_at or began:
            if now >= due_at and now < over_at and free:
                link = free.pop()
                began[link] = time.perf_counter()
                link.sendall(self._request)
                due_at += chance.expovariate(rate)
            waits_s = max(0.0, min(due_at, over_at) - time.perf_counter()) if now < over_at else 1.0
            for key, _ in self._selector.select(waits_s):
                _check(key.fileobj.recv(65536))
                took.append(time.perf_counter() - began.pop(key.fileobj))
                free.append(key.fileobj)
            now = time.perf_counter()
        return took


def _check(answer: bytes) -> None:
    if not answer.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"not an answer: {answer[:300]!r}")


def measure(work: str, way: str, percent: int, options: argparse.Namespace, found: Side) -> None:
    """Measures one work in one way and prints a line."""
    clients, chance = Clients(found.port, work), random.Random(1)
    rate = BUSY_SHARE / statistics.median(clients.busy(WARM_S))
    pairs = []
    before = found.copied()
    for _ in range(options.pairs):
        blocks = {}
        for share in chance.sample((0, percent or -1), 2):
            found.mirror(max(share, 0))
            took = clients.busy(options.seconds) if way == "busy" else clients.steady(options.seconds, rate, chance)
            blocks[bool(share)] = sorted(took)
        pairs.append((blocks[False], blocks[True]))
    copied, lost = (after - first for after, first in zip(found.copied(), before, strict=True))
    alone, mirrored = ([one for pair in pairs for one in pair[side]] for side in (0, 1))
    p50, p90 = (statistics.median(at(b, share) / at(a, share) for a, b in pairs) for share in (0.5, 0.9))
    p99 = at(sorted(mirrored), 0.99) / at(sorted(alone), 0.99)
    times = f"{1e3 * statistics.median(alone):.3f} -> {1e3 * statistics.median(mirrored):.3f}"
    share = 100 * copied / (len(mirrored) or 1)
    print(
        f"| {work} | {way} | {'none' if not percent else f'{percent} %'} | {times} | {p50:.3f} | {p90:.3f} | {p99:.3f}"
        f" | {len(mirrored)} | {share:.0f} %, {lost} |",
        flush=True,
    )


def at(took: list[float], share: float) -> float:
    """Returns the latency that so many stayed under; took: in order."""
    return took[min(int(len(took) * share), len(took) - 1)]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--works", default=",".join(WORKS))
    parser.add_argument("--percents", default="0,50,100")
    parser.add_argument("--scratch", type=Path, default=Path(f"/tmp/mirror-bench-{os.getuid()}"))
    options = parser.parse_args()
    print(
        "| work | asked | mirrored | p50 ms, live alone -> mirrored | p50 ratio | p90 | p99 | answers | copied, not |"
    )
    print("|---|---|---|---:|---:|---:|---:|---:|---:|")
    for work in options.works.split(","):
        with side(work, options.scratch) as found:
            for way in ("steady", "busy"):
                for percent in map(int, options.percents.split(",")):
                    measure(work, way, percent, options, found)
    shutil.rmtree(options.scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
