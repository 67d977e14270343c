"""The subscriptions that a program is about to use, so that the platform can list them before it asks.

SDK v1 lists the caller's subscriptions, and refuses to work in one that is not among them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from lazulite.cli import session
from lazulite.cli.rest import Arm
from lazulite.settings import Settings

_GUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_NAMED = re.compile(rf"subscription[\w -]{{0,20}}[\"']?\s*[:=,(]?\s*[\"']?({_GUID})", re.IGNORECASE)
_FIRST = re.compile(rf"\b(?:Workspace|MLClient)(?:\.get)?\(\s*[\"']({_GUID})", re.IGNORECASE)
# Where `Workspace.from_config` looks, in the working directory and above. Source: azureml-core 1.61 core/workspace.py.
_CONFIGS = (".azureml/config.json", "aml_config/config.json", "config.json")
_PROGRAMS = (".py", ".sh", ".json", ".yml", ".yaml", ".ipynb", ".env")
_LARGEST_BYTES = 1 << 20


def introduce(found: Settings, command: Sequence[str], environ: Mapping[str, str], folder: Path) -> None:
    """Tells the platform of the subscriptions that a command names in its environment, its files or its arguments."""
    wanted = named_by(command, environ, folder)
    if wanted:
        line = Arm(found, session.token(found, "https://management.azure.com"))
        for one in sorted(wanted):
            line.get(f"/subscriptions/{one}")


def named_by(command: Sequence[str], environ: Mapping[str, str], folder: Path) -> set[str]:
    """Returns the ids, in lower case, that stand after the word subscription, or first in a workspace's brackets."""
    texts = [f"{name}={value}" for name, value in environ.items() if "SUBSCRIPTION" in name.upper()]
    texts += [" ".join(command), *_read(folder, command)]
    return {found.lower() for text in texts for pattern in (_NAMED, _FIRST) for found in pattern.findall(text)}


def _read(folder: Path, command: Sequence[str]) -> Iterable[str]:
    programs = [folder / word for word in command if word.endswith(_PROGRAMS)]
    configs = [above / name for above in (folder, *folder.parents) for name in _CONFIGS]
    for path in [*programs, *configs, folder / ".env"]:
        with suppress(OSError):  # what we may not read, the program will tell
            if path.is_file() and path.stat().st_size <= _LARGEST_BYTES:
                yield path.read_text("utf-8", "replace")
