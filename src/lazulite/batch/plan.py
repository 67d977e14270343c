"""The plan of a batch job: a file with one line for each mini-batch, made once, read from front to back."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from lazulite.batch import grouping, listing, tables
from lazulite.batch.order import Order
from lazulite.errors import BadRequest

# Source: azure-ai-ml 1.35.2 entities/_builders/parallel.py, mini_batch_size; of tables, 1 MiB.
DEFAULT_FILES = 10

_SHOWN_FILES = 100


@dataclass(frozen=True)
class MiniBatch:
    """One mini-batch. said: `{"files": [relative paths]}` or `{"table": {…}}`, with `keys` where there are any."""

    number: int
    said: dict[str, Any]

    def message(self, root: str) -> dict[str, Any]:
        """Returns what a worker is sent. root: where it sees the input."""
        message = {**self.said, "id": self.number}
        if "files" in self.said:
            message["files"] = [f"{root}/{name}" if name else root for name in self.said["files"]]
        elif self.said["table"]["kind"] != "groups":
            message["table"] = {**self.said["table"], "path": f"{root}/{self.said['table']['path']}"}
        return message

    @property
    def files(self) -> list[str]:
        """Returns the names of what it is made of, at most 100, for people to read."""
        if "files" in self.said:
            return list(self.said["files"][:_SHOWN_FILES])
        return [tables.described(self.said["table"], self.said.get("keys") or {})]


@dataclass(frozen=True)
class Plan:
    """A plan that was made. items: files of all mini-batches; None where these are rows, known only when read."""

    path: Path
    mini_batches: int
    items: int | None

    def all(self) -> Iterator[MiniBatch]:
        """Yields the mini-batches in order; holds one at a time."""
        with self.path.open(encoding="utf-8") as file:
            for number, line in enumerate(file):
                yield MiniBatch(number, json.loads(line))

    def get(self, number: int) -> MiniBatch | None:
        """Returns a mini-batch by its number, None when there are fewer."""
        return next(islice(self.all(), number, None), None)


def is_made(order: Order) -> bool:
    """Tells whether an earlier conductor has made the plan."""
    return _summary(order).exists()


def ensure(order: Order) -> Plan:
    """Makes the plan, unless an earlier conductor has made it: it stays the same whatever is killed.

    Raises BadRequest for an input that cannot be split, and says why.
    """
    path, summary = order.place / "plan.jsonl", _summary(order)
    if not is_made(order):
        _write(order, path, summary)
    told = json.loads(summary.read_bytes())
    return Plan(path, told["mini_batches"], told["items"])


def _summary(order: Order) -> Path:
    return order.place / "plan.json"


def _write(order: Order, path: Path, summary: Path) -> None:
    if not Path(order.source).exists():
        raise BadRequest(f"There is no input at {order.source}.")
    count = items = 0
    with path.open("w", encoding="utf-8") as file:
        for said in _split(order):
            file.write(json.dumps(said) + "\n")
            count += 1
            items += len(said.get("files", ()))
    is_known = not count or "files" in said
    draft = summary.with_suffix(".draft")
    draft.write_text(json.dumps({"mini_batches": count, "items": items if is_known else None}))
    draft.replace(summary)


def _split(order: Order) -> Iterator[dict[str, Any]]:
    table = tables.read(order.source) if order.is_table else None
    scratch = str(order.place)
    if table and table.kind:
        return grouping.groups(order, table) if order.partition_keys else tables.parts(order, table)
    names = table.files(order.source, scratch) if table else listing.files(order.source, scratch)
    if order.partition_keys:
        return _by_keys(order, tables.columns_of(table), names)
    if Path(order.source).is_file():
        return iter(({"files": [""]},))
    return _by_count(names, order.mini_batch_size or DEFAULT_FILES)


def _by_count(names: Iterator[str], size: int) -> Iterator[dict[str, Any]]:
    while chunk := list(islice(names, size)):
        yield {"files": chunk}


def _by_keys(order: Order, columns: tables.Columns, names: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Puts the files of each combination of the keys' values into one mini-batch, in the order of the values."""

    def keyed() -> Iterator[list[str]]:
        for name in names:
            found = columns.of(name)
            missing = [key for key in order.partition_keys if key not in found]
            if missing:
                raise BadRequest(
                    f"partition_keys has {', '.join(missing)}, but the path {name} does not tell it.",
                    hint="Name folders key=value, or give the MLTable extract_columns_from_partition_format.",
                )
            yield [*(found[key] for key in order.partition_keys), name]

    for values, group in groupby(listing.ordered(keyed(), str(order.place)), key=lambda one: one[:-1]):
        yield {"files": [one[-1] for one in group], "keys": dict(zip(order.partition_keys, values, strict=True))}
