"""MLflow tracking beside `mlflow server` on SQLite, in one run, through MLflow's own client.

    python bench/mlflow/run.py [--rounds 3] [--runs 500] [--servers lazulite,mlflow] [--scratch DIR]

Servers take turns within each round, so that what else the machine does falls on all. Printed are the medians, each
server's CPU time (the steadiest figure; the client costs most of the wall time), and ratios to mlflow.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from ports import free_ports
from venvs import venv

HERE = Path(__file__).parent
MLFLOW = "mlflow==3.17.2"
WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
Points = defaultdict[tuple[str, str], list[dict[str, float]]]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--servers", default="lazulite,mlflow")
    parser.add_argument("--scratch", type=Path, default=Path("/tmp/mlflow-bench"))
    options = parser.parse_args()
    python = venv(options.scratch / "venv", (MLFLOW, "psutil"))
    servers, points = options.servers.split(","), Points(list)
    for _ in range(options.rounds):
        for name in servers:
            with serve(name, options.scratch, python) as (process, uri):
                for line in ask(python, uri, process.pid, options.runs):
                    told = json.loads(line)
                    points[name, told.pop("case")].append(told)
                    print(f"  {name:9} {line.strip()}", flush=True)
        servers.append(servers.pop(0))
    report(points)


def ask(python: Path, uri: str, server: int, run_count: int) -> Iterator[str]:
    """Runs the client in a process of its own and yields its lines."""
    command = [python, HERE / "client.py", uri, str(server), str(run_count)]
    environ = {**os.environ, "NO_PROXY": "127.0.0.1", **QUIET}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as client:
        assert client.stdout
        yield from client.stdout
    if client.returncode:
        raise SystemExit(f"the client ended with {client.returncode}")


@contextmanager
def serve(name: str, scratch: Path, python: Path) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """Runs one server with an empty store."""
    (port, scoring_port), home = free_ports(2), scratch / "store"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    uri = f"http://127.0.0.1:{port}"
    environ = {**os.environ, **QUIET}
    if name == "lazulite":
        environ |= {
            "LAZULITE_HOME": str(home),
            "LAZULITE_PORT": str(port),
            "LAZULITE_SCORING_PORT": str(scoring_port),
        }
        command = [sys.executable, "-m", "lazulite.cli.main", "up"]
        uri += f"/mlflow/v2.0{WORKSPACE}"
    else:
        store = ["--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--artifacts-destination", f"{home}/artifacts"]
        command = [str(python), "-m", "mlflow", "server", *store, "--host", "127.0.0.1", "--port", str(port)]
    with (scratch / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=scratch, env=environ)
    try:
        wait_for(port, process)
        yield process, uri
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(home, ignore_errors=True)


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Waits until a port answers, and a little more for what starts behind it."""
    for _ in range(2400):
        if process.poll() is not None:
            raise SystemExit(f"the server ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(5)
                return
        time.sleep(0.05)
    raise SystemExit("the server did not start within two minutes")


def report(points: Points) -> None:
    """Prints a table."""
    print(f"\n{'case':46}{'server':10}{'wall s':>8}{'x mlflow':>10}{'server CPU s':>14}{'client CPU s':>14}{'MiB':>7}")
    for case in dict.fromkeys(case for _, case in points):
        for name in ("lazulite", "mlflow"):
            if (name, case) not in points:
                continue
            wall_s, server, client, rss = (
                statistics.median(one[field] for one in points[name, case])
                for field in ("wall_s", "server_cpu_s", "client_cpu_s", "rss_mib")
            )
            peer = points.get(("mlflow", case))
            ratio = f"{statistics.median(one['wall_s'] for one in peer) / wall_s:.2f}" if peer else "-"
            print(f"{case:46}{name:10}{wall_s:8.2f}{ratio:>10}{server:14.2f}{client:14.2f}{rss:7.0f}")


if __name__ == "__main__":
    main()
