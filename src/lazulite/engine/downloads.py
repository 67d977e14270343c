"""Inputs from the web: fetched once for all jobs, kept under home/downloads."""

import hashlib
import http.client
import shutil
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lazulite.artifacts.files import full_disk_is_an_error
from lazulite.errors import BadRequest

_TIMEOUT_S = 60  # without a byte
_COPY_BYTES = 1 << 20


def folder_of(home: Path) -> Path:
    """Returns the folder of everything that was fetched."""
    return home / "downloads"


def fetch(home: Path, url: str) -> Path:
    """Returns the file that a web address leads to, fetching it if no job has done so before.

    It keeps its name. Goes out by the proxy that the platform's own environment names. Raises BadRequest with the
    reason when it cannot be had, OutOfSpace (507).
    """
    name = unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2]) or "download"
    folder = folder_of(home) / hashlib.sha256(url.encode()).hexdigest()[:20]
    path = folder / name.replace("/", "_")
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{uuid.uuid4().hex}"
        try:
            with full_disk_is_an_error(), _open(url) as answer, draft.open("wb") as file:
                shutil.copyfileobj(answer, file, _COPY_BYTES)
            draft.replace(path)
        except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise BadRequest(f'"{url}" cannot be fetched: {reason}.') from error
        finally:
            draft.unlink(missing_ok=True)
    return path


def _open(url: str) -> http.client.HTTPResponse:
    answer: http.client.HTTPResponse = urllib.request.urlopen(url, timeout=_TIMEOUT_S)
    return answer
