"""The modules that take long to import, loaded when a command needs one and never before."""

import importlib
import sys
from types import ModuleType

_MODULES = {
    "platform": "lazulite.app",  # the whole platform
    "sdk": "lazulite.cli.sdk",  # azure-ai-ml, which takes seconds
    "warm": "lazulite.cli.warm",
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


class Wanted(BaseException):
    """A command needs azure-ai-ml, which is not loaded here. No Exception: only main catches it, and finds it some."""


def sdk() -> ModuleType:
    """Returns the module that needs azure-ai-ml. Raises Wanted where that is not loaded yet."""
    if _MODULES["sdk"] not in sys.modules:
        raise Wanted
    return sys.modules[_MODULES["sdk"]]
