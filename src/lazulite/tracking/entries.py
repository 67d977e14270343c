"""What a run says in words: its tags, parameters and properties, each a text by its name."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from lazulite.errors import BadRequest
from lazulite.store.tables import run_entries

Kind = Literal["tag", "param", "property"]
Entries = Mapping[str, str]

_KINDS: tuple[Kind, ...] = ("tag", "param", "property")
_A_QUERY = 10_000
# Built once: building a statement costs more than executing it.
_INSERT = insert(run_entries)
_PUT = _INSERT.on_conflict_do_update(
    index_elements=list(run_entries.primary_key), set_={"value": _INSERT.excluded.value}
)
_OF_RUNS = (
    select(run_entries).where(run_entries.c.run.in_(bindparam("runs", expanding=True))).order_by(run_entries.c.key)
)


def put(connection: Connection, run: int, kind: Kind, values: Entries) -> None:
    """Writes entries over those of the same name. run: Run.number."""
    if not values:
        return
    rows = [{"run": run, "kind": kind, "key": key, "value": value} for key, value in values.items()]
    connection.execute(_PUT, rows)


def put_params(connection: Connection, run: int, values: Entries) -> None:
    """Writes parameters, which never change: raises BadRequest (400) where one has another value already."""
    before = of_run(connection, run, "param") if values else {}
    for key, value in values.items():
        if before.get(key, value) != value:
            raise BadRequest(
                f"Parameter {key!r} of this run is {before[key]!r} and cannot become {value!r}: none ever changes.",
                target=key,
                hint="Log it under another name, or as a tag.",
            )
    put(connection, run, "param", values)


def remove(connection: Connection, run: int, kind: Kind, keys: Collection[str]) -> None:
    """Removes entries; those that are not there are no error."""
    within = (run_entries.c.run == run, run_entries.c.kind == kind, run_entries.c.key.in_(keys))
    connection.execute(delete(run_entries).where(*within))


def of_run(connection: Connection, run: int, kind: Kind) -> dict[str, str]:
    """Returns one run's entries of one kind, sorted by name."""
    return of_runs(connection, [run])[run, kind]


def of_runs(connection: Connection, numbers: Sequence[int]) -> dict[tuple[int, Kind], dict[str, str]]:
    """Returns the entries of many runs by (run, kind), sorted by name; every run has all three kinds."""
    found: dict[tuple[int, Kind], dict[str, str]] = {(number, kind): {} for number in numbers for kind in _KINDS}
    for some in batches(numbers):
        for row in connection.execute(_OF_RUNS, {"runs": some}):
            found[row.run, row.kind][row.key] = row.value
    return found


def batches(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Cuts numbers into as many as one query takes; SQLite allows 32,766 variables."""
    for start in range(0, len(numbers), _A_QUERY):
        yield numbers[start : start + _A_QUERY]
