"""Tables as inputs: what an MLTable file says, and how its files are cut into mini-batches of some bytes.

Reads no rows: a part is a range of bytes between two lines, or a share of a parquet file's row groups.
Source: learn.microsoft.com/azure/machine-learning/reference-yaml-mltable; that a mini-batch never crosses a file and
that its size is one of bytes, v1/how-to-debug-parallel-run-step, mini_batch_size.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lazulite.batch import listing
from lazulite.batch.order import Order
from lazulite.engine import mltables
from lazulite.errors import BadRequest, NotImplementedHere

_KINDS = {"read_delimited": "delimited", "read_json_lines": "json_lines", "read_parquet": "parquet"}
_PATH = "Path"  # that it is relative to the table: Source: guess.
_PARTITION = "extract_columns_from_partition_format"
_LINE_BLOCK_BYTES = 1 << 16
_DEFAULT_BYTES = 1 << 20


@dataclass(frozen=True)
class Columns:
    """What a file's path says of its rows. pattern: None where only `key=value` folders tell."""

    pattern: re.Pattern[str] | None = None

    def of(self, name: str) -> dict[str, str]:
        """Returns the columns of a file, by its path relative to the input."""
        found = self.pattern.search(f"/{name}") if self.pattern else None
        if found:
            return found.groupdict()
        pairs = (part.partition("=") for part in name.split("/")[:-1])
        return {key: value for key, equals, value in pairs if equals}


@dataclass(frozen=True)
class Table:
    """What an MLTable file says. kind: "" for a list of files; patterns: which files; keep, drop: names of columns."""

    kind: str
    patterns: tuple[re.Pattern[str], ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    columns: Columns | None = None
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()

    def files(self, root: str, scratch: str) -> Iterator[str]:
        """Yields the files that it means, in order."""
        every = listing.files(root, scratch)
        return (name for name in every if any(one.fullmatch(name) for one in self.patterns))

    def message(self, name: str, **more: Any) -> dict[str, Any]:
        """Returns how a worker reads a file of it, or a part."""
        columns = self.columns.of(name) if self.columns else {}
        if self.options.get("include_path_column"):
            columns = {_PATH: name, **columns}
        told = {"path": name, "kind": self.kind, "options": dict(self.options), "columns": columns}
        return {**told, "keep": list(self.keep), "drop": list(self.drop), **more}


def columns_of(table: Table | None) -> Columns:
    """Returns what tells the columns of a list of files."""
    return (table.columns if table else None) or Columns()


def described(table: Mapping[str, Any], keys: Mapping[str, Any]) -> str:
    """Returns a table's part in words, `sales.csv, bytes 0 to 10240`."""
    if table["kind"] == "groups":
        return ", ".join(f"{key}={value}" for key, value in keys.items())
    if table["kind"] == "parquet":
        return f"{table['path']}, part {table['part'][0] + 1} of {table['part'][1]}"
    return f"{table['path']}, bytes {table['begin']} to {table['end']}"


def read(folder: str) -> Table:
    """Reads a folder's MLTable. Raises BadRequest for what is none, NotImplementedHere for what cannot be done here."""
    made: dict[str, Any] = {"kind": "", "patterns": tuple(mltables.patterns(Path(folder)))}
    for name, options in mltables.transformations(Path(folder)):
        made.update(_step(name, options))
    return Table(**made)


def _step(name: str, options: Any) -> dict[str, Any]:
    if name in _KINDS:
        _check(name, options, options is None or isinstance(options, dict), "options by name")
        return {"kind": _KINDS[name], "options": options or {}}
    if name in ("keep_columns", "drop_columns"):
        columns = [options] if isinstance(options, str) else options
        is_names = isinstance(columns, list) and all(isinstance(one, str) for one in columns)
        _check(name, options, is_names, "a name or a list of names")
        return {name.removesuffix("_columns"): tuple(columns)}
    if name == _PARTITION:
        text = options.get("partition_format") if isinstance(options, dict) else options
        _check(name, options, isinstance(text, str), "a text, as /{Shop}/{Day:yyyy/MM/dd}/sales.csv")
        return {"columns": Columns(_partition_pattern(str(text)))}
    known = ", ".join((*_KINDS, "keep_columns", "drop_columns", _PARTITION))
    raise NotImplementedHere(
        f"The MLTable of the input has the transformation {name}; in parallel jobs Lazulite does {known}.",
        hint="Do the rest in run(), or in a step before.",
    )


def _check(name: str, options: Any, is_fine: bool, wanted: str) -> None:
    if not is_fine:
        raise BadRequest(f"The transformation {name} of the input's MLTable must have {wanted}, but has {options!r}.")


def _partition_pattern(text: str) -> re.Pattern[str]:
    """Returns the pattern of `/{Department}/{Date:yyyy/MM/dd}/data.csv`, searched for in `/` and a path."""
    made = ""
    for plain, name, form in re.findall(r"([^{]*)(?:\{(\w+)(?::([^}]*))?\})?", text):
        made += re.escape(plain)
        if name:
            inner = re.sub(r"[A-Za-z]+", lambda digits: rf"\d{{{len(digits[0])}}}", form) if form else "[^/]+"
            made += f"(?P<{name}>{inner})"
    try:
        return re.compile(made)
    except re.error as error:
        raise BadRequest(f'The partition format "{text}" of the input\'s MLTable is none: {error}.') from error


def parts(order: Order, table: Table) -> Iterator[dict[str, Any]]:
    """Yields the mini-batches of a table."""
    wanted = order.mini_batch_size or _DEFAULT_BYTES
    for name in table.files(order.source, str(order.place)):
        path = Path(order.source, name)
        size = path.stat().st_size
        if table.kind == "parquet":
            count = max(1, math.ceil(size / wanted))
            yield from ({"table": table.message(name, part=[number, count])} for number in range(count))
        else:
            head, cuts = _cuts(path, size, wanted, table)
            begin = head
            for end in cuts:
                yield {"table": table.message(name, head=head, begin=begin, end=end)}
                begin = end


def _cuts(path: Path, size: int, wanted: int, table: Table) -> tuple[int, Iterator[int]]:
    """Returns where a file's line of names ends, and then where its parts end: always behind a line."""
    has_names = table.kind == "delimited" and table.options.get("header") != "no_header"
    with path.open("rb") as file:
        head = len(file.readline()) if has_names else 0
    if table.options.get("support_multi_line"):
        return head, _quoted_cuts(path, head, wanted)
    return head, _plain_cuts(path, head, size, wanted)


def _plain_cuts(path: Path, begin: int, size: int, wanted: int) -> Iterator[int]:
    with path.open("rb", buffering=_LINE_BLOCK_BYTES) as file:
        while begin < size:
            file.seek(max(begin, begin + wanted - 1))
            file.readline()
            begin = min(file.tell(), size)
            yield begin


def _quoted_cuts(path: Path, begin: int, wanted: int) -> Iterator[int]:
    """Reads every line: one that ends within quotes goes on in the next."""
    end, is_open = begin, False
    with path.open("rb") as file:
        file.seek(begin)
        for line in file:
            end += len(line)
            is_open ^= line.count(b'"') % 2 == 1
            if end - begin >= wanted and not is_open:
                yield end
                begin = end
    if end > begin:
        yield end
