"""Heads and chunks: what is read of them, and what is refused since two readers could read it differently."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.errors import BadRequest, LazuliteError, MethodNotAllowed, NotImplementedHere
from lazulite.serving.gateway.chunks import ChunkReader
from lazulite.serving.gateway.heads import CHUNKED, read_request_head, read_response_head


def head(request_line="POST /my-endpoint/score?a=1 HTTP/1.1", *lines):
    return "\r\n".join((request_line, *(lines or ("Host: 127.0.0.1:8766",)), "", "")).encode("latin-1")


def test_the_first_path_segment_names_the_endpoint():
    read = read_request_head(head("POST /My-Endpoint/v2/models/x?a=1&b HTTP/1.1"))
    assert (read.endpoint, read.target, read.path) == ("my-endpoint", b"/v2/models/x?a=1&b", "/v2/models/x")


@pytest.mark.parametrize(
    ("target", "path"),
    [("/e", "/"), ("/e/", "/"), ("/e?x=1", "/"), ("/", "/"), ("*", "/"), ("http://h/e/score", "/score")],
)
def test_a_target_in_any_form_has_a_path_within_the_endpoint(target, path):
    assert read_request_head(head(f"OPTIONS {target} HTTP/1.1")).path == path


@pytest.mark.parametrize("host", ["e.eastus.inference.ml.azure.com", "E.EASTUS.inference.ml.azure.com:443"])
def test_an_azure_host_names_the_endpoint_and_the_path_is_whole(host):
    read = read_request_head(head("POST /score HTTP/1.1", f"Host: {host}"))
    assert (read.endpoint, read.target) == ("e", b"/score")


def test_a_guest_hears_the_head_as_sent_without_what_the_gateway_says_itself():
    read = read_request_head(
        head("POST /e/score HTTP/1.1", "Host: h", "X-Request-ID: mine", "X-Lazulite-Path: /etc", "X-A: \xe9")
    )
    assert read.frame == b"POST /e/score HTTP/1.1\r\nHost: h\r\nX-A: \xe9\r\nx-lazulite-path: /score\r\n"


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 5"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5", "Content-Length: 5"),
        ("Content-Length: 5, 5",),
        ("Content-Length: +5",),
        ("Content-Length: -5",),
        ("Content-Length: 0x5",),
        ("Content-Length: ",),
        ("Content-Length: 99999999999999999999999",),
        ("Transfer-Encoding: gzip",),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding : chunked",),
        ("Transfer-Encoding: chunked\x0b",),
        ("Host: a", "Host: b"),
        ("Authorization: Bearer a", "Authorization: Bearer b"),
        ("X: a", " folded"),
        ("X: a\nContent-Length: 5",),
        ("X: a\rContent-Length: 5",),
        ("X: a\0b",),
        (": nameless",),
        ("No colon",),
    ],
)
def test_a_head_that_two_readers_could_read_differently_is_refused(lines):
    with pytest.raises(BadRequest):
        read_request_head(head("POST /e/score HTTP/1.1", "Host: h", *lines))


@pytest.mark.parametrize("version_and_lines", [("1.1", "A: b"), ("1.0", "Host: h", "Transfer-Encoding: chunked")])
def test_a_head_that_its_version_does_not_allow_is_refused(version_and_lines):
    version, *lines = version_and_lines
    with pytest.raises(BadRequest):
        read_request_head(head(f"POST /e/score HTTP/{version}", *lines))


@pytest.mark.parametrize(
    "line", ["GET", "GET /e", "GET /e HTTP/2.0", "GET  /e HTTP/1.1", "G\xcbT /e HTTP/1.1", "FETCH /e HTTP/1.1", "\0"]
)
def test_a_request_line_that_is_none_is_refused(line):
    with pytest.raises(BadRequest):
        read_request_head(head(line))


def test_this_port_is_no_proxy():
    with pytest.raises(MethodNotAllowed):
        read_request_head(head("CONNECT e:443 HTTP/1.1"))


def test_a_websocket_is_refused_in_words():
    with pytest.raises(NotImplementedHere, match="online endpoints answer HTTP requests"):
        read_request_head(head("GET /e/score HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: WebSocket"))


def test_tracing_ids_keep_only_what_azure_keeps():
    read = read_request_head(head("GET /e HTTP/1.1", "Host: h", "x-ms-client-request-id: a<b>-c_d\u00e9" + "9" * 60))
    assert read.client_request_id == b"ab-c_d" + b"9" * 34


@pytest.mark.parametrize(
    ("version", "lines", "goes_on"),
    [
        ("1.1", (), True),
        ("1.1", ("Connection: close",), False),
        ("1.1", ("Connection: close", "Content-Length: 5"), False),
        ("1.1", ("Connection: Upgrade", "Upgrade: h2c"), True),
        ("1.0", (), False),
        ("1.0", ("Connection: keep-alive",), True),
    ],
)
def test_a_connection_goes_on_unless_the_client_says_otherwise(version, lines, goes_on):
    assert read_request_head(head(f"POST /e HTTP/{version}", "Host: h", *lines)).keeps_alive is goes_on


@given(st.binary(max_size=300))
def test_any_bytes_are_a_head_or_an_error_of_ours(noise):
    try:
        read = read_request_head(noise + b"\r\n\r\n")
    except LazuliteError:
        return
    assert read.method


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=8), st.data())
def test_chunks_come_out_as_they_went_in_however_they_are_cut(parts, data):
    body = b"".join(parts)
    coded = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\nTrailer: t\r\n\r\n"
    coded, reader, found = coded + b"NEXT", ChunkReader(), b""
    while not reader.is_complete:
        cut = data.draw(st.integers(1, len(coded)))
        found, coded = found + reader.feed(coded[:cut]), coded[cut:]
    assert (found, reader.rest + coded) == (body, b"NEXT")


@pytest.mark.parametrize(
    "coded",
    [
        *(b"x\r\n", b"-1\r\n", b"+1\r\n", b"1_0\r\n", b"\r\n", b"0x5\r\n", b"1" * 17 + b"\r\n", b"2\nhi\r\n"),
        *(b"5\r\nhelloX\r\n", b"1;" + b"e" * 5000, b"0\r\n" + b"a: b\r\n" * 70),
    ],
)
def test_broken_chunks_are_refused(coded):
    with pytest.raises(BadRequest):
        ChunkReader().feed(coded + b"\r\n")


@given(st.binary(max_size=200))
def test_any_bytes_are_chunks_or_an_error_of_ours(noise):
    with contextlib.suppress(BadRequest):
        assert len(ChunkReader().feed(noise)) < len(noise) + 1


def test_a_response_says_how_its_body_ends():
    def length(*lines, was_head=False, status="200 OK"):
        read = read_response_head(head(f"HTTP/1.1 {status}", *lines), was_head)
        return read.body_bytes, read.keeps_alive

    assert length("Content-Length: 7") == (7, True)
    assert length("Content-Length: 7", "Connection: close") == (7, False)
    assert length("Transfer-Encoding: chunked") == (CHUNKED, True)
    assert length("X: y") == (None, False)
    assert length("Content-Length: 7", was_head=True) == (0, True)
    assert length("X: y", status="204 No Content") == (0, True)
