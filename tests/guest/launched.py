"""Jobs launched as the engine launches them, with plans that a test writes."""

import json
import os
import time
from pathlib import Path

import psutil

from lazulite.engine import processes
from lazulite.engine.executors.process import Launcher

WITHIN_S = 20


class Runs:
    """Jobs of a launcher, each in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.launcher = Launcher()
        self.store = root / "store"
        self.store.mkdir()

    def start(self, command, ranks=1, **more):
        """Starts a command and returns the job's folder."""
        folder = self.root / f"job{len(list(self.root.iterdir()))}"
        for made in (folder / "code", folder / "logs"):
            made.mkdir(parents=True)
        plan = {
            "folder": str(folder / "code"),
            "command": command,
            "variables": {"PATH": os.environ["PATH"], "LAZULITE_JOB_FOLDER": str(folder)},
            "ranks": [
                {"log": str(folder / "logs" / f"{rank}.txt"), "variables": {"RANK": str(rank)}} for rank in range(ranks)
            ],
            "doors": None,
            "services": [],
            "isolated": self.launcher.has_views,
            "views": [],
            "readonly": [],
            "writable": [],
            "timeout_s": None,
            "grace_s": 5,
        }
        (folder / "job.json").write_text(json.dumps({**plan, **more}))
        self.launcher.launch(folder)
        return folder

    def run(self, command, ranks=1, **more):
        """Runs a command to its end; returns how it ended and what it printed."""
        folder = self.start(command, ranks, **more)
        processes.await_end(folder)
        return json.loads((folder / "exit.json").read_text()), log(folder)


def log(folder, rank=0):
    path = folder / "logs" / f"{rank}.txt"
    return path.read_text() if path.exists() else ""


def until(seen):
    deadline = time.monotonic() + WITHIN_S
    while not (found := seen()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def relatives(folder):
    """Returns the living processes that have the job's folder in their environment."""
    found = []
    for one in psutil.process_iter():
        try:
            if one.environ().get("LAZULITE_JOB_FOLDER") == str(folder) and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
        except psutil.Error:
            continue
    return found
