"""What went into a run and what came out of it: datasets and logged models, as MLflow names them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from lazulite.store.tables import run_datasets, run_models
from lazulite.tracking.entries import batches

Direction = Literal["input", "output"]


@dataclass(frozen=True)
class Dataset:
    """A dataset that a run used. context: what for, "" when nobody said; source: JSON, as its source_type writes it."""

    name: str
    digest: str
    context: str
    source_type: str
    source: str
    schema: str | None
    profile: str | None
    tags: Mapping[str, str]


@dataclass(frozen=True)
class ModelUse:
    """A logged model that went into a run or came out of it, at a step."""

    direction: Direction
    model: str
    step: int = 0


def log_datasets(connection: Connection, run: int, datasets: Sequence[Dataset]) -> None:
    """Adds datasets to a run; one that is there already with this context stays as it is. run: Run.number."""
    if datasets:
        rows = [{"run": run, **vars(dataset)} for dataset in datasets]
        connection.execute(insert(run_datasets).on_conflict_do_nothing(), rows)


def datasets(connection: Connection, numbers: Sequence[int]) -> dict[int, list[Dataset]]:
    """Returns the datasets of each run."""
    found: dict[int, list[Dataset]] = {number: [] for number in numbers}
    for some in batches(numbers):
        for row in connection.execute(select(run_datasets).where(run_datasets.c.run.in_(some))):
            values = row._asdict()
            found[values.pop("run")].append(Dataset(**values))
    return found


def log_models(connection: Connection, run: int, uses: Sequence[ModelUse]) -> None:
    """Adds models to a run; one that is there already gets the step."""
    if uses:
        statement = insert(run_models)
        statement = statement.on_conflict_do_update(
            index_elements=list(run_models.primary_key), set_={"step": statement.excluded.step}
        )
        connection.execute(statement, [{"run": run, **vars(use)} for use in uses])


def models(connection: Connection, numbers: Sequence[int]) -> dict[int, list[ModelUse]]:
    """Returns the models of each run."""
    found: dict[int, list[ModelUse]] = {number: [] for number in numbers}
    for some in batches(numbers):
        query = select(run_models).where(run_models.c.run.in_(some)).order_by(run_models.c.step)
        for row in connection.execute(query):
            found[row.run].append(ModelUse(row.direction, row.model, row.step))
    return found
