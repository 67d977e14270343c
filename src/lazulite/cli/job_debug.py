"""`lazulite job debug`: a shell, a command, or pdb, in a copy of a job that leaves the job alone."""

import re
import subprocess
import sys
from typing import NoReturn

from lazulite.cli import late
from lazulite.cli.grammar import Misuse
from lazulite.cli.session import Session

# Where a command, or a part of one, begins with Python: up to its options, of which none takes a value.
_OPTIONS = r"-[bBdEiIOqsSuvx]+"
_PYTHON = re.compile(
    rf"((?:^|[;&|(\n])\s*(?:\w+=\S+\s+)*(?:\S*/)?python[\d.]*(?:\s+{_OPTIONS})*)(?=\s+(?!-c\b|{_OPTIONS}\s))"
)


def open_shell(session: Session, name: str, command: str | None, has_pdb: bool) -> NoReturn:
    """Lays the job out again and opens it; leaves with the exit code of what was run there.

    What is logged there goes to a run of its own, in the same experiment.
    """
    job = session.arm.get(session.path("jobs", name))
    copy = late.load("debug").lay_out(session.arm.settings, session.workspace, job["name"], _say)
    words = command or (with_pdb(copy.command) if has_pdb else "")
    _say(f"The job's command is: {copy.command}")
    _say(f"Its code is copied to {copy.code}, and if you change something there, it stays there.")
    run = f"/history/v1.0{session.path('experiments', job['properties']['experimentName'], 'runs', copy.name)}"
    session.arm.data_plane("PATCH", run, {"status": "Running", "displayName": copy.name, "tags": {"debugs": name}})
    _say(f"What it logs goes to the run {copy.name}.")
    code = subprocess.call(copy.opened(words))
    session.arm.data_plane("PATCH", run, {"status": "Failed" if code else "Completed"})
    if not copy.tidy():
        _say(f"The code that you changed is in {copy.code}.")
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


def _say(line: str) -> None:
    print(line, file=sys.stderr)
