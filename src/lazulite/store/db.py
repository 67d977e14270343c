"""One SQLite (or PostgreSQL) database: one writer at a time, many readers. Knows no table.

SQLite runs in WAL mode with synchronous=NORMAL: what is committed survives kill -9 of any process.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, MetaData, event

from lazulite.errors import OutOfSpace


class Database:
    """An opened database whose tables exist. Safe to use from any thread."""

    def __init__(self, url: str, tables: MetaData, migrations: Sequence[str] = ()) -> None:
        """Opens or creates the database.

        url: `sqlite:////path/to/file.db` or any SQLAlchemy URL. migrations: SQL statements, append-only; a database
        made by an older build gets those it has not seen, one made now has them all already.
        """
        self.engine = _engine(url)
        self.changes = 0  # how many transactions were committed, for whoever wants to know whether anything changed
        self._writing = threading.RLock()
        with self.write() as connection:
            _migrate(connection, tables, migrations)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Opens a connection for reading; sees one consistent state of the database."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Opens the one writing transaction; commits at the end, rolls back on any exception.

        Raises OutOfSpace (507) when the disk is full; nothing was written then.
        """
        try:
            with self._writing:
                with self.engine.begin() as connection:
                    yield connection
                self.changes += 1
        except sqlalchemy.exc.OperationalError as error:
            if "disk is full" in str(error.orig):
                raise OutOfSpace(
                    "The disk is full: nothing was changed.", hint="Free some space, then repeat."
                ) from error
            raise

    def close(self) -> None:
        """Closes every connection; the database can be opened again by another process."""
        self.engine.dispose()


def _engine(url: str) -> Engine:
    engine = sqlalchemy.create_engine(url, pool_size=8, max_overflow=16)
    if engine.dialect.name != "sqlite":
        return engine

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, record: Any) -> None:
        connection.isolation_level = None  # pysqlite's own BEGIN would come too late; see `begin` below
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _migrate(connection: Connection, tables: MetaData, migrations: Sequence[str]) -> None:
    connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS schema_version (number INTEGER NOT NULL)")
    seen = connection.exec_driver_sql("SELECT number FROM schema_version").scalar()
    tables.create_all(connection)
    if seen is None:
        connection.exec_driver_sql(f"INSERT INTO schema_version VALUES ({len(migrations)})")
        return
    for statement in migrations[seen:]:
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql(f"UPDATE schema_version SET number = {len(migrations)}")
