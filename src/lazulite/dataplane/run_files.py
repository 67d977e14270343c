"""Files in blob storage as clients without a token reach them: URLs that bear a shared access signature."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from lazulite.artifacts.refs import BlobRef, storage_path
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
_UNQUOTED = "/ "


def logs(call: Call, parts: Parts, workspace: WorkspaceId, run: Run) -> dict[str, str]:
    """Returns the URL of each log by its name, `user_logs/std_log.txt`, sorted; {} of a run that has none yet."""
    folder = folders.artifacts(parts.settings.home, workspace, run.id)
    found = (path for name in _LOGS for path in files(folder / name))
    return {
        path.relative_to(folder).as_posix(): url(call, parts, path)
        for path, _ in zip(found, range(_MOST_LOGS), strict=False)
    }


def files(path: Path) -> Iterator[Path]:
    """Lists the files of a folder and of those in it, sorted; a file alone is listed itself."""
    if path.is_file():
        yield path
    yield from (one for one in sorted(path.rglob("*")) if one.is_file())


def url(call: Call, parts: Parts, path: Path) -> str:
    """Returns the URL of a file of a storage account here, for reading, good for a day."""
    account, container, *names = path.relative_to(storage_path(parts.settings.home)).parts
    return url_of(call, parts, BlobRef(account, container, "/".join(names)))


def url_of(call: Call, parts: Parts, blob: BlobRef, permissions: str = "r") -> str:
    """Returns the URL of a blob, there or not, good for a day. permissions: letters of `rcw`.

    Spaces in its name stay as they are, as .NET prints addresses: SDK v1 escapes the path once more.
    Source: azureml-core 1.61 _file_utils/upload.py, get_block_blob_service_credentials; that Azure does so is a guess.
    """
    key = accounts.account_key(parts.signing_key, blob.account)
    expires_at = call.now + _LIFETIME
    signature = accounts.sign_sas(blob.account, key, blob.container, blob.name, permissions, expires_at)
    return f"{addresses.blob_url(call, blob.account, blob.container)}/{quote(blob.name, safe=_UNQUOTED)}?{signature}"
