"""A run's files as clients without a token read them: URLs that bear a shared access signature."""

from datetime import timedelta
from urllib.parse import quote

from lazulite.engine import folders
from lazulite.http import addresses
from lazulite.http.call import Call
from lazulite.http.parts import Parts
from lazulite.identity import accounts
from lazulite.ids import WorkspaceId
from lazulite.tracking.runs import Run

# Where a run's logs are, of all that it has. Source: azure-ai-ml 1.35.2 constants/_jobs.py, JobLogPattern.
_LOGS = ("user_logs", "system_logs", "logs", "azureml-logs")
_MOST_LOGS = 1000
_LIFETIME = timedelta(hours=24)


def logs(call: Call, parts: Parts, workspace: WorkspaceId, run: Run) -> dict[str, str]:
    """Returns the URL of each log by its name, `user_logs/std_log.txt`, sorted; {} of a run that has none yet."""
    folder = folders.artifacts(parts.settings.home, workspace, run.id)
    files = (path for name in _LOGS for path in sorted((folder / name).rglob("*")) if path.is_file())
    names = [path.relative_to(folder).as_posix() for path, _ in zip(files, range(_MOST_LOGS), strict=False)]
    return {name: url(call, parts, workspace, f"{run.folder}/{name}") for name in names}


def url(call: Call, parts: Parts, workspace: WorkspaceId, blob: str, permissions: str = "r") -> str:
    """Returns the URL of a blob in the workspace's artifact store, good for a day. permissions: letters of `rcw`."""
    account, container = accounts.account_name(workspace), folders.ARTIFACTS_CONTAINER
    key = accounts.account_key(parts.signing_key, account)
    signature = accounts.sign_sas(account, key, container, blob, permissions, call.now + _LIFETIME)
    return f"{addresses.blob_url(call, account, container)}/{quote(blob)}?{signature}"
