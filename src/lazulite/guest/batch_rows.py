"""The rows of one mini-batch as a DataFrame, read with the pandas of the user's environment."""

from __future__ import annotations

import io
import json
import os
import pickle
import sys
from importlib import import_module
from typing import Any, Iterator

_OPEN_AT_A_TIME = 256


class NoReader(Exception):
    """The environment lacks what tables are read with."""


def read(table: dict[str, Any]) -> Any:
    """Returns the rows that a table message describes.

    table: `path`; `kind`, one of delimited, json_lines, parquet, groups; of the first two `begin` and `end`, the part
    in bytes, and `head`, where the line of names ends; of parquet `part`, `[2, 5]` for the third fifth of its row
    groups; `options`, MLTable's; `columns`, values that the path tells, by name; `keep` and `drop`, names of columns.
    Raises NoReader, and whatever pandas does.
    """
    pandas = _pandas()
    if table["kind"] == "groups":
        return pandas.concat(list(_pickled(table["path"])), ignore_index=True)
    frame = _KINDS[table["kind"]](pandas, table)
    for name, value in table.get("columns", {}).items():
        frame[name] = value
    if table.get("keep"):
        frame = frame[table["keep"]]
    if table.get("drop"):
        frame = frame.drop(columns=table["drop"])
    return frame.reset_index(drop=True)


def group(tables: Iterator[dict[str, Any]], keys: list[str], folder: str) -> Iterator[tuple[list[Any], str, int]]:
    """Sorts the rows of tables into one file for each combination of the keys' values, in the order of these.

    One table at a time is in memory. Yields (values, path, rows). Raises KeyError for a key that is no column.
    """
    files = _Files(folder)
    numbers: dict[tuple[Any, ...], int] = {}
    rows: list[int] = []
    for table in tables:
        frame = read(table)
        missing = [key for key in keys if key not in frame.columns]
        if missing:
            raise KeyError(
                "partition_keys has %s, but %s has only the columns %s."
                % (", ".join(missing), os.path.basename(table["path"]), ", ".join(map(str, frame.columns)))
            )
        for values, part in frame.groupby(keys, sort=False, dropna=False):
            values = values if isinstance(values, tuple) else (values,)
            number = numbers.setdefault(values, len(rows))
            rows += [0] * (number == len(rows))
            rows[number] += len(part)
            files.append(number, part)
    files.close()
    for values in sorted(numbers, key=lambda each: [(str(type(one)), one) for one in each]):
        yield [_plain(one) for one in values], files.path(numbers[values]), rows[numbers[values]]


class _Files:
    """Many files that are appended to in turns, a part of them open."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._open: dict[int, Any] = {}

    def path(self, number: int) -> str:
        return os.path.join(self._folder, "%d.rows" % number)

    def append(self, number: int, part: Any) -> None:
        if number not in self._open:
            if len(self._open) >= _OPEN_AT_A_TIME:
                self._open.pop(next(iter(self._open))).close()
            self._open[number] = open(self.path(number), "ab")
        pickle.dump(part, self._open[number], protocol=pickle.HIGHEST_PROTOCOL)

    def close(self) -> None:
        for file in self._open.values():
            file.close()
        self._open.clear()


def _pickled(path: str) -> Iterator[Any]:
    with open(path, "rb") as file:
        while True:
            try:
                yield pickle.load(file)
            except EOFError:
                return


def _delimited(pandas: Any, table: dict[str, Any]) -> Any:
    options = table["options"]
    data = _part(table)
    names: dict[str, Any] = {}
    if options.get("header") == "no_header":
        names = {"header": None}
    frame = pandas.read_csv(
        io.BytesIO(data),
        sep=options.get("delimiter") or ",",
        encoding=_ENCODINGS.get(options.get("encoding", ""), options.get("encoding")) or "utf-8",
        keep_default_na=not options.get("empty_as_string"),
        **names,
    )
    if names:
        frame.columns = ["Column%d" % (number + 1) for number in range(len(frame.columns))]
    return frame


def _json_lines(pandas: Any, table: dict[str, Any]) -> Any:
    return pandas.read_json(io.BytesIO(_part(table)), lines=True)


def _parquet(pandas: Any, table: dict[str, Any]) -> Any:
    part, of = table["part"]
    if of == 1:
        return pandas.read_parquet(table["path"])
    file = import_module("pyarrow.parquet").ParquetFile(table["path"])
    groups = file.num_row_groups
    return file.read_row_groups(list(range(groups * part // of, groups * (part + 1) // of))).to_pandas()


_KINDS = {"delimited": _delimited, "json_lines": _json_lines, "parquet": _parquet}
# MLTable's names for encodings that Python calls otherwise. Source: azureml-dataprep, read_delimited, `encoding`.
_ENCODINGS = {"utf8": "utf-8", "iso88591": "iso-8859-1", "latin1": "latin-1", "utf16": "utf-16"}


def _part(table: dict[str, Any]) -> bytes:
    """Returns a part of a file, with the line of column names before it."""
    with open(table["path"], "rb") as file:
        head = file.read(table["head"])
        if table["begin"] > table["head"]:
            file.seek(table["begin"])
        return head + file.read(table["end"] - max(table["begin"], table["head"]))


def _pandas() -> Any:
    try:
        return import_module("pandas")
    except ImportError as error:
        raise NoReader(
            "Tables are handed to run() as DataFrames, but the environment has no pandas: add it to the environment."
        ) from error


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def main(arguments: list[str]) -> int:
    """Groups the tables whose messages are the lines of standard input; prints a line of JSON for each group.

    arguments: the folder of the groups' files; the keys, as a JSON list.
    """
    folder, keys = arguments[0], json.loads(arguments[1])
    try:
        for values, path, rows in group(map(json.loads, sys.stdin), keys, folder):
            print(json.dumps({"values": values, "path": path, "rows": rows}, default=str))
    except Exception as error:  # whatever pandas finds wrong with the data
        sys.stderr.write("%s: %s\n" % (type(error).__name__, error.args[0] if error.args else error))
        return 1
    return 0
