"""What a run says in numbers: points of metrics, and the latest of each; besides them SDK v1's rows and tables."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select, tuple_
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.sqlite import insert

from lazulite.store.tables import run_cells, run_latest, run_points
from lazulite.tracking.entries import batches


@dataclass(frozen=True)
class Point:
    """One value of a metric. at_ms: milliseconds since 1970. value: any float, NaN and infinities included."""

    key: str
    value: float
    at_ms: int
    step: int = 0


@dataclass(frozen=True)
class Cell:
    """Something that is no number, as SDK v1 logs it. kind: its uxMetricType; data: its columns and values."""

    key: str
    kind: str
    data: Any
    at_ms: int


def log(connection: Connection, run: int, points: Sequence[Point]) -> None:
    """Adds points to a run; one that is there already stays one, so that a request may be repeated. run: Run.number.

    The latest of a metric is the one with the highest step, then the last moment, then the highest value, as in MLflow.
    """
    if not points:
        return
    rows = [_row_of(run, point) for point in points]
    connection.execute(_ADD, rows)
    latest: dict[str, dict[str, Any]] = {}
    for row in rows:
        before = latest.get(row["key"])
        if before is None or _rank(row) > _rank(before):
            latest[row["key"]] = row
    connection.execute(_ADVANCE, list(latest.values()))


def latest(connection: Connection, numbers: Sequence[int]) -> dict[int, list[Point]]:
    """Returns the latest point of every metric of each run, sorted by name."""
    found: dict[int, list[Point]] = {number: [] for number in numbers}
    for some in batches(numbers):
        query = select(run_latest).where(run_latest.c.run.in_(some)).order_by(run_latest.c.key)
        for row in connection.execute(query):
            found[row.run].append(_point(row))
    return found


def history(
    connection: Connection, run: int, key: str, *, after: Point | None = None, limit: int = 0
) -> Sequence[Point]:
    """Returns a metric's points by step, then by time. after: the last point of the page before. limit 0: all."""
    query = select(run_points).where(run_points.c.run == run, run_points.c.key == key)
    if after:
        seen = _row_of(run, after)
        query = query.where(tuple_(*_ORDER) > tuple_(*(seen[column.name] for column in _ORDER)))
    query = query.order_by(*_ORDER)
    return [_point(row) for row in connection.execute(query.limit(limit) if limit else query)]


def sample(connection: Connection, run: int, key: str, *, first: int, last: int, limit: int) -> Sequence[Point]:
    """Returns a metric's points between two steps; of long histories an even sample with both ends, `limit` points."""
    columns = run_points.c
    chosen = select(run_points).where(columns.run == run, columns.key == key, columns.step.between(first, last))
    total = connection.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
    if total <= limit:
        return [_point(row) for row in connection.execute(chosen.order_by(*_ORDER))]
    numbered = chosen.add_columns((func.row_number().over(order_by=_ORDER) - 1).label("place")).subquery()
    place, gaps = numbered.c.place, limit - 1
    is_taken = (place == total - 1) | (place * gaps // (total - 1) != (place - 1) * gaps // (total - 1))
    if gaps:
        is_taken |= place == 0
    return [_point(row) for row in connection.execute(select(numbered).where(is_taken).order_by(place))]


def log_cells(connection: Connection, run: int, cells: Sequence[Cell]) -> None:
    """Adds rows, lists and tables to a run, in this order."""
    if cells:
        connection.execute(plain_insert(run_cells), [{"run": run, **vars(cell)} for cell in cells])


def cells(connection: Connection, run: int) -> Sequence[Cell]:
    """Returns a run's rows, lists and tables in the order in which they were logged."""
    query = select(run_cells).where(run_cells.c.run == run).order_by(run_cells.c.sequence)
    return [Cell(row.key, row.kind, row.data, row.at_ms) for row in connection.execute(query)]


_ORDER = (run_points.c.step, run_points.c.at_ms, run_points.c.value, run_points.c.is_nan)
_ADD = insert(run_points).on_conflict_do_nothing()


def _advance() -> Any:
    statement = insert(run_latest)
    new, old = statement.excluded, run_latest.c
    columns = ("step", "at_ms", "value", "is_nan")
    later = tuple_(new.step, new.at_ms, new.value) > tuple_(old.step, old.at_ms, old.value)
    return statement.on_conflict_do_update(
        index_elements=["run", "key"], set_={name: new[name] for name in columns}, where=later
    )


_ADVANCE = _advance()


def _rank(row: dict[str, Any]) -> tuple[int, int, float]:
    return row["step"], row["at_ms"], row["value"]


def _row_of(run: int, point: Point) -> dict[str, Any]:
    is_nan = math.isnan(point.value)
    value = 0.0 if is_nan else point.value
    return {"run": run, "key": point.key, "step": point.step, "at_ms": point.at_ms, "value": value, "is_nan": is_nan}


def _point(row: Row[Any]) -> Point:
    return Point(row.key, math.nan if row.is_nan else row.value, row.at_ms, row.step)
