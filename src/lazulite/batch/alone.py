"""Lays out what a script needs to run at a terminal, by itself: without a conductor, one mini-batch after the other."""

import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lazulite.batch import workers
from lazulite.batch.grouping import GUEST
from lazulite.batch.order import Order
from lazulite.batch.plan import MiniBatch


@dataclass(frozen=True)
class Alone:
    """A program that runs a script by itself, and its environment."""

    command: tuple[str, ...]
    variables: Mapping[str, str]


def lay_out(asked: Order, mini_batches: Iterable[MiniBatch], has_pdb: bool) -> Alone:
    """Writes what the script is to be run on. Its outputs go where the order says, not into folders of its own."""
    listed = asked.place / "asked.jsonl"
    with listed.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(one.message(asked.input)) + "\n" for one in mini_batches)
    told = {
        "script": workers.script_of(asked, "process000", {}),
        "mini_batches": str(listed),
        "pdb": has_pdb,
        "isolated": asked.isolated,
        "views": asked.views,
        "readonly": asked.readonly,
        "writable": [*asked.writable, *asked.outputs],
        "private": [],
    }
    path = asked.place / "alone.json"
    path.write_text(json.dumps(told), encoding="utf-8")
    for output in asked.outputs:
        Path(output).mkdir(parents=True, exist_ok=True)
    return Alone((asked.python, str(GUEST), "batch_alone", str(path)), {**os.environ, **asked.variables})


def interpreter(given: str | None) -> str:
    """Returns the interpreter that a script is run with where nobody says which: python3 on PATH."""
    return given or shutil.which("python3") or sys.executable
