"""Experiments: what runs are grouped by. Every workspace has one called Default, whose id is "0" as in MLflow."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Row, bindparam, insert, select, update

from lazulite.errors import BadRequest, Conflict, NotFound
from lazulite.store.tables import experiments

DEFAULT_ID, DEFAULT_NAME = "0", "Default"
_NAME_LIMIT = 500  # Source: mlflow 3.17 utils/validation.py, MAX_EXPERIMENT_NAME_LENGTH


@dataclass(frozen=True)
class Experiment:
    """One experiment of a workspace. scope: WorkspaceId.scope."""

    scope: str
    id: str
    name: str
    tags: Mapping[str, str]
    is_archived: bool
    created_at: datetime
    modified_at: datetime


def ensure(connection: Connection, scope: str, name: str, now: datetime) -> Experiment:
    """Returns the experiment of that name, making it if it is not there, and out of the archive if it is there.

    An empty name means Default. Raises BadRequest (400) for a name that is too long.
    """
    found = named(connection, scope, name or DEFAULT_NAME)
    if not found:
        return create(connection, scope, name or DEFAULT_NAME, {}, now)
    return change(connection, found, now, is_archived=False) if found.is_archived else found


def create(connection: Connection, scope: str, name: str, tags: Mapping[str, str], now: datetime) -> Experiment:
    """Makes an experiment. Raises Conflict (409) when the name is taken, BadRequest (400) when it is no name."""
    _check_name(name)
    taken = named(connection, scope, name)
    if taken:
        state = "is archived" if taken.is_archived else "exists"
        raise Conflict(f'Experiment "{name}" {state} already, with id {taken.id}.', target="name")
    identifier = DEFAULT_ID if name == DEFAULT_NAME else str(uuid.uuid4())
    made = Experiment(scope, identifier, name, dict(tags), False, now, now)
    connection.execute(insert(experiments).values(**vars(made)))
    return made


_GET = select(experiments).where(experiments.c.scope == bindparam("scope"), experiments.c.id == bindparam("id"))


def get(connection: Connection, scope: str, identifier: str) -> Experiment:
    """Returns the experiment with that id. Raises NotFound (404)."""
    row = connection.execute(_GET, {"scope": scope, "id": identifier}).one_or_none()
    if not row:
        raise NotFound(f'There is no experiment with id "{identifier}" in this workspace.', target="experiment_id")
    return _experiment(row)


def named(connection: Connection, scope: str, name: str) -> Experiment | None:
    """Returns the experiment of that name, archived or not, or None."""
    query = select(experiments).where(experiments.c.scope == scope, experiments.c.name == name)
    row = connection.execute(query).one_or_none()
    return _experiment(row) if row else None


def all_of(connection: Connection, scope: str) -> Sequence[Experiment]:
    """Lists a workspace's experiments, archived ones too, the newest first."""
    query = select(experiments).where(experiments.c.scope == scope).order_by(experiments.c.created_at.desc())
    return [_experiment(row) for row in connection.execute(query)]


def change(
    connection: Connection,
    experiment: Experiment,
    now: datetime,
    *,
    name: str | None = None,
    tags: Mapping[str, str] | None = None,
    is_archived: bool | None = None,
) -> Experiment:
    """Changes what is given, tags as a whole. Raises Conflict (409) when the new name is taken."""
    if name is not None and name != experiment.name:
        _check_name(name)
        if named(connection, experiment.scope, name):
            raise Conflict(f'Experiment "{name}" exists already.', target="name")
    given = {"name": name, "tags": tags, "is_archived": is_archived}
    values = {field: value for field, value in given.items() if value is not None}
    at = _at(experiment.scope, experiment.id)
    connection.execute(update(experiments).where(*at).values(**values, modified_at=now))
    return get(connection, experiment.scope, experiment.id)


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > _NAME_LIMIT or not name.isprintable():
        raise BadRequest(
            f'"{name[:80]}" is no name for an experiment: it must be 1 to {_NAME_LIMIT} printable characters.',
            target="name",
        )


def _at(scope: str, identifier: str) -> tuple[ColumnElement[bool], ...]:
    return experiments.c.scope == scope, experiments.c.id == identifier


def _experiment(row: Row[tuple[object, ...]]) -> Experiment:
    return Experiment(**row._asdict())
