"""A database with one experiment in it."""

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from sqlalchemy import Connection

from lazulite.store import tables
from lazulite.store.db import Database
from lazulite.tracking import experiments, runs
from lazulite.tracking.runs import NewRun, Run

SCOPE = "sub/rg/ws"
NOON = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """Opens the one writing transaction of an empty database."""
    db = Database(f"sqlite:///{tmp_path / 'lazulite.db'}", tables.metadata, tables.MIGRATIONS)
    with db.write() as opened:
        experiments.ensure(opened, SCOPE, "", NOON)
        yield opened
    db.close()


@pytest.fixture
def run(connection: Connection) -> Run:
    """Returns a run of the experiment Default."""
    return runs.create(connection, SCOPE, NewRun("first", experiments.DEFAULT_ID), NOON)
