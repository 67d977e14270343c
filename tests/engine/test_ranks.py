"""Ranks: how many processes a command is started as, and what each is told of its place."""

import json

import pytest

from lazulite.engine import ranks
from lazulite.engine.spec import spec_of


def spec(nodes=1, **distribution):
    body = {"command": "x", "environmentId": "e:1", "resources": {"instanceCount": nodes}, "distribution": distribution}
    return spec_of(body)


def made(job):
    return ranks.ranks_of(job, list(range(5000, 5000 + ranks.ports_needed(job))))


def test_a_job_without_a_distribution_is_one_process():
    assert [rank.log for rank in made(spec(nodes=3))] == ["std_log.txt"]


def test_pytorch_has_a_rank_for_each_process_of_each_node():
    found = made(spec(2, distributionType="PyTorch", processCountPerInstance=2))
    told = [[rank.variables[name] for name in ("RANK", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE")] for rank in found]
    assert told == [["0", "0", "0", "4"], ["1", "1", "0", "4"], ["2", "0", "1", "4"], ["3", "1", "1", "4"]]
    assert {rank.variables["MASTER_ADDR"] + ":" + rank.variables["MASTER_PORT"] for rank in found} == {"127.0.0.1:5000"}
    assert [rank.log for rank in found] == [f"std_log_process_{number}.txt" for number in range(4)]


def test_mpi_has_the_variables_of_open_mpi_and_of_azure():
    last = made(spec(2, distributionType="Mpi", processCountPerInstance=2))[-1].variables
    assert last["OMPI_COMM_WORLD_RANK"] == "3" and last["OMPI_COMM_WORLD_SIZE"] == "4"
    assert last["OMPI_COMM_WORLD_LOCAL_RANK"] == "1" and last["OMPI_COMM_WORLD_LOCAL_SIZE"] == "2"
    assert last["AZ_BATCH_HOST_LIST"] == "127.0.0.1,127.0.0.1" and last["AZ_BATCHAI_MPI_MASTER_NODE"] == "127.0.0.1"


def test_tensorflow_has_workers_then_servers_each_with_an_address():
    found = [
        json.loads(rank.variables["TF_CONFIG"])
        for rank in made(spec(distributionType="TensorFlow", workerCount=2, parameterServerCount=1))
    ]
    assert [one["task"] for one in found] == [
        {"type": "worker", "index": 0},
        {"type": "worker", "index": 1},
        {"type": "ps", "index": 0},
    ]
    assert found[0]["cluster"] == {"worker": ["127.0.0.1:5000", "127.0.0.1:5001"], "ps": ["127.0.0.1:5002"]}


@pytest.mark.parametrize(("processes", "first"), [(10, "std_log_process_0.txt"), (11, "std_log_process_00.txt")])
def test_the_first_log_is_the_one_that_the_sdk_streams(processes, first):
    assert made(spec(distributionType="Mpi", processCountPerInstance=processes))[0].log == first
