"""`lazulite job debug`: a shell, a command, or pdb, in a copy of a job that leaves the job alone."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, Protocol

from lazulite.cli import late
from lazulite.cli.grammar import Json, Misuse
from lazulite.cli.session import Session

# Where a command, or a part of one, begins with Python: up to its options, of which none takes a value.
_OPTIONS = r"-[bBdEiIOqsSuvx]+"
_PYTHON = re.compile(
    rf"((?:^|[;&|(\n])\s*(?:\w+=\S+\s+)*(?:\S*/)?python[\d.]*(?:\s+{_OPTIONS})*)(?=\s+(?!-c\b|{_OPTIONS}\s))"
)


class Copy(Protocol):
    """A job laid out again: engine.debug.Copy, which is loaded only where it is needed."""

    @property
    def name(self) -> str: ...
    @property
    def code(self) -> Path: ...
    def tidy(self) -> bool:
        """Removes the copy unless it was changed, and tells whether it did."""


def open_shell(session: Session, name: str, command: str | None, has_pdb: bool) -> NoReturn:
    """Lays the job out again and opens it; leaves with the exit code of what was run there.

    What is logged there goes to a run of its own, in the same experiment.
    """
    job = session.arm.get(session.path("jobs", name))
    copy = late.load("debug").lay_out(session.arm.settings, session.workspace, job["name"], say)
    words = command or (with_pdb(copy.command) if has_pdb else "")
    say(f"The job's command is: {copy.command}")
    run_copy(session, job, copy, lambda: subprocess.call(copy.opened(words)))


def run_copy(session: Session, job: Json, copy: Copy, call: Callable[[], int]) -> NoReturn:
    """Runs something in a copy of a job, with a run of its own to log to; leaves with its exit code."""
    name = job["name"]
    say(f"Its code is copied to {copy.code}, and if you change something there, it stays there.")
    run = f"/history/v1.0{session.path('experiments', job['properties']['experimentName'], 'runs', copy.name)}"
    session.arm.data_plane("PATCH", run, {"status": "Running", "displayName": copy.name, "tags": {"debugs": name}})
    say(f"What it logs goes to the run {copy.name}.")
    code = call()
    session.arm.data_plane("PATCH", run, {"status": "Failed" if code else "Completed"})
    if not copy.tidy():
        say(f"The code that you changed is in {copy.code}.")
    raise SystemExit(code)


def with_pdb(command: str) -> str:
    """Has every Python script of a command run under pdb, which goes on until an exception leaves the script.

    Raises Misuse for a command that runs none.
    """
    changed, count = _PYTHON.subn(r"\1 -m pdb -c continue", command)
    if not count:
        raise Misuse(
            f"The job's command runs no Python script by the word python: {command}",
            hint='Put breakpoint() into its code, then run it by --command, or --command "python -m pdb ...".',
        )
    return changed


def say(line: str) -> None:
    """Tells the user what is done, beside what the job prints."""
    print(line, file=sys.stderr)
