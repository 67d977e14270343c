"""`lazulite job replay`: one mini-batch of a batch job again, at this terminal, with or without pdb."""

import subprocess
from typing import NoReturn

from lazulite.cli import job_debug, late
from lazulite.cli.session import Session


def replay(session: Session, name: str, number: int, has_pdb: bool) -> NoReturn:
    """Runs a mini-batch of a parallel job, or of a pipeline with one; leaves with the script's exit code."""
    settings, say = session.arm.settings, job_debug.say
    copy, script = late.load("replay").replay(settings, session.workspace, name, number, has_pdb, say)
    job = session.arm.get(session.path("jobs", name))
    job_debug.run_copy(session, job, copy, lambda: subprocess.call(script.command, env=script.variables, cwd=copy.code))
