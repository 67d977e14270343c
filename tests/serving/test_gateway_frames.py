"""The gateway's side of docs/guest-protocol.md, to the byte, against a worker that the test itself plays."""

import socket
import threading
import uuid

import pytest

from lazulite.serving import routing
from tests.serving.rig import KEY, endpoint, rig_in

HEAD = b"content-type: text/plain\r\n"


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames")
    with rig_in(folder) as rig, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(rig.settings.sockets / "played.sock"))
        listener.listen()
        rig.route(e=endpoint(routing.Worker("played", f"unix:{rig.settings.sockets / 'played.sock'}"), timeout_ms=7000))
        rig.start()
        rig.worker_end = Played(listener)
        yield rig
        rig.worker_end.connection.close()


class Played:
    """A worker in the test's own hands."""

    def __init__(self, listener):
        self.listener = listener
        self.greet()

    def greet(self):
        self.connection, _ = self.listener.accept()
        self.connection.settimeout(10)
        self.connection.sendall(b"lazulite-guest\x01")

    def hears(self, size):
        data = b""
        while len(data) < size:
            piece = self.connection.recv(size - len(data))
            assert piece, data
            data += piece
        return data


def call(rig, path, body=b"", **options):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(rig.call(path, body, method="POST", **options)))
    thread.start()
    return lambda: (thread.join(), answers[0])[1]


def test_a_request_and_its_response(rig):
    result = call(rig, "/e/score?a=1", b"hello", X_Own="1")
    heard = rig.worker_end.hears(32)
    assert heard[4:16] == b"\0\0\0\0\0\0\0\x05" + (7000).to_bytes(4, "big")
    head = rig.worker_end.hears(int.from_bytes(heard[:4], "big"))
    assert head == (
        b"POST /e/score?a=1 HTTP/1.1\r\n"
        b"Host: 127.0.0.1:%d\r\nAccept-Encoding: identity\r\nContent-Length: 5\r\n"
        b"Authorization: Bearer %b\r\nX-Own: 1\r\nx-lazulite-path: /score?a=1\r\n" % (rig.port, KEY.encode())
    )
    assert rig.worker_end.hears(5) == b"hello"
    rig.worker_end.connection.sendall(
        b"\0\0\0\x1a" b"\0\0\0\0\0\0\0\x02" b"\0\0\0\xc9" b"\0\0\x04\xd2" + HEAD + b"ok"
    )  # fmt: skip
    answer = result()
    assert (answer.status, answer.body) == (201, b"ok")
    assert answer.headers["x-ms-run-fn-exec-ms"] == "1.234"
    assert answer.headers["x-request-id"] == str(uuid.UUID(bytes=heard[16:32]))


def test_a_response_cut_at_any_byte_is_the_same(rig):
    frame = b"\0\0\0\x1a" b"\0\0\0\0\0\0\0\x02" b"\0\0\0\xc8" b"\xff\xff\xff\xff" + HEAD + b"ok"  # fmt: skip
    for cut in range(1, len(frame), 5):
        result = call(rig, "/e/score")
        rig.worker_end.connection.recv(1 << 16)
        rig.worker_end.connection.sendall(frame[:cut])
        threading.Event().wait(0.01)
        rig.worker_end.connection.sendall(frame[cut:])
        answer = result()
        assert (answer.status, answer.body) == (200, b"ok")
        assert "x-ms-run-fn-exec-ms" not in answer.headers


def test_chunks_cut_at_any_byte_are_the_same(rig):
    frame = b"\0\0\0\x1a" + b"\xff" * 8 + b"\0\0\0\xc8\0\0\0\0" + HEAD + b"\0\0\0\x03one\0\0\0\x03two\0\0\0\0"
    for cut in range(len(HEAD) + 21, len(frame), 3):
        result = call(rig, "/e/score")
        rig.worker_end.connection.recv(1 << 16)
        rig.worker_end.connection.sendall(frame[:cut])
        threading.Event().wait(0.01)
        rig.worker_end.connection.sendall(frame[cut:])
        assert result().body == b"onetwo"


def test_what_the_gateway_says_itself_is_dropped_from_a_workers_head(rig):
    own = b"Content-Length: 99\r\nTransfer-Encoding: chunked\r\nConnection: close\r\nX-Request-ID: mine\r\n"
    own += b"azureml-model-deployment: other\r\nx-ms-run-fn-exec-ms: 9\r\nX-Mine: yes\r\n"
    result = call(rig, "/e/score")
    rig.worker_end.connection.recv(1 << 16)
    frame = len(own).to_bytes(4, "big") + b"\0\0\0\0\0\0\0\x02" b"\0\0\0\xc8" b"\0\0\0\x01" + own + b"ok"  # fmt: skip
    rig.worker_end.connection.sendall(frame)
    answer = result()
    assert (answer.body, answer.headers["content-length"], answer.headers["x-mine"]) == (b"ok", "2", "yes")
    assert answer.headers["x-request-id"] != "mine"
    assert answer.headers["azureml-model-deployment"] == "blue"
    assert answer.headers["x-ms-run-fn-exec-ms"] == "0.001"
    assert "transfer-encoding" not in answer.headers and "connection" not in answer.headers


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\xff" * 20,
        b"\0\0\0\0" b"\0\0\0\0\0\0\0\0" b"\0\0\0\x63" b"\0\0\0\0",
        b"\0\0\0\0" b"\0\0\0\0\0\0\0\0" b"\0\0\x02\x58" b"\0\0\0\0",
        b"\0\0\0\0" b"\x80\0\0\0\0\0\0\x05" b"\0\0\0\xc8" b"\0\0\0\0",
    ],
    ids=["noise", "status 99", "status 600", "a loan that was not lent"],
)  # fmt: skip
def test_a_frame_that_cannot_be_right_ends_the_connection_and_fails_the_request(rig, nonsense):
    result = call(rig, "/e/score")
    rig.worker_end.connection.recv(1 << 16)
    rig.worker_end.connection.sendall(nonsense)
    assert result().status == 424
    rig.worker_end.connection.close()
    rig.worker_end.greet()
