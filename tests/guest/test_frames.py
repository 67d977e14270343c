"""The worker's side of the frames, on a real socket, however the bytes come."""

import socket
import struct
import threading

import pytest

from lazulite.guest import frames

HEAD = b"POST /e/score HTTP/1.1\r\nHost: a\r\nx-lazulite-path: /score\r\n"
ID = bytes(range(16))


@pytest.fixture
def pair():
    """The gateway's end and the worker's end of one connection."""
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    yield ours, theirs
    ours.close()
    theirs.close()


def framed(head, body, timeout_ms=5000):
    return struct.pack(">IQI16s", len(head), len(body), timeout_ms, ID) + head + body


@pytest.mark.parametrize("size", [0, 1, 1000, 40_000, 3_000_000])
def test_request_comes_whole_however_it_is_cut(pair, size):
    gateway, worker = pair
    body = bytes(index % 251 for index in range(size))
    data = framed(HEAD, body)
    step = max(1, len(data) // 7 - 3)
    sender = threading.Thread(
        target=lambda: [gateway.sendall(data[at : at + step]) for at in range(0, len(data), step)]
    )
    sender.start()
    assert frames.Link(worker).receive() == (HEAD, body, 5000, ID)
    sender.join()


def test_requests_follow_one_another(pair):
    gateway, worker = pair
    gateway.sendall(framed(HEAD, b"first") + framed(HEAD, b"second"))
    link = frames.Link(worker)
    assert [link.receive().body, link.receive().body] == [b"first", b"second"]


def test_request_in_chunks(pair):
    gateway, worker = pair
    chunks = b"".join(struct.pack(">I", len(part)) + part for part in (b"ab", b"c" * 100_000, b""))
    thread = threading.Thread(
        target=gateway.sendall, args=(struct.pack(">IQI16s", len(HEAD), 2**64 - 1, 0, ID) + HEAD + chunks,)
    )
    thread.start()
    assert frames.Link(worker).receive() == (HEAD, b"ab" + b"c" * 100_000, 0, ID)
    thread.join()


@pytest.mark.parametrize("cut", [0, 5, 32, 40, 32 + len(HEAD), -1])
@pytest.mark.parametrize("size", [10, 100_000])
def test_connection_that_ends_anywhere_is_no_request(pair, cut, size):
    gateway, worker = pair
    data = framed(HEAD, bytes(size))[:cut]
    sender = threading.Thread(target=lambda: (gateway.sendall(data), gateway.close()))
    sender.start()
    assert frames.Link(worker).receive() is None
    sender.join()


def test_connection_that_ends_between_chunks_is_no_request(pair):
    gateway, worker = pair
    gateway.sendall(struct.pack(">IQI16s", len(HEAD), 2**64 - 1, 0, ID) + HEAD + struct.pack(">I", 3) + b"abc")
    gateway.close()
    assert frames.Link(worker).receive() is None


def test_head_longer_than_allowed_is_refused_unread(pair):
    gateway, worker = pair
    gateway.sendall(struct.pack(">IQI16s", (64 << 10) + 1, 0, 0, ID))
    with pytest.raises(frames.ProtocolError):
        frames.Link(worker).receive()


@pytest.mark.parametrize("size", [0, 20, 40_000, 3_000_000])
def test_response_goes_whole(pair, size):
    gateway, worker = pair
    body = bytes(index % 251 for index in range(size))
    sender = threading.Thread(target=frames.Link(worker).send, args=(201, b"a: b\r\n", body, 17))
    sender.start()
    assert read(gateway, 20 + 6 + size) == struct.pack(">IQII", 6, size, 201, 17) + b"a: b\r\n" + body
    sender.join()


def test_response_says_that_run_was_not_called(pair):
    gateway, worker = pair
    frames.Link(worker).send(404, b"", b"")
    assert read(gateway, 20) == struct.pack(">IQII", 0, 0, 404, 2**32 - 1)


def test_response_in_chunks_leaves_out_empty_ones(pair):
    gateway, worker = pair
    frames.Link(worker).send_in_chunks(200, b"a: b\r\n", iter([b"one", b"", b"two"]), 5)
    chunks = struct.pack(">I", 3) + b"one" + struct.pack(">I", 3) + b"two" + struct.pack(">I", 0)
    assert read(gateway, 26 + len(chunks)) == struct.pack(">IQII", 6, 2**64 - 1, 200, 5) + b"a: b\r\n" + chunks


def test_greeting_is_that_of_version_1(pair):
    gateway, worker = pair
    frames.Link(worker).greet()
    assert read(gateway, 15) == b"lazulite-guest\x01"


@pytest.fixture
def loan(tmp_path):
    """A file that stands for memory that the gateway lends: its name, and what is in it."""
    path = tmp_path / "loan"
    path.write_bytes(bytes(300_000))
    return path


def lent(size, path):
    name = str(path).encode()
    return struct.pack(">IQI16s", len(HEAD), size | 2**63, 0, ID) + HEAD + struct.pack(">I", len(name)) + name


def test_lent_body_is_read_and_answered_where_it_lies(pair, loan):
    gateway, worker = pair
    link = frames.Link(worker)
    for round_ in (b"a", b"b"):
        loan.open("r+b").write(round_ * 200_000)
        gateway.sendall(lent(200_000, loan))
        assert link.receive() == (HEAD, round_ * 200_000, 0, ID)
        link.send(200, b"a: b\r\n", b"c" * 250_000, 3)
        assert read(gateway, 26) == struct.pack(">IQII", 6, 250_000 | 2**63, 200, 3) + b"a: b\r\n"
        assert loan.read_bytes()[:250_000] == b"c" * 250_000


@pytest.mark.parametrize("size", [1000, 300_001])
def test_answer_that_is_small_or_does_not_fit_is_carried(pair, loan, size):
    gateway, worker = pair
    link = frames.Link(worker)
    gateway.sendall(lent(200_000, loan))
    link.receive()
    sender = threading.Thread(target=link.send, args=(200, b"", b"c" * size, 3))
    sender.start()
    assert read(gateway, 20 + size) == struct.pack(">IQII", 0, size, 200, 3) + b"c" * size
    sender.join()


def test_loan_is_of_one_request_alone(pair, loan):
    gateway, worker = pair
    link = frames.Link(worker)
    gateway.sendall(lent(200_000, loan) + framed(HEAD, b"small"))
    link.receive()
    link.receive()
    sender = threading.Thread(target=link.send, args=(200, b"", b"c" * 200_000, 3))
    sender.start()
    assert read(gateway, 20)[4:12] == struct.pack(">Q", 200_000)
    read(gateway, 200_000)
    sender.join()


def test_many_loans_are_not_all_kept(pair, tmp_path):
    gateway, worker = pair
    link = frames.Link(worker)
    for number in range(257):
        path = tmp_path / str(number)
        path.write_bytes(b"%d" % (number % 10) * 200_000)
        gateway.sendall(lent(200_000, path))
        path_body = link.receive().body
        assert path_body == b"%d" % (number % 10) * 200_000
        path.unlink()
    with pytest.raises(FileNotFoundError):
        gateway.sendall(lent(200_000, tmp_path / "0"))
        link.receive()


def read(link, size):
    parts = b""
    while len(parts) < size:
        part = link.recv(size - len(parts))
        assert part
        parts += part
    return parts
