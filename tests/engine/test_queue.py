"""Queues and nodes: who is next, how many run at a time, when nodes come and go."""

import pytest

from lazulite.engine import computes, nodes, queue, states
from lazulite.engine.states import Change
from lazulite.store import resources
from lazulite.store.resources import Place
from tests.engine.conftest import HERE


def submit(home, *compute_and_nodes):
    with home.db.write() as connection:
        return [
            home.submit(connection, compute, resources={"instanceCount": count}).name
            for compute, count in compute_and_nodes
        ]


def claim(home, compute):
    """Claims until nobody can be, and returns the names."""
    claimed = []
    while True:
        with home.db.write() as connection:
            job = queue.claim(connection, HERE.scope, compute, "token", home.now)
        if job is None:
            return claimed
        claimed.append(job.name)


def end(home, name):
    for state in ("Starting", "Running", "Finalizing", "Completed"):
        with home.db.write() as connection:
            assert states.apply(connection, home.job(name), Change(state), now=home.now)


def up(home, compute):
    with home.db.read() as connection:
        return [(node.number, node.job is not None) for node in nodes.of_compute(connection, HERE.scope, compute)]


def scale_down(home, compute):
    with home.db.write() as connection:
        return nodes.scale_down(connection, HERE.scope, computes.find(connection, HERE.scope, compute), home.now)


def test_a_cluster_runs_as_many_as_it_has_nodes_in_the_order_of_submission(home):
    home.put_cluster("small", high=2)
    first, second, third = submit(home, ("small", 1), ("small", 1), ("small", 1))
    assert claim(home, "small") == [first, second]
    end(home, second)
    assert claim(home, "small") == [third]


def test_a_job_of_two_nodes_is_not_overtaken(home):
    home.put_cluster("small", high=2)
    one, two, after = submit(home, ("small", 1), ("small", 2), ("small", 1))
    assert claim(home, "small") == [one]
    end(home, one)
    assert claim(home, "small") == [two]
    end(home, two)
    assert claim(home, "small") == [after]


def test_queues_do_not_wait_for_each_other(home):
    home.put_cluster("small", high=1)
    home.put_cluster("other", high=1)
    submit(home, ("small", 1), ("small", 1), ("other", 1))
    with home.db.read() as connection:
        assert sorted(queue.waiting(connection)) == [(HERE.scope, "other", 1), (HERE.scope, "small", 2)]
    assert len(claim(home, "small")) == 1 and len(claim(home, "other")) == 1


def test_a_larger_cluster_has_room_at_once(home):
    home.put_cluster("small", high=1)
    submit(home, ("small", 1), ("small", 1))
    assert len(claim(home, "small")) == 1
    home.put_cluster("small", high=2)
    assert len(claim(home, "small")) == 1


def test_idle_nodes_are_used_again_and_taken_down_after_their_time(home):
    home.put_cluster("small", low=1, high=3, idle="PT60S")
    names = submit(home, ("small", 1), ("small", 1))
    claim(home, "small")
    end(home, names[0])
    assert up(home, "small") == [(0, False), (1, True)]
    submit(home, ("small", 1))
    claim(home, "small")
    assert up(home, "small") == [(0, True), (1, True)]
    end(home, names[1])
    due = scale_down(home, "small")
    assert (due - home.now).total_seconds() == 60 and len(up(home, "small")) == 2
    home.later(60)
    assert scale_down(home, "small") is None and up(home, "small") == [(0, True)]


def test_a_cluster_keeps_its_minimum(home):
    home.put_cluster("small", low=1, high=2, idle="PT1S")
    names = submit(home, ("small", 2))
    claim(home, "small")
    end(home, names[0])
    home.later(5)
    assert scale_down(home, "small") is None
    assert len(up(home, "small")) == 1


def test_a_failed_or_cancelled_job_gives_its_nodes_back(home):
    home.put_cluster("small", high=1)
    name, after = submit(home, ("small", 1), ("small", 1))
    claim(home, "small")
    with home.db.write() as connection:
        states.apply(connection, home.job(name), Change("Failed"), now=home.now)
    assert claim(home, "small") == [after]


def test_a_job_put_back_into_its_queue_gives_its_nodes_back_and_is_first_again(home):
    home.put_cluster("small", high=1)
    name, after = submit(home, ("small", 1), ("small", 1))
    claim(home, "small")
    with home.db.write() as connection:
        states.apply(connection, home.job(name), Change("Queued"), now=home.now)
    assert claim(home, "small") == [name]
    assert home.job(name).attempts == 2 and home.job(after).attempts == 0


def test_jobs_of_a_stopped_instance_wait_for_its_start(home):
    def put(state):
        inner = {"vmSize": "Standard_DS3_v2", "state": state}
        home.put("computes", "mine", {"properties": {"computeType": "ComputeInstance", "properties": inner}})

    put("Running")
    (name,) = submit(home, ("mine", 1))
    put("Stopped")
    assert claim(home, "mine") == []
    put("Running")
    assert claim(home, "mine") == [name]


def test_jobs_of_a_deleted_compute_fail_and_say_so(home):
    (name,) = submit(home, ("cpu", 1))
    with home.db.write() as connection:
        resources.remove(connection, Place(HERE.scope, "computes", "cpu"))
    assert claim(home, "cpu") == []
    assert home.job(name).state == "Failed" and '"cpu" was not found' in home.job(name).run.error["message"]


@pytest.mark.parametrize("compute", ["", "local", "serverless"])
def test_without_a_compute_jobs_run_on_this_machine(home, compute):
    (name,) = submit(home, (compute, 1))
    assert claim(home, compute or "serverless") == [name]
    end(home, name)
    assert scale_down(home, compute or "serverless") is None and up(home, compute or "serverless") == []
