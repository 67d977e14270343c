"""Tables in files of columns, read as far as is shown. What reads them is not ours, and need not be installed."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_LIMIT_S = 20
# Run in a process of its own: a broken file may take all memory, or the reader's native code down.
_READ = """
import json, sys
try:
    import pyarrow.parquet as parquet
except ImportError:
    print(json.dumps({"missing": True})); sys.exit()
file = parquet.ParquetFile(sys.argv[1])
rows = next(file.iter_batches(batch_size=int(sys.argv[2])), None)
names = file.schema_arrow.names
shown = [[str(value)[:500] for value in row.values()] for row in rows.to_pylist()] if rows is not None else []
print(json.dumps({"names": names, "rows": shown, "total": file.metadata.num_rows}))
"""


@dataclass(frozen=True)
class Rows:
    """The first rows of a table. names: of its columns, [] where the first row has them; note: what is to be said."""

    names: list[str]
    rows: list[list[str]]
    note: str = ""


def parquet(path: Path, limit: int) -> Rows:
    """Reads the first rows of a Parquet file by pyarrow, where Lazulite's own interpreter has it."""
    command = [sys.executable, "-I", "-c", _READ, str(path), str(limit)]
    try:
        run = subprocess.run(command, capture_output=True, timeout=_LIMIT_S, check=True)
        told = json.loads(run.stdout)
    except (subprocess.SubprocessError, ValueError):
        return Rows([], [], "This file is no Parquet that can be read.")
    if told.get("missing"):
        return Rows([], [], f"To see Parquet here: {sys.executable} -m pip install pyarrow")
    total = told["total"]
    return Rows(told["names"], told["rows"], f"{total:,} rows, the first {limit} shown." if total > limit else "")
