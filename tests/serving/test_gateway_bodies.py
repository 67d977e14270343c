"""Bodies in both directions: small, huge, in chunks, slow; and what may stand on one connection."""

import hashlib
import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.serving.rig import KEY, endpoint, read_all, rig_in, wait_until

LARGE = 24 << 20


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    with rig_in(tmp_path_factory.mktemp("bodies")) as rig:
        rig.route(e=endpoint(rig.worker("e"), timeout_ms=20_000), f=endpoint(rig.worker("f")))
        rig.start()
        rig.ready("e")
        yield rig


def url(rig, rest):
    return f"http://127.0.0.1:{rig.port}{rest}"


BEARER = {"Authorization": f"Bearer {KEY}"}


def memory_mb(pid):
    with open(f"/proc/{pid}/status") as status:  # noqa: PTH123 - not a file of this machine's disk
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) >> 10


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 1 << 20, (4 << 20) + 1])
def test_a_body_of_any_size_comes_and_goes(rig, size):
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    assert rig.call("/e/score", body).body == body


def test_a_huge_body_streams_in_constant_memory(rig):
    pid = rig.stats()["pid"]
    before = memory_mb(pid)
    body = b"0123456789abcdef" * (4 * LARGE // 16)
    found = requests.post(url(rig, "/e/score"), data=body, headers=BEARER, timeout=60)
    assert hashlib.sha256(found.content).digest() == hashlib.sha256(body).digest()
    assert memory_mb(pid) - before < 40


NEEDS_SHARED_MEMORY = pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="this machine has no /dev/shm")


@NEEDS_SHARED_MEMORY
@pytest.mark.parametrize(("size", "is_lent"), [(100_000, False), (1 << 20, True), (4 << 20, True), (5 << 20, False)])
def test_a_large_body_is_lent_and_a_small_or_huge_one_is_carried(rig, size, is_lent):
    heard = json.loads(rig.call("/e/score?told=1", b"x" * size).body)
    assert (heard["lent"], heard["body_bytes"]) == (is_lent, size)


@NEEDS_SHARED_MEMORY
def test_loans_are_used_again_and_never_mixed_up(rig):
    bodies = [bytes([number]) * (1 << 20) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            assert [answer.body for answer in pool.map(lambda body: rig.call("/e/score", body), bodies)] == bodies
    assert len(rig.loans()) <= 16


@NEEDS_SHARED_MEMORY
def test_an_answer_may_be_longer_than_the_loan_it_could_have(rig):
    assert rig.call("/e/score?size=9000000", b"x" * (1 << 20)).body == b"x" * 9_000_000
    assert rig.call("/e/score?chunks=2", b"x" * (1 << 20)).body == b"x" * (2 << 20)


@NEEDS_SHARED_MEMORY
def test_the_loan_of_a_request_that_was_called_off_is_given_up(rig):
    rig.route(late=endpoint(rig.worker("late"), timeout_ms=100))
    before = rig.loans()
    assert rig.call("/late/score?sleep_ms=20000", b"x" * (3 << 20)).status == 408
    assert rig.loans() <= before
    assert rig.call("/late/score", b"y" * (3 << 20)).body == b"y" * (3 << 20)


@NEEDS_SHARED_MEMORY
def test_a_client_that_leaves_amid_a_lent_body_leaves_no_file(rig):
    before = rig.loans()
    with rig.link() as link:
        link.sendall(rig.head("/e/score", "Content-Length: 2000000") + b"x" * 500_000)
        wait_until(lambda: rig.loans() - before, "the loan")
    wait_until(lambda: rig.loans() <= before, "its end")


def test_a_client_that_reads_slowly_holds_the_answer_back_not_the_gateway(rig):
    pid = rig.stats()["pid"]
    before = memory_mb(pid)
    with rig.link() as link:
        link.sendall(rig.head(f"/e/score?size={4 * LARGE}", "Connection: close"))
        head = link.recv(2000)
        threading.Event().wait(0.3)
        assert memory_mb(pid) - before < 40
        assert len(head + read_all(link)) > 4 * LARGE
    assert rig.call("/e/score", b"next").body == b"next"


def test_chunks_become_a_body_of_known_length_when_it_is_small(rig):
    answer = requests.post(url(rig, "/e/score?told=1"), data=iter([b"he", b"llo"]), headers=BEARER, timeout=20)
    heard = answer.json()
    assert (heard["body_bytes"], heard["parts"]) == (5, 0)


def test_chunks_are_passed_on_as_chunks_when_they_are_many(rig):
    pieces = (b"x" * 100_000 for _ in range(100))
    heard = requests.post(url(rig, "/e/score?told=1"), data=pieces, headers=BEARER, timeout=20).json()
    assert heard["body_bytes"] == 10_000_000
    assert heard["parts"] > 1


def test_an_answer_in_chunks_comes_piece_by_piece(rig):
    answer = requests.get(url(rig, "/e/score?chunks=3&sleep_ms=50"), headers=BEARER, stream=True, timeout=20)
    assert answer.headers["transfer-encoding"] == "chunked"
    assert list(answer.iter_content(None)) == [b"piece 0\n", b"piece 1\n", b"piece 2\n"]
    assert rig.call("/e/score", b"next").body == b"next"


def test_an_old_client_gets_chunks_without_the_coding(rig):
    head = rig.head("/e/score?chunks=3", method="GET").replace(b"HTTP/1.1", b"HTTP/1.0")
    answer = rig.raw(head)
    assert b"transfer-encoding" not in answer and b"connection: close" in answer
    assert answer.endswith(b"\r\n\r\npiece 0\npiece 1\npiece 2\n")


def test_expect_is_met_before_the_body_comes(rig):
    with rig.link() as link:
        link.sendall(rig.head("/e/score", "Content-Length: 5", "Expect: 100-continue", "Connection: close"))
        assert link.recv(1 << 16) == b"HTTP/1.1 100 Continue\r\n\r\n"
        link.sendall(b"hello")
        assert read_all(link).endswith(b"\r\n\r\nhello")


def test_expect_is_refused_at_once_where_the_request_is(rig):
    with rig.link() as link:
        head = rig.head("/e/score", "Content-Length: 5", "Expect: 100-continue").replace(b"kkk", b"xxx")
        link.sendall(head)
        assert link.recv(1 << 16).startswith(b"HTTP/1.1 401 ")


def test_a_connection_takes_one_request_after_another(rig):
    with requests.Session() as session:
        for number in range(20):
            body = b"%d" % number * number
            assert session.post(url(rig, "/e/score"), data=body, headers=BEARER, timeout=20).content == body
            assert session.post(url(rig, "/e/score"), data=body, timeout=20).status_code == 401
        assert rig.stats()["connections"] == 1


def test_requests_sent_all_at_once_are_answered_in_order(rig):
    sent = b"".join(rig.head("/e/score", f"Content-Length: {n}") + b"%d" % n * n for n in range(1, 10))
    found = rig.raw(sent + rig.head("/e/score", "Connection: close"))
    bodies = [part.partition(b"HTTP/1.1")[0] for part in found.split(b"\r\n\r\n")[1:]]
    assert bodies == [*(b"%d" % n * n for n in range(1, 10)), b""]


def test_a_head_may_come_byte_by_byte(rig):
    with rig.link() as link:
        for byte in rig.head("/e/score", "Content-Length: 2", "Connection: close") + b"hi":
            link.sendall(bytes([byte]))
        assert read_all(link).endswith(b"\r\n\r\nhi")


def test_a_slow_upload_occupies_no_worker(rig):
    with rig.link() as slow:
        slow.sendall(rig.head("/f/score", "Content-Length: 10", "Connection: close") + b"01234")
        assert rig.call("/f/score", b"quick").body == b"quick"
        slow.sendall(b"56789")
        assert read_all(slow).endswith(b"0123456789")


def test_a_head_that_has_no_end_is_431(rig):
    found = rig.raw(b"GET /e/score HTTP/1.1\r\nX: " + b"x" * 40_000)
    assert found.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "lines", [("Content-Length: 5", "Transfer-Encoding: chunked"), ("Content-Length: 5", "Content-Length: 6")]
)
def test_a_request_that_could_hide_another_is_400_and_the_last(rig, lines):
    hidden = rig.head("/e/score", "Connection: close")
    found = rig.raw(rig.head("/e/score", *lines) + b"0\r\n\r\n" + hidden)
    assert found.startswith(b"HTTP/1.1 400 ") and found.count(b"HTTP/1.1 ") == 1


def test_what_is_no_http_is_400(rig):
    assert rig.raw(b"\x00\x01\x02\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_broken_chunks_are_400_and_reach_no_worker(rig):
    before = rig.deployment("f", "blue")["requests"]
    head = rig.head("/f/score", "Transfer-Encoding: chunked")
    with rig.link() as link:
        link.sendall(head + b"5\r\nhelloX\r\n")
        answer = link.recv(1 << 16)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"]
    wait_until(lambda: rig.deployment("f", "blue")["requests"] == before + 1)
    assert rig.deployment("f", "blue")["statuses"]["400"] == 1


def test_no_noise_stops_the_gateway(rig):
    good = rig.head("/e/score", "Content-Length: 5") + b"hello" + rig.head("/e/score", "Transfer-Encoding: chunked")
    good += b"5\r\nhello\r\n0\r\n\r\n"
    dice = random.Random(7)
    for _ in range(150):
        noise = bytearray(good)
        for _ in range(dice.randrange(1, 6)):
            at = dice.randrange(len(noise))
            noise[at : at + dice.randrange(3)] = dice.randbytes(dice.randrange(4))
        with rig.link() as link:
            link.sendall(noise[: dice.randrange(len(noise) + 1)])
    assert rig.call("/e/score", b"hello").body == b"hello"
