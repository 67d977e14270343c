"""The composition root: the mounts, the loops, and their order. Nothing else builds anything."""

import asyncio
import contextlib
import functools
import json
import os
import signal
from collections.abc import Mapping
from typing import Any

import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

from lazulite.arm import (
    autoscale_settings,
    batch_deployments,
    batch_endpoints,
    blob_containers,
    codes,
    components,
    computes,
    connections,
    data,
    datastores,
    environments,
    jobs,
    models,
    neighbours,
    online_deployments,
    online_endpoints,
    online_metrics,
    operations,
    registries,
    registry_assets,
    resource_groups,
    roles,
    schedules,
    workspaces,
)
from lazulite.artifacts.files import Staging, full_disk_is_an_error
from lazulite.artifacts.refs import storage_path
from lazulite.blob import service
from lazulite.containers import distribution
from lazulite.containers.boxes import Boxes
from lazulite.containers.engine import Engine as ContainerEngine
from lazulite.containers.front import Front
from lazulite.dataplane import (
    artifacts,
    batch_jobs,
    batch_scoring,
    discovery,
    metrics,
    mlflow,
    rundata,
    runhistory,
    schemas,
    v1datasets,
    v1datastores,
    v1models,
    vault_secrets,
)
from lazulite.dataplane import registries as registry_discovery
from lazulite.dataplane.mlflow import wire
from lazulite.edge import hosts, listen
from lazulite.edge.refusals import Refusals
from lazulite.engine.loop import Engine
from lazulite.engine.scheduler import Scheduler
from lazulite.entra import grants, graph, managed_identity, metadata, openid, telemetry
from lazulite.environments import engines
from lazulite.environments.builders import uv
from lazulite.http import stack
from lazulite.http.identify import ARM_AUDIENCES, GRAPH_AUDIENCES, ML_AUDIENCES, anyone, bearer, bearer_or_local
from lazulite.http.parts import Parts
from lazulite.http.routes import Route, Router
from lazulite.http.sandbox import sandboxed
from lazulite.http.stack import Identify
from lazulite.identity import doors, tokens
from lazulite.identity.authority import Authority
from lazulite.identity.environment import client_environment
from lazulite.serving.supervisor import Supervisor
from lazulite.settings import Settings
from lazulite.store import tables
from lazulite.store.db import Database
from lazulite.studio import everything
from lazulite.studio.builds import Builds
from lazulite.studio.inside import StudioParts
from lazulite.studio.samples import Samples
from lazulite.studio.visitors import Visitors

# Azure's noun is the file's; a new resource type is one line here.
ARM = (
    resource_groups,
    workspaces,
    neighbours,
    blob_containers,
    roles,
    registries,
    computes,
    connections,
    datastores,
    environments,
    jobs,
    schedules,
    models,
    data,
    components,
    codes,
    online_endpoints,
    online_deployments,
    autoscale_settings,
    online_metrics,
    batch_endpoints,
    batch_deployments,
    operations,
)
DATAPLANE = (
    discovery,
    registry_discovery,
    registry_assets,
    artifacts,
    runhistory,
    rundata,
    metrics,
    v1models,
    v1datastores,
    v1datasets,
    batch_jobs,
)

# Every mount that is made of routes: the modules that have them, and the rule by which its callers are known. Blob
# storage, registries and engine answer for themselves; `file` is taken so that nothing leaves by it, and answers 501.
# Of `scoring` only batch endpoints come here: the gateway has the others.
MOUNTS: Mapping[hosts.Mount, tuple[tuple[Any, ...], Identify]] = {
    "arm": (ARM, bearer(ARM_AUDIENCES)),
    "login": ((openid, grants, managed_identity, metadata), anyone),
    "graph": ((graph,), bearer(GRAPH_AUDIENCES)),
    "telemetry": ((telemetry,), anyone),
    "dataplane": (DATAPLANE, bearer(ML_AUDIENCES)),
    "mlflow": (mlflow.PARTS, bearer_or_local(ML_AUDIENCES)),
    "studio": (everything.PAGES, anyone),
    "schemas": ((schemas,), anyone),
    "file": ((), anyone),
    "scoring": ((batch_scoring,), bearer(ML_AUDIENCES)),
    "vault": ((vault_secrets,), bearer((vault_secrets.AUDIENCE,))),
}

# The mounts whose clients read errors of another shape than ARM's.
REFUSALS: Mapping[hosts.Mount, stack.Refuse] = {"mlflow": wire.refuse, "vault": vault_secrets.refuse}


def serve(settings: Settings) -> int:
    """Runs the platform until SIGTERM or SIGINT; returns the exit code.

    SIGTERM ends workers and gateway too: they come back with the next start. A platform that is killed leaves them
    running, and the next one finds them again. Jobs go on in either case.
    """
    with full_disk_is_an_error():
        uvloop.run(_serve(settings))
    return 0


async def _serve(settings: Settings) -> None:
    parts = open_parts(settings)
    refusals = Refusals()
    app = dispatch(mounts(parts, refusals))
    environ = dict(os.environ)
    if settings.private_network:
        _close_ways_out(settings)
    is_batch = functools.partial(batch_scoring.is_endpoint, parts.db)
    listener = await listen.start(settings, Authority.open(settings.home), app, environ, refusals, is_batch)
    parts.supervisor.start()
    front = await _stand_before_docker(settings, environ)
    parts.engine.start()
    parts.scheduler.start()
    await _until_told()
    await listener.close()
    if front:
        front.close()
    parts.scheduler.stop()
    parts.engine.stop()
    parts.supervisor.stop()
    parts.supervisor.end_everything()
    parts.db.close()
    with contextlib.suppress(OSError):  # it is not empty where a command is kept warm
        settings.sockets.rmdir()


async def _stand_before_docker(settings: Settings, environ: Mapping[str, str]) -> Front | None:
    """Has the docker daemon of this machine, if there is one, find the images of workspaces' registries."""
    daemon = engines.daemon(environ)
    engine = engines.of_daemon(daemon, environ) if daemon else None
    if not daemon or not engine or settings.container_engine not in ("", "docker"):
        return None
    front = Front(settings, engine, daemon)
    await front.start()
    return front


def _close_ways_out(settings: Settings) -> None:
    """Leads what this process starts, builds above all, to the proxy, which refuses; and where that can be, nowhere
    else. An index on this machine is reached through the proxy too.
    """
    builds = client_environment(settings, who="builds")
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        os.environ[name] = os.environ["ALL_PROXY"] = builds[name]
    for name in ("NO_PROXY", "no_proxy"):
        os.environ.pop(name, None)
    if doors.are_possible():
        Boxes(settings).stop_open()
        os.environ[uv.PREFIX] = json.dumps(doors.command(doors.of(settings, "builds"), ()))


def open_parts(settings: Settings) -> Parts:
    """Opens what lies below the mounts, in the home of the settings; nothing runs yet."""
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    db = Database(f"sqlite:///{settings.home / 'lazulite.db'}", tables.metadata, tables.MIGRATIONS)
    supervisor, signing_key = Supervisor(settings, db), tokens.signing_key(settings.home)
    engine = Engine(settings, db, signing_key)
    uploads = Staging(storage_path(settings.home) / ".uploads")
    scheduler = Scheduler(settings.home, db, engine.wake)
    return Parts(settings, db, signing_key, supervisor, uploads, engine, scheduler)


def mounts(parts: Parts, refusals: Refusals) -> dict[hosts.Mount, ASGIApp]:
    """Builds the app of every mount. Studio is given the routers of all, to ask them as any client does."""
    routers = {mount: Router(routes(modules)) for mount, (modules, _) in MOUNTS.items()}
    given = dict.fromkeys(MOUNTS, parts) | {
        "studio": StudioParts(
            **vars(parts), routers=routers, samples=Samples(), visitors=Visitors(), refusals=refusals, builds=Builds()
        )
    }
    apps = {
        mount: stack.app(routers[mount], given[mount], who, REFUSALS.get(mount, stack.refuse_as_arm))
        for mount, (_, who) in MOUNTS.items()
    }
    return {
        **apps,
        "acr": distribution.app(parts.settings),
        "docker": ContainerEngine(parts.settings).app(),
        "blob": sandboxed(service.app(parts.settings, parts.signing_key)),
        "mlflow": sandboxed(apps["mlflow"]),
    }


def routes(modules: tuple[Any, ...]) -> list[Route]:
    """Returns the routes of some modules in the order in which they stand."""
    return [route for module in modules for route in module.ROUTES]


def dispatch(apps: Mapping[hosts.Mount, ASGIApp]) -> ASGIApp:
    """Makes the one app that the port serves: each request goes to the mount of its host, or else of its path."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        mount = hosts.mount_for(host.decode("latin-1"), scope["path"])
        await apps[mount](scope, receive, send)

    return app


async def _until_told() -> None:
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    await told.wait()
