"""Generic rows: names ignore case, versions are ordered by age, writes are guarded, deletion takes what is below."""

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from sqlalchemy import Connection

from lazulite.errors import PreconditionFailed
from lazulite.store import resources, tables
from lazulite.store.db import Database
from lazulite.store.resources import Place

NOW = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    db = Database(f"sqlite:///{tmp_path}/test.db", tables.metadata, tables.MIGRATIONS)
    with db.write() as opened:
        yield opened
    db.close()


def put(connection: Connection, name: str, version: str = "", **more: object) -> resources.Resource:
    place = Place("scope", str(more.pop("kind", "models")), name, version)
    return resources.put(connection, place, {"v": version}, now=NOW, who="me", **more)[0]  # type: ignore[arg-type]


def test_names_ignore_case_and_keep_their_first_spelling(connection: Connection) -> None:
    put(connection, "Churn")
    put(connection, "CHURN")
    found = resources.get(connection, Place("scope", "models", "churn"))
    assert found
    assert found.place.name == "Churn"
    assert found.created_at == NOW


def test_the_newest_version_is_the_youngest_not_the_largest(connection: Connection) -> None:
    for version in ("9", "10", "2"):
        put(connection, "m", version)
    assert [row.place.version for row in resources.versions(connection, "scope", "models", "m")] == ["2", "10", "9"]
    assert resources.next_version(connection, "scope", "models", "m") == "11"


def test_archived_rows_are_listed_only_when_asked_for(connection: Connection) -> None:
    put(connection, "m", "1")
    put(connection, "m", "2", is_archived=True)

    def listed(archived: bool | None) -> list[str]:
        rows = resources.versions(connection, "scope", "models", "m", archived=archived)
        return [row.place.version for row in rows]

    assert (listed(False), listed(True), listed(None)) == (["1"], ["2"], ["2", "1"])


def test_a_write_on_another_etag_is_refused_and_changes_nothing(connection: Connection) -> None:
    first = put(connection, "m")
    put(connection, "m", if_match=first.etag)
    with pytest.raises(PreconditionFailed):
        put(connection, "m", if_match=first.etag)


def test_deleting_takes_versions_and_children_but_no_neighbours(connection: Connection) -> None:
    put(connection, "ep", kind="onlineEndpoints")
    put(connection, "ep/blue", kind="onlineEndpoints/deployments")
    put(connection, "ep2/blue", kind="onlineEndpoints/deployments")
    put(connection, "e_", kind="onlineEndpoints")
    assert resources.remove(connection, Place("scope", "onlineEndpoints", "ep"))
    assert not resources.remove(connection, Place("scope", "onlineEndpoints", "ep"))
    left = resources.everywhere(connection, "onlineEndpoints/deployments")
    assert [row.place.name for row in left] == ["ep2/blue"]
    assert resources.get(connection, Place("scope", "onlineEndpoints", "e_"))


def test_children_of_one_parent_are_not_those_of_a_name_that_begins_alike(connection: Connection) -> None:
    put(connection, "ep/blue", kind="d")
    put(connection, "ep-two/blue", kind="d")
    assert [row.place.name for row in resources.children(connection, "scope", "d", "EP")] == ["ep/blue"]


def test_rows_are_found_by_a_value_inside_their_body(connection: Connection) -> None:
    body = {"properties": {"hash": "abc"}}
    resources.put(connection, Place("scope", "codes", "c", "1"), body, now=NOW, who="me")
    assert resources.with_value(connection, "scope", "codes", ("properties", "hash"), "abc")
    assert not resources.with_value(connection, "scope", "codes", ("properties", "hash"), "abd")
    made = {"properties": {"jobName": "teacher"}}
    for version in "123":
        resources.put(connection, Place("scope", "models", "m", version), made, now=NOW, who="me")
    resources.put(connection, Place("scope", "data", "d", "1"), made, now=NOW, who="me")
    assert [row.place.version for row in resources.models_of_job(connection, "scope", "teacher", 2)] == ["3", "2"]
    assert not resources.models_of_job(connection, "other", "teacher", 2)
