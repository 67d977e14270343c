"""The gateway as a process: it outlives kills and changes of routes under load, and knows how to begin and end."""

import json
import signal
import socket
import subprocess
import sys
import threading

import pytest
import requests

from lazulite.errors import Unavailable
from lazulite.identity.authority import Authority
from lazulite.serving import routing
from lazulite.serving.gateway import control
from tests.serving.rig import KEY, blue, endpoint, rig_in, wait_until

BEARER = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
def rig(tmp_path):
    with rig_in(tmp_path) as rig:
        yield rig


class Load:
    """Clients that ask as fast as they can until they are told to stop. answers: status and deployment of each."""

    def __init__(self, rig, path="/e/score", clients=4):
        self.answers, self._goes_on = [], True
        self._threads = [threading.Thread(target=self._ask, args=(rig, path)) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _ask(self, rig, path):
        with requests.Session() as session:
            while self._goes_on:
                answer = session.post(f"http://127.0.0.1:{rig.port}{path}", data=b"x", headers=BEARER, timeout=20)
                self.answers.append((answer.status_code, answer.headers.get("azureml-model-deployment")))

    def has_answers(self, more=30):
        """Waits until so many more answers have come."""
        goal = len(self.answers) + more
        wait_until(lambda: len(self.answers) >= goal, "the load")

    def stop(self):
        self._goes_on = False
        for thread in self._threads:
            thread.join()
        return {status for status, _ in self.answers}, self.answers[-1][1]


def test_moving_traffic_under_load_fails_no_request(rig):
    both = {"blue": blue(rig.worker("blue")), "green": blue(rig.worker("green"))}
    rig.route(e=routing.Endpoint(both, keys=(KEY,), traffic={"blue": 100}))
    rig.start()
    load = Load(rig)
    for traffic in (
        {"blue": 50, "green": 50},
        {"green": 100},
        {"blue": 100},
        {"blue": 10, "green": 90},
        {"green": 100},
    ):
        load.has_answers()
        rig.route(e=routing.Endpoint(both, keys=(KEY,), traffic=traffic))
    load.has_answers()
    assert load.stop() == ({200}, "green")


def test_replacing_workers_under_load_fails_no_request(rig):
    rig.route(e=endpoint(rig.worker("w0"), rig.worker("w1")))
    rig.start()
    load = Load(rig, "/e/score?sleep_ms=5")
    for number in range(2, 6):
        load.has_answers()
        leaving, staying = f"w{number - 2}", f"w{number - 1}"
        rig.route(e=endpoint(rig.worker(f"w{number}"), *(w for w in _workers(rig) if w.id == staying)))
        wait_until(lambda leaving=leaving: not rig.deployment("e", "blue")["leaving"], f"{leaving} to be let go")
        rig.end(leaving)
    load.has_answers()
    assert load.stop()[0] == {200}


def _workers(rig):
    return rig.endpoints["e"].deployments["blue"].workers


def test_a_deployment_that_is_taken_away_answers_what_it_has(rig):
    rig.route(e=endpoint(rig.worker("e")))
    rig.start()
    rig.ready("e")
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(rig.call("/e/score?sleep_ms=200", b"x").status))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: rig.deployment("e", "blue")["in_flight"] + rig.deployment("e", "blue")["waiting"] == 3)
    rig.route(e=None)
    assert rig.call("/e/score", b"x").status == 404
    for thread in threads:
        thread.join()
    assert answers == [200] * 3
    wait_until(lambda: rig.stats()["endpoints"] == {}, "the deployment to be let go")


def test_a_killed_gateway_serves_again_at_once_when_it_is_back(rig):
    rig.route(e=endpoint(rig.worker("e")))
    rig.start()
    for _ in range(3):
        with rig.link() as link:
            link.sendall(rig.head("/e/score?sleep_ms=300"))
            wait_until(lambda: rig.deployment("e", "blue")["in_flight"] == 1)
            rig.kill_gateway()
        rig.start()
        assert rig.call("/e/score", b"again").body == b"again"


def test_memory_lent_by_a_gateway_that_was_killed_is_freed_by_the_next(rig):
    rig.route(e=endpoint(rig.worker("e")))
    rig.start()
    assert rig.call("/e/score", b"x" * (1 << 20)).status == 200
    lent = rig.loans()
    rig.kill_gateway()
    rig.start()
    assert not rig.loans() & lent


def test_the_file_alone_is_enough_without_a_poke(rig):
    rig.route(e=endpoint(rig.worker("e")))
    rig.start()
    routing.write(rig.home / "routing.json", routing.Routes(99, rig.endpoints))
    wait_until(lambda: rig.stats()["generation"] == 99, "the new file")


def test_a_broken_file_changes_nothing_and_is_logged(rig):
    rig.route(e=endpoint(rig.worker("e")))
    rig.start()
    (rig.home / "routing.json").write_text("{")
    assert control.ask(rig.settings.sockets, "reload") == {"generation": 1}
    assert rig.call("/e/score", b"x").status == 200
    assert "The routes stay as they were" in (rig.home / "logs/gateway.log").read_text()


def test_a_home_has_one_gateway(rig):
    rig.start()
    command = [sys.executable, "-m", "lazulite.serving.gateway", "--home", str(rig.home), "--port", "0"]
    second = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert second.returncode == 1
    assert f"error: Another gateway serves {rig.home} already." in second.stderr
    assert rig.stats()["pid"] == rig.gateway.pid


def test_a_port_that_is_taken_is_said_to_be(rig):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "lazulite.serving.gateway", "--home", str(rig.home), "--port", port]
        found = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert found.returncode == 1
    assert f"Port {port} of 127.0.0.1 cannot be listened on" in found.stderr


@pytest.mark.parametrize("way", ["command", "signal"])
def test_a_gateway_that_is_told_to_stop_answers_first(rig, way):
    rig.route(e=endpoint(rig.worker("e")))
    rig.start()
    rig.ready("e")
    answers = []
    with requests.Session() as idle:
        idle.post(f"http://127.0.0.1:{rig.port}/e/score", data=b"x", headers=BEARER, timeout=20)
        busy = threading.Thread(target=lambda: answers.append(rig.call("/e/score?sleep_ms=300", b"x").status))
        busy.start()
        wait_until(lambda: rig.deployment("e", "blue")["in_flight"] == 1)
        if way == "command":
            assert control.ask(rig.settings.sockets, "stop") == {"stopping": True}
        else:
            rig.gateway.send_signal(signal.SIGTERM)
        busy.join()
    assert answers == [200]
    assert rig.gateway.wait(10) == 0
    with pytest.raises(Unavailable):
        control.ask(rig.settings.sockets, "stats")


def test_the_control_socket_refuses_what_it_does_not_know(rig):
    rig.start()
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(control.path(rig.settings.sockets)))
        lines = link.makefile("rb")
        for nonsense in (b"{", b"[]", b'{"do": "format"}', b'{"do": []}', b"null"):
            link.sendall(nonsense + b"\n")
            assert "reload, stats, stop" in json.loads(lines.readline())["error"]


@pytest.mark.parametrize("host", ["localhost", "e.eastus.inference.ml.azure.com"])
def test_the_same_port_speaks_tls_under_every_name_it_has(rig, host):
    rig.route(e=endpoint(rig.worker("e")))
    rig.start()
    authority = Authority.open(rig.home)
    path = "/e/score" if host == "localhost" else "/score"
    body = b"x" * 3_000_000
    command = ["curl", "-sS", "--cacert", str(authority.bundle), "--noproxy", "*", "--http1.1", "--data-binary", "@-"]
    where = ["--connect-to", f"{host}:443:127.0.0.1:{rig.port}", f"https://{host}{path}"]
    found = subprocess.run(
        [*command, "-H", f"Authorization: Bearer {KEY}", *where], input=body, capture_output=True, timeout=20
    )
    assert found.stdout == body, found.stderr


def test_a_handshake_that_fails_harms_nobody(rig):
    rig.route(e=endpoint(rig.worker("e")))
    rig.start()
    rig.raw(b"\x16\x03\x01\x00\x05hello")
    assert rig.call("/e/score", b"x").status == 200
