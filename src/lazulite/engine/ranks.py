"""How many processes a job's command is started as, and the variables by which each knows its place. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from lazulite.engine.spec import Distribution, JobSpec

_HOST = "127.0.0.1"


@dataclass(frozen=True)
class Rank:
    """One process. log: the name of its log in user_logs."""

    log: str
    variables: dict[str, str] = field(default_factory=dict)


def count(spec: JobSpec) -> int:
    """Returns how many processes the command is started as."""
    shape = spec.distribution
    if shape is None or shape.ray:  # Ray's nodes are no ranks: the command runs beside its head alone
        return 1
    return shape.workers + shape.servers if shape.kind == "TensorFlow" else spec.nodes * shape.per_node


def ports_needed(spec: JobSpec) -> int:
    """Returns how many free ports the ranks need: a meeting point, or one for each of TensorFlow's tasks."""
    if spec.distribution is None or spec.distribution.ray:
        return 0
    return count(spec) if spec.distribution.kind == "TensorFlow" else 1


def ranks_of(spec: JobSpec, ports: Sequence[int]) -> list[Rank]:
    """Returns the processes in the order of their numbers. ports: as many free ones as `ports_needed` says.

    A job without a distribution is one process whatever its nodes. Source: guess; examples that need one process per
    node say so by a distribution, azureml-examples cli/jobs/single-step/dask.
    """
    shape = spec.distribution
    if shape is None or shape.ray:
        return [Rank("std_log.txt", {"AZUREML_CR_NODE_RANK": "0", "AZUREML_PROCESS_NAME": "rank_0"})]
    if shape.kind == "TensorFlow":
        return _tensorflow(shape, ports)
    make = _pytorch if shape.kind == "PyTorch" else _mpi
    total = spec.nodes * shape.per_node
    return [
        Rank(
            _log(number, total),
            {**_place(number, number // shape.per_node), **make(number, spec.nodes, shape, ports[0])},
        )
        for number in range(total)
    ]


def _log(number: int, total: int) -> str:
    """Returns a log's name, digits padded so that the first, which `jobs.stream` shows, ends in zeros only.

    Source: azure-ai-ml 1.35.2 operations/_job_ops_helper.py, _get_sorted_filtered_logs.
    """
    return f"std_log_process_{number:0{len(str(total - 1))}}.txt"


def _place(number: int, node: int) -> dict[str, str]:
    return {"AZUREML_PROCESS_NAME": f"rank_{number}", "AZUREML_CR_NODE_RANK": str(node), "NODE_RANK": str(node)}


def _pytorch(number: int, nodes: int, shape: Distribution, port: int) -> dict[str, str]:
    """Source: learn.microsoft.com/azure/machine-learning/how-to-train-distributed-gpu, Process group initialization."""
    return {
        "MASTER_ADDR": _HOST,
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(nodes * shape.per_node),
        "RANK": str(number),
        "LOCAL_RANK": str(number % shape.per_node),
        "LOCAL_WORLD_SIZE": str(shape.per_node),
    }


def _mpi(number: int, nodes: int, shape: Distribution, port: int) -> dict[str, str]:
    """Source: learn.microsoft.com/azure/machine-learning/how-to-train-distributed-gpu, variables from Open MPI."""
    return {
        "OMPI_COMM_WORLD_RANK": str(number),
        "OMPI_COMM_WORLD_SIZE": str(nodes * shape.per_node),
        "OMPI_COMM_WORLD_LOCAL_RANK": str(number % shape.per_node),
        "OMPI_COMM_WORLD_LOCAL_SIZE": str(shape.per_node),
        "AZ_BATCH_MASTER_NODE": f"{_HOST}:{port}",
        "AZ_BATCHAI_MPI_MASTER_NODE": _HOST,
        "AZ_BATCH_HOST_LIST": ",".join([_HOST] * nodes),
        "MASTER_ADDR": _HOST,
        "MASTER_PORT": str(port),
    }


def _tensorflow(shape: Distribution, ports: Sequence[int]) -> list[Rank]:
    """Source: learn.microsoft.com/azure/machine-learning/how-to-train-distributed-gpu, TensorFlow, TF_CONFIG."""
    addresses = [f"{_HOST}:{port}" for port in ports]
    cluster = {"worker": addresses[: shape.workers]}
    if shape.servers:
        cluster["ps"] = addresses[shape.workers :]
    tasks = [(kind, index) for kind, members in cluster.items() for index in range(len(members))]
    return [
        Rank(
            _log(number, len(tasks)),
            {
                **_place(number, number),
                "TF_CONFIG": json.dumps(
                    {"cluster": cluster, "task": {"type": kind, "index": index}, "environment": "cloud"}
                ),
            },
        )
        for number, (kind, index) in enumerate(tasks)
    ]
