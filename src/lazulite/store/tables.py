"""The control plane's tables. `resources` holds whatever only is; the others hold what moves."""

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
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


# Which runs have not ended. A query that names this text finds them by an index of their own, however many have.
IS_ACTIVE = "status NOT IN ('Completed', 'Failed', 'Canceled')"

# Of a model, the job that made it. A query that names both texts finds a job's models by an index of their own.
JOB_NAME, IS_MODEL = "json_extract(body, '$.properties.jobName')", "kind = 'models'"

# SQL statements for databases made by an older build; append-only, each run once. See store.db.Database.
MIGRATIONS: tuple[str, ...] = (
    "CREATE INDEX IF NOT EXISTS resources_by_kind ON resources (kind, key)",
    "ALTER TABLE deployments ADD COLUMN first_generation INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX IF NOT EXISTS schedule_events_by_kind ON schedule_events (scope, key, kind, sequence)",
    "DROP INDEX IF EXISTS schedule_events_by_schedule",
    f"CREATE INDEX IF NOT EXISTS runs_active ON runs (scope, parent, is_archived, number) WHERE {IS_ACTIVE}",
    f"CREATE INDEX IF NOT EXISTS resources_by_job ON resources (scope, {JOB_NAME}) WHERE {IS_MODEL}",
)

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
    Index("resources_by_kind", "kind", "key"),
    Index("resources_by_job", "scope", text(JOB_NAME), sqlite_where=text(IS_MODEL)),
)

deployments = Table(
    "deployments",
    metadata,
    Column("scope", String, primary_key=True),
    Column("endpoint", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("generation", Integer, nullable=False),  # counts the bodies asked for; each has a folder of its own
    Column("first_generation", Integer, nullable=False),  # older ones belong to a deleted deployment of this name
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

experiments = Table(
    "experiments",
    metadata,
    Column("scope", String, primary_key=True),
    Column("id", String, primary_key=True),  # "0" for the one called Default, else a UUID
    Column("name", String, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("is_archived", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("modified_at", Moment, nullable=False),
    UniqueConstraint("scope", "name"),
)

runs = Table(
    "runs",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),  # what the tables below know a run by
    Column("scope", String, nullable=False),
    Column("key", String, nullable=False),  # the id in lower case
    Column("id", String, nullable=False),  # the job's name, where there is a job
    Column("experiment", String, nullable=False),  # experiments.id
    Column("name", String, nullable=False),
    Column("status", String, nullable=False),  # Azure's spelling
    Column("kind", String, nullable=False),  # run history's runType
    Column("is_job", Boolean, nullable=False),  # its status is the engine's alone
    Column("parent", String, nullable=False),  # runs.id, "" for none
    Column("root", String, nullable=False),  # runs.id of the topmost run, its own for that one
    Column("description", Text, nullable=False),
    Column("target", String, nullable=False),
    Column("error", JSON),
    Column("is_archived", Boolean, nullable=False),
    Column("created_by", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("ended_at", Moment),
    Column("modified_at", Moment, nullable=False),
    UniqueConstraint("scope", "key"),
    Index("runs_by_experiment", "scope", "experiment", text("coalesce(started_at, created_at)")),
    Index("runs_by_parent", "scope", "parent", "number"),
    Index("runs_by_archive", "scope", "parent", "is_archived", "number"),
    Index("runs_active", "scope", "parent", "is_archived", "number", sqlite_where=text(IS_ACTIVE)),
)

run_entries = Table(
    "run_entries",
    metadata,
    Column("run", Integer, primary_key=True),
    Column("kind", String, primary_key=True),  # tag, param or property
    Column("key", String, primary_key=True),
    Column("value", Text, nullable=False),
    Index("run_entries_by_key", "kind", "key"),  # and by run, which every index of this table ends with
    sqlite_with_rowid=False,
)

run_points = Table(
    "run_points",
    metadata,
    Column("run", Integer, primary_key=True),
    Column("key", String, primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("at_ms", BigInteger, primary_key=True),
    Column("value", Float, primary_key=True),
    Column("is_nan", Boolean, primary_key=True),  # value is 0 then: SQL has no NaN
    sqlite_with_rowid=False,
)

# The point of each metric with the highest step, then time: what lists and searches show of a run.
run_latest = Table(
    "run_latest",
    metadata,
    Column("run", Integer, primary_key=True),
    Column("key", String, primary_key=True),
    Column("step", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("value", Float, nullable=False),
    Column("is_nan", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

# What SDK v1 logs besides numbers: rows, lists, tables, images.
run_cells = Table(
    "run_cells",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("run", Integer, nullable=False),
    Column("key", String, nullable=False),
    Column("kind", String, nullable=False),  # SDK v1's uxMetricType
    Column("data", JSON, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("run_cells_by_run", "run", "sequence"),
)

# What the engine knows of a job besides its run, which has the same number.
jobs = Table(
    "jobs",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),  # runs.number
    Column("scope", String, nullable=False),
    Column("kind", String, nullable=False),  # ARM's jobType
    Column("body", JSON, nullable=False),  # ARM's properties as accepted, less what the run holds
    Column("state", String, nullable=False),  # runs.status follows it
    Column("token", String, nullable=False),  # of whoever moves it now; "" while nobody does
    Column("compute", String, nullable=False),  # the queue that it waits in, lower case
    Column("nodes", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("warnings", JSON, nullable=False),  # texts, each for the user to see once
    Index("jobs_by_queue", "state", "scope", "compute", "number"),
    Index("jobs_by_kind", "scope", "kind", "number"),
)

job_events = Table(
    "job_events",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("job", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("at", Moment, nullable=False),
    Column("note", Text, nullable=False),  # why, in words; "" where the state says all
    Index("job_events_by_job", "job", "sequence"),
)

# What decides what a step of a pipeline makes: by it an earlier job is found that can stand for a new one.
step_prints = Table(
    "step_prints",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),  # jobs.number
    Column("scope", String, nullable=False),
    Column("digest", String, nullable=False),  # over all parts
    Column("alike", String, nullable=False),  # step and component: whose jobs are compared with one another
    Column("parts", JSON, nullable=False),
    Index("step_prints_by_digest", "scope", "digest", "number"),
    Index("step_prints_by_step", "scope", "alike", "number"),
)

# The nodes of computes that are up: each runs one job, or idles until it is taken down.
nodes = Table(
    "nodes",
    metadata,
    Column("scope", String, primary_key=True),
    Column("compute", String, primary_key=True),  # lower case
    Column("number", Integer, primary_key=True),
    Column("job", Integer),  # the job that runs on it, NULL for none
    Column("idle_since", Moment),  # NULL while it runs one
    Index("nodes_by_job", "job"),
)

# When schedules tick next; what they are is in `resources`.
schedules = Table(
    "schedules",
    metadata,
    Column("scope", String, primary_key=True),
    Column("key", String, primary_key=True),  # the name in lower case
    Column("next_at", Moment, nullable=False),
    Index("schedules_by_time", "next_at"),
)

# What became of a schedule's ticks.
schedule_events = Table(
    "schedule_events",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("scope", String, nullable=False),
    Column("key", String, nullable=False),
    Column("at", Moment, nullable=False),
    Column("kind", String, nullable=False),  # triggered, failed or missed
    Column("job", String, nullable=False),  # runs.id, "" for none
    Column("note", Text, nullable=False),
    Index("schedule_events_by_kind", "scope", "key", "kind", "sequence"),
)

run_datasets = Table(
    "run_datasets",
    metadata,
    Column("run", Integer, primary_key=True),
    Column("name", String, primary_key=True),
    Column("digest", String, primary_key=True),
    Column("context", String, primary_key=True),  # what it was used for, "" when nobody said
    Column("source_type", String, nullable=False),
    Column("source", Text, nullable=False),
    Column("schema", Text),
    Column("profile", Text),
    Column("tags", JSON, nullable=False),
)

# Which logged models went into a run, and which came out of it.
run_models = Table(
    "run_models",
    metadata,
    Column("run", Integer, primary_key=True),
    Column("direction", String, primary_key=True),  # input or output
    Column("model", String, primary_key=True),  # logged_models.id
    Column("step", BigInteger, nullable=False),
)

logged_models = Table(
    "logged_models",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("scope", String, nullable=False),
    Column("id", String, nullable=False),  # m- and 32 hexadecimal digits
    Column("experiment", String, nullable=False),  # experiments.id
    Column("run", String, nullable=False),  # runs.id, "" for none
    Column("name", String, nullable=False),
    Column("kind", String, nullable=False),  # MLflow's model_type
    Column("status", String, nullable=False),  # MLflow's spelling
    Column("folder", String, nullable=False),  # where its files lie in the container azureml
    Column("tags", JSON, nullable=False),
    Column("params", JSON, nullable=False),
    Column("is_deleted", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("modified_at", Moment, nullable=False),
    UniqueConstraint("scope", "id"),
    UniqueConstraint("scope", "folder"),
    Index("logged_models_by_experiment", "scope", "experiment", "number"),
)

# The points that were logged about a logged model; the run has them too.
model_points = Table(
    "model_points",
    metadata,
    Column("model", String, primary_key=True),
    Column("run", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("at_ms", BigInteger, primary_key=True),
    Column("dataset_name", String, primary_key=True),
    Column("dataset_digest", String, primary_key=True),
    Column("value", Float, nullable=False),
    Column("is_nan", Boolean, nullable=False),
)
