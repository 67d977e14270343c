"""Runs a program that builds something and is heard while it does. Knows no builder."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def run(
    words: Sequence[str], environ: Mapping[str, str], heard: Callable[[str], None], folder: Path | None = None
) -> int:
    """Runs a command; returns its exit status.

    heard: gets every line of what it prints, as it comes; when that raises, the program is killed. folder: where it
    runs, None for here. Raises OSError when there is no such program.
    """
    with subprocess.Popen(
        words,
        cwd=folder,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            for line in process.stdout or ():
                heard(line.rstrip())
        except BaseException:
            process.kill()  # nobody is left to build for
            raise
    return process.returncode
