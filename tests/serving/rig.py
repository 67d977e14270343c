"""A real gateway with real workers for tests: processes of their own, ended by pid, all files in the test's folder."""

import http.client
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from lazulite import settings
from lazulite.errors import Unavailable
from lazulite.serving import routing
from lazulite.serving.gateway import control

TOY = Path(__file__).with_name("toy_guest.py")
KEY = "k" * 84
WITHIN_S = 60


def wait_until(true, what="it"):
    """Waits for something to become true, and fails when it does not."""
    deadline = time.monotonic() + WITHIN_S
    while not (found := true()):
        assert time.monotonic() < deadline, f"{what} has not come"
        time.sleep(0.01)
    return found


class Answer:
    """A response, read whole."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:300]!r}"


class Rig:
    """One home with its gateway and its toy workers. changes: Python that a gateway runs first, for shorter limits."""

    def __init__(self, home, changes=""):
        self.changes = changes
        self.settings = settings.read({}, home=str(home), scoring_port=0)
        self.home = self.settings.home
        self.home.mkdir(parents=True, exist_ok=True)
        self.settings.sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.processes = {}
        self.gateway = None
        self.endpoints = {}
        self.generation = 0
        self.port = 0

    # Workers

    def worker(self, name):
        """Starts a toy and returns how the routing file names it."""
        address = self.settings.sockets / f"{name}.sock"
        address.unlink(missing_ok=True)
        with (self.home / f"{name}.log").open("ab") as log:
            process = subprocess.Popen([sys.executable, str(TOY), str(address)], stdout=log, stderr=log)
        self.processes[name] = process
        wait_until(address.exists, name)
        return routing.Worker(name, f"unix:{address}", process.pid)

    def says(self, name):
        """Returns what a toy has printed."""
        return (self.home / f"{name}.log").read_text()

    def end(self, name):
        """Kills a toy."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    # Routes and gateway

    def route(self, **endpoints):
        """Adds endpoints to the routing file (None takes one out), and waits for the gateway to have read it."""
        self.endpoints = {name: spec for name, spec in {**self.endpoints, **endpoints}.items() if spec is not None}
        self.generation += 1
        named = {name.replace("_", "-"): spec for name, spec in self.endpoints.items()}
        routing.write(self.home / "routing.json", routing.Routes(self.generation, named))
        if self.gateway:
            assert control.ask(self.settings.sockets, "reload") == {"generation": self.generation}

    def start(self):
        """Starts the gateway and waits until its workers are ready."""
        code = f"import sys\n{self.changes}\nfrom lazulite.serving.gateway import __main__\nsys.exit(__main__.main())"
        command = [sys.executable, "-c", code, "--home", str(self.home), "--port", str(self.port)]
        with (self.home / "gateway.out").open("ab") as out:
            self.gateway = subprocess.Popen(command, stdout=out, stderr=out)
        wait_until(self._answers, "the gateway")
        self.port = self.stats()["port"]

    def _answers(self):
        assert self.gateway.poll() is None, (self.home / "gateway.out").read_text()
        try:
            stats = self.stats()
        except Unavailable:
            return False
        return stats["pid"] == self.gateway.pid

    def stats(self):
        return control.ask(self.settings.sockets, "stats")

    def deployment(self, endpoint, name):
        """Returns the counts of a deployment."""
        return self.stats()["endpoints"][endpoint]["deployments"][name]

    def ready(self, endpoint, name="blue"):
        """Waits until the workers of a deployment have greeted."""
        wait_until(
            lambda: all(worker["state"] == "ready" for worker in self.deployment(endpoint, name)["workers"].values()),
            f"{endpoint}/{name}",
        )

    def loans(self):
        """Returns the files in memory that the gateway has now."""
        home = self.settings.sockets.name.rpartition("-")[2]
        return set(Path("/dev/shm").glob(f"lazulite-{home}-*")) if Path("/dev/shm").is_dir() else set()

    def kill_gateway(self):
        self.gateway.send_signal(signal.SIGKILL)
        self.gateway.wait()

    def close(self):
        for process in [*self.processes.values(), *([self.gateway] if self.gateway else [])]:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
        for left in [*self.settings.sockets.iterdir(), *self.loans()]:
            left.unlink()
        self.settings.sockets.rmdir()

    # Clients

    def call(self, path, body=None, method=None, key=KEY, **headers):
        """Sends one request on a connection of its own; header names with `_` for `-`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WITHIN_S)
        try:
            connection.request(method or ("GET" if body is None else "POST"), path, body, self._headers(key, headers))
            return Answer(connection.getresponse())
        finally:
            connection.close()

    @staticmethod
    def _headers(key, headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return {"Authorization": f"Bearer {key}", **named} if key else named

    def link(self):
        """Returns a raw connection."""
        link = socket.create_connection(("127.0.0.1", self.port), timeout=WITHIN_S)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return link

    def head(self, path, *lines, method="POST"):
        """Returns a request's head with the right key."""
        return "\r\n".join(
            (f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {KEY}", *lines, "", "")
        ).encode()

    def raw(self, data):
        """Sends bytes and returns everything that comes back until the connection ends."""
        with self.link() as link:
            link.sendall(data)
            return read_all(link)


def read_all(link):
    """Reads to the end of the connection."""
    pieces = []
    try:
        while piece := link.recv(1 << 20):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces)


def blue(*workers, **spec):
    """Returns a deployment of toys."""
    return routing.Deployment(workers, **{"queue": 8, **spec})


def endpoint(*workers, traffic=None, **spec):
    """Returns an endpoint with one deployment, `blue`, that has all traffic."""
    return routing.Endpoint({"blue": blue(*workers, **spec)}, keys=(KEY, "j" * 84), traffic=traffic or {"blue": 100})


@contextmanager
def rig_in(folder, changes=""):
    """Gives a rig to some tests, and fails them all if the gateway stumbled over anything they did."""
    rig = Rig(folder / "home", changes)
    try:
        yield rig
    finally:
        rig.close()
    said = [place.read_text() for place in (rig.home / "logs/gateway.log", rig.home / "gateway.out") if place.exists()]
    assert not any("Traceback" in text for text in said), said
