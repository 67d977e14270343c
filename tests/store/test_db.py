"""The database: what is committed survives kill -9, what failed is not there, old files are brought up to date."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, text

from lazulite.store.db import Database


def tables(*columns: str) -> MetaData:
    metadata = MetaData()
    Table("things", metadata, Column("id", Integer, primary_key=True), *(Column(name, Integer) for name in columns))
    return metadata


def count(db: Database) -> int:
    with db.read() as connection:
        return int(connection.execute(text("SELECT count(*) FROM things")).scalar_one())


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path}/a.db", tables())
    with pytest.raises(ZeroDivisionError), db.write() as connection:
        connection.execute(text("INSERT INTO things DEFAULT VALUES"))
        raise ZeroDivisionError
    assert count(db) == 0


def test_a_database_of_an_older_build_gets_the_migrations_it_has_not_seen(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    Database(url, tables()).close()
    newer = tables("size")
    migrations = ("ALTER TABLE things ADD COLUMN size INTEGER",)
    for _ in range(2):
        db = Database(url, newer, migrations)
        with db.write() as connection:
            connection.execute(text("INSERT INTO things (size) VALUES (1)"))
        db.close()
    fresh = Database(f"sqlite:///{tmp_path}/b.db", newer, migrations)
    assert count(fresh) == 0


def test_what_was_committed_survives_kill_9(tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        import os, signal
        from sqlalchemy import text
        from lazulite.store.db import Database
        from tests.store.test_db import tables
        db = Database("sqlite:///{tmp_path}/a.db", tables())
        for number in range(10):
            with db.write() as connection:
                connection.execute(text("INSERT INTO things DEFAULT VALUES"))
        with db.write() as connection:
            connection.execute(text("INSERT INTO things DEFAULT VALUES"))
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == -9
    assert count(Database(f"sqlite:///{tmp_path}/a.db", tables())) == 10
