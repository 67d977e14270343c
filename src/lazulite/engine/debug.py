"""Lays out a job again, under another name, for its user to try things in. Starts nothing, and leaves the job alone."""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lazulite import clock
from lazulite.engine import folders, launch, prepare, processes, stage, states
from lazulite.engine.executors.process import Launcher
from lazulite.engine.states import Job
from lazulite.errors import NotFound
from lazulite.identity import tokens
from lazulite.ids import WorkspaceId
from lazulite.settings import Settings
from lazulite.store import tables
from lazulite.store.db import Database


@dataclass(frozen=True)
class Copy:
    """A job laid out again. name: its own, and that of the run it may log to; command: with all bindings replaced."""

    name: str
    folder: Path
    command: str

    @property
    def code(self) -> Path:
        """Returns its working directory."""
        return self.folder / "code"

    def opened(self, command: str = "") -> tuple[str, ...]:
        """Returns the program that runs a command there, or a shell where none is given."""
        words = (command,) if command else ()
        return (sys.executable, "-I", "-B", str(processes.GUEST), "shell", str(self.folder), *words)

    def tidy(self) -> bool:
        """Removes the copy, unless code was changed in it, and tells whether it did. Outputs and the run stay."""
        laid_out_at = (self.folder / "job.json").stat().st_mtime_ns
        files = [path for path in self.code.rglob("*") if path.is_file() and path.suffix != ".pyc"]
        if any(path.stat().st_mtime_ns > laid_out_at for path in files):
            return False
        shutil.rmtree(self.folder)
        return True


def lay_out(settings: Settings, workspace: WorkspaceId, name: str, log: Callable[[str], None]) -> Copy:
    """Prepares and stages a copy of a job on this machine, whether the platform is up or not.

    Its outputs go to places of its own, it is one process whatever the job was, and its run is another. log: gets a
    line for each step. Raises NotFound when there is no such job, and what preparing and staging raise.
    """
    db = Database(f"sqlite:///{settings.home / 'lazulite.db'}", tables.metadata, tables.MIGRATIONS)
    launcher = Launcher()
    try:
        with db.read() as connection:
            job = states.find(connection, workspace.scope, name)
        if not job:
            raise NotFound(f'There is no job "{name}" in workspace "{workspace.workspace}".')
        made = prepare.prepare(settings, db, _copy(settings, workspace, job), log)
        staged = stage.stage(settings, made, launcher.has_views, log)
        command = launch.write_plan(settings, tokens.signing_key(settings.home), launcher.has_views, made, staged)
        return Copy(made.job.name, staged.folder, command)
    finally:
        launcher.close()
        db.close()


def _copy(settings: Settings, workspace: WorkspaceId, job: Job) -> Job:
    """Renames a job to what no copy was called yet: the artifacts of one stay when it is tidied away."""
    name = next(name for name in _names(job.name) if not folders.artifacts(settings.home, workspace, name).exists())
    return replace(job, body=_alone(job.body), run=replace(job.run, id=name, root=name, created_at=clock.now()))


def _names(job: str) -> Iterator[str]:
    number = 1
    while True:
        yield f"{job}-debug-{number}"
        number += 1


def _alone(body: dict[str, Any]) -> dict[str, Any]:
    """Returns a job's body for one process, which writes over nothing and registers nothing."""
    outputs = body.get("outputs") or {}
    bare = {name: {key: one[key] for key in ("jobOutputType", "mode") if key in one} for name, one in outputs.items()}
    resources = {**(body.get("resources") or {}), "instanceCount": 1}
    return {**body, "outputs": bare, "resources": resources, "distribution": None}
