"""What a job runs on: how many nodes at most, how long they idle, what size they are said to have."""

import os
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from lazulite import clock
from lazulite.catalog import vm_sizes
from lazulite.environments.cpu_builds import has_gpu
from lazulite.errors import BadRequest
from lazulite.store import resources
from lazulite.store.resources import Place

# Computes that nobody makes: this machine by two of Azure's names.
LOCAL, SERVERLESS = "local", "serverless"
_IDLE_S = 120.0
_CANNOT = ("SynapseSpark", "HDInsight", "DataFactory", "Databricks", "DataLakeAnalytics")


@dataclass(frozen=True)
class Target:
    """A compute as jobs see it. kind: ARM's computeType, "" for this machine; vm_size: "" where none is said.

    idle_s: how long a node stays up without a job. is_low_priority: a job whose node is lost starts again.
    """

    name: str
    kind: str
    max_nodes: int
    min_nodes: int = 0
    idle_s: float = 0.0
    vm_size: str = ""
    is_low_priority: bool = False
    is_stopped: bool = False

    @property
    def queue(self) -> str:
        """Returns what the jobs that wait for it are found by."""
        return self.name.lower()


def find(connection: Connection, scope: str, name: str, instance_type: str = "") -> Target:
    """Returns the compute that a job names; "" means serverless.

    scope: WorkspaceId.scope. instance_type: what a job on serverless asks for. Raises BadRequest for a name that no
    compute has (with those that there are), for an unknown size, and for a compute that runs no commands.
    """
    if name.lower() in ("", LOCAL, SERVERLESS):
        return _this_machine(name.lower() or SERVERLESS, instance_type)
    row = resources.get(connection, Place(scope, "computes", name))
    if not row:
        known = ", ".join(one.place.name for one in resources.containers(connection, scope, "computes"))
        raise BadRequest(
            f'Compute "{name}" was not found in this workspace. {f"It has {known}." if known else "It has none."}',
            target="properties.computeId",
            hint='Make it, or use "serverless", or leave compute out.',
        )
    return _target(row.place.name, row.body["properties"])


def _this_machine(name: str, instance_type: str) -> Target:
    size = vm_sizes.find(instance_type) if instance_type else None
    if instance_type and not size:
        raise BadRequest(
            f'"{instance_type}" is not a VM size that Azure Machine Learning offers.',
            target="properties.resources.instanceType",
            hint="`lazulite compute list-sizes` lists them.",
        )
    return Target(name, "", os.cpu_count() or 1, vm_size=size.name if size else "")


def _target(name: str, properties: dict[str, Any]) -> Target:
    kind, inner = properties["computeType"], properties.get("properties") or {}
    if kind in _CANNOT:
        raise BadRequest(f'Compute "{name}" is of type {kind}, which runs no commands.', target="properties.computeId")
    size = str(inner.get("vmSize") or "")
    if kind == "AmlCompute":
        scale = inner["scaleSettings"]
        idle_s = clock.seconds(scale["nodeIdleTimeBeforeScaleDown"], "nodeIdleTimeBeforeScaleDown", _IDLE_S)
        is_low_priority = str(inner.get("vmPriority")).lower() == "lowpriority"
        return Target(name, kind, scale["maxNodeCount"], scale["minNodeCount"], idle_s, size, is_low_priority)
    if kind == "ComputeInstance":
        # Source: learn.microsoft.com/azure/machine-learning/concept-compute-instance: one job per vCPU at a time.
        found = vm_sizes.find(size)
        return Target(name, kind, found.vcpus if found else 1, 1, vm_size=size, is_stopped=inner["state"] != "Running")
    return Target(name, kind, os.cpu_count() or 1, vm_size=size)


def check(target: Target, nodes: int) -> None:
    """Raises BadRequest when a job can never, or not now, run there."""
    if target.is_stopped:
        raise BadRequest(
            f'Compute instance "{target.name}" is stopped.',
            target="properties.computeId",
            hint=f"Start it first: ml_client.compute.begin_start({target.name!r}).",
        )
    if nodes > target.max_nodes and target.kind:
        raise BadRequest(
            f'The job asks for {nodes} nodes, but compute "{target.name}" has {target.max_nodes} at most.',
            target="properties.resources.instanceCount",
            hint="Raise the compute's max_instances, or ask for fewer.",
        )


def gpu_warning(target: Target) -> str:
    """Says that a size has GPUs which this machine has not; "" when there is nothing to say."""
    size = vm_sizes.find(target.vm_size) if target.vm_size else None
    if not size or not size.gpus or has_gpu():
        return ""
    return f"{size.name} has {size.gpus} {size.gpu_kind} GPU on Azure; this machine has none: the job runs on the CPU."
