"""The servers of the comparison: where each is installed, how it is started, what it can do."""

import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from venvs import venv

HERE = Path(__file__).parent
WORKS = ("noop", "predict", "binary", "detector")
_NO_BYTES = ("noop", "predict", "detector")


@dataclass(frozen=True)
class Peer:
    """One server.

    command: with {port}, {grpc} and {metrics} (free ports), {bin} (its venv's programs), {here} (this folder), {home}
    (an empty folder). form: how its requests are written, see bodies.py. bytes_path: where it takes bytes, if not at
    path.
    """

    name: str
    venv: str
    command: str
    path: str = "/score"
    works: tuple[str, ...] = WORKS
    form: str = "azure"
    bytes_path: str = ""

    def path_of(self, work: str) -> str:
        """Returns where a kind of work is asked for."""
        return self.bytes_path if self.bytes_path and work in ("binary", "detector") else self.path


# The interpreter and packages of the reference are ours too, so that the model costs the same.
_MODEL = ("scikit-learn==1.9.1", "onnxruntime", "pillow")
VENVS = {
    "azure": ("azureml-inference-server-http==1.5.1", *_MODEL),
    "web": ("fastapi", "uvicorn[standard]", "granian", *_MODEL),
    "litserve": ("litserve", "python-multipart", *_MODEL),
    "mlserver": ("mlserver", *_MODEL),
    "mlflow": ("mlflow", *_MODEL),
    "bentoml": ("bentoml", *_MODEL),
    "ray": ("ray[serve]", *_MODEL),
}
_AZURE = "{bin}/azmlinfsrv --entry_script {here}/score.py --port {port} --worker_count"
_OURS = f"{sys.executable} {{here}}/lazulite_server.py {{port}} {{home}} {{bin}}/python"
_MLSERVER = (
    "env MLSERVER_HOST=127.0.0.1 MLSERVER_HTTP_PORT={port} MLSERVER_GRPC_PORT={grpc} MLSERVER_METRICS_PORT={metrics} "
    "MLSERVER_PARALLEL_WORKERS=0 {bin}/mlserver start {here}/mlserver"
)
PEERS = (
    Peer("azmlinfsrv", "azure", f"{_AZURE} 1"),
    Peer("lazulite", "azure", _OURS, "/bench/score"),
    Peer("granian", "web", "{bin}/granian --interface rsgi --host 127.0.0.1 --port {port} --workers 1 --loop uvloop "
         "--no-access-log granian_app:app"),
    Peer("fastapi", "web", "{bin}/uvicorn fastapi_app:app --host 127.0.0.1 --port {port} --no-access-log "
         "--log-level warning --loop uvloop --http httptools"),
    Peer("litserve", "litserve", "{bin}/python {here}/litserve_app.py", works=_NO_BYTES, form="form"),
    Peer("mlserver", "mlserver", _MLSERVER, "/v2/models/scoring/infer", form="v2", bytes_path="/bytes"),
    Peer("mlflow", "mlflow", "{bin}/python {here}/mlflow_app.py {home}", "/invocations", _NO_BYTES, "mlflow"),
    Peer("bentoml", "bentoml", "{bin}/bentoml serve bentoml_app:Scoring --host 127.0.0.1 --port {port}"),
    Peer("ray", "ray", "{bin}/python {here}/ray_app.py"),
)  # fmt: skip
REFERENCE, OURS = "azmlinfsrv", "lazulite"
# None of them is to tell its makers about this.
SILENCE = {
    "BENTOML_DO_NOT_TRACK": "True",
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
}


def install(scratch: Path, names: set[str]) -> None:
    """Makes the venvs of these peers, once."""
    for name in sorted({peer.venv for peer in PEERS if peer.name in names} | {"azure"}):
        venv(scratch / name, VENVS[name])
