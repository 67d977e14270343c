"""Workers that speak HTTP by themselves, as containers do: every path reaches them, and heads hardly change."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from lazulite.serving import routing
from tests.conftest import free_port
from tests.serving.rig import KEY, read_all, rig_in, wait_until

BEARER = {"Authorization": f"Bearer {KEY}"}


class Server(BaseHTTPRequestHandler):
    """A container's server, for tests: the first word of the path says what it does."""

    protocol_version = "HTTP/1.1"
    may_go = threading.Event()

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        getattr(self, self.path.strip("/").partition("?")[0].partition("/")[0] or "root", self.echo)(body)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815 - the names that http.server calls

    def reply(self, status, body, *lines):
        self.send_response(status)
        for name, value in lines:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def root(self, body):
        self.reply(200, b"root of the container")

    def echo(self, body):
        told = {"method": self.command, "path": self.path, "headers": dict(self.headers.items())}
        self.reply(200, json.dumps({**told, "body": len(body)}).encode(), ("Content-Type", "application/json"))

    def back(self, body):
        self.reply(200, body)

    def missing(self, body):
        self.reply(404, b"no such model", ("X-Own", "1"))

    def chunks(self, body):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")

    def endless(self, body):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"until the end")

    def half(self, body):
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"half")
        self.close_connection = True

    def silent(self, body):
        self.close_connection = True

    def nonsense(self, body):
        self.wfile.write(b"HELLO\r\n\r\n")

    def slow(self, body):
        self.may_go.wait(10)
        self.reply(200, b"done")

    def fickle(self, body):
        """Promises to keep the connection and closes it."""
        self.reply(200, b"fickle")
        self.close_connection = True

    def log_message(self, *_):
        pass


class Quiet(ThreadingHTTPServer):
    def handle_error(self, *_):
        """Says nothing of clients that hang up: some tests are about that."""


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    server = Quiet(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    with rig_in(tmp_path_factory.mktemp("http")) as rig:
        worker = routing.Worker("c", f"tcp:127.0.0.1:{server.server_port}", slots=2)
        nobody = routing.Worker("n", f"tcp:127.0.0.1:{free_port()}")
        rig.route(
            c=_endpoint(worker, queue=2, timeout_ms=10_000),
            hurried=_endpoint(worker, timeout_ms=200),
            nobody=_endpoint(nobody, max_wait_ms=200),
        )
        rig.start()
        yield rig
    server.shutdown()
    server.server_close()


def _endpoint(worker, **spec):
    deployment = routing.Deployment((worker,), protocol="http", **spec)
    return routing.Endpoint({"blue": deployment}, keys=(KEY,), traffic={"blue": 100})


def url(rig, rest):
    return f"http://127.0.0.1:{rig.port}{rest}"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/v2/models/m/infer?x=%20y", "/v2/health/ready", "/swagger.json"])
def test_every_method_and_path_reaches_the_server(rig, method, path):
    answer = requests.request(method, url(rig, "/c" + path), data=b"abc", headers=BEARER, timeout=10)
    heard = answer.json()
    assert (heard["method"], heard["path"], heard["body"]) == (method, path, 3)
    assert answer.headers["azureml-model-deployment"] == "blue"


def test_the_bare_address_is_the_servers_own_and_needs_a_key(rig):
    assert rig.call("/c/").body == b"root of the container"
    assert rig.call("/c/", key=None).status == 401


def test_heads_pass_but_for_what_belongs_to_one_connection(rig):
    sent = {"Connection": "keep-alive", "Keep-Alive": "9", "TE": "trailers", "X-Mine": "1", "x-request-id": "mine"}
    answer = rig.call("/c/echo", b"x", **sent)
    heard = {name.lower(): value for name, value in json.loads(answer.body)["headers"].items()}
    assert heard["x-mine"] == "1" and heard["content-length"] == "1"
    assert heard["x-request-id"] == answer.headers["x-request-id"] != "mine"
    assert heard["host"] == f"127.0.0.1:{rig.port}"
    assert not {"keep-alive", "te", "connection"} & set(heard)
    assert sum(name == "Server" for name in answer.headers) == 0 and answer.headers["server"] == "lazulite"


def test_a_head_has_no_body(rig):
    assert rig.call("/c/back", method="HEAD").status == 200


@pytest.mark.parametrize("size", [0, 70_000, 9 << 20])
def test_bodies_of_known_length_pass(rig, size):
    assert rig.call("/c/back", b"x" * size).body == b"x" * size


def test_bodies_in_chunks_pass(rig):
    sent = (b"x" * 500_000 for _ in range(20))
    assert len(requests.post(url(rig, "/c/back"), data=sent, headers=BEARER, timeout=10).content) == 10_000_000
    assert requests.get(url(rig, "/c/chunks"), headers=BEARER, timeout=10).content == b"onetwo"
    assert requests.get(url(rig, "/c/endless"), headers=BEARER, timeout=10).content == b"until the end"


def test_an_error_of_the_container_is_424(rig):
    answer = rig.call("/c/missing", b"x")
    assert (answer.status, answer.body) == (424, b"no such model")
    assert answer.headers["ms-azureml-model-error-statuscode"] == "404"
    assert answer.headers["x-own"] == "1"


@pytest.mark.parametrize("path", ["/c/silent", "/c/nonsense"])
def test_a_container_that_does_not_answer_is_424(rig, path):
    answer = rig.call(path, b"x")
    assert answer.status == 424
    assert answer.headers["ms-azureml-model-error-statuscode"] == "502"


def test_half_an_answer_never_looks_whole(rig):
    found = rig.raw(rig.head("/c/half", method="GET"))
    assert found.endswith(b"half") and b"content-length: 100" in found


def test_a_connection_that_the_container_closed_between_requests_fails_none(rig):
    assert [rig.call("/c/fickle", b"x").body for _ in range(20)] == [b"fickle"] * 20


def test_slots_bound_what_the_container_gets_at_once(rig):
    Server.may_go.clear()
    links = [rig.link() for _ in range(4)]
    for link in links:
        link.sendall(rig.head("/c/slow", "Connection: close", method="GET"))
    wait_until(lambda: rig.deployment("c", "blue")["waiting"] == 2)
    assert rig.deployment("c", "blue")["workers"]["c"] == {"state": "ready", "in_flight": 2}
    assert rig.call("/c/echo", b"x").status == 429
    Server.may_go.set()
    for link in links:
        assert read_all(link).endswith(b"done")
        link.close()


def test_a_container_that_takes_too_long_is_408(rig):
    Server.may_go.clear()
    assert rig.call("/hurried/slow", b"x").status == 408
    Server.may_go.set()


def test_a_container_that_does_not_listen_is_503(rig):
    answer = rig.call("/nobody/score", b"x")
    assert answer.status == 503
    assert rig.deployment("nobody", "blue")["workers"]["n"]["state"] == "refused"
