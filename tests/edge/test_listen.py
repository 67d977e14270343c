"""The port: what a connection is by its first bytes, TLS by name, limits, and the end."""

import asyncio
import socket
import ssl
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from lazulite import settings
from lazulite.edge import connection, listen
from lazulite.errors import BadRequest, Conflict
from tests.front import running


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (b"", None),
        (b"\x16\x03\x01", "tls"),
        (b"\x16", "tls"),
        (b"CONNECT management", "proxy"),
        (b"CONNECT ", "proxy"),
        (b"CONN", None),
        (b"GET /", "http"),
        (b"GET ", None),
        (b"OPTIONS * HTTP/1.1", "http"),
        (b"GET http://x", "proxy"),
        (b"GET http:/", None),
        (b"POST https://x/", "proxy"),
        (b"\x00\xff\x00", None),
        (b"\x00" * 40, "http"),
        (b"nonsense without end or space, over thirty-two bytes", "http"),
    ],
)
def test_the_first_bytes_tell(first, kind):
    assert listen.kind_of(first) == kind


def test_plain_http(front):
    told = requests.post(f"{front.url}/a%20b?c=d", data=b"body").json()
    assert (told["scheme"], told["method"], told["path"], told["query"]) == ("http", "POST", "/a b", "c=d")
    assert told["size"] == 4


def test_a_small_answer_leaves_in_one_piece(front):
    with socket.create_connection(("127.0.0.1", front.port), timeout=10) as client:
        for _ in range(20):
            client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 100 ")
            client.sendall(b"x")
            head, blank, body = client.recv(1 << 16).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200") and blank and body.endswith(b"}")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_tls_to_the_port_itself(front, host):
    assert requests.get(f"https://{host}:{front.port}/", verify=front.bundle).json()["scheme"] == "https"


def test_tls_shows_a_leaf_for_the_name_asked_for(front):
    assert served_name(front, "acct.blob.core.windows.net") == ["acct.blob.core.windows.net"]


def test_tls_for_an_unknown_name_shows_this_machines_own(front):
    assert served_name(front, "pypi.org") == ["localhost"]


def served_name(front, name):
    context = ssl.create_default_context(cafile=front.bundle)
    context.check_hostname = False
    with (
        socket.create_connection(("127.0.0.1", front.port)) as raw,
        context.wrap_socket(raw, server_hostname=name) as tls,
    ):
        return [value for kind, value in tls.getpeercert()["subjectAltName"] if kind == "DNS"]


def test_curl_speaks_http_1_1_over_tls(front):
    command = ["curl", "-sS", "--cacert", front.bundle, "-w", "%{http_version}", "-o", "/dev/null"]
    run = subprocess.run([*command, f"https://localhost:{front.port}/"], capture_output=True, text=True, timeout=20)
    assert (run.stdout, run.stderr) == ("1.1", "")


def test_first_bytes_may_come_one_by_one(front):
    with socket.create_connection(("127.0.0.1", front.port)) as client:
        for byte in b"GET /slowly HTTP/1.1\r\nHost: localhost\r\n\r\n":
            client.sendall(bytes([byte]))
            time.sleep(0.001)
        assert client.recv(65536).startswith(b"HTTP/1.1 200")


def test_requests_on_one_connection_and_its_keep_alive(front):
    with requests.Session() as session:
        for number in range(5):
            assert session.get(f"{front.url}/{number}").json()["path"] == f"/{number}"


def test_a_date_is_on_every_answer(front):
    assert requests.get(front.url).headers["Date"].endswith("GMT")


def test_many_idle_connections_cost_the_others_nothing(front):
    idle = [socket.create_connection(("127.0.0.1", front.port)) for _ in range(500)]
    began = time.perf_counter()
    assert requests.get(front.url).ok
    assert time.perf_counter() - began < 2
    for client in idle:
        client.close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00" * 100,
        b"\r\n\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x00\x05hello, this is no handshake",
        b"CONNECT\r\n\r\n",
        b"CONNECT  HTTP/1.1\r\n\r\n",
        b"CONNECT nowhere HTTP/1.1\r\n\r\n",
        b"CONNECT localhost:99999 HTTP/1.1\r\n\r\n",
        b"CONNECT localhost:\xb2 HTTP/1.1\r\n\r\n",
        b"CONNECT a..b@c:443 HTTP/1.1\r\n\r\n",
        b"CONNECT [::1 HTTP/1.1\r\n\r\n",
        b"GET http:// HTTP/1.1\r\n\r\n",
        b"GET http://[/ HTTP/1.1\r\n\r\n",
        b"GET https://management.azure.com/ HTTP/1.1\r\n\r\n",
        b"GET ftp://example.org/ HTTP/1.1\r\n\r\n",
        b"GET http://\xff\xfe/ HTTP/1.1\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n" + b"x" * 40,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_garbage_is_refused_and_the_port_lives(front, garbage, caplog):
    answer = talk(front, garbage)
    assert answer == b"" or answer[:1] == b"\x15" or answer[:12].startswith((b"HTTP/1.1 400", b"HTTP/1.1 421"))
    assert requests.get(front.url).ok
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def talk(front, content):
    """Sends bytes and then nothing more; returns all that comes back."""
    answer = b""
    with socket.create_connection(("127.0.0.1", front.port), timeout=10) as client:
        client.sendall(content)
        client.shutdown(socket.SHUT_WR)
        try:
            while chunk := client.recv(65536):
                answer += chunk
        except ConnectionResetError:
            pass
    return answer


def test_a_client_that_says_nothing_and_leaves_is_no_error(front, caplog):
    socket.create_connection(("127.0.0.1", front.port)).close()
    assert requests.get(front.url).ok
    assert not caplog.records


@pytest.mark.parametrize("first_line", [b"GET / HTTP/1.1\r\n", b"CONNECT management.azure.com:443 HTTP/1.1\r\n"])
def test_an_endless_head_is_cut_off(front, first_line):
    with socket.create_connection(("127.0.0.1", front.port), timeout=10) as client:
        answer = b""
        try:
            client.sendall(first_line)
            for _ in range(64):
                client.sendall(b"X-Filler: " + b"x" * (64 << 10))
            answer = client.recv(65536)
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert answer == b"" or b" 431 " in answer or b" 400 " in answer
    assert requests.get(front.url).ok


def test_a_head_that_never_ends_is_given_up(front, monkeypatch):
    monkeypatch.setattr(connection, "HEAD_S", 0.2)
    assert silence_after(front, b"GET / HTTP/1.1\r\nHost: loc") == b""


def test_a_body_that_never_comes_is_given_up(front, monkeypatch):
    monkeypatch.setattr(connection, "BODY_SILENCE_S", 0.2)
    assert silence_after(front, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nab") == b""


def test_a_client_that_says_nothing_is_given_up(front, monkeypatch):
    monkeypatch.setattr(listen, "_GREETING_S", 0.2)
    assert silence_after(front, b"") == b""
    assert silence_after(front, b"CONN") == b""


def silence_after(front, content):
    with socket.create_connection(("127.0.0.1", front.port), timeout=10) as client:
        client.sendall(content)
        try:
            return client.recv(65536)
        except ConnectionResetError:
            return b""


def test_a_slow_app_is_no_stalled_client(front, monkeypatch):
    monkeypatch.setattr(connection, "BODY_SILENCE_S", 0.0)
    monkeypatch.setattr(connection, "HEAD_S", 0.0)
    assert requests.post(f"{front.url}/slow", data=b"body").ok


def test_closing_lets_a_request_finish(tmp_path):
    with running(tmp_path) as front, ThreadPoolExecutor() as threads:
        asked = threads.submit(requests.get, f"{front.url}/slow")
        time.sleep(0.1)
        front.close(grace_s=5)
        assert asked.result(10).json()["path"] == "/slow"
        with pytest.raises(requests.ConnectionError):
            requests.get(front.url)


def test_closing_waits_no_longer_than_told(tmp_path):
    async def never(scope, receive, send):
        await asyncio.Event().wait()

    with running(tmp_path, app_of=lambda told: never) as front, ThreadPoolExecutor() as threads:
        asked = threads.submit(requests.get, front.url)
        time.sleep(0.1)
        began = time.perf_counter()
        front.close(grace_s=0.1)
        assert time.perf_counter() - began < 2
        with pytest.raises(requests.ConnectionError):
            asked.result(10)


def test_a_taken_port_says_so(front, tmp_path):
    with pytest.raises(Conflict, match=f"Port {front.port} of 127.0.0.1 is taken") as refused:
        front.call(listen.start(settings.read({}, home=tmp_path, port=front.port), front.authority, None, {}))
    assert refused.value.hint == "Choose another with `lazulite up --port`."


def test_an_address_of_no_machine_here_says_so(front, tmp_path):
    given = settings.read({}, home=tmp_path, port=0, host="192.0.2.1", secret="s")
    with pytest.raises(BadRequest, match=r"192\.0\.2\.1 cannot be listened on"):
        front.call(listen.start(given, front.authority, None, {}))


def test_a_port_open_to_others_needs_a_secret(front, tmp_path):
    with pytest.raises(BadRequest, match="no secret for clients to present"):
        front.call(listen.start(settings.read({}, home=tmp_path, host="0.0.0.0"), front.authority, None, {}))


def test_a_body_of_many_megabytes_over_tls_and_proxy(front):
    content = bytes(8 << 20)
    told = requests.put(
        "https://acct.blob.core.windows.net/c/b", data=content, proxies=front.proxies, verify=front.bundle
    ).json()
    assert told["size"] == len(content)
