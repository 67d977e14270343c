"""Imports a whole package under an audit hook: what its modules do to files, processes or sockets meanwhile is told."""

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

WATCHED = ("open", "socket.", "subprocess.", "sqlite3.", "shutil.", "os.", "tempfile.", "urllib.")
# Programs of their own, which are run and never imported.
SKIPPED = ("lazulite.guest", "lazulite.__main__")
# What starting the platform, or a command that needs no YAML, must not pay for: this import alone takes seconds.
HEAVY = "azure.ai.ml"
ENTRANCES = ("lazulite.app", "lazulite.cli.main")


def folder_of(package: str) -> Path:
    """Returns where a package lies, without importing it."""
    spec = importlib.util.find_spec(package)
    if not spec or not spec.origin:
        raise SystemExit(f"there is no package {package}")
    return Path(spec.origin).parent


def telltale(home: Path) -> Callable[[str, tuple[Any, ...]], None]:
    """Makes the audit hook that prints what a module below home does while it is imported."""

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        where = culprit(home) if event.startswith(WATCHED) else ""
        if where:
            print(f"{where}: {event} at import. Do it in a function that app.py or the command calls.")

    return hear


def culprit(home: Path) -> str:
    """Returns the line below home that runs at import time and caused what happens now, "" when there is none.

    Walks outward from the event. Meeting the import machinery first means that somebody else's module is loading.
    """
    frame = sys._getframe(2)
    while frame:
        code = frame.f_code
        if code.co_filename.startswith("<frozen importlib"):
            return ""
        if code.co_name == "<module>" and Path(code.co_filename).is_relative_to(home):
            return f"{Path(code.co_filename).relative_to(home.parent)}:{frame.f_lineno}"
        if not frame.f_back:
            return ""
        frame = frame.f_back
    return ""


def main(package: str) -> None:
    """Imports the entrances, tells whether they drew in what is heavy, then imports all other modules."""
    sys.addaudithook(telltale(folder_of(package)))
    for name in ENTRANCES if package == "lazulite" else ():
        importlib.import_module(name)
        if HEAVY in sys.modules:
            print(f"{name}: importing it imports {HEAVY}. Import that in the function that needs it.")
            break
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if not module.name.startswith(SKIPPED):
            importlib.import_module(module.name)


if __name__ == "__main__":
    main(*sys.argv[1:] or ["lazulite"])
