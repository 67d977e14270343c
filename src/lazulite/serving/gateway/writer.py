"""Answers on their way to one client: what of them is the gateway's to say, and how their end is marked."""

from typing import Any

from lazulite.errors import LazuliteError
from lazulite.serving.gateway.admit import allows_origin
from lazulite.serving.gateway.exchange import NOT_RUN, Body, Exchange
from lazulite.serving.gateway.replies import error_reply, reply_head
from lazulite.serving.gateway.shared import Shared

# Up to here an answer is put together and written at once; above, its parts are handed over uncopied.
_JOIN_LIMIT_BYTES = 64 << 10
_BODILESS = frozenset((204, 304))


class Writer:
    """Writes answers down one connection. closes: the last one begun is the last that the connection takes."""

    def __init__(self, shared: Shared, transport: Any) -> None:
        self.closes = False
        self._shared = shared
        self._transport = transport
        self._is_chunking = False

    def whole(self, exchange: Exchange, status: int, lines: bytes, body: Body, run_us: int) -> None:
        """Writes a worker's answer that is there whole. Raises ModelFailed, having written nothing."""
        name = exchange.deployment.name if exchange.deployment else ""
        start = reply_head(status, lines, name, run_us != NOT_RUN)
        self._write(exchange, start, status, body, run_us)

    def error(self, exchange: Exchange, error: LazuliteError) -> None:
        """Writes the gateway's own answer to what cannot be answered."""
        lines, body = error_reply(error)
        self._write(exchange, reply_head(error.status, lines, "", False), error.status, body, NOT_RUN)

    def begin(self, exchange: Exchange, status: int, lines: bytes, body_bytes: int | None, run_us: int) -> None:
        """Writes the head of an answer whose body is to come; None: its length is not known. Raises ModelFailed."""
        name = exchange.deployment.name if exchange.deployment else ""
        start = reply_head(status, lines, name, run_us != NOT_RUN)
        self._is_chunking = body_bytes is None and not exchange.head.is_http_10
        own = self._own_lines(exchange, run_us, ends_with_connection=body_bytes is None and not self._is_chunking)
        if body_bytes is not None:
            own += b"content-length: %d\r\n" % body_bytes
        elif self._is_chunking:
            own += b"transfer-encoding: chunked\r\n"
        self._transport.write(b"%b%b\r\n" % (start, own))

    def piece(self, data: bytes) -> None:
        """Writes a piece of the body, not an empty one."""
        if self._is_chunking:
            self._transport.writelines((b"%x\r\n" % len(data), data, b"\r\n"))
        else:
            self._transport.write(data)

    def end(self) -> None:
        """Marks the end of the body."""
        if self._is_chunking:
            self._transport.write(b"0\r\n\r\n")

    def _write(self, exchange: Exchange, start: bytes, status: int, body: Body, run_us: int) -> None:
        own = self._own_lines(exchange, run_us)
        if status in _BODILESS or exchange.head.method == b"HEAD":
            self._transport.write(b"%b%b\r\n" % (start, own))
        elif len(body) <= _JOIN_LIMIT_BYTES:
            self._transport.write(b"%b%bcontent-length: %d\r\n\r\n%b" % (start, own, len(body), bytes(body)))
        else:
            self._transport.writelines((b"%b%bcontent-length: %d\r\n\r\n" % (start, own, len(body)), body))

    def _own_lines(self, exchange: Exchange, run_us: int, ends_with_connection: bool = False) -> bytes:
        """Returns the header lines that differ from call to call.

        Source: azureml-inference-server-http 1.5.1 server/routes.py, _init_headers: x-ms-request-id is the client's, or
        else its x-ms-client-request-id, or else x-request-id; the time is printed as 0.012, never as 1.2e-2.
        """
        head, request_id = exchange.head, exchange.request_id_text
        own = b"%bx-request-id: %b\r\nx-ms-request-id: %b\r\n" % (
            self._shared.own_lines,
            request_id,
            head.legacy_request_id or head.client_request_id or request_id,
        )
        if run_us != NOT_RUN:
            own += b"x-ms-run-fn-exec-ms: %d.%03d\r\n" % divmod(run_us, 1000)
        if head.client_request_id:
            own += b"x-ms-client-request-id: %b\r\n" % head.client_request_id
        self.closes = ends_with_connection or not (head.keeps_alive and exchange.is_whole) or self._shared.is_stopping
        if self.closes:
            own += b"connection: close\r\n"
        elif head.is_http_10:
            own += b"connection: keep-alive\r\n"
        if head.origin:
            own += self._cors(exchange)
        return own + exchange.warning

    def _cors(self, exchange: Exchange) -> bytes:
        head = exchange.head
        endpoint = self._shared.endpoints.by_name.get(head.endpoint)
        if not endpoint or not allows_origin(endpoint, head):
            return b""
        lines = b"access-control-allow-origin: %b\r\nvary: origin\r\n" % head.origin
        return lines + b"access-control-allow-headers: *, authorization\r\n" if head.is_preflight else lines
