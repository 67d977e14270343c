"""Gathers what is looked at before a workspace ships: rows, sizes of what was uploaded, what environments ask for."""

import contextlib
import itertools
import os
import stat
from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from sqlalchemy import Connection

from lazulite.artifacts.locate import locate
from lazulite.artifacts.refs import storage_path
from lazulite.engine import states
from lazulite.environments import bind, images, registered
from lazulite.environments.registered import Registered
from lazulite.environments.spec import spec_of
from lazulite.errors import LazuliteError, Unavailable
from lazulite.ids import WorkspaceId, parse_asset
from lazulite.serving import wanted
from lazulite.serving.gateway import control
from lazulite.serving.shipped import Body, Folder, Named, Shipped, Used
from lazulite.settings import Settings
from lazulite.store import assets, datastores, resources
from lazulite.store.db import Database
from lazulite.store.resources import Place, Resource

_JOBS_LOOKED_AT = 50
_CODES_LOOKED_AT = 200
_BATCH = "batchEndpoints"


def look(db: Database, settings: Settings, workspace: WorkspaceId) -> Shipped:
    """Gathers everything of a workspace that a rule may look at; its latest jobs and codes only.

    What cannot be read is left out: it is in nobody's way to Azure.
    """
    home = settings.home
    with db.read() as connection:
        rows, bodies = _rows(connection, workspace)
        environments = dict(_environments(connection, home, workspace, bodies))
        models = dict(_models(connection, home, workspace, bodies))
        codes = dict(_codes(connection, home, workspace))
    # What lies on the disk and what the gateway says may take its time: no connection is held meanwhile.
    bound = {one.name.lower() for one in bind.bindings(home)}
    return replace(
        rows,
        environments={reference: _used(home, found, bound) for reference, found in environments.items()},
        models={reference: _size(path, kind) for reference, (path, kind) in models.items()},
        codes={label: _size(path) for label, path in codes.items()},
        counts=_counted(settings),
        local_accounts=_accounts(home),
    )


def _rows(connection: Connection, workspace: WorkspaceId) -> tuple[Shipped, list[Any]]:
    """Returns what rows alone tell, and the properties of all that may refer to something."""
    scope = workspace.scope
    place = Place(f"{workspace.subscription}/{workspace.resource_group}".lower(), "workspaces", workspace.workspace)
    row = resources.get(connection, place)
    deployments = _children(connection, scope, wanted.DEPLOYMENTS)
    batches = _children(connection, scope, f"{_BATCH}/deployments")
    jobs = tuple(_jobs(connection, scope))
    rows = Shipped(
        name=workspace.workspace,
        workspace=row.body if row else {},
        endpoints=tuple(_body(one) for one in resources.containers(connection, scope, wanted.ENDPOINTS)),
        deployments=deployments,
        batch_endpoints=_named(resources.containers(connection, scope, _BATCH)),
        batch_deployments=batches,
        computes=_named(resources.containers(connection, scope, "computes")),
        jobs=jobs,
        schedules=_named(resources.containers(connection, scope, "schedules")),
        datastores=_named(resources.containers(connection, scope, "datastores")),
        data=_named(resources.all_versions(connection, scope, "data")),
    )
    return rows, [body["properties"] for _, body in (*deployments, *batches)] + [job.properties for job in jobs]


def _body(row: Resource) -> Body:
    return {**row.body, "name": row.place.name.rpartition("/")[2]}


def _named(rows: Any) -> tuple[Named, ...]:
    return tuple(Named(_label(row), row.body["properties"]) for row in rows)


def _label(row: Resource) -> str:
    return f"{row.place.name}:{row.place.version}" if row.place.version else row.place.name


def _children(connection: Connection, scope: str, kind: str) -> tuple[tuple[str, Body], ...]:
    rows = resources.containers(connection, scope, kind)
    return tuple((row.place.name.partition("/")[0], _body(row)) for row in rows)


def _jobs(connection: Connection, scope: str) -> Iterator[Named]:
    seen: set[str] = set()
    topmost = states.listed(connection, scope, limit=_JOBS_LOOKED_AT)
    for job in (one for parent in topmost for one in (parent, *states.children(connection, parent))):
        fresh = [told for told in job.warnings if told not in seen]
        seen.update(fresh)
        yield Named(job.name, job.body, tuple(fresh))


def _environments(
    connection: Connection, home: Path, workspace: WorkspaceId, bodies: list[Any]
) -> Iterator[tuple[str, Registered]]:
    for reference in {str(body.get("environmentId") or "") for body in bodies} - {""}:
        try:
            yield reference, registered.find(connection, home, workspace, reference)
        except LazuliteError:
            continue


def _used(home: Path, found: Registered, bound: Set[str]) -> Used:
    context = _size(found.context) if found.context else None
    return Used(_label_of(found), found.body, _packages(home, found), context, found.name.lower() in bound)


def _label_of(found: Registered) -> str:
    """Names an environment; one that a deployment or a job has for itself has a name that tells nothing."""
    return f"without a name, {found.version[:8]}" if found.body.get("isAnonymous") else found.label


def _packages(home: Path, found: Registered) -> frozenset[str] | None:
    try:
        lines = spec_of(found.body, found.context, partial(images.find, home)).requirements.lines
    except LazuliteError:
        return None
    return frozenset(name for line in lines if (name := _package(line)))


def _package(line: str) -> str:
    try:
        return canonicalize_name(Requirement(line.partition(" --")[0]).name)
    except InvalidRequirement:  # an address
        return ""


def _models(
    connection: Connection, home: Path, workspace: WorkspaceId, bodies: list[Any]
) -> Iterator[tuple[str, tuple[Path, str]]]:
    for reference in {body["model"] for body in bodies if isinstance(body.get("model"), str) and body["model"]}:
        try:
            row = assets.resolve(connection, parse_asset(reference, "models", workspace))
            path = locate(home, row.body["properties"]["modelUri"], datastores.reader(connection, workspace))
        except LazuliteError:
            continue
        yield reference, (path, str(row.body["properties"].get("modelType") or ""))


def _codes(connection: Connection, home: Path, workspace: WorkspaceId) -> Iterator[tuple[str, Path]]:
    for row in resources.all_versions(connection, workspace.scope, "codes", limit=_CODES_LOOKED_AT):
        try:
            path = locate(home, row.body["properties"]["codeUri"], datastores.reader(connection, workspace))
        except LazuliteError:
            continue
        yield _label(row), path


def _size(path: Path, kind: str = "") -> Folder:
    sizes = tuple(_sizes(path))
    return Folder(len(sizes), sum(sizes), kind)


def _sizes(path: Path) -> Iterator[int]:
    """Returns the sizes of a file, or of a folder's; what is deleted meanwhile counts no more."""
    inside = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    for one in itertools.chain((path,), inside):
        with contextlib.suppress(OSError):
            found = one.stat()
            if stat.S_ISREG(found.st_mode):
                yield found.st_size


def _counted(settings: Settings) -> Mapping[str, Body]:
    try:
        endpoints = control.ask(settings.sockets, "stats")["endpoints"]
    except Unavailable:
        return {}
    return {
        f"{endpoint}/{name}": body
        for endpoint, found in endpoints.items()
        for name, body in found["deployments"].items()
    }


def _accounts(home: Path) -> frozenset[str]:
    root = storage_path(home)
    return frozenset(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else frozenset()
