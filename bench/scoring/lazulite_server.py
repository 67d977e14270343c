"""Our gateway with one worker of ours, as the platform starts them: key authentication, traffic routing.

python lazulite_server.py PORT HOME PYTHON [WORKERS]; PYTHON is the interpreter of the scoring script.
"""

import os
import signal
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

from lazulite import clock, settings
from lazulite.serving import routing, workers

KEY = "k" * 84


def main(port: int, home: Path, python: Path, count: int) -> None:
    """Serves until it gets SIGTERM."""
    chosen = settings.read({}, home=home, scoring_port=port)
    here = Path(__file__).parent
    variables = {"AZUREML_ENTRY_SCRIPT": "score.py", "BENCH_WORK": os.environ["BENCH_WORK"]}
    launched = []
    for number in range(count):
        spec = workers.WorkerSpec(
            id=f"w{number}",
            folder=home / f"w{number}",
            socket=chosen.sockets / f"bench-{number}.sock",
            console=home / "console.log",
            python=python,
            app=here,
            variables=variables,
        )
        launched.append(workers.launch(spec))
    while any(workers.probe(one, datetime.now(timezone.utc)).kind == "starting" for one in launched):
        clock.sleep(0.01)
    routed = tuple(routing.Worker(one.spec.id, f"unix:{one.spec.socket}", one.pid) for one in launched)
    other = routing.Deployment((), queue=0)
    endpoint = routing.Endpoint(
        {"blue": routing.Deployment(routed, queue=256, timeout_ms=60_000, max_wait_ms=60_000), "green": other},
        keys=(KEY, KEY[::-1]),
        traffic={"blue": 100},
    )
    routing.write(home / "routing.json", routing.Routes(1, {"bench": endpoint}))
    command = [sys.executable, "-m", "lazulite.serving.gateway", "--home", str(home), "--port", str(port)]
    gateway = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda *_: gateway.terminate())
    gateway.wait()
    for one in launched:
        workers.stop(one, 1)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 1)
