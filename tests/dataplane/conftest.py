"""The data planes' routes in this process: what a client would send in, what it would be sent out."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from lazulite import app, settings
from lazulite.artifacts.files import Staging
from lazulite.dataplane import mlflow
from lazulite.engine import states
from lazulite.http.call import Call, Caller
from lazulite.http.parts import Parts
from lazulite.http.routes import Router
from lazulite.ids import WorkspaceId
from lazulite.store import tables
from lazulite.store.db import Database
from lazulite.tracking import experiments, runs
from lazulite.tracking.runs import NewRun, Run

HERE = WorkspaceId("sub", "rg", "ws")
NOON = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)


class Sleeper:
    """An engine that never wakes: jobs stay as they are."""

    def wake(self) -> None:
        """Hears that there is something to do."""


@dataclasses.dataclass
class Plane:
    """The routes over a home of their own."""

    parts: Parts
    router: Router
    now: datetime = NOON

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Returns the reply's body; `{W}` in the path stands for the workspace. Raises what the handler raises."""
        bare, _, query = path.replace("{W}", str(HERE)).partition("?")
        route, ids = self.router.find(method, bare)
        return route.handler(self.call(method, query, ids, body, **headers), self.parts).body

    def call(self, method: str, query: str, ids: Mapping[str, str], body: Any = None, **headers: str) -> Call:
        """Makes what a handler is given."""
        pairs = tuple(parse_qsl(query))
        return Call(
            method=method,
            path="/",
            ids=ids,
            query={name.lower(): value for name, value in pairs},
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            raw=b"" if body is None else json.dumps(body).encode(),
            who=Caller("oid", "tid", "tester"),
            now=self.now,
            base_url="https://eastus.api.azureml.ms",
            pairs=pairs,
        )

    def job(self, name: str, **body: Any) -> Run:
        """Makes a job that waits in its queue, as ARM's PUT does."""
        with self.parts.db.write() as connection:
            experiment = experiments.ensure(connection, HERE.scope, "trial", self.now)
            new = NewRun(name, experiment.id, status="Queued", is_job=True, kind="azureml.scriptrun")
            run = runs.create(connection, HERE.scope, new, self.now)
            states.submit(connection, run, "Command", body, "cpu", 1)
        return run


class MlflowPlane(Plane):
    """MLflow's routes, by what stands behind `/api/2.0/mlflow/`; a file is the body's bytes."""

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Returns the reply's body."""
        return super().ask(method, f"/mlflow/v2.0{{W}}/api/2.0/mlflow/{path}", body, **headers)


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    """Returns the routes; of the parts only those that data planes use are there."""
    own = settings.read({}, home=tmp_path / "home")
    own.home.mkdir()
    db = Database(f"sqlite:///{own.home / 'lazulite.db'}", tables.metadata, tables.MIGRATIONS)
    known: dict[str, Any] = {field.name: None for field in dataclasses.fields(Parts)}
    known |= {"settings": own, "db": db, "signing_key": b"k" * 64, "engine": Sleeper()}
    known["uploads"] = Staging(own.home / "uploads")
    yield Plane(Parts(**known), Router(app.routes(app.DATAPLANE)))
    db.close()


@pytest.fixture
def tracking(plane: Plane) -> Plane:
    """Returns MLflow's routes over the same home."""
    return MlflowPlane(plane.parts, Router(app.routes(mlflow.PARTS)))
