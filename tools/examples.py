"""Runs public scripts and notebooks unmodified under `lazulite run`, one after another, and says what became of each.

    python -m tools.examples CHECKOUT OUT cli/deploy-rest.sh sdk/python/.../online-endpoints-openapi.ipynb ...

CHECKOUT: a copy of github.com/Azure/azureml-examples. Each program's words go to OUT/{name}.log, a line about it to
OUT/results.tsv: exit status, seconds, path, last line. In notebooks only placeholders such as <SUBSCRIPTION_ID> are
filled in; they need `ipython` on PATH. The platform is the one that LAZULITE_HOME names, or starts with the first.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

_SUBSCRIPTION = "10000000-0000-0000-0000-000000000001"
_GROUP, _WORKSPACE, _LOCATION = "examples", "main", "eastus"
_FILLED = {
    "SUBSCRIPTION_ID": _SUBSCRIPTION,
    "RESOURCE_GROUP": _GROUP,
    "AML_WORKSPACE_NAME": _WORKSPACE,
    "WORKSPACE_NAME": _WORKSPACE,
    "LOCATION": _LOCATION,
    "COMPUTE_NAME": "k8s",
    "ENDPOINT_NAME": "endpt-example",
}
_PLACEHOLDER = re.compile(r"<([A-Z_]+)>")
_DEFAULTS = ("az", "configure", "--defaults", f"group={_GROUP}", f"workspace={_WORKSPACE}", f"location={_LOCATION}")
_LIMIT_S = 600


def main() -> None:
    """Reads the command line and runs what it names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="below CHECKOUT")
    parser.add_argument("--limit", type=int, default=_LIMIT_S, metavar="SECONDS", help="for each program")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    told = {"subscription_id": _SUBSCRIPTION, "resource_group": _GROUP, "workspace_name": _WORKSPACE}
    (given.checkout / "config.json").write_text(json.dumps(told))
    for path in given.paths:
        _under_lazulite(*_DEFAULTS).wait()  # an earlier program may have left others
        print(_run(given.checkout / path, path, given.out, given.limit), flush=True)


def _run(file: Path, path: str, out: Path, limit_s: int) -> str:
    log, began = out / f"{path.replace('/', '__')}.log", time.monotonic()
    words = ("ipython", "--colors=NoColor", _filled(file).name) if file.suffix == ".ipynb" else ("bash", file.name)
    process = _under_lazulite(*words, folder=file.parent, log=log)
    try:
        status = str(process.wait(limit_s))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        status = f"over {limit_s} s"
    said = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    line = "\t".join((status, f"{time.monotonic() - began:.0f}", path, *said[-1:]))
    with (out / "results.tsv").open("a") as results:
        results.write(line + "\n")
    return line


def _under_lazulite(*words: str, folder: Path | None = None, log: Path = Path(os.devnull)) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "lazulite.cli.main", "run", "--", *words]
    with log.open("wb") as output:
        return subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )


def _filled(notebook: Path) -> Path:
    """Writes a copy with the placeholders that are known filled in, beside the notebook, whose files it reads."""
    text = _PLACEHOLDER.sub(lambda found: _FILLED.get(found[1], found[0]), notebook.read_text(encoding="utf-8"))
    copy = notebook.with_name(f"_filled_{notebook.name}")
    copy.write_text(text, encoding="utf-8")
    return copy


if __name__ == "__main__":
    main()
