"""Mirrored traffic: copies arrive whole, and whatever becomes of them the live answers do not suffer."""

import json
import os
import signal

import pytest

from lazulite.serving import routing
from tests.serving.rig import KEY, blue, rig_in, wait_until

LARGE = os.urandom(1 << 20)


@pytest.fixture
def rig(tmp_path):
    with rig_in(tmp_path) as rig:
        both = {"blue": blue(rig.worker("blue")), "green": blue(rig.worker("green"), max_wait_ms=20_000)}
        rig.route(e=routing.Endpoint(both, keys=(KEY,), traffic={"blue": 100}, mirror={"green": 100}))
        rig.start()
        rig.ready("e", "blue")
        rig.ready("e", "green")
        yield rig


def counts(rig):
    """Returns how many were copied, how many could not be, and how many copies have ended."""
    live = rig.deployment("e", "blue")
    return live["mirrored"], live["not_mirrored"], rig.deployment("e", "green")["requests"]


def test_large_bodies_are_lent_to_both_and_stay_what_they_were(rig):
    folder = rig.home / "endpoints" / "e" / "green"
    folder.mkdir(parents=True)
    for _ in range(5):
        assert rig.call("/e/score", LARGE).body == LARGE
    assert json.loads(rig.call("/e/score?told=1", LARGE).body)["lent"]
    wait_until(lambda: counts(rig) == (6, 0, 6), "the copies")

    def compared():
        lines = [json.loads(line) for path in folder.glob("mirror.jsonl") for line in path.read_text().splitlines()]
        return sum(line.get("same", 0) for line in lines), sum(line.get("compared", 0) for line in lines)

    wait_until(lambda: compared() == (5, 6), "the comparison, of which only one names its worker")
    lent = rig.loans()
    for sent in range(7, 12):
        assert rig.call("/e/score", LARGE).body == LARGE
        wait_until(lambda sent=sent: counts(rig) == (sent, 0, sent), "the copy")
    assert rig.loans() <= lent, "what was lent to a copy is lent again"


def test_a_mirrored_deployment_that_hangs_is_owed_a_bounded_number_of_copies(rig):
    rig.processes["green"].send_signal(signal.SIGSTOP)
    for _ in range(100):
        assert rig.call("/e/score", LARGE).status == 200
    copied, dropped, _ = counts(rig)
    assert dropped >= 30 and copied <= 10, "the rest waits to be sent"
    assert len(rig.loans()) <= 66
    rig.processes["green"].send_signal(signal.SIGCONT)
    wait_until(lambda: counts(rig) == (100 - dropped, dropped, 100 - dropped), "those that waited")


def test_a_mirrored_deployment_that_dies_takes_no_live_request_along(rig):
    rig.end("green")
    for _ in range(20):
        assert rig.call("/e/score", LARGE).status == 200
    assert counts(rig)[2] == 0
    rig.worker("green")
    wait_until(lambda: counts(rig) == (20, 0, 20), "those that waited for its successor")
