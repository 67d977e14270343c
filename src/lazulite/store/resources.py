"""Generic rows: everything that has a body, a name, perhaps a version, and no life of its own."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)

from lazulite.errors import PreconditionFailed
from lazulite.store.tables import IS_MODEL, JOB_NAME, resources


@dataclass(frozen=True)
class Place:
    """Where a row lives: scope, kind, and the name as last written. version "" means a container or a plain child."""

    scope: str
    kind: str
    name: str
    version: str = ""


@dataclass(frozen=True)
class Resource:
    """One stored row. body is what was last put, completed by the handler that accepted it."""

    place: Place
    body: dict[str, Any]
    etag: str
    is_archived: bool
    created_at: datetime
    created_by: str
    modified_at: datetime
    modified_by: str
    sequence: int


@dataclass(frozen=True)
class Numbering:
    """How an asset's versions count. latest: the newest active one, None for none. next: a number not yet taken."""

    latest: str | None
    next: str


# Built once: building a statement costs more than executing it, and this one is executed for everything.
_GET = select(resources).where(*(resources.c[name] == bindparam(name) for name in ("scope", "kind", "key", "version")))


def get(connection: Connection, place: Place) -> Resource | None:
    """Returns the row, or None."""
    where = {"scope": place.scope, "kind": place.kind, "key": place.name.lower(), "version": place.version}
    row = connection.execute(_GET, where).one_or_none()
    return _resource(row) if row else None


def put(
    connection: Connection,
    place: Place,
    body: dict[str, Any],
    *,
    now: datetime,
    who: str,
    is_archived: bool = False,
    if_match: str | None = None,
) -> tuple[Resource, bool]:
    """Writes the whole body; returns the row and whether it is new.

    Raises PreconditionFailed when if_match is given and is not the row's etag.
    """
    before = get(connection, place)
    if if_match and (not before or before.etag != if_match.strip('"')):
        raise PreconditionFailed(f"{place.kind} {place.name} has changed since etag {if_match}.", target="If-Match")
    values = {
        "body": body,
        "etag": secrets.token_hex(8),
        "is_archived": is_archived,
        "modified_at": now,
        "modified_by": who,
    }
    if before:
        connection.execute(update(resources).where(*_at(place)).values(**values))
    else:
        where = {"scope": place.scope, "kind": place.kind, "key": place.name.lower(), "version": place.version}
        connection.execute(insert(resources).values(**where, name=place.name, created_at=now, created_by=who, **values))
    after = get(connection, place)
    assert after is not None
    return after, before is None


def remove(connection: Connection, place: Place) -> bool:
    """Deletes the row with every version under it and every child below it; returns whether there was one."""
    key = place.name.lower()
    found = get(connection, place)
    within = (resources.c.scope == place.scope) & (resources.c.kind == place.kind) & (resources.c.key == key)
    if place.version:
        within &= resources.c.version == place.version
    connection.execute(delete(resources).where(within))
    below = resources.c.kind.startswith(f"{place.kind}/", autoescape=True)
    child = resources.c.key.startswith(f"{key}/", autoescape=True)
    if not place.version:
        connection.execute(delete(resources).where(resources.c.scope == place.scope, below, child))
    return found is not None


def rename(connection: Connection, place: Place, name: str) -> Resource:
    """Gives an asset with all its versions another name, which nothing may have yet; returns the container."""
    within = (resources.c.scope == place.scope) & (resources.c.kind == place.kind)
    mine = within & (resources.c.key == place.name.lower())
    connection.execute(update(resources).where(mine).values(key=name.lower(), name=name))
    renamed = get(connection, Place(place.scope, place.kind, name))
    assert renamed is not None
    return renamed


def remove_scope(connection: Connection, scope: str) -> None:
    """Deletes everything in a workspace."""
    connection.execute(delete(resources).where(resources.c.scope == scope))


def containers(
    connection: Connection, scope: str, kind: str, *, archived: bool | None = False, after: int = 0, limit: int = 0
) -> Sequence[Resource]:
    """Lists plain children, or assets' containers, oldest first. archived None means both; limit 0 means all."""
    query = _list(scope, kind, archived).where(resources.c.version == "", resources.c.sequence > after)
    return _page(connection, query.order_by(resources.c.sequence), limit)


def latest(
    connection: Connection, scope: str, kind: str, *, words: str = "", before: int = 0, limit: int
) -> Sequence[Resource]:
    """Lists plain children, or assets' containers, that are active, newest first.

    words: text that their names contain, in any case. before: a sequence to go on from.
    """
    query = _list(scope, kind, False).where(resources.c.version == "")
    if words:
        query = query.where(resources.c.key.contains(words.lower(), autoescape=True))
    if before:
        query = query.where(resources.c.sequence < before)
    return _page(connection, query.order_by(resources.c.sequence.desc()), limit)


def children(connection: Connection, scope: str, kind: str, parent: str) -> Sequence[Resource]:
    """Lists the children of one parent: kind `onlineEndpoints/deployments`, parent `ep`, oldest first."""
    query = _list(scope, kind, None).where(resources.c.key.startswith(f"{parent.lower()}/", autoescape=True))
    return _page(connection, query.order_by(resources.c.sequence), 0)


def versions(
    connection: Connection,
    scope: str,
    kind: str,
    name: str,
    *,
    archived: bool | None = False,
    before: int = 0,
    limit: int = 0,
) -> Sequence[Resource]:
    """Lists an asset's versions, newest first. before: a sequence to go on from."""
    query = _list(scope, kind, archived).where(resources.c.key == name.lower(), resources.c.version != "")
    if before:
        query = query.where(resources.c.sequence < before)
    return _page(connection, query.order_by(resources.c.sequence.desc()), limit)


def newest(connection: Connection, scope: str, kind: str, *, after: str, limit: int) -> Sequence[Resource]:
    """Lists the newest active version of each asset, by name in lower case. after: such a name to go on from."""
    mine = _list(scope, kind, False).where(resources.c.version != "", resources.c.key > after)
    last = mine.with_only_columns(func.max(resources.c.sequence)).group_by(resources.c.key)
    chosen = last.order_by(resources.c.key).limit(limit)
    query = select(resources).where(resources.c.sequence.in_(chosen.scalar_subquery()))
    return _page(connection, query.order_by(resources.c.key), 0)


def all_versions(
    connection: Connection, scope: str, kind: str, *, before: int = 0, limit: int = 0
) -> Sequence[Resource]:
    """Lists the active versions of all assets of a kind, newest first. before: a sequence to go on from."""
    query = _list(scope, kind, False).where(resources.c.version != "")
    if before:
        query = query.where(resources.c.sequence < before)
    return _page(connection, query.order_by(resources.c.sequence.desc()), limit)


def with_value(connection: Connection, scope: str, kind: str, path: tuple[str, ...], value: str) -> Sequence[Resource]:
    """Lists the rows whose body has this text at this path of keys, newest first."""
    query = _list(scope, kind, None).where(resources.c.body[path].as_string() == value)
    return _page(connection, query.order_by(resources.c.sequence.desc()), 0)


def models_of_job(connection: Connection, scope: str, job: str, limit: int) -> Sequence[Resource]:
    """Lists the models that were registered from a job, newest first."""
    is_model: ColumnElement[bool] = literal_column(IS_MODEL)
    made = select(resources).where(resources.c.scope == scope, is_model, literal_column(JOB_NAME) == job)
    return _page(connection, made.order_by(resources.c.sequence.desc()), limit)


def next_version(connection: Connection, scope: str, kind: str, name: str) -> str:
    """Returns the smallest whole number, as text, above every numeric version of the asset."""
    return numbering(connection, scope, kind, [name])[name.lower()].next


def numbering(connection: Connection, scope: str, kind: str, names: Sequence[str]) -> Mapping[str, Numbering]:
    """Returns the newest and the next version of each asset, by its name in lower case; one query for all of them."""
    keys = [name.lower() for name in names]
    query = _list(scope, kind, None).where(resources.c.key.in_(keys), resources.c.version != "")
    latest: dict[str, str] = {}
    highest = dict.fromkeys(keys, 0)
    columns = (resources.c.key, resources.c.version, resources.c.is_archived)
    for row in connection.execute(query.with_only_columns(*columns).order_by(resources.c.sequence)):
        if not row.is_archived:
            latest[row.key] = row.version
        if row.version.isdecimal():
            highest[row.key] = max(highest[row.key], int(row.version))
    return {key: Numbering(latest.get(key), str(highest[key] + 1)) for key in keys}


def everywhere(connection: Connection, kind: str, name: str = "") -> Sequence[Resource]:
    """Lists the rows of one kind in all scopes, oldest first; with a name, those that have it."""
    query = select(resources).where(resources.c.kind == kind)
    if name:
        query = query.where(resources.c.key == name.lower())
    return _page(connection, query.order_by(resources.c.sequence), 0)


def in_scopes_under(connection: Connection, prefix: str, kind: str) -> Sequence[Resource]:
    """Lists the rows of one kind in a scope and in those below it: `sub` finds what is in `sub/rg`."""
    below = resources.c.scope.startswith(f"{prefix}/", autoescape=True) | (resources.c.scope == prefix)
    return _page(connection, select(resources).where(resources.c.kind == kind, below).order_by(resources.c.sequence), 0)


def count(connection: Connection, kind: str) -> int:
    """Counts the children, or the assets, of one kind everywhere; versions do not count apart."""
    where = (resources.c.kind == kind) & (resources.c.version == "")
    return int(connection.execute(select(func.count()).where(where)).scalar_one())


def count_in(connection: Connection, scope: str, kind: str) -> int:
    """Counts the active children, or the active assets, of one kind in one scope."""
    rows = _list(scope, kind, False).where(resources.c.version == "").with_only_columns(func.count())
    return int(connection.execute(rows).scalar_one())


def _at(place: Place) -> tuple[Any, ...]:
    c = resources.c
    return c.scope == place.scope, c.kind == place.kind, c.key == place.name.lower(), c.version == place.version


def _list(scope: str, kind: str, archived: bool | None) -> Select[Any]:
    query = select(resources).where(resources.c.scope == scope, resources.c.kind == kind)
    return query if archived is None else query.where(resources.c.is_archived == archived)


def _page(connection: Connection, query: Select[Any], limit: int) -> Sequence[Resource]:
    return [_resource(row) for row in connection.execute(query.limit(limit) if limit else query)]


def _resource(row: Row[Any]) -> Resource:
    return Resource(
        Place(row.scope, row.kind, row.name, row.version),
        row.body,
        row.etag,
        row.is_archived,
        row.created_at,
        row.created_by,
        row.modified_at,
        row.modified_by,
        row.sequence,
    )
