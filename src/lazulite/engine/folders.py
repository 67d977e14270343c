"""Where a job's things are: its own folder, the truth while it runs, and its artifacts, which stay."""

import hashlib
from pathlib import Path

from lazulite.artifacts.refs import container_path
from lazulite.identity import accounts
from lazulite.ids import WorkspaceId

ARTIFACTS_CONTAINER = "azureml"
STEPS_LOG = "logs/azureml/executionlogs.txt"  # among the artifacts of a job that has steps: how they get on


def of_job(home: Path, scope: str, name: str) -> Path:
    """Returns a job's folder: job.json, exit.json, usage.jsonl, the lock, and while it runs its code and inputs."""
    return home / "jobs" / hashlib.sha256(scope.encode()).hexdigest()[:12] / name.lower()


def artifacts(home: Path, workspace: WorkspaceId, name: str) -> Path:
    """Returns the folder of user_logs, system_logs, outputs and logs: blobs of the workspace's artifact store."""
    account = accounts.account_name(workspace)
    return container_path(home, account, ARTIFACTS_CONTAINER) / "ExperimentRun" / f"dcid.{name}"


def system_log(home: Path, workspace: WorkspaceId, name: str) -> Path:
    """Returns the file that tells how a job was prepared."""
    return artifacts(home, workspace, name) / "system_logs" / "lazulite.log"
