"""How a worker ended that was not asked to, in words, and where its script was when its time was up."""

import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lazulite.artifacts import lines
from lazulite.engine import processes

_PLACE = re.compile(r'^  File "(?P<file>[^"]+)", line (?P<line>\d+) in ', re.MULTILINE)
_TAIL_LINES = 200


def error(kind: str, message: str, **more: Any) -> dict[str, Any]:
    """Returns an error as failed.jsonl has it. kind: raised, returned, timeout, died or init."""
    return {"kind": kind, "type": "", "message": message, "file": None, "line": None, "traceback": "", **more}


def of_code(code: int, was_out_of_memory: bool) -> dict[str, Any]:
    """Returns the error of a worker that ended with an exit status, negative for a signal."""
    if was_out_of_memory and code == -signal.SIGKILL:
        return error("died", "The worker was killed by the system because memory ran out.")
    if code < 0:
        return error("died", f"The worker was ended by {processes.signal_words(-code)}.")
    return error("died", f"The worker exited with status {code}: something in it ended the whole process.")


def of_time(timeout_s: float, what: str, log: Path, code: str) -> dict[str, Any]:
    """Returns the error of a worker whose time was up. log: ends with the stack that it was made to write."""
    told = error("timeout", f"{what} took longer than {timeout_s:g} s.")
    stack = lines.tail(log, _TAIL_LINES).rpartition("(most recent call first):")[2]
    mine = [match for match in _PLACE.finditer(stack) if match["file"].startswith(f"{code}/")]
    if mine:
        file, line = mine[0]["file"].removeprefix(f"{code}/"), int(mine[0]["line"])
        summary = f"{told['message']} It was at {file}, line {line}."
        told.update(file=mine[0]["file"], line=line, summary=summary, traceback=stack.lstrip("\n"))
    return told


def too_few(said: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the error of a mini-batch of which fewer items came back than went in."""
    return error(
        "returned",
        f"run() returned {said['count']} results for {said['items']} items; it must return one for each that "
        f"succeeded. It returned {said['returned']}.",
    )


def kills_for_memory() -> int:
    """Returns how many processes the system has killed for want of memory; 0 where it does not say."""
    try:
        counts = dict(line.split() for line in Path("/proc/vmstat").read_text().splitlines())
    except OSError:
        return 0
    return int(counts.get("oom_kill", 0))
