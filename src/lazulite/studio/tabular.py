"""Tables in files of columns, read as far as is shown, by the pyarrow of whichever environment here has it.

Whoever writes Parquet in a job has pyarrow in that job's environment, so the platform brings none of its own.
"""

import functools
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lazulite.environments import bind

_LIMIT_S = 20
# Run in a process of its own: a broken file may take all memory, or the reader's native code down.
_READ = """
import json, sys
import pyarrow.parquet as parquet
file = parquet.ParquetFile(sys.argv[1])
rows = next(file.iter_batches(batch_size=int(sys.argv[2])), None)
names = file.schema_arrow.names
shown = [[str(value)[:500] for value in row.values()] for row in rows.to_pylist()] if rows is not None else []
print(json.dumps({"names": names, "rows": shown, "total": file.metadata.num_rows}))
"""


@dataclass(frozen=True)
class Rows:
    """The first rows of a table. names: of its columns, [] where the first row has them; note: what is to be said.

    command: what is to be typed before it can be read.
    """

    names: list[str]
    rows: list[list[str]]
    note: str = ""
    command: str = ""


def parquet(home: Path, path: Path, limit: int) -> Rows:
    """Reads the first rows of a Parquet file."""
    python = next(_readers(home), None)
    if not python:
        command = f"{sys.executable} -m uv pip install --python {sys.executable} pyarrow"
        return Rows([], [], "No environment here has pyarrow, which reads Parquet. To see the rows:", command)
    about = path.stat()
    return _read(python, path, limit, (about.st_size, about.st_mtime_ns))


def _readers(home: Path) -> Iterator[str]:
    """Yields interpreters that have pyarrow: the platform's own, those of environments that were built or bound."""
    if importlib.util.find_spec("pyarrow"):
        yield sys.executable
    for found in (home / "environments").glob("*/lib/python3*/site-packages/pyarrow"):
        yield str(found.parents[3] / "bin" / "python")
    for one in bind.bindings(home):
        if any(Path(one.python).parent.parent.glob("lib/python3*/site-packages/pyarrow")):
            yield one.python


@functools.lru_cache(maxsize=16)  # pages are drawn again with every change
def _read(python: str, path: Path, limit: int, state: tuple[int, int]) -> Rows:
    command = [python, "-I", "-c", _READ, str(path), str(limit)]
    try:
        run = subprocess.run(command, capture_output=True, timeout=_LIMIT_S, check=True)
        told = json.loads(run.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return Rows([], [], "This file is no Parquet that can be read.")
    total = told["total"]
    return Rows(told["names"], told["rows"], f"{total:,} rows, the first {limit} shown." if total > limit else "")
