"""The modules that take long to import, loaded when a command needs one and never before."""

import importlib
from types import ModuleType

_MODULES = {
    "platform": "lazulite.app",  # the whole platform
    "sdk": "lazulite.cli.sdk",  # azure-ai-ml, which takes seconds
    "bind": "lazulite.environments.bind",  # and with it all that builds environments
    "images": "lazulite.environments.images",  # the same
    "debug": "lazulite.engine.debug",  # and the database
    "replay": "lazulite.batch.replay",  # the same
    "blobs": "lazulite.cli.az.blobs",  # azure-storage-blob
    "principals": "lazulite.entra.principals",  # and all that answers requests
}


def load(name: str) -> ModuleType:
    """Returns the module of this name in the table above."""
    return importlib.import_module(_MODULES[name])
