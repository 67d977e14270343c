"""Prepares a job: finds all that it names, and makes its environment ready."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lazulite.engine import computes, kinds, services, sources
from lazulite.engine.parallel import Parallel
from lazulite.engine.services import InteractiveProgram
from lazulite.engine.sources import Sources
from lazulite.engine.spec import JobSpec
from lazulite.engine.states import Job
from lazulite.environments import registered
from lazulite.environments.built import Environment
from lazulite.identity import doors
from lazulite.settings import Settings
from lazulite.store import workspaces
from lazulite.store.db import Database
from lazulite.store.workspaces import Workspace
from lazulite.tracking import experiments
from lazulite.tracking.experiments import Experiment


@dataclass(frozen=True)
class Prepared:
    """A job with everything that it names found, and its interpreter ready.

    warnings: for the user to see. services: those that are started beside the command.
    """

    job: Job
    workspace: Workspace
    experiment: Experiment
    spec: JobSpec
    sources: Sources
    environment: Environment
    warnings: tuple[str, ...]
    services: Sequence[InteractiveProgram] = ()


def prepare(settings: Settings, db: Database, job: Job, log: Callable[[str], None]) -> Prepared:
    """Prepares a job; building its environment may take minutes.

    log: gets a line for each step. Raises BadRequest for what is no longer there, UserCodeError (code
    ImageBuildFailure) when the environment cannot be built.
    """
    spec = kinds.spec_of(job)
    with db.read() as connection:
        workspace = workspaces.of_scope(connection, job.scope)
        experiment = experiments.get(connection, job.scope, job.run.experiment)
        found = sources.find(connection, settings.home, workspace.id, job.name, spec)
    warnings = tuple(filter(None, (computes.gpu_warning(found.target), *_left_undone(spec))))
    for warning in warnings:
        log(warning)
    environment = registered.ensure(settings.home, found.environment, log)
    is_apart = settings.private_network and doors.are_possible()
    started, unserved = services.chosen(spec.services, environment, has_network=not is_apart)
    for warning in unserved:
        log(warning)
    return Prepared(job, workspace, experiment, spec, found, environment, (*warnings, *unserved), started)


def _left_undone(spec: JobSpec) -> list[str]:
    left = []
    if isinstance(spec, Parallel):
        left += [f"{name} in program_arguments has no effect here." for name in spec.unheard]
    elif spec.nodes > 1 and not spec.distribution:
        left.append(f"The job has {spec.nodes} nodes but no distribution: its command runs on the first only.")
    return left
