"""Clients that mean harm, or behave as if: nobody else's request waits for them, and the gateway stays as it was."""

import json
import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.serving.rig import WITHIN_S, endpoint, read_all, rig_in, wait_until

MB = 1 << 20
IMPATIENT = (
    "from lazulite.serving.gateway import client\nclient._BODY_STEP_LIMIT_S = 0.6\nclient._KEPT_LIMIT_BYTES = 6 << 20"
)


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    with rig_in(tmp_path_factory.mktemp("hostile"), IMPATIENT) as rig:
        rig.route(e=endpoint(rig.worker("e")), f=endpoint(rig.worker("f"), max_wait_ms=20_000))
        rig.start()
        rig.ready("e")
        rig.ready("f")
        yield rig


def memory_mb(pid):
    with open(f"/proc/{pid}/status") as status:  # noqa: PTH123 - not a file of this machine's disk
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) >> 10


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - not a folder of this machine's disk


def status_of(answer):
    return int(answer.split(b" ", 2)[1])


def trickle(link):
    """Sends a byte now and then until the other end has had enough; returns what it said."""
    link.settimeout(0.05)
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        link.send(b"1")
        try:
            return link.recv(1 << 16)
        except TimeoutError:
            continue
    raise AssertionError("it went on and on")


@pytest.mark.parametrize("lines", [("Content-Length: 1000",), (f"Content-Length: {32 * MB}",)])
def test_a_client_that_sends_a_byte_now_and_then_is_408(rig, lines):
    with rig.link() as link:
        link.sendall(rig.head("/e/score", *lines))
        answer = trickle(link)
    assert status_of(answer) == 408
    assert "KiB of the body came in" in json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"]


def test_a_client_without_a_key_that_sends_a_byte_now_and_then_is_cut_off_too(rig):
    with rig.link() as link:
        link.sendall(b"POST /e/score HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n")
        assert status_of(trickle(link)) == 408


def test_a_large_upload_that_stops_has_no_worker(rig):
    with rig.link() as slow:
        slow.sendall(rig.head("/f/score", f"Content-Length: {64 * MB}") + b"x" * MB)
        assert rig.call("/f/score", b"quick").body == b"quick"


def test_a_large_upload_that_stops_when_it_has_a_worker_gives_it_up(rig):
    with rig.link() as slow, ThreadPoolExecutor(1) as pool:
        slow.sendall(rig.head("/f/score", f"Content-Length: {64 * MB}") + b"x" * (5 * MB))
        wait_until(lambda: rig.deployment("f", "blue")["in_flight"] == 1)
        assert pool.submit(rig.call, "/f/score", b"waits").result().body == b"waits"
        assert status_of(read_all(slow)) == 408


def test_bodies_that_nobody_has_read_have_a_limit_all_together(rig):
    links = [rig.link() for _ in range(3)]
    for link in links:
        link.sendall(rig.head("/e/score", "Transfer-Encoding: chunked") + b"%x\r\n" % (4 * MB) + b"x" * (3 * MB))
    answers = [read_all(link) for link in links]
    for link in links:
        link.close()
    assert sorted(map(status_of, answers)) in ([408, 429, 429], [408, 408, 429])
    assert rig.call("/e/score", b"next").body == b"next"


def test_a_worker_that_does_not_read_holds_a_client_back_not_its_bytes(rig):
    pid, worker = rig.stats()["pid"], rig.processes["f"]
    before = memory_mb(pid)
    with rig.link() as link:
        link.sendall(rig.head("/f/score", "Transfer-Encoding: chunked") + b"5\r\nhello\r\n")
        worker.send_signal(signal.SIGSTOP)
        try:
            link.settimeout(1)
            with pytest.raises(TimeoutError):
                for _ in range(300):
                    link.sendall(b"%x\r\n%b\r\n" % (MB, b"x" * MB))
            assert memory_mb(pid) - before < 60
        finally:
            worker.send_signal(signal.SIGCONT)
    wait_until(lambda: rig.call("/f/score", b"again").body == b"again")


def test_a_client_that_never_reads_holds_neither_memory_nor_worker_for_long(rig):
    pid = rig.stats()["pid"]
    before, links = memory_mb(pid), []
    for _ in range(8):
        link = socket.socket()
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.connect(("127.0.0.1", rig.port))
        link.sendall(rig.head(f"/e/score?size={48 * MB}", "Content-Length: 2") + b"hi")
        links.append(link)
    assert rig.call("/f/score", b"quick").body == b"quick"
    assert memory_mb(pid) - before < 60
    for link in links:
        link.close()
    wait_until(lambda: rig.deployment("e", "blue")["in_flight"] == 0)


def test_a_crowd_that_says_nothing_useful_leaves_no_trace(rig):
    pid = rig.stats()["pid"]
    rig.call("/e/score", b"x")
    memory, files = memory_mb(pid), open_files(pid)
    beginnings = (b"", b"P", b"POST /e/score HTTP/1.1\r\nX: y\r\n", rig.head("/e/score", "Content-Length: 100") + b"x")
    links = [rig.link() for _ in range(200)]
    for number, link in enumerate(links):
        link.sendall(beginnings[number % len(beginnings)])
    assert rig.call("/e/score", b"quick").body == b"quick"
    for link in links:
        link.close()
    wait_until(lambda: open_files(pid) <= files + 2)
    assert memory_mb(pid) - memory < 20


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST /e/score HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(100_000)) + b"\r\n", 431),
        (b"POST /e/score HTTP/1.1\r\nX: " + b"y" * (10 * MB) + b"\r\n\r\n", 431),
        (b"GET /e/score?" + b"y" * MB + b" HTTP/1.1\r\nHost: h\r\n\r\n", 431),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET /e/score\r\n\r\n", 400),
        (b"BREW /e/score HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"GET /e/sc\0re HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"GET http://[::1/e HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"CONNECT e:443 HTTP/1.1\r\nHost: h\r\n\r\n", 405),
        (b"GET http://169.254.169.254/latest HTTP/1.1\r\nHost: h\r\n\r\n", 404),
        (b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 404),
        (b"GET /%00/score HTTP/1.1\r\nHost: h\r\n\r\n", 404),
    ],
    ids=lambda sent: sent[:24] if isinstance(sent, bytes) else sent,
)
def test_what_no_client_of_ours_sends_is_refused_in_json(rig, sent, status):
    with rig.link() as link:
        link.sendall(sent)
        link.shutdown(socket.SHUT_WR)
        answer = read_all(link)
    assert status_of(answer) == status
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"]
