"""Where a deployment's two logs are: what was prepared before its server started, and what the server printed."""

from pathlib import Path


def console(folder: Path) -> Path:
    """Returns the file that all workers of a deployment append to; Azure calls it InferenceServer."""
    return folder / "console.log"


def storage(folder: Path) -> Path:
    """Returns the file that tells how model, code and environment came; Azure calls it StorageInitializer."""
    return folder / "storage.log"
