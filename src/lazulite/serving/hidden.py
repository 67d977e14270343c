"""What workers do not see: the platform's folders, but for what is their own. See guest/hidden.py."""

import functools
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lazulite.engine import processes
from lazulite.settings import Settings

_TRIED_WITHIN_S = 20.0

# What guest/hidden.py is told of files: {"hidden": [folder], "shown": [path]}.
Sight = Mapping[str, Any]


def sight(settings: Settings, python: Path, own: Sequence[Path]) -> Sight:
    """Returns what workers see. own: files and folders of theirs; python: their interpreter."""
    home = settings.home
    ours = (processes.GUEST, home / "ca" / "bundle.pem", home / "ca" / "ca.pem")
    interpreter = (python.parent.parent, python.resolve().parent.parent)
    folders = [home, settings.sockets]
    hidden = [
        folder for folder in folders if not any(folder.is_relative_to(other) for other in folders if other != folder)
    ]
    shown = [path for path in (*ours, *interpreter, *own) if any(path.is_relative_to(folder) for folder in hidden)]
    return {"hidden": [str(folder) for folder in hidden], "shown": list(dict.fromkeys(map(str, shown)))}


def command(seen: Sight, socket: str, words: Sequence[str]) -> list[str]:
    """Returns the command that runs another which sees no more than that. socket: the worker's, "" for none."""
    plan = json.dumps({**seen, "socket": socket})
    return [sys.executable, "-I", "-S", "-B", str(processes.GUEST), "hidden", plan, *words]


@functools.cache
def is_possible() -> bool:
    """Tells whether this system lets a process hide files from itself, by trying it."""
    with tempfile.TemporaryDirectory() as folder:
        tried = command({"hidden": [folder], "shown": []}, "", ["true"])
        try:
            return subprocess.run(tried, capture_output=True, timeout=_TRIED_WITHIN_S, check=False).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False
