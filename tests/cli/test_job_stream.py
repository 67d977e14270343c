"""A log shown while it grows, over real HTTP; jobs that are streamed are in test_job.py."""

import http.server
import io
import threading

import pytest

from lazulite.cli.job_stream import CHUNK_BYTES, Tail


class Log(http.server.BaseHTTPRequestHandler):
    """Answers ranges of `content` as blob storage does."""

    content = b""

    def do_GET(self):
        first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
        body = self.content[first : last + 1]
        self.send_response(206 if body else 416)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def address():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Log) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/log?sig=x"
        server.shutdown()


def test_what_comes_is_shown_once_under_its_title(address):
    out = io.StringIO()
    tail = Tail(out, "title\n")
    Log.content = b""
    assert not tail.show(address) and out.getvalue() == ""
    Log.content = b"one\n"
    assert tail.show(address) and not tail.show(address)
    Log.content += b"half a "
    assert tail.show(address)
    Log.content += b"line\n"
    assert tail.show(address)
    assert out.getvalue() == "title\none\nhalf a line\n"


def test_letters_of_several_bytes_are_not_torn(address):
    out = io.StringIO()
    tail = Tail(out)
    for length in range(1, 8):
        Log.content = "äö🍏".encode()[:length]
        tail.show(address)
    Log.content = "äö🍏".encode() + b"\xff!"
    tail.show(address)
    assert out.getvalue() == "äö🍏\ufffd!"


def test_a_long_log_is_read_in_parts(address):
    out = io.StringIO()
    Log.content = b"x" * (2 * CHUNK_BYTES + 7)
    assert Tail(out).show(address)
    assert len(out.getvalue()) == 2 * CHUNK_BYTES + 7
