"""The forward proxy: what ends here, what goes to the gateway, what goes out, and what is refused."""

import contextlib
import os
import socket
import subprocess
import threading
import time

import pytest
import requests

from lazulite.edge import sockets
from lazulite.edge.proxy import target_of
from lazulite.errors import BadRequest
from lazulite.identity import doors
from tests.front import running


class Peer:
    """A TCP server that gives each connection to a function, in a thread of its own."""

    def __init__(self, answer):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.answer = answer
        self.count = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.server.accept()
                self.count += 1
                threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection):
        with connection, contextlib.suppress(OSError):
            self.answer(connection)


@contextlib.contextmanager
def peer(answer):
    """Runs a server for the length of a block."""
    running_peer = Peer(answer)
    with running_peer.server:
        yield running_peer


def head_of(connection):
    content = b""
    while b"\r\n\r\n" not in content:
        chunk = connection.recv(65536)
        if not chunk:
            break
        content += chunk
    return content


def tell_head(connection):
    """Answers a request with its own head."""
    head = head_of(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(head), head))


def connect(front, target, *headers):
    """Opens a tunnel; returns the connection and the first answer's head."""
    client = socket.create_connection(("127.0.0.1", front.port), timeout=10)
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}", *headers]
    client.sendall("\r\n".join([*lines, "", ""]).encode())
    return client, head_of(client)


def test_an_azure_host_ends_here(front):
    with requests.Session() as session:
        session.proxies, session.verify = front.proxies, front.bundle
        for host in ("management.azure.com", "acct.blob.core.windows.net", "eastus.api.azureml.ms"):
            told = session.get(f"https://{host}/path").json()
            assert (told["scheme"], told["headers"]["host"]) == ("https", host)


def test_an_azure_host_may_be_spoken_to_plainly_through_a_tunnel(front):
    client, head = connect(front, "management.azure.com:80")
    with client:
        assert head.startswith(b"HTTP/1.1 200 ")
        client.sendall(b"GET /x HTTP/1.1\r\nHost: management.azure.com\r\n\r\n")
        assert b'"scheme": "http"' in client.recv(65536)


def test_a_plain_url_of_azures_ends_here(front):
    answer = requests.get("http://169.254.169.254/metadata/x?a=b", proxies=front.proxies)
    assert answer.json()["path"] == "/metadata/x"
    assert answer.json()["query"] == "a=b"
    # The next request of the connection may be for another host, which nobody would look at any more.
    assert answer.headers["Connection"] == "close"


def test_what_the_proxy_is_told_is_not_passed_on(front):
    told = requests.get(
        "http://169.254.169.254/",
        proxies={"http": f"http://user:password@127.0.0.1:{front.port}"},
        headers={"Proxy-Connection": "keep-alive"},
    ).json()
    assert not [name for name in told["headers"] if name.startswith("proxy-")]


def test_bytes_that_follow_a_connect_at_once_are_not_lost(front):
    with socket.create_connection(("127.0.0.1", front.port), timeout=10) as client:
        client.sendall(
            b"CONNECT management.azure.com:80 HTTP/1.1\r\n\r\nGET /early HTTP/1.1\r\nHost: management.azure.com\r\n\r\n"
        )
        received = b""
        while b"/early" not in received:
            chunk = client.recv(65536)
            assert chunk, received
            received += chunk


def test_another_host_is_passed_through_untouched(front):
    with peer(tell_head) as other:
        client, head = connect(front, f"127.0.0.1:{other.port}")
        with client:
            assert head == b"HTTP/1.1 200 Connection established\r\n\r\n"
            client.sendall(b"GET / HTTP/1.1\r\nX-Odd:  Header\r\n\r\n")
            assert head_of(client).startswith(b"HTTP/1.1 200 OK")


def test_a_plain_url_of_another_host_is_passed_on(front):
    with peer(tell_head) as other:
        got = requests.get(f"http://127.0.0.1:{other.port}/a?b=c", proxies=front.proxies, headers={"X-Own": "y"}).text
    first, *rest = got.split("\r\n")
    assert first == "GET /a?b=c HTTP/1.1"
    assert "X-Own: y" in rest
    assert "Connection: close" in rest
    assert f"Host: 127.0.0.1:{other.port}" in rest


def test_either_side_may_finish_first(front):
    """A peer that has sent all may still be answered: what `nc -N`, git and database dumps rely on."""

    def count(connection):
        size = 0
        while chunk := connection.recv(65536):
            size += len(chunk)
        connection.sendall(str(size).encode())

    with peer(count) as other:
        client, _ = connect(front, f"127.0.0.1:{other.port}")
        with client:
            client.sendall(bytes(3_000_000))
            client.shutdown(socket.SHUT_WR)
            assert client.recv(100) == b"3000000"
            assert client.recv(100) == b""


def test_a_reader_that_pauses_is_waited_for(front):
    """Nothing piles up in the proxy while the client does not read."""
    size, sent = 32 << 20, []

    def pour(connection):
        for _ in range(size >> 20):
            connection.sendall(bytes(1 << 20))
            sent.append(1)

    with peer(pour) as other:
        client, head = connect(front, f"127.0.0.1:{other.port}")
        with client:
            time.sleep(0.2)
            assert len(sent) < 24
            received = len(head.partition(b"\r\n\r\n")[2])
            while chunk := client.recv(1 << 20):
                received += len(chunk)
    assert received == size


def test_a_peer_that_goes_takes_its_tunnel_along(front):
    gone = threading.Event()

    def wait_for_end(connection):
        connection.recv(1)
        gone.set()

    with peer(wait_for_end) as other:
        client, _ = connect(front, f"127.0.0.1:{other.port}")
        client.close()
        assert gone.wait(5)


def test_a_tunnel_in_which_nothing_moves_is_closed(front):
    async def joined():
        (one, near), (other, far) = socket.socketpair(), socket.socketpair()
        for end in (one, other):
            end.setblocking(False)
        with one, near, other, far:
            await sockets.join(one, other, idle_s=0.05)

    began = time.perf_counter()
    front.call(joined())
    assert 0.05 < time.perf_counter() - began < 2


def test_scoring_hosts_are_the_gateways_untouched(tmp_path):
    def tell_first_byte(connection):
        connection.sendall(b"first byte %d" % connection.recv(100)[0])

    with peer(tell_first_byte) as gateway, running(tmp_path, scoring_port=gateway.port) as front:
        client, head = connect(front, "churn.eastus.inference.ml.azure.com:443")
        with client:
            assert head.startswith(b"HTTP/1.1 200 ")
            client.sendall(b"\x16\x03\x01 a handshake")
            assert client.recv(100) == b"first byte 22"


def test_a_plain_scoring_url_is_the_gateways_too(tmp_path):
    with peer(tell_head) as gateway, running(tmp_path, scoring_port=gateway.port) as front:
        got = requests.post("http://churn.eastus.inference.ml.azure.com/score", data=b"x", proxies=front.proxies).text
    assert got.startswith("POST /score HTTP/1.1\r\n")


def test_a_host_that_cannot_be_reached_says_so(front):
    with pytest.raises(requests.exceptions.ProxyError, match=r"502 127\.0\.0\.1 port 1 cannot be reached"):
        requests.get("https://127.0.0.1:1/", proxies=front.proxies)
    answer = requests.get("http://127.0.0.1:1/", proxies=front.proxies)
    assert "Connection refused" in answer.text
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "BadGateway")


def test_a_private_network_lets_nothing_out_and_lists_it(tmp_path):
    with running(tmp_path, private_network=True) as front:
        for _ in range(2):
            with pytest.raises(requests.exceptions.ProxyError, match=r"403 pypi\.org:443 is outside"):
                requests.get("https://pypi.org/simple", proxies={"https": f"http://job-7:x@127.0.0.1:{front.port}"})
        answer = requests.get("http://example.org/", proxies=front.proxies)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "PrivateNetworkRefused")
        plain, secure = front.listener.refusals.latest()
        assert (plain.host, plain.port, plain.who, plain.count) == ("example.org", 80, "127.0.0.1", 1)
        assert (secure.host, secure.port, secure.who, secure.count) == ("pypi.org", 443, "job-7", 2)
        assert secure.first_at <= secure.last_at
        assert requests.get("https://ml.azure.com/", proxies=front.proxies, verify=front.bundle).ok


def test_a_private_network_does_not_part_a_machine_from_itself(tmp_path):
    with peer(tell_head) as other, running(tmp_path, private_network=True) as front:
        assert requests.get(f"http://127.0.0.1:{other.port}/", proxies=front.proxies).ok


def through(door, asked):
    """Asks through a door; returns the first line of the answer."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(door))
        client.sendall(asked)
        return client.makefile("rb").readline().decode()


def test_who_comes_through_a_door_gets_to_this_machine_and_nowhere_else(tmp_path):
    company = {"HTTPS_PROXY": "http://127.0.0.1:3128"}
    with peer(tell_head) as other, running(tmp_path / "home", environ=company) as front:
        door = doors.path(front.told.sockets)
        for target in ("pypi.org:443", "127.0.0.53:53", "127.0.0.1:3128"):
            asked = f"job 7\nCONNECT {target} HTTP/1.1\r\nProxy-Authorization: Basic eDp5\r\n\r\n"
            assert through(door, asked.encode()).startswith(f"HTTP/1.1 403 {target} is outside")
        assert "200 Connection" in through(door, f"job 7\nCONNECT 127.0.0.1:{other.port} HTTP/1.1\r\n\r\n".encode())
        assert "200 OK" in through(door, b"job 7\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert through(door, b"x" * 5000) == "", "he does not say who he is"
        listed = {(one.host, one.who) for one in front.listener.refusals.latest()}
        assert listed == {("pypi.org", "job 7"), ("127.0.0.53", "job 7"), ("127.0.0.1", "job 7")}
        assert not doors.lets_out(front.told, "builds", "pypi.org", 443)
        assert doors.lets_out(front.told, "builds", "127.0.0.1", other.port)


def test_the_other_door_leads_to_the_gateway(tmp_path):
    with peer(tell_head) as gateway, running(tmp_path / "home", scoring_port=gateway.port) as front:
        asked = b"job 7\nGET /ep/score HTTP/1.1\r\nHost: localhost\r\n\r\n"
        assert "200 OK" in through(doors.scoring_path(front.told.sockets), asked)


def test_an_exposed_proxy_wants_its_secret(tmp_path):
    with running(tmp_path, host="0.0.0.0", secret="a b:c") as front:
        for credentials in ("", "me:guessed@", "a%20b%3Ac@"):
            with pytest.raises(requests.exceptions.ProxyError, match="407 This proxy is open to other machines"):
                proxy = f"http://{credentials}127.0.0.1:{front.port}"
                requests.get("https://management.azure.com/", proxies={"https": proxy}, verify=front.bundle)
        proxy = {"https": f"http://me:a%20b%3Ac@127.0.0.1:{front.port}", "http": "http://none"}
        assert requests.get("https://management.azure.com/", proxies=proxy, verify=front.bundle).ok
        refused = requests.get("http://169.254.169.254/", proxies=front.proxies)
        assert (refused.status_code, refused.headers["Proxy-Authenticate"]) == (407, 'Basic realm="Lazulite"')


def test_curl_goes_through(front):
    environ = {"PATH": os.environ["PATH"], "https_proxy": front.url, "CURL_CA_BUNDLE": front.bundle}
    command = ["curl", "-sS", "-T", "-", "https://acct.blob.core.windows.net/c/b"]
    run = subprocess.run(command, env=environ, input="12345", capture_output=True, text=True, timeout=20)
    assert '"size": 5' in run.stdout, run.stderr


@pytest.mark.parametrize(
    ("authority", "target"),
    [
        ("management.azure.com:443", ("management.azure.com", 443)),
        ("Example.ORG.:8443", ("example.org", 8443)),
        ("[::1]:80", ("::1", 80)),
        ("127.0.0.1", ("127.0.0.1", 80)),
    ],
)
def test_targets(authority, target):
    assert target_of(authority, 80) == target


@pytest.mark.parametrize(
    "authority",
    ["", ":443", "a:0", "a:65536", "a:-1", "a:b", "a b:1", "[::1", "::1:443", "[x]:1", "a\x00b:1", "a:١", "-a:1"],
)
def test_what_is_no_target(authority):
    with pytest.raises(BadRequest, match="does not name a host and a port"):
        target_of(authority, 80)
