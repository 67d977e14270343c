"""Where the peers of a bench are installed: a venv each, made once, with the uv that Lazulite brings along."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import uv


def venv(place: Path, packages: Sequence[str]) -> Path:
    """Returns the interpreter of a venv with these packages, of our own Python's version; makes it if need be."""
    python, complete = place / "bin" / "python", place / "complete"
    if not complete.exists():
        print(f"installing {' '.join(packages)} into {place}", file=sys.stderr)
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        subprocess.run([uv.find_uv_bin(), "venv", "-q", "--clear", "-p", version, place], check=True)
        # Compiled, as pip would: what a peer's start takes is measured too.
        command = [uv.find_uv_bin(), "pip", "install", "-q", "--compile-bytecode", "-p", python, *packages]
        subprocess.run(command, check=True)
        complete.touch()
    return python
