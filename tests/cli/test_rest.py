"""The HTTP of the commands, against a server that answers as the test says: also what the platform never would."""

import json
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lazulite import settings
from lazulite.cli import rest
from lazulite.cli.rest import Arm, Refused, Unreachable

DONE = {"status": "Succeeded"}


@contextmanager
def answering(*answers):
    """Serves these answers, `(status, headers, body)`, one after the other; yields the port and what was asked."""
    asked, left = [], list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            size = int(self.headers.get("content-length", 0))
            asked.append((self.command, self.path, dict(self.headers), self.rfile.read(size)))
            status, headers, body = left.pop(0)
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(raw)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        do_POST = do_DELETE = do_GET  # noqa: N815

        def log_message(self, *parts):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield server.server_port, asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def arm(port):
    return Arm(settings.read({}, port=port), "token")


def test_a_list_is_read_to_its_last_page_whatever_host_the_links_name():
    pages = [
        (200, {}, {"value": [1, 2], "nextLink": "https://management.azure.com/things?$skip=2&api-version=1"}),
        (200, {}, {"value": [3], "nextLink": "/things?$skip=3"}),
        (200, {}, {"value": [], "nextLink": ""}),
    ]
    with answering(*pages) as (port, asked):
        assert arm(port).all("/things", {"view": "a b"}) == [1, 2, 3]
    assert [path for _, path, _, _ in asked] == [
        "/things?api-version=2025-12-01&view=a+b",
        "/things?$skip=2&api-version=1",
        "/things?$skip=3",
    ]
    assert {(headers["Host"], headers["Authorization"]) for _, _, headers, _ in asked} == {
        ("management.azure.com", "Bearer token")
    }


def test_an_operation_is_waited_for_until_it_is_done():
    link = {"Azure-AsyncOperation": "https://management.azure.com/operations/1?v=2"}
    answers = [(202, link, b""), (200, {}, {"status": "InProgress"}), (200, {}, DONE)]
    with answering(*answers) as (port, asked):
        line = arm(port)
        line.finish(line.call("POST", "/act", {"a": 1}))
    assert [(verb, path.partition("?")[0]) for verb, path, _, _ in asked] == [
        ("POST", "/act"),
        ("GET", "/operations/1"),
        ("GET", "/operations/1"),
    ]
    assert asked[0][3] == b'{"a": 1}'


def test_an_operation_that_fails_raises_its_error():
    link = {"Azure-AsyncOperation": "/operations/1"}
    failed = {"status": "Failed", "error": {"code": "UserScriptError", "message": "score.py, line 3"}}
    with answering((202, link, b""), (200, {}, failed)) as (port, _):
        line = arm(port)
        with pytest.raises(Refused, match=r"score\.py, line 3") as caught:
            line.finish(line.call("DELETE", "/thing"))
    assert caught.value.code == "UserScriptError"


def test_an_error_keeps_status_code_and_message():
    answer = (409, {}, {"error": {"code": "Conflict", "message": "taken"}})
    with answering(answer) as (port, _), pytest.raises(Refused, match="taken") as caught:
        arm(port).get("/thing")
    assert (caught.value.status, caught.value.code) == (409, "Conflict")


@pytest.mark.parametrize("body", [b"<html>busy</html>", b'{"error": "busy"}', b"[]", b"busy"])
def test_an_error_without_azures_body_is_said_with_what_there_is(body):
    with answering((503, {}, body)) as (port, _), pytest.raises(Refused, match=r"HTTP 503: .") as caught:
        arm(port).get("/thing")
    assert caught.value.status == 503


def test_an_answer_that_is_not_json_is_no_result():
    with answering((200, {}, b"<html>")) as (port, _), pytest.raises(Refused, match="is this Lazulite's port"):
        arm(port).get("/thing")


def test_what_does_not_speak_http_is_said_to_be_that():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk():
            link, _ = server.accept()
            with link:
                link.recv(100)
                link.sendall(b"SSH-2.0-OpenSSH\r\n")

        thread = threading.Thread(target=talk)
        thread.start()
        with pytest.raises(Refused, match="does not speak HTTP"):
            rest.send("GET", f"http://127.0.0.1:{server.getsockname()[1]}/")
        thread.join()


def test_nobody_and_one_who_never_answers_are_unreachable():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(Unreachable, match="timed out"):
            rest.send("GET", url, timeout_s=0.05)
    with pytest.raises(Unreachable, match="Connection refused"):
        rest.send("GET", url)
