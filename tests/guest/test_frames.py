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
    assert frames.receive(worker) == (HEAD, body, 5000, ID)
    sender.join()


def test_requests_follow_one_another(pair):
    gateway, worker = pair
    gateway.sendall(framed(HEAD, b"first") + framed(HEAD, b"second"))
    assert [frames.receive(worker).body, frames.receive(worker).body] == [b"first", b"second"]


def test_request_in_chunks(pair):
    gateway, worker = pair
    chunks = b"".join(struct.pack(">I", len(part)) + part for part in (b"ab", b"c" * 100_000, b""))
    thread = threading.Thread(
        target=gateway.sendall, args=(struct.pack(">IQI16s", len(HEAD), 2**64 - 1, 0, ID) + HEAD + chunks,)
    )
    thread.start()
    assert frames.receive(worker) == (HEAD, b"ab" + b"c" * 100_000, 0, ID)
    thread.join()


@pytest.mark.parametrize("cut", [0, 5, 32, 40, 32 + len(HEAD), -1])
@pytest.mark.parametrize("size", [10, 100_000])
def test_connection_that_ends_anywhere_is_no_request(pair, cut, size):
    gateway, worker = pair
    data = framed(HEAD, bytes(size))[:cut]
    sender = threading.Thread(target=lambda: (gateway.sendall(data), gateway.close()))
    sender.start()
    assert frames.receive(worker) is None
    sender.join()


def test_connection_that_ends_between_chunks_is_no_request(pair):
    gateway, worker = pair
    gateway.sendall(struct.pack(">IQI16s", len(HEAD), 2**64 - 1, 0, ID) + HEAD + struct.pack(">I", 3) + b"abc")
    gateway.close()
    assert frames.receive(worker) is None


def test_head_longer_than_allowed_is_refused_unread(pair):
    gateway, worker = pair
    gateway.sendall(struct.pack(">IQI16s", (64 << 10) + 1, 0, 0, ID))
    with pytest.raises(frames.ProtocolError):
        frames.receive(worker)


@pytest.mark.parametrize("size", [0, 20, 40_000, 3_000_000])
def test_response_goes_whole(pair, size):
    gateway, worker = pair
    body = bytes(index % 251 for index in range(size))
    sender = threading.Thread(target=frames.send, args=(worker, 201, b"a: b\r\n", body, 17))
    sender.start()
    assert read(gateway, 20 + 6 + size) == struct.pack(">IQII", 6, size, 201, 17) + b"a: b\r\n" + body
    sender.join()


def test_response_says_that_run_was_not_called(pair):
    gateway, worker = pair
    frames.send(worker, 404, b"", b"")
    assert read(gateway, 20) == struct.pack(">IQII", 0, 0, 404, 2**32 - 1)


def test_response_in_chunks_leaves_out_empty_ones(pair):
    gateway, worker = pair
    frames.send_in_chunks(worker, 200, b"a: b\r\n", iter([b"one", b"", b"two"]), 5)
    chunks = struct.pack(">I", 3) + b"one" + struct.pack(">I", 3) + b"two" + struct.pack(">I", 0)
    assert read(gateway, 26 + len(chunks)) == struct.pack(">IQII", 6, 2**64 - 1, 200, 5) + b"a: b\r\n" + chunks


def test_greeting_is_that_of_version_1():
    assert frames.GREETING == b"lazulite-guest\x01"


def read(link, size):
    parts = b""
    while len(parts) < size:
        part = link.recv(size - len(parts))
        assert part
        parts += part
    return parts
