"""What is wanted: which generation is live when bodies, deletions and makings cross each other."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from lazulite.serving import wanted
from lazulite.store import operations, resources, tables
from lazulite.store.db import Database
from lazulite.store.resources import Place
from lazulite.store.tables import deployments

SCOPE = "sub/rg/ws"
NOW = datetime(2026, 1, 31, tzinfo=timezone.utc)
BODY = {"sku": {"capacity": 1}, "properties": {}}


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    db = Database(f"sqlite:///{tmp_path}/test.db", tables.metadata, tables.MIGRATIONS)
    with db.write() as opened:
        yield opened
    db.close()


def ask(connection: Connection) -> wanted.Wanted:
    """Puts a body for the one deployment and returns what is wanted then."""
    resources.put(connection, Place(SCOPE, wanted.DEPLOYMENTS, "ep/blue"), BODY, now=NOW, who="me")
    wanted.ask(connection, SCOPE, "ep", "blue", operations.begin(connection, str(uuid.uuid4()), NOW))
    (found,) = wanted.all_deployments(connection)
    return found


def live_and_state(connection: Connection) -> tuple[int, str]:
    row = connection.execute(select(deployments)).one()
    return row.live_generation, row.state


def test_what_became_ready_is_live_though_another_body_was_asked_for_meanwhile(connection: Connection) -> None:
    first = ask(connection)
    second = ask(connection)
    wanted.settle(connection, first, None)
    assert live_and_state(connection) == (first.generation, "Updating")
    wanted.settle(connection, second, None)
    assert live_and_state(connection) == (second.generation, "Succeeded")


def test_what_fails_leaves_live_what_was(connection: Connection) -> None:
    first = ask(connection)
    wanted.settle(connection, first, None)
    wanted.settle(connection, ask(connection), {"code": "x"})
    assert live_and_state(connection) == (first.generation, "Failed")


def test_a_generation_of_a_deleted_deployment_is_not_live_in_its_successor(connection: Connection) -> None:
    old = ask(connection)
    wanted.forget(connection, SCOPE, "ep", "blue")
    new = ask(connection)
    wanted.settle(connection, old, None)
    assert live_and_state(connection) == (0, "Creating")
    assert new.first_generation == new.generation


def test_a_deleted_workspace_leaves_no_key_that_would_open_its_successor(connection: Connection) -> None:
    for workspace in ("ws", "ws2"):
        wanted.put_secret(connection, f"sub/rg/{workspace}/onlineendpoints/ep", "primaryKey", workspace)
    wanted.forget_workspace(connection, SCOPE)
    assert wanted.secret(connection, "sub/rg/ws/onlineendpoints/ep", "primaryKey") == ""
    assert wanted.secret(connection, "sub/rg/ws2/onlineendpoints/ep", "primaryKey") == "ws2"
