"""What waking a deployment from zero costs beyond the worker's own start, and what an awake one takes to answer.

    python bench/wake/run.py [--rounds 15] [--scratch DIR]

A platform of its own with one deployment that sleeps after a second. In each round the worker is once started by
itself, as the platform starts it, until it says that it is ready, and once woken up by a request, in turns. Printed are
medians, and the difference round by round: what the gateway, the platform and the request itself add. 100 ms is what
they may. The limit is the interpreter's own start.
"""

import argparse
import contextlib
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from lazulite import settings
from lazulite.errors import Unavailable
from lazulite.serving import workers
from lazulite.serving.gateway import control

sys.path.insert(0, str(Path(__file__).parent.parent))

from ports import free_ports

HERE = Path(__file__).parent
WITHIN_S = 120
MAY_ADD_MS = 100


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--scratch", type=Path, default=Path(f"/tmp/wake-bench-{os.getuid()}"))
    options = parser.parse_args()
    shutil.rmtree(options.scratch, ignore_errors=True)
    options.scratch.mkdir(parents=True)
    alone, woken, awake = [], [], []
    with platform(options.scratch) as (chosen, told):
        worker = worker_of(chosen)
        for number in range(options.rounds):
            asleep(chosen, worker)
            if number % 2:
                alone.append(start_ms(worker, options.scratch))
                woken.append(ask_ms(told))
            else:
                woken.append(ask_ms(told))
                asleep(chosen, worker)
                alone.append(start_ms(worker, options.scratch))
                ask_ms(told)
            awake.append(ask_ms(told))
            print(f"  start {alone[-1]:7.1f} ms  wake {woken[-1]:7.1f} ms  awake {awake[-1]:6.2f} ms", flush=True)
    added = [wake - start for wake, start in zip(woken, alone, strict=True)]
    print(f"\nthe worker's own start   {statistics.median(alone):7.1f} ms")
    print(f"an answer that wakes it  {statistics.median(woken):7.1f} ms")
    print(f"one when it is awake     {statistics.median(awake):7.2f} ms")
    ratio = statistics.median(wake / start for wake, start in zip(woken, alone, strict=True))
    print(f"waking / start {ratio:.2f}; it adds {statistics.median(added):.1f} ms, of {MAY_ADD_MS} that it may")
    shutil.rmtree(options.scratch, ignore_errors=True)


@contextmanager
def platform(scratch: Path) -> Iterator[tuple[settings.Settings, dict]]:
    """Starts a platform with the deployment, and ends both."""
    ports = dict(zip(("LAZULITE_PORT", "LAZULITE_SCORING_PORT"), map(str, free_ports(2)), strict=True))
    environ = {**os.environ, "LAZULITE_HOME": str(scratch / "home"), **ports}
    lazulite = [sys.executable, "-m", "lazulite.cli.main"]
    with (scratch / "platform.log").open("wb") as log:
        process = subprocess.Popen([*lazulite, "up"], env=environ, stdout=log, stderr=log)
    try:
        told = scratch / "told.json"
        command = [*lazulite, "run", "--", sys.executable, str(HERE / "deploy.py"), str(told)]
        subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, check=True)
        yield settings.read(environ), json.loads(told.read_text())
    finally:
        process.terminate()
        process.wait(30)


def worker_of(chosen: settings.Settings) -> workers.Worker:
    """Returns the deployment's one worker."""
    (folder,) = {path.parent for path in chosen.home.glob("endpoints/sleepy/blue/**/worker.json")}
    found = workers.adopt(folder)
    assert found
    return found


def asleep(chosen: settings.Settings, worker: workers.Worker) -> None:
    """Waits until the deployment sleeps and its worker is gone."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        with contextlib.suppress(Unavailable):
            blue = control.ask(chosen.sockets, "stats")["endpoints"]["sleepy"]["deployments"]["blue"]
            last = workers.adopt(worker.spec.folder)
            if blue["asleep"] and not (last and psutil.pid_exists(last.pid)):
                return
        if time.monotonic() > deadline:
            raise SystemExit("The deployment does not fall asleep.")
        time.sleep(0.05)


def start_ms(worker: workers.Worker, scratch: Path) -> float:
    """Starts a worker like the deployment's, outside the platform; returns how long it took to be ready."""
    spec = replace(worker.spec, folder=scratch / "alone", socket=scratch / "alone.sock", console=scratch / "alone.log")
    began = time.perf_counter()
    launched = workers.launch(spec)
    while workers.probe(launched, datetime.now(timezone.utc)).kind == "starting":
        time.sleep(0.005)
    took_ms = 1000 * (time.perf_counter() - began)
    state = workers.probe(launched, datetime.now(timezone.utc))
    workers.stop(launched, 1)
    if state.kind != "ready":
        raise SystemExit(f"The worker did not start: {state.reason}")
    return took_ms


def ask_ms(told: dict) -> float:
    """Returns how long one request takes, on a connection of its own."""
    url = urlsplit(told["url"])
    began = time.perf_counter()
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=WITHIN_S)
    connection.request("POST", url.path, b"{}", {"Authorization": f"Bearer {told['key']}"})
    answer = connection.getresponse()
    took_ms = 1000 * (time.perf_counter() - began)
    if answer.status != 200:
        raise SystemExit(f"{answer.status}: {answer.read()!r}")
    connection.close()
    return took_ms


if __name__ == "__main__":
    main()
