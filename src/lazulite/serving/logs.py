"""Where a deployment's two logs are: what was prepared before its server started, and what the server printed."""

import contextlib
import os
import shutil
from pathlib import Path

_LIMIT_BYTES = 64 << 20


def console(folder: Path) -> Path:
    """Returns the file that all workers of a deployment append to; Azure calls it InferenceServer."""
    return folder / "console.log"


def storage(folder: Path) -> Path:
    """Returns the file that tells how model, code and environment came; Azure calls it StorageInitializer."""
    return folder / "storage.log"


def limit(folder: Path) -> None:
    """Puts a console log that has grown over 64 MiB aside as `console.log.1`, in the place of the one before it.

    The workers hold the file open for appending, so it is copied and emptied rather than renamed.
    """
    path = console(folder)
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > _LIMIT_BYTES:
            shutil.copyfile(path, _older(path))
            os.truncate(path, 0)


def forget(folder: Path) -> None:
    """Removes the logs that a deleted deployment has left, before a new one of its name is made."""
    for path in (console(folder), storage(folder), _older(console(folder))):
        path.unlink(missing_ok=True)


def _older(path: Path) -> Path:
    return path.with_name(f"{path.name}.1")
