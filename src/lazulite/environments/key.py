"""Names environments by content: what is asked for, by whom it is built, on what. Reads and writes nothing."""

import hashlib
import json
import platform
import sys
from dataclasses import asdict

from lazulite.environments.interpreters import Interpreter
from lazulite.environments.pip_config import PipConfig, without_secrets
from lazulite.environments.spec import EnvironmentSpec

# Raised by hand when the same specification would come out otherwise than before.
BUILDER_VERSION = 1


def key_of(spec: EnvironmentSpec, interpreter: Interpreter, config: PipConfig, *, has_gpu: bool) -> str:
    """Returns 20 hexadecimal digits that are the same for all that comes out the same.

    Names, images, variables and notes do not count; neither do passwords in index URLs.
    """
    asked = asdict(spec.requirements) | {"options": asdict(without_secrets(spec.requirements.options))}
    parts = {
        "builder": BUILDER_VERSION,
        "requirements": asked | {"lines": sorted(spec.requirements.lines)},
        "python": [str(interpreter.path), interpreter.version, sys.platform, platform.machine()],
        "pip": config.fingerprint(),
        "gpu": has_gpu,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:20]
