"""The control plane's tables. `resources` holds whatever only is; the others hold what moves."""

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

metadata = MetaData()


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime; SQLite alone would give it back naive."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value.astimezone(timezone.utc).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value.replace(tzinfo=timezone.utc) if value else None


# SQL statements for databases made by an older build; append-only, each run once. See store.db.Database.
MIGRATIONS: tuple[str, ...] = ()

resources = Table(
    "resources",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("scope", String, nullable=False),  # WorkspaceId.scope, "sub/rg", "sub", or a registry's name
    Column("kind", String, nullable=False),  # Azure's plural, with its parent's: onlineEndpoints/deployments
    Column("key", String, nullable=False),  # the name in lower case: ARM names ignore case
    Column("version", String, nullable=False),  # "" for what has no versions, and for an asset's container
    Column("name", String, nullable=False),
    Column("body", JSON, nullable=False),
    Column("etag", String, nullable=False),
    Column("is_archived", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("created_by", String, nullable=False),
    Column("modified_at", Moment, nullable=False),
    Column("modified_by", String, nullable=False),
    UniqueConstraint("scope", "kind", "key", "version"),
    Index("resources_by_age", "scope", "kind", "sequence"),
)

deployments = Table(
    "deployments",
    metadata,
    Column("scope", String, primary_key=True),
    Column("endpoint", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("generation", Integer, nullable=False),  # counts the bodies asked for; each has a folder of its own
    Column("live_generation", Integer, nullable=False),  # the one that answers requests now, 0 for none
    Column("state", String, nullable=False),  # ARM's provisioningState
    Column("error", JSON),
    Column("operation", String, nullable=False),  # the id of the long-running operation that asked for it
)

operations = Table(
    "operations",
    metadata,
    Column("id", String, primary_key=True),
    Column("resource_id", Text, nullable=False),
    Column("status", String, nullable=False),  # InProgress, Succeeded, Failed, Canceled
    Column("error", JSON),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment),
)

secrets = Table(
    "secrets",
    metadata,
    Column("owner", String, primary_key=True),  # the ARM id, lower case, of what the secret opens
    Column("name", String, primary_key=True),
    Column("value", Text, nullable=False),
)
