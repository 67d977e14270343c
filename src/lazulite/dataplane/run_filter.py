"""Run history's filters and orders: OData as its clients write it, turned into conditions on the runs' columns."""

import re
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, not_, or_, select, true

from lazulite.errors import BadRequest
from lazulite.store.tables import run_entries, runs

# Source: azureml-core 1.61 _restclient/_odata/constants.py, whose clients quote some values and others not; an unquoted
# one may have spaces in it, as a moment has.
_COMPARISON = re.compile(
    r"\s*(?P<field>[^()]+?)\s+(?P<relation>eq|ne|ge|gt|le|lt)\s+"
    r"""(?P<value>"[^"]*"|'[^']*'|.+?)\s*(?=$|\)|\s(?:and|or)\s)""",
    re.IGNORECASE | re.DOTALL,
)
_JOINED = re.compile(r"\s*(and|or)\s", re.IGNORECASE)
_LIMIT = 8 << 10
_DEEPEST = 32

_FIELDS = {
    "runid": runs.c.key,
    "parentrunid": runs.c.parent,
    "rootrunid": runs.c.root,
    "experimentid": runs.c.experiment,
    "name": runs.c.name,
    "displayname": runs.c.name,
    "status": runs.c.status,
    "runtype": runs.c.kind,
    "target": runs.c.target,
    "createdutc": runs.c.created_at,
    "starttimeutc": runs.c.started_at,
    "endtimeutc": runs.c.ended_at,
    "hidden": runs.c.is_archived,
}
# Runs that have not begun stand where they were made, as in MLflow's lists: one index serves both.
_ORDERS: dict[str, ColumnElement[Any]] = {
    **_FIELDS,
    "starttimeutc": func.coalesce(runs.c.started_at, runs.c.created_at),
}
_MOMENTS = ("createdutc", "starttimeutc", "endtimeutc")
_ENTRIES = {"tags": "tag", "properties": "property", "parameters": "param"}


def condition(text: str) -> ColumnElement[bool]:
    """Reads a filter such as `(Status eq Running) and (Tags/a eq "b" or ParentRunId eq null)`.

    Raises BadRequest (400) that shows where it cannot be read, or names the fields that there are.
    """
    if not text.strip():
        return true()
    if len(text) > _LIMIT:
        raise BadRequest(f"The filter is longer than {_LIMIT >> 10} KiB.", target="filter")
    reader = _Reader(text)
    found = reader.either(0)
    if text[reader.at :].strip():
        raise reader.unreadable()
    return found


def order(clauses: Any) -> list[ColumnElement[Any]]:
    """Reads orders such as `StartTimeUtc desc`; several are parted by commas, or listed."""
    texts = clauses.split(",") if isinstance(clauses, str) else clauses
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise BadRequest(f"orderby must be text or list texts, but is {clauses!r}.", target="orderby")
    columns: list[ColumnElement[Any]] = []
    is_descending = False
    for text in filter(str.strip, texts):
        field, _, direction = text.strip().partition(" ")
        column = _ORDERS.get(field.lower())
        if column is None:
            raise _unknown(field)
        is_descending = direction.strip().lower() == "desc"
        columns.append(column.desc() if is_descending else column.asc())
    # What is equal stands in the direction of the last clause, which an index can be read in.
    return [*columns, runs.c.number.desc() if is_descending else runs.c.number.asc()]


def name_asked(text: str) -> str:
    """Returns the name that a filter of experiments asks for, `(name eq x)`; "" when it asks for none."""
    found = re.search(r"\bname\s+eq\s+(\"[^\"]*\"|[^()]+?)\s*(?:\)|\sand\s|$)", text, re.IGNORECASE)
    return _bare(found[1]) if found else ""


class _Reader:
    """A filter's text, read from left to right: `and` binds more tightly than `or`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def either(self, depth: int) -> ColumnElement[bool]:
        found = [self.both(depth)]
        while self._joined("or"):
            found.append(self.both(depth))
        return or_(*found)

    def both(self, depth: int) -> ColumnElement[bool]:
        found = [self.one(depth)]
        while self._joined("and"):
            found.append(self.one(depth))
        return and_(*found)

    def one(self, depth: int) -> ColumnElement[bool]:
        self.at += len(self.text[self.at :]) - len(self.text[self.at :].lstrip())
        if self.text[self.at : self.at + 1] == "(" and depth < _DEEPEST:
            self.at += 1
            found = self.either(depth + 1)
            if self.text[self.at :].lstrip()[:1] != ")":
                raise self.unreadable()
            self.at = self.text.index(")", self.at) + 1
            return found
        match = _COMPARISON.match(self.text, self.at)
        if not match:
            raise self.unreadable()
        self.at = match.end()
        return _compare(match["field"], match["relation"].lower(), match["value"])

    def unreadable(self) -> BadRequest:
        return BadRequest(
            f'The filter cannot be read from "{self.text[self.at : self.at + 60]}" on.',
            target="filter",
            hint='It should look like (Status eq Completed) and (Tags/name eq "value").',
        )

    def _joined(self, word: str) -> bool:
        match = _JOINED.match(self.text, self.at)
        if not match or match[1].lower() != word:
            return False
        self.at = match.end()
        return True


def _compare(field: str, relation: str, value: str) -> ColumnElement[bool]:
    head, slash, name = field.partition("/")
    if slash and head.lower() in _ENTRIES:
        return _compare_entry(_ENTRIES[head.lower()], name, relation, value)
    if slash and head.lower() == "runtypev2":
        return true() if relation == "ne" or value == "null" else false()  # nothing here has an orchestrator of its own
    column = _FIELDS.get(field.lower())
    if column is None:
        raise _unknown(field)
    if value.lower() == "null":
        empty = column.is_(None) if field.lower() in _MOMENTS else column == ""
        return empty if relation == "eq" else not_(empty)
    return _related(column, relation, _value(field.lower(), value))


def _compare_entry(kind: str, name: str, relation: str, value: str) -> ColumnElement[bool]:
    found = select(run_entries.c.run).where(
        run_entries.c.run == runs.c.number, run_entries.c.kind == kind, run_entries.c.key == name
    )
    # "(Tags/x ne null or Tags/x eq null)" is how a client asks whether there is a tag at all, with or without a value.
    if value.lower() != "null":
        found = found.where(_related(run_entries.c.value, relation, _bare(value)))
    return found.exists()


def _related(column: Any, relation: str, value: Any) -> ColumnElement[bool]:
    relations = {
        "eq": column == value,
        "ne": column != value,
        "ge": column >= value,
        "gt": column > value,
        "le": column <= value,
        "lt": column < value,
    }
    compared: ColumnElement[bool] = relations[relation]
    return compared


def _value(field: str, text: str) -> Any:
    bare = _bare(text)
    if field in _MOMENTS:
        try:
            moment = datetime.fromisoformat(bare.replace("Z", "+00:00"))
        except ValueError as error:
            raise BadRequest(f'"{bare}" is no moment, as 2026-01-31T12:00:00+00:00 is.', target="filter") from error
        return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    if field == "hidden":
        return bare.lower() == "true"
    return bare.lower() if field == "runid" else bare


def _bare(text: str) -> str:
    return text[1:-1] if text[:1] in "\"'" and text[-1:] == text[:1] and len(text) > 1 else text


def _unknown(field: str) -> BadRequest:
    return BadRequest(
        f'Runs have no field "{field}" to filter or order by.',
        target="filter",
        hint=f"There are {', '.join(sorted(_FIELDS))}, and tags/…, properties/…, parameters/….",
    )
