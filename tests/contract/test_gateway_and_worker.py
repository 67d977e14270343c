"""The real gateway and real workers, between them docs/guest-protocol.md: what the one says, the other understands."""

import http.client
import json
import os
import signal
import threading
import time

import pytest

from lazulite.serving import routing
from tests.guest.conftest import bare_python, deploy, folder  # noqa: F401
from tests.serving.rig import WITHIN_S, endpoint, read_all, rig_in, wait_until

SCRIPT = """
    import time
    from azureml.contrib.services.aml_request import rawhttp
    from azureml.contrib.services.aml_response import AMLResponse

    def init():
        pass

    def parts():
        for part in range(3):
            yield b"x" * 100_000

    @rawhttp
    def run(request):
        if "sleep_s" in request.args:
            print("begun")
            time.sleep(float(request.args["sleep_s"]))
        if "streamed" in request.args:
            return AMLResponse(parts(), 200, {"Content-Type": "image/x"})
        if "fail" in request.args:
            raise ValueError("of the script")
        return AMLResponse(request.get_data(), 201, {"X-Path": request.full_path})
"""


@pytest.fixture
def rig(tmp_path):
    with rig_in(tmp_path) as rig:
        yield rig


@pytest.fixture
def worker(rig, deploy):  # noqa: F811
    """A worker behind the gateway, at /e."""
    worker = deploy(SCRIPT).start()
    rig.route(e=endpoint(routed(worker), timeout_ms=20_000))
    rig.start()
    rig.ready("e")
    return worker


def routed(worker):
    return routing.Worker("w", f"unix:{worker.spec.socket}", worker.worker.pid)


def test_request_and_answer_pass_unchanged(rig, worker):
    body = os.urandom(2_000_000)
    answer = rig.call("/e/score?a=1", body)
    assert (answer.status, answer.body == body) == (201, True), answer
    assert answer.headers["x-path"] == "/score?a=1"
    assert answer.headers["x-ms-run-function-failed"] == "False"
    assert float(answer.headers["x-ms-run-fn-exec-ms"]) >= 0


def test_body_of_unknown_length_passes(rig, worker):
    connection = http.client.HTTPConnection("127.0.0.1", rig.port, timeout=WITHIN_S)
    connection.request(
        "POST", "/e/score", iter([b"ab", b"c" * 200_000]), rig._headers("k" * 84, {}), encode_chunked=True
    )
    assert connection.getresponse().read() == b"ab" + b"c" * 200_000
    connection.close()


def test_streamed_answer_passes(rig, worker):
    answer = rig.call("/e/score?streamed", b"")
    assert (answer.status, answer.body) == (200, b"x" * 300_000)


def test_failing_script_is_a_model_error(rig, worker):
    answer = rig.call("/e/score?fail", b"")
    assert (answer.status, answer.headers["ms-azureml-model-error-statuscode"]) == (424, "500")
    assert "ValueError: of the script (score.py, line 21)" in json.loads(answer.body)["message"]


def test_worker_describes_itself(rig, worker):
    answer = rig.call("/e/swagger.json?version=3")
    assert (answer.status, json.loads(answer.body)["openapi"]) == (200, "3.0.3")
    assert rig.call("/e/swagger.json?version=9").status == 424


def test_late_request_is_408_and_the_worker_free_again(rig, worker):
    rig.route(e=endpoint(routed(worker), timeout_ms=1000))
    began = time.monotonic()
    assert rig.call("/e/score?sleep_s=20", b"").status == 408
    assert rig.call("/e/score", b"next").body == b"next"
    assert time.monotonic() - began < 10
    assert "called off" in worker.log and "scoring timeout of 1000 ms" in worker.log


def test_client_that_is_gone_frees_the_worker(rig, worker):
    with rig.link() as link:
        link.sendall(rig.head("/e/score?sleep_s=20", "Content-Length: 0"))
        wait_until(lambda: "begun" in worker.log, "run")
    assert rig.call("/e/score", b"next").body == b"next"
    assert "the client is gone" in worker.log


def test_many_late_requests_never_disturb_the_others(rig, worker):
    rig.route(e=endpoint(routed(worker), timeout_ms=300))
    statuses = []

    def ask(number):
        slow = number % 4 == 0
        answer = rig.call("/e/score?sleep_s=0.29" if slow else "/e/score", b"%d" % number)
        statuses.append(answer.status)
        assert answer.status in (201, 408, 429)
        assert answer.status != 201 or answer.body == b"%d" % number

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(statuses) == 24


def test_worker_that_dies_is_a_model_error_and_its_successor_is_found(rig, worker):
    with rig.link() as link:
        link.sendall(rig.head("/e/score?sleep_s=20", "Content-Length: 0", "Connection: close"))
        wait_until(lambda: "begun" in worker.log, "run")
        os.kill(worker.worker.pid, signal.SIGKILL)
        assert b" 424 " in read_all(link).partition(b"\r\n")[0]
    wait_until(lambda: worker.state.kind == "dead", "its end")
    worker.stop()
    worker.start()
    assert rig.call("/e/score", b"next").body == b"next"


def test_gateway_that_is_killed_finds_its_workers_again(rig, worker):
    rig.kill_gateway()
    rig.start()
    rig.ready("e")
    assert rig.call("/e/score", b"still here").body == b"still here"
