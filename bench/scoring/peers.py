"""The servers of the comparison: where each is installed, how it is started, what it can do."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
WORKS = ("noop", "predict", "binary")


@dataclass(frozen=True)
class Peer:
    """One server. command: with {port}, {bin} (its venv's programs), {here} (this folder), {home} (an empty folder)."""

    name: str
    venv: str
    command: str
    path: str = "/score"
    works: tuple[str, ...] = WORKS


# The interpreter and packages of the reference are ours too, so that the model costs the same.
VENVS = {
    "azure": ("azureml-inference-server-http==1.5.1", "scikit-learn==1.9.1"),
    "web": ("fastapi", "uvicorn[standard]", "granian", "scikit-learn==1.9.1"),
    "litserve": ("litserve", "scikit-learn==1.9.1"),
}
_AZURE = "{bin}/azmlinfsrv --entry_script {here}/score.py --port {port} --worker_count"
_OURS = f"{sys.executable} {{here}}/lazulite_server.py {{port}} {{home}} {{bin}}/python"
PEERS = (
    Peer("azmlinfsrv", "azure", f"{_AZURE} 1"),
    Peer("lazulite", "azure", _OURS, "/bench/score"),
    Peer("granian", "web", "{bin}/granian --interface rsgi --host 127.0.0.1 --port {port} --workers 1 --loop uvloop "
         "--no-access-log granian_app:app"),
    Peer("fastapi", "web", "{bin}/uvicorn fastapi_app:app --host 127.0.0.1 --port {port} --no-access-log "
         "--log-level warning --loop uvloop --http httptools"),
    Peer("litserve", "litserve", "{bin}/python {here}/litserve_app.py", works=("noop", "predict")),
)  # fmt: skip
REFERENCE, OURS = "azmlinfsrv", "lazulite"


def install(scratch: Path, names: set[str]) -> None:
    """Makes the venvs of these peers with uv, once."""
    for venv in sorted({peer.venv for peer in PEERS if peer.name in names} | {"azure"}):
        place = scratch / venv
        if not (place / "installed").exists():
            subprocess.run(["uv", "venv", "-q", "--clear", "-p", f"{sys.version_info[0]}.{sys.version_info[1]}", place])
            python = place / "bin" / "python"
            subprocess.run(["uv", "pip", "install", "-q", "--compile-bytecode", "-p", python, *VENVS[venv]], check=True)
            (place / "installed").touch()
