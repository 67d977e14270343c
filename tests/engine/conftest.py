"""A home with a workspace, a cluster and an environment in it, and jobs that are submitted to it as ARM does."""

import itertools
import os
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Connection

from lazulite import settings
from lazulite.artifacts.refs import container_path
from lazulite.engine import computes, states
from lazulite.engine.spec import spec_of
from lazulite.engine.states import Job
from lazulite.environments import bind
from lazulite.identity import accounts
from lazulite.ids import WorkspaceId
from lazulite.store import resources, tables
from lazulite.store.db import Database
from lazulite.store.resources import Place
from lazulite.tracking import experiments, runs
from lazulite.tracking.runs import NewRun

HERE = WorkspaceId("sub", "Group", "ws")
BORN = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Home:
    """A home whose workspace is `ws`. now: the time, which only the test moves."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.settings = settings.read({}, home=folder, port=1, scoring_port=2)
        self.db = Database(f"sqlite:///{folder / 'lazulite.db'}", tables.metadata, tables.MIGRATIONS)
        self.now = BORN
        self._names = itertools.count(1)
        self._make_workspace()

    @property
    def folder(self) -> Path:
        """Returns where all of it lies."""
        return self.settings.home

    def later(self, seconds: float) -> datetime:
        """Moves time on."""
        self.now += timedelta(seconds=seconds)
        return self.now

    def put(self, kind: str, name: str, body: dict[str, object], version: str = "") -> None:
        """Writes a resource of the workspace."""
        with self.db.write() as connection:
            resources.put(connection, Place(HERE.scope, kind, name, version), body, now=self.now, who="tester")

    def put_asset(self, kind: str, name: str, version: str, **properties: object) -> None:
        """Registers a version of an asset, its container with it."""
        self.put(kind, name, {"properties": {}})
        self.put(kind, name, {"properties": properties}, version)

    def put_cluster(self, name: str, low: int = 0, high: int = 1, idle: str = "PT120S", **more: object) -> None:
        """Makes a cluster, or changes it."""
        scale = {"minNodeCount": low, "maxNodeCount": high, "nodeIdleTimeBeforeScaleDown": idle}
        inner = {"scaleSettings": scale, "vmSize": "Standard_DS3_v2", **more}
        self.put("computes", name, {"properties": {"computeType": "AmlCompute", "properties": inner}})

    def store(self, path: str) -> Path:
        """Returns where a path of workspaceblobstore is on disk."""
        return container_path(self.folder, accounts.account_name(HERE), "blobs") / path

    def submit(self, connection: Connection, compute: str = "cpu", **body: object) -> Job:
        """Submits a job as ARM does, once it has been checked."""
        given = {"command": "true", "environmentId": "plain:1", "computeId": compute, **body}
        spec, name = spec_of(given), f"job{next(self._names)}"
        experiment = experiments.ensure(connection, HERE.scope, "trial", self.now)
        new = NewRun(name, experiment.id, status="Queued", is_job=True, created_by="tester")
        run = runs.create(connection, HERE.scope, new, self.now)
        target = computes.find(connection, HERE.scope, spec.compute, spec.instance_type)
        return states.submit(connection, run, "Command", given, target.queue, spec.nodes)

    def job(self, name: str) -> Job:
        """Returns a job as it is now."""
        with self.db.read() as connection:
            found = states.find(connection, HERE.scope, name)
        assert found
        return found

    def states(self, names: list[str]) -> list[str]:
        """Returns the states of some jobs at one moment."""
        with self.db.read() as connection, connection.begin():
            return [job.state for name in names if (job := states.find(connection, HERE.scope, name))]

    def _make_workspace(self) -> None:
        about = {"subscription": HERE.subscription, "resourceGroup": HERE.resource_group, "location": "westeurope"}
        with self.db.write() as connection:
            place = Place("sub/group", "workspaces", HERE.workspace)
            body = {**about, "properties": {"workspaceId": "guid"}}
            resources.put(connection, place, body, now=self.now, who="tester")
        account = accounts.account_name(HERE)
        for name, container in (("workspaceblobstore", "blobs"), ("workspaceartifactstore", "azureml")):
            container_path(self.folder, account, container).mkdir(parents=True)
            store = {"datastoreType": "AzureBlob", "accountName": account, "containerName": container}
            self.put("datastores", name, {"properties": store})
        self.put_asset("environments", "plain", "1", image="python:3.11")
        bind.bind(self.folder, "plain", None, Path(sys.executable))
        self.put_cluster("cpu", high=os.cpu_count() or 1)


WRONG = (None, 1, "x", [], [1], {"a": 1}, True, 2**70)


def spoiled(value: object) -> Iterator[object]:
    """Yields a body as often as there are values in it and wrong ones to put in their place."""
    pairs = list(value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()))
    for name, one in pairs:
        for wrong in (*WRONG, *spoiled(one)):
            yield type(value)({**dict(pairs), name: wrong}.items() if isinstance(value, dict) else [wrong])


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home that nothing runs on."""
    made = Home(tmp_path / "home")
    yield made
    made.db.close()
