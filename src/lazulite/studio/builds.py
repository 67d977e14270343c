"""Environments that are built because somebody pressed a button, rather than for a job: each once, its log live."""

import threading
from pathlib import Path

from lazulite.artifacts import lines
from lazulite.environments import registered
from lazulite.environments.registered import Registered
from lazulite.errors import LazuliteError


class Builds:
    """The builds that go on. For any thread."""

    def __init__(self) -> None:
        self._running: set[str] = set()
        self._changing = threading.Lock()

    def start(self, home: Path, wanted: Registered) -> None:
        """Begins to build an environment, unless that goes on already. Effect: a thread, and the log's file."""
        with self._changing:
            if wanted.label in self._running:
                return
            self._running.add(wanted.label)
        path = log_path(home, wanted.name, wanted.version)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        threading.Thread(
            target=self._build, args=(home, wanted, path), name=f"build {wanted.label}", daemon=True
        ).start()

    def is_running(self, label: str) -> bool:
        """Tells whether an environment, `name:version`, is being built by these."""
        with self._changing:
            return label in self._running

    def _build(self, home: Path, wanted: Registered, path: Path) -> None:
        say = lines.writer(path)
        try:
            made = registered.ensure(home, wanted, say)
            say(f"Ready: Python at {made.python}.")
        except LazuliteError as error:
            say(f"Error: {error.message} {error.hint or ''}")
        finally:
            with self._changing:
                self._running.discard(wanted.label)


def log_path(home: Path, name: str, version: str) -> Path:
    """Returns the file that such a build writes line by line."""
    return home / "environments" / f"{name.lower()}-{version}.asked.log"
