"""Sorts a table's rows by the values of some columns, with the pandas of the job's own environment."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lazulite.batch.order import Order
from lazulite.batch.tables import Table
from lazulite.errors import UserCodeError

GUEST = Path(__file__).parent.parent / "guest"
_FOLDER = "groups"


def groups(order: Order, table: Table) -> Iterator[dict[str, Any]]:
    """Yields a mini-batch for each combination of the partition keys' values, in the order of these.

    Effect: the rows are written anew, one file for each combination. Raises UserCodeError with what went wrong.
    """
    folder = order.place / _FOLDER
    folder.mkdir(exist_ok=True)
    for left in folder.iterdir():
        left.unlink()
    command = (order.python, GUEST, "batch_rows", str(folder), json.dumps(order.partition_keys))
    with (
        tempfile.TemporaryFile("w+", dir=order.folder) as asked,
        tempfile.TemporaryFile("w+", dir=order.folder) as told,
        tempfile.TemporaryFile("w+", dir=order.folder, errors="replace") as complaint,
    ):
        for name in table.files(order.source, order.folder):
            asked.write(json.dumps(_whole(order, table, name)) + "\n")
        asked.seek(0)
        code = subprocess.call(command, stdin=asked, stdout=told, stderr=complaint)
        if code:
            complaint.seek(0)
            last = complaint.read().strip().rpartition("\n")[2] or f"it exited with status {code}"
            raise UserCodeError(f"The table could not be sorted by partition_keys: {last}")
        told.seek(0)
        for line in told:
            one = json.loads(line)
            keys = dict(zip(order.partition_keys, one["values"], strict=True))
            yield {"table": {"kind": "groups", "path": one["path"]}, "keys": keys}


def _whole(order: Order, table: Table, name: str) -> dict[str, Any]:
    path = Path(order.source, name)
    return {**table.message(name, part=[0, 1], head=0, begin=0, end=path.stat().st_size), "path": str(path)}
