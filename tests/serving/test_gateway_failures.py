"""What happens when models are slow, stuck or dead, and when clients leave."""

import signal
import socket
import threading
import time

import pytest

from lazulite.serving import routing
from tests.serving.rig import KEY, blue, endpoint, read_all, rig_in, wait_until


@pytest.fixture
def rig(tmp_path):
    with rig_in(tmp_path) as rig:
        yield rig


def start(rig, **endpoints):
    rig.route(**endpoints)
    rig.start()
    for name in endpoints:
        rig.ready(name)


def in_background(call):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(call()))
    thread.start()

    def result():
        thread.join()
        return answers[0]

    return result


def test_a_model_that_takes_too_long_is_408_and_is_interrupted(rig):
    start(rig, e=endpoint(rig.worker("e"), timeout_ms=200))
    began = time.monotonic()
    answer = rig.call("/e/score?sleep_ms=20000", b"x")
    assert answer.status == 408 and b"upstream request timeout" in answer.body
    assert answer.headers["ms-azureml-model-error-reason"] == "model_timeout"
    assert 0.2 <= time.monotonic() - began < 5
    assert rig.call("/e/score", b"next").body == b"next"
    assert rig.says("e") == "called off\n"


def test_the_time_of_those_who_wait_begins_when_they_are_begun(rig):
    start(rig, e=endpoint(rig.worker("e"), timeout_ms=600))
    calls = [in_background(lambda: rig.call("/e/score?sleep_ms=300", b"x")) for _ in range(4)]
    assert [call().status for call in calls] == [200] * 4


def test_a_client_that_leaves_ends_the_work_for_it(rig):
    start(rig, e=endpoint(rig.worker("e"), timeout_ms=60_000))
    link = rig.link()
    link.sendall(rig.head("/e/score?sleep_ms=50000"))
    wait_until(lambda: rig.deployment("e", "blue")["in_flight"] == 1)
    link.close()
    assert rig.call("/e/score", b"next").body == b"next"
    assert rig.says("e") == "called off\n"
    assert rig.deployment("e", "blue")["statuses"] == {"200": 1, "499": 1}


def test_a_client_that_leaves_while_it_waits_is_never_served(rig):
    start(rig, e=endpoint(rig.worker("e")))
    first = in_background(lambda: rig.call("/e/score?sleep_ms=500", b"x"))
    wait_until(lambda: rig.deployment("e", "blue")["in_flight"] == 1)
    link = rig.link()
    link.sendall(rig.head("/e/score?die=1"))
    wait_until(lambda: rig.deployment("e", "blue")["waiting"] == 1)
    link.close()
    wait_until(lambda: rig.deployment("e", "blue")["waiting"] == 0)
    assert first().status == 200
    assert rig.call("/e/score", b"next").body == b"next"
    assert rig.says("e") == ""


def test_a_client_that_leaves_amid_its_upload_leaves_the_worker_free(rig):
    start(rig, e=endpoint(rig.worker("e")))
    link = rig.link()
    link.sendall(rig.head("/e/score", f"Content-Length: {50 << 20}") + b"x" * (6 << 20))
    wait_until(lambda: rig.deployment("e", "blue")["in_flight"] == 1)
    link.close()
    assert rig.call("/e/score", b"next").body == b"next"


def test_a_worker_that_dies_fails_its_own_request_only(rig):
    both = blue(rig.worker("a"), rig.worker("b"))
    start(rig, e=routing.Endpoint({"blue": both}, keys=(KEY,), traffic={"blue": 100}))
    calls = [in_background(lambda: rig.call("/e/score?sleep_ms=100", b"x")) for _ in range(6)]
    died = rig.call("/e/score?die=1", b"x")
    assert died.status == 424
    assert died.headers["ms-azureml-model-error-statuscode"] == "502"
    assert b"get-logs -n blue -e e" in died.body
    assert [call().status for call in calls] == [200] * 6
    assert rig.call("/e/score", b"next").status == 200


def counts_as_quick(rig):
    """Has the worker say that it is, however busy the machine: a quick one is sent requests ahead."""
    assert rig.call("/e/score?run_us=10", b"quick").status == 200


def test_requests_sent_ahead_to_a_worker_that_dies_are_answered_by_its_successor(rig):
    start(rig, e=endpoint(rig.worker("e"), max_wait_ms=20_000))
    counts_as_quick(rig)
    with rig.link() as first, rig.link() as second:
        first.sendall(rig.head("/e/score?sleep_ms=50000", "Connection: close"))
        wait_until(lambda: rig.deployment("e", "blue")["in_flight"] == 1)
        second.sendall(rig.head("/e/score", "Content-Length: 5", "Connection: close") + b"ahead")
        wait_until(lambda: rig.deployment("e", "blue")["workers"]["e"]["in_flight"] == 2)
        rig.end("e")
        assert read_all(first).startswith(b"HTTP/1.1 424 ")
        rig.worker("e")
        assert read_all(second).endswith(b"\r\n\r\nahead")


def test_requests_sent_ahead_survive_the_calling_off_of_the_one_before(rig):
    start(rig, e=endpoint(rig.worker("e"), timeout_ms=2000))
    counts_as_quick(rig)
    slow = in_background(lambda: rig.call("/e/score?sleep_ms=20000", b"x"))
    wait_until(lambda: rig.deployment("e", "blue")["in_flight"] == 1)
    ahead = in_background(lambda: rig.call("/e/score", b"ahead"))
    wait_until(lambda: rig.deployment("e", "blue")["workers"]["e"]["in_flight"] == 2)
    assert ahead().body == b"ahead"
    assert slow().status == 408


def test_half_an_answer_never_looks_whole(rig):
    start(rig, e=endpoint(rig.worker("e")))
    found = rig.raw(rig.head("/e/score?chunks=5&break=1&sleep_ms=20", method="GET"))
    assert found.startswith(b"HTTP/1.1 200 ") and b"piece 0" in found
    assert not found.endswith(b"0\r\n\r\n")


def test_a_stream_that_stops_is_broken_off(rig):
    start(rig, e=endpoint(rig.worker("e"), timeout_ms=200))
    found = rig.raw(rig.head("/e/score?chunks=5&sleep_ms=20000", method="GET"))
    assert b"piece 0" in found and not found.endswith(b"0\r\n\r\n")
    assert rig.call("/e/score", b"next").body == b"next"


def test_a_worker_that_comes_back_is_found_again(rig):
    start(rig, e=endpoint(rig.worker("e"), max_wait_ms=300))
    rig.end("e")
    wait_until(lambda: rig.deployment("e", "blue")["workers"]["e"]["state"] == "refused")
    assert rig.call("/e/score", b"x").status == 503
    rig.worker("e")
    rig.ready("e")
    assert rig.call("/e/score", b"x").status == 200


def test_a_worker_that_is_stuck_is_reported(rig):
    start(rig, e=endpoint(rig.worker("e"), timeout_ms=100, max_wait_ms=100))
    rig.processes["e"].send_signal(signal.SIGSTOP)  # what a script in a C library looks like to a signal
    assert rig.call("/e/score", b"x").status == 408
    assert rig.call("/e/score", b"x").status == 503
    wait_until(lambda: rig.deployment("e", "blue")["workers"]["e"]["state"] == "stuck")
    rig.processes["e"].send_signal(signal.SIGCONT)
    rig.ready("e")
    assert rig.call("/e/score", b"x").status == 200


def test_something_that_is_no_guest_gets_no_request(rig, tmp_path):
    address = tmp_path / "stranger.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        listener.listen()
        rig.route(e=endpoint(routing.Worker("s", f"unix:{address}"), max_wait_ms=200))
        rig.start()
        link, _ = listener.accept()
        link.sendall(b"220 smtp.example.com\r\n")
        assert read_all(link) == b""
        assert rig.call("/e/score", b"x").status == 503
