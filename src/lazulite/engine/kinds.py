"""The kinds of jobs, by ARM's jobType: leaves, which run as processes on nodes, and parents, which have children."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from lazulite.engine import folders, parallel, spec
from lazulite.engine.automl import course as automl
from lazulite.engine.courses import Course, Scene
from lazulite.engine.pipeline import accept, course
from lazulite.engine.spec import JobSpec
from lazulite.engine.states import Job
from lazulite.engine.sweep import course as sweep
from lazulite.errors import NotImplementedHere
from lazulite.ids import WorkspaceId

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Leaf:
    """A kind that has a queue, nodes and a process. spec_of: reads and checks its body.

    run_type: run history's `runType`.
    """

    spec_of: Callable[[Body], JobSpec]
    run_type: str = "azureml.scriptrun"  # Source: azureml-core 1.61, runs of submitted scripts


@dataclass(frozen=True)
class Parent:
    """A kind that has children, and no process.

    accept: checks a body and returns what is kept of it, `(scene, the job's name, body, names of its inputs that are
    not there yet)`; labels become versions, outputs get places. course: begins to decide, or goes on.
    log: where `jobs.stream` looks for what became of its children. metric_of: which metric of its children the course
    of a body is told of, as often as it wants to look again.
    """

    accept: Callable[[Scene, str, Body, Collection[str]], dict[str, Any]]
    course: Callable[[Connection, WorkspaceId, Job], Course]
    run_type: str
    # Source: azure-ai-ml 1.35.2 operations/_job_ops_helper.py, _get_sorted_filtered_logs.
    log: str = folders.STEPS_LOG
    metric_of: Callable[[Body], str] | None = None


KINDS: Mapping[str, Leaf | Parent] = {
    "Command": Leaf(spec.spec_of),
    "Parallel": Leaf(parallel.spec_of),
    "Pipeline": Parent(accept.accept, course.begin, "azureml.PipelineRun"),  # Source: guess
    "AutoML": Parent(automl.accept, automl.begin, automl.RUN_TYPE, metric_of=automl.metric_of),
    "Sweep": Parent(
        sweep.accept, sweep.begin, sweep.RUN_TYPE, log="azureml-logs/hyperdrive.txt", metric_of=sweep.metric_of
    ),
}


def find(name: str) -> Leaf | Parent:
    """Returns the kind that ARM's jobType names. Raises NotImplementedHere for one that Lazulite does not run."""
    if name not in KINDS:
        raise NotImplementedHere(
            f"Lazulite does not run jobs of type {name}. It runs {', '.join(KINDS)}.",
            target="properties.jobType",
            hint="docs/coverage.md lists what it runs.",
        )
    return KINDS[name]


def spec_of(job: Job) -> JobSpec:
    """Reads the body of a job that runs as a process."""
    kind = find(job.kind)
    if isinstance(kind, Parent):
        raise ValueError(f"{job.name} is a {job.kind}, which has no process")
    return kind.spec_of(job.body)


def is_parent(name: str) -> bool:
    """Tells whether jobs of this type have children instead of a process."""
    return isinstance(KINDS.get(name), Parent)
