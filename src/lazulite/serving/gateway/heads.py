"""Heads of requests and responses: what the gateway reads of HTTP. Never sees a body.

httptools judges every head, strictly; what it lets pass is then split at its line ends. Clients and models send the
same head again and again, byte for byte, so both readers remember the last few hundred.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

import httptools

from lazulite.errors import BadRequest, MethodNotAllowed, NotImplementedHere

HEAD_LIMIT_BYTES = 32 << 10
CHUNKED = 2**64 - 1
"""In place of a body's length: it comes in chunks."""

# Source: RFC 9110 7.6.1; they speak of one connection, and the gateway stands between two.
HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer upgrade".split()
)
# Written by the gateway, so not taken from a client. Source: learn.microsoft.com, Troubleshoot online endpoints,
# Request tracing: "Azure Machine Learning overrides this header to ensure it's a valid GUID".
_OWN_LINES = frozenset((b"x-request-id", b"x-lazulite-path"))
_ONCE = frozenset((b"host", b"content-length", b"transfer-encoding", b"authorization", b"azureml-model-deployment"))
_AZURE_HOST = re.compile(r"^([a-z0-9-]+)\.[a-z0-9.-]*inference\.ml\.azure\.com$")
# Source: the same page: "accepts only alphanumeric characters, hyphens, and underscores, and is truncated to 40".
_NOT_TRACING = re.compile(rb"[^A-Za-z0-9_-]")
_TRACING_LIMIT = 40
_REMEMBERED = 256

Lines = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True, eq=False)
class RequestHead:
    """One request's head, read.

    lines: (lower-case name, whole line without CRLF), in order. target: what follows the endpoint's own prefix, query
    included, `/score?a=1`. body_bytes: 0 when there is none, CHUNKED when the client does not say. credential: the
    Authorization header without `Bearer`. deployment: what `azureml-model-deployment` says, lower case. frame: the head
    as guests hear it, see docs/guest-protocol.md.
    """

    method: bytes
    endpoint: str
    target: bytes
    path: str
    lines: Lines
    body_bytes: int
    credential: bytes
    deployment: str
    client_request_id: bytes
    legacy_request_id: bytes
    origin: bytes
    is_preflight: bool
    expects_continue: bool
    keeps_alive: bool
    is_http_10: bool
    frame: bytes


@dataclass(frozen=True, slots=True, eq=False)
class ResponseHead:
    """The head of a response by a worker that speaks HTTP.

    lines: `name: value` and CRLF, all of them. body_bytes: None when the body ends with the connection.
    """

    status: int
    lines: bytes
    body_bytes: int | None
    keeps_alive: bool


@lru_cache(_REMEMBERED)
def read_request_head(raw: bytes) -> RequestHead:
    """Reads a request's head, from the request line to the empty line.

    Raises BadRequest for whatever two readers could understand differently: both lengths, a length or host given twice,
    folded lines, bare line feeds. Raises MethodNotAllowed for CONNECT, NotImplementedHere for a WebSocket; other offers
    to upgrade are not taken.
    """
    witness = _Witness()
    parser = httptools.HttpRequestParser(witness)
    keeps_alive = witness.judge(parser, raw)
    method, version = parser.get_method(), parser.get_http_version()
    if method == b"CONNECT":
        raise MethodNotAllowed("This port answers scoring requests; it is not a proxy.")
    if version not in ("1.0", "1.1"):
        raise BadRequest(f"HTTP/{version} is not spoken here, HTTP/1.1 is.")
    request_line, lines = _split(raw)
    values = _values(lines)
    if version == "1.1" and b"host" not in values:
        raise BadRequest("The request has no Host header.", target="host")  # Source: RFC 9112 3.2
    if version == "1.0" and b"transfer-encoding" in values:
        raise BadRequest("HTTP/1.0 has no Transfer-Encoding.", target="transfer-encoding")  # Source: RFC 9112 6.1
    if values.get(b"upgrade", b"").lower() == b"websocket":
        # Source: learn.microsoft.com, Online endpoints: inference "under the HTTP protocol". Of 501: Source: guess.
        raise NotImplementedHere(
            "A WebSocket was asked for; online endpoints answer HTTP requests.",
            hint="Send requests; an answer may be streamed, in chunks or as server-sent events.",
        )
    if request_line.count(b" ") != 2:
        raise BadRequest("The request line is not a method, a target and a version with one space between them.")
    host, target = _place(request_line.split(b" ")[1], values.get(b"host", b""))
    endpoint, target = _endpoint(host, target)
    return RequestHead(
        method=method,
        endpoint=endpoint,
        target=target,
        path=target.partition(b"?")[0].decode("latin-1"),
        lines=lines,
        body_bytes=_body_bytes(values),
        credential=_credential(values.get(b"authorization", b"")),
        deployment=values.get(b"azureml-model-deployment", b"").decode("latin-1").lower(),
        client_request_id=_tracing(values.get(b"x-ms-client-request-id", b"")),
        legacy_request_id=_tracing(values.get(b"x-ms-request-id", b"")),
        origin=values.get(b"origin", b""),
        is_preflight=method == b"OPTIONS" and b"access-control-request-method" in values,
        expects_continue=values.get(b"expect", b"").lower() == b"100-continue" and version == "1.1",
        keeps_alive=keeps_alive,
        is_http_10=version == "1.0",
        frame=_frame(request_line, lines, target),
    )


@lru_cache(_REMEMBERED)
def read_response_head(raw: bytes, was_head: bool) -> ResponseHead:
    """Reads a response's head; was_head tells that it answers HEAD, so that no body follows. Raises BadRequest."""
    witness = _Witness()
    parser = httptools.HttpResponseParser(witness)
    keeps_alive = witness.judge(parser, raw)
    status = parser.get_status_code()
    values = _values(_split(raw)[1])
    body_bytes: int | None = _body_bytes(values)
    if was_head or status in (204, 304) or status < 200:
        body_bytes = 0
    elif b"content-length" not in values and body_bytes != CHUNKED:
        body_bytes = None
    lines = raw[raw.index(b"\r\n") + 2 : -2]
    return ResponseHead(status, lines, body_bytes, keeps_alive and body_bytes is not None)


_Parser = httptools.HttpRequestParser | httptools.HttpResponseParser


class _Witness:
    """Sees whether a parser of httptools takes one head, and all of it."""

    def __init__(self) -> None:
        self._parser: _Parser | None = None
        self._keeps_alive: bool | None = None

    def on_headers_complete(self) -> None:
        # Only now: where no body follows, the parser is ready for the next message when it returns, and has forgotten.
        self._keeps_alive = self._parser.should_keep_alive() if self._parser else None

    def judge(self, parser: _Parser, raw: bytes) -> bool:
        """Returns whether the connection goes on after the message. Raises BadRequest."""
        self._parser = parser
        try:
            parser.feed_data(raw)
        except httptools.HttpParserUpgrade:
            pass  # the rest is what matters; the offer to upgrade is not taken
        except httptools.HttpParserError as error:
            raise BadRequest(f"The head of the message is not HTTP/1.1: {error}.") from error
        if self._keeps_alive is None:
            raise BadRequest("The head of the message is not HTTP/1.1.")
        return self._keeps_alive


def _split(raw: bytes) -> tuple[bytes, Lines]:
    first, *rest = raw[:-4].split(b"\r\n")
    return first, tuple((line.partition(b":")[0].lower(), line) for line in rest)


def _values(lines: Lines) -> dict[bytes, bytes]:
    values: dict[bytes, bytes] = {}
    for name, line in lines:
        if name in values and name in _ONCE:
            raise BadRequest(f"The header {name.decode()} is sent twice.", target=name.decode())
        values[name] = line.partition(b":")[2].strip(b" \t")
    return values


def _place(target: bytes, host: bytes) -> tuple[str, bytes]:
    """Returns host and path of a request target in any of its forms: `/path`, `http://host/path`, `*`."""
    if target.startswith(b"/"):
        return host.decode("latin-1"), target
    try:
        parts = urlsplit(target.decode("ascii"))
        path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        return parts.netloc or host.decode("latin-1"), path.encode()
    except ValueError as error:
        raise BadRequest(f"The request target {target.decode('latin-1')!r} is not a URL: {error}.") from error


def _endpoint(host: str, target: bytes) -> tuple[str, bytes]:
    """Returns the endpoint's name and the target within it: by Azure's host name, else by the first path segment."""
    azure = _AZURE_HOST.match(host.partition(":")[0].lower())
    if azure:
        return azure[1], target
    path, mark, query = target.partition(b"?")
    name, _, rest = path.lstrip(b"/").partition(b"/")
    return name.decode("latin-1").lower(), b"/" + rest + mark + query


def _body_bytes(values: dict[bytes, bytes]) -> int:
    if b"transfer-encoding" in values:
        if values[b"transfer-encoding"].lower() != b"chunked" or b"content-length" in values:
            raise BadRequest("Transfer-Encoding must be chunked, alone and without Content-Length.")
        return CHUNKED
    length = values.get(b"content-length", b"0")
    if not length.isdigit() or int(length) >= CHUNKED:
        raise BadRequest(f"Content-Length is {length.decode('latin-1')!r}, but must be a whole number.")
    return int(length)


def _credential(authorization: bytes) -> bytes:
    scheme, _, credential = authorization.partition(b" ")
    return credential.strip(b" ") if scheme.lower() == b"bearer" else b""


def _tracing(value: bytes) -> bytes:
    return _NOT_TRACING.sub(b"", value)[:_TRACING_LIMIT]


def _frame(request_line: bytes, lines: Lines, target: bytes) -> bytes:
    kept = [line for name, line in lines if name not in _OWN_LINES]
    return b"\r\n".join((request_line, *kept, b"x-lazulite-path: " + target, b""))
