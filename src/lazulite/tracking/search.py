"""Finds runs by what they say: MLflow's filters and orders, turned into one SQL query."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, case, exists, func

from lazulite.errors import BadRequest
from lazulite.store.tables import run_datasets, run_entries, run_latest, runs
from lazulite.tracking.filters import Comparison, Order, Searchable, Value
from lazulite.tracking.runs import Run, run_of, run_rows

_STARTED = func.coalesce(runs.c.started_at, runs.c.created_at)
_TEXTS: Mapping[str, ColumnElement[str]] = {
    "run_id": runs.c.id,
    "run_name": runs.c.name,
    "status": runs.c.status,
    "user_id": runs.c.created_by,
    "experiment_id": runs.c.experiment,
    "parent": runs.c.parent,
    "root": runs.c.root,
}
_MOMENTS: Mapping[str, ColumnElement[datetime]] = {"start_time": _STARTED, "end_time": runs.c.ended_at}

# Source of the aliases: mlflow 3.17 utils/search_utils.py, SearchUtils.translate_key_alias.
RUNS = Searchable(
    texts=frozenset(_TEXTS),
    numbers=frozenset(_MOMENTS),
    kinds=frozenset(("metric", "param", "tag", "dataset")),
    aliases=(
        ("created", "start_time"),
        ("Created", "start_time"),
        ("run name", "run_name"),
        ("Run name", "run_name"),
        ("Run Name", "run_name"),
    ),
)


@dataclass(frozen=True)
class Search:
    """What is looked for. is_archived: None for both. offset and limit: the page, in runs."""

    experiments: Collection[str]
    where: Sequence[Comparison] = ()
    order: Sequence[Order] = ()
    is_archived: bool | None = False
    offset: int = 0
    limit: int = 1000


def find(connection: Connection, scope: str, search: Search) -> Sequence[Run]:
    """Returns the runs that satisfy every clause; those that began last stand first where nothing else is asked for.

    A run without the metric, parameter or tag that is compared satisfies no clause but IS NULL, and is sorted last.
    """
    query = run_rows().where(runs.c.scope == scope, runs.c.experiment.in_(search.experiments))
    if search.is_archived is not None:
        query = query.where(runs.c.is_archived == search.is_archived)
    query = query.where(*(_condition(comparison) for comparison in search.where))
    query = _ordered(query, search.order).offset(search.offset).limit(search.limit)
    return [run_of(row) for row in connection.execute(query)]


def _condition(comparison: Comparison) -> ColumnElement[bool]:
    sign, value = comparison.operator, comparison.value
    if comparison.kind == "attribute":
        if comparison.key in _MOMENTS:
            return _compared(_MOMENTS[comparison.key], sign, _moment(value))
        return _compared(_TEXTS[comparison.key], sign, value)
    if comparison.kind == "metric":
        of_it = and_(run_latest.c.run == runs.c.number, run_latest.c.key == comparison.key, ~run_latest.c.is_nan)
        return exists().where(of_it, _compared(run_latest.c.value, sign, value))
    if comparison.kind == "dataset":
        column = run_datasets.c[comparison.key]
        return exists().where(run_datasets.c.run == runs.c.number, _compared(column, sign, value))
    of_it = _entry(run_entries, comparison.kind, comparison.key)
    if sign == "IS NULL":
        return ~exists().where(of_it)
    if sign == "IS NOT NULL":
        return exists().where(of_it)
    return exists().where(of_it, _compared(run_entries.c.value, sign, value))


def _entry(table: Any, kind: str, key: str) -> ColumnElement[bool]:
    return and_(table.c.run == runs.c.number, table.c.kind == kind, table.c.key == key)


def _compared(column: Any, sign: str, value: Any) -> ColumnElement[bool]:
    result: ColumnElement[bool]
    if sign in ("IN", "NOT IN"):
        result = column.in_(value) if sign == "IN" else column.not_in(value)
    elif sign == "LIKE":
        result = column.op("GLOB", is_comparison=True)(_glob(value))  # SQLite's LIKE ignores case, MLflow's does not
    elif sign == "ILIKE":
        result = column.ilike(value)
    else:
        result = column.op(sign, is_comparison=True)(value)
    return result


def _glob(pattern: str) -> str:
    special = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
    return "".join(special.get(letter, letter) for letter in pattern)


def _moment(value: Value) -> datetime:
    try:
        return datetime.fromtimestamp(float(value) / 1000, timezone.utc)  # type: ignore[arg-type]
    except (ValueError, OverflowError, OSError) as error:
        raise BadRequest(f"{value} is no moment: times are milliseconds since 1970.", target="filter") from error


def _ordered(query: Select[Any], order: Sequence[Order]) -> Select[Any]:
    for each in order:
        query, value, rank = _sort_key(query, each)
        query = query.order_by(rank, value.asc() if each.is_ascending else value.desc())
    return query.order_by(_STARTED.desc(), runs.c.number.desc())


def _sort_key(query: Select[Any], order: Order) -> tuple[Select[Any], Any, Any]:
    """Returns the query joined to what sorts it, the value, and a rank: numbers, then NaN, then runs that have none."""
    if order.kind == "attribute":
        value: Any = _MOMENTS[order.key] if order.key in _MOMENTS else _TEXTS[order.key]
        return query, value, case((value.is_(None), 1), else_=0)
    table: Table = run_latest if order.kind == "metric" else run_entries
    one = table.alias()
    if order.kind == "metric":
        query = query.outerjoin(one, and_(one.c.run == runs.c.number, one.c.key == order.key))
        return query, one.c.value, case((one.c.is_nan, 1), (one.c.run.is_(None), 2), else_=0)
    query = query.outerjoin(one, _entry(one, order.kind, order.key))
    return query, one.c.value, case((one.c.run.is_(None), 2), else_=0)
