"""A worker that speaks HTTP by itself, a container say: a pool of connections to it, one request on each."""

import asyncio
from collections.abc import Callable
from typing import Any

from lazulite import clock
from lazulite.errors import BadRequest, ModelFailed
from lazulite.serving import routing
from lazulite.serving.gateway.chunks import ChunkReader
from lazulite.serving.gateway.exchange import NOT_RUN, Body, Exchange
from lazulite.serving.gateway.forward import FULL, Deployment
from lazulite.serving.gateway.heads import CHUNKED, HEAD_LIMIT_BYTES, HOP_BY_HOP, read_response_head
from lazulite.serving.gateway.replies import wire_status
from lazulite.serving.gateway.retry import Retry

_REWRITTEN = HOP_BY_HOP | frozenset((b"expect", b"content-length", b"transfer-encoding", b"x-request-id"))
_IDLE_LIMIT_S = 60.0
_SCORE = "/score"


class HttpWorker:
    """One server at `tcp:host:port` or `unix:/path`. Opens up to `slots` connections, when they are needed."""

    def __init__(self, spec: routing.Worker, deployment: Deployment) -> None:
        self.spec = spec
        self.deployment = deployment
        self.retry = Retry()
        self._busy: set[HttpConnection] = set()
        self._idle: list[HttpConnection] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_ready(self) -> bool:
        return not self.retry.has_failed

    @property
    def is_idle(self) -> bool:
        return not self._busy

    def load(self, exchange: Exchange) -> int:
        """Returns how many requests the worker has, or FULL if it cannot take this one too."""
        load = len(self._busy)
        return FULL if load >= self.spec.slots or not self.retry.is_due(clock.monotonic()) else load

    def send(self, exchange: Exchange) -> None:
        """Sends a request down a connection of its own; the caller has asked `load`."""
        connection = next((idle for idle in reversed(self._idle) if not idle.is_closing), None) or HttpConnection(self)
        if connection in self._idle:
            self._idle.remove(connection)
        self._busy.add(connection)
        connection.send(exchange)

    def sweep(self, now: float) -> None:
        """Ends the requests that run for too long and the connections that nobody needs."""
        for connection in [*self._busy, *self._idle]:
            connection.sweep(now)

    def close(self) -> None:
        for connection in [*self._idle]:
            connection.close()

    def wire(self) -> dict[str, Any]:
        """Returns `{state, in_flight}`; state: ready or refused (nobody listens)."""
        return {"state": "refused" if self.retry.has_failed else "ready", "in_flight": len(self._busy)}

    def freed(self, connection: "HttpConnection") -> None:
        """Takes back a connection that can be used again."""
        self._busy.discard(connection)
        self._idle.append(connection)

    def ended(self, connection: "HttpConnection") -> None:
        """Forgets a connection that is over."""
        self._busy.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def connect(self, connection: "HttpConnection") -> None:
        """Connects in the background; the connection hears of it by `connection_made` or `refused`."""
        task = asyncio.get_running_loop().create_task(self._connect(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, connection: "HttpConnection") -> None:
        loop = asyncio.get_running_loop()
        kind, _, place = self.spec.address.partition(":")
        try:
            if kind == "unix":
                await loop.create_unix_connection(lambda: connection, place)
            else:
                host, _, port = place.rpartition(":")
                await loop.create_connection(lambda: connection, host, int(port))
            self.retry.succeeded()
        except OSError:
            self.retry.failed(clock.monotonic())
            connection.refused()


class HttpConnection(asyncio.Protocol):
    """One connection: a request goes out, its response comes back, then perhaps another."""

    def __init__(self, worker: HttpWorker) -> None:
        self.worker = worker
        self.deployment = worker.deployment
        self._exchange: Exchange | None = None
        self._transport: Any = None
        self._has_answered = False  # some earlier exchange
        self._idle_since = 0.0
        self._read: Callable[[bytes], bytes] = self._head
        self._partial = b""
        self._left = 0
        self._is_held = False
        self._is_full = False  # the server does not read as fast as bodies come
        self._chunks = ChunkReader()
        self._status = 0
        self._keeps_alive = False

    @property
    def is_closing(self) -> bool:
        """Tells whether the connection is over."""
        return self._transport is not None and self._transport.is_closing()

    # Requests

    def send(self, exchange: Exchange) -> None:
        self._exchange = exchange
        exchange.link = self
        self._read = self._head
        if self._transport:
            self._write_request(exchange)
        else:
            self.worker.connect(self)

    def more(self, exchange: Exchange, piece: Body) -> None:
        if not self._transport:
            exchange.body = (*exchange.body, piece)
        elif self.is_closing:
            pass  # the exchange hears of it by connection_lost
        elif exchange.body_bytes == CHUNKED:
            self._transport.writelines((b"%x\r\n" % len(piece), piece, b"\r\n"))
        else:
            self._transport.write(piece)

    def no_more(self, exchange: Exchange) -> None:
        if self._transport:
            self._end_request(exchange)

    def pause_writing(self) -> None:
        self._is_full = True
        if self._exchange and not self._exchange.is_whole:
            self._exchange.asker.hold()

    def resume_writing(self) -> None:
        self._is_full = False
        if self._exchange and not self._exchange.is_whole:
            self._exchange.asker.release()

    def call_off(self, exchange: Exchange) -> None:
        self._exchange = None
        self.close()

    def sweep(self, now: float) -> None:
        late = self._exchange
        if late and late.is_whole and now > late.deadline > 0:
            self.call_off(late)
            self.deployment.fail(late, self.deployment.took_too_long())
        elif not late and now - self._idle_since > _IDLE_LIMIT_S:
            self.close()

    def close(self) -> None:
        self.worker.ended(self)
        if self._transport:
            self._transport.abort()

    def refused(self) -> None:
        """Hears that nobody listens: the exchange goes back in line."""
        self.worker.ended(self)
        if self._exchange:
            self._give_back(self._exchange)

    def _give_back(self, exchange: Exchange) -> None:
        self._exchange = None
        self.deployment.give_back([exchange])

    def _write_request(self, exchange: Exchange) -> None:
        head, body = _request_head(exchange, self.deployment.spec.scoring_path), exchange.body
        self._transport.write(head)
        for piece in body:
            self.more(exchange, piece)
        if exchange.is_whole:
            self._end_request(exchange)
        else:
            exchange.body = ()
            if not self._is_full:
                exchange.asker.release()

    def _end_request(self, exchange: Exchange) -> None:
        if exchange.body_bytes == CHUNKED and not self.is_closing:
            self._transport.write(b"0\r\n\r\n")
        self._begins(exchange)

    def _begins(self, exchange: Exchange) -> None:
        timeout_ms = self.deployment.spec.timeout_ms
        exchange.deadline = clock.monotonic() + (timeout_ms / 1000 if timeout_ms else float("inf"))

    # Responses

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        if self._exchange:
            self._write_request(self._exchange)
        else:
            self.close()

    def data_received(self, data: bytes) -> None:
        if self._partial:
            data, self._partial = self._partial + data, b""
        while data:
            data = self._read(data) if self._exchange else self._unasked()

    def connection_lost(self, _: Exception | None) -> None:
        self.worker.ended(self)
        exchange = self._exchange
        if not exchange:
            return
        was_idle_too_long = self._has_answered and exchange.is_whole and not exchange.has_begun and not self._partial
        if exchange.has_begun and self._read == self._until_end:
            self._finished(exchange)
        elif was_idle_too_long:
            self._give_back(exchange)  # the server had hung up before it saw the request
            self.deployment.feed()
        else:
            self._exchange = None
            self.deployment.fail(exchange, self._died())

    def hold(self) -> None:
        if not self._transport.is_closing():
            self._is_held = True
            self._transport.pause_reading()

    def release(self) -> None:
        if self._is_held and not self._transport.is_closing():
            self._is_held = False
            self._transport.resume_reading()

    def _head(self, data: bytes) -> bytes:
        exchange = self._exchange
        assert exchange
        end = data.find(b"\r\n\r\n") + 4
        if end < 4 or end > HEAD_LIMIT_BYTES:
            self._partial = data
            return b"" if len(data) <= HEAD_LIMIT_BYTES else self._broken(exchange)
        try:
            head = read_response_head(data[:end], exchange.head.method == b"HEAD")
        except BadRequest:
            return self._broken(exchange)
        rest = data[end:]
        if head.status < 200:
            return rest
        self._status, self._keeps_alive = wire_status(head.status), head.keeps_alive and exchange.is_whole
        if head.body_bytes is not None and head.body_bytes <= len(rest):
            body, rest = rest[: head.body_bytes], rest[head.body_bytes :]
            self._ended(exchange)
            exchange.asker.answer(exchange, head.status, head.lines, body, NOT_RUN)
            return rest
        exchange.has_begun = True
        length = None if head.body_bytes == CHUNKED else head.body_bytes
        exchange.asker.begin(exchange, head.status, head.lines, length, NOT_RUN)
        self._left, self._chunks = length or 0, ChunkReader()
        self._read = self._body if length else self._chunked if head.body_bytes == CHUNKED else self._until_end
        return rest

    def _body(self, data: bytes) -> bytes:
        piece, rest = (data, b"") if len(data) <= self._left else (data[: self._left], data[self._left :])
        self._left -= len(piece)
        self._passes_on(piece, not self._left)
        return rest

    def _chunked(self, data: bytes) -> bytes:
        try:
            piece = self._chunks.feed(data)
        except BadRequest:
            assert self._exchange
            return self._broken(self._exchange)
        self._passes_on(piece, self._chunks.is_complete)
        return self._chunks.rest

    def _until_end(self, data: bytes) -> bytes:
        self._passes_on(data, False)
        return b""

    def _passes_on(self, piece: bytes, is_last: bool) -> None:
        exchange = self._exchange
        assert exchange
        self._begins(exchange)
        if piece:
            exchange.asker.piece(piece)
        if is_last:
            self._finished(exchange)

    def _finished(self, exchange: Exchange) -> None:
        self._ended(exchange)
        exchange.asker.finish()

    def _ended(self, exchange: Exchange) -> None:
        """Ends the exchange on this side: the connection is free for another, or closed."""
        self._exchange = exchange.link = None
        self._has_answered = True
        self.release()
        self._idle_since = clock.monotonic()
        if self._keeps_alive:
            self.worker.freed(self)
        else:
            self.close()
        self.deployment.done(exchange, self._status)
        self.deployment.feed()

    def _unasked(self) -> bytes:
        self.close()
        return b""

    def _broken(self, exchange: Exchange) -> bytes:
        self.call_off(exchange)
        self.deployment.fail(exchange, ModelFailed(f"{self._who()} answered with something that is not HTTP/1.1."))
        return b""

    def _died(self) -> ModelFailed:
        return ModelFailed(
            f"{self._who()} hung up before it had answered: upstream connect error or disconnect.",
            hint="Its last words are in the deployment's logs: lazulite online-deployment get-logs "
            f"-n {self.deployment.name} -e {self.deployment.endpoint}.",
        )

    def _who(self) -> str:
        return f'A worker of deployment "{self.deployment.name}" of endpoint "{self.deployment.endpoint}"'


def _request_head(exchange: Exchange, scoring_path: str) -> bytes:
    head = exchange.head
    target = head.target
    if head.path == _SCORE and scoring_path != _SCORE:
        target = scoring_path.encode() + target[len(target.partition(b"?")[0]) :]
    lines = [line for name, line in head.lines if name not in _REWRITTEN]
    lines.append(b"x-request-id: " + exchange.request_id_text)
    if exchange.body_bytes == CHUNKED:
        lines.append(b"transfer-encoding: chunked")
    elif exchange.body_bytes or head.method not in (b"GET", b"HEAD", b"OPTIONS", b"DELETE"):
        lines.append(b"content-length: %d" % exchange.body_bytes)
    if not any(name == b"host" for name, _ in head.lines):
        lines.append(b"host: localhost")
    return b"\r\n".join((b"%b %b HTTP/1.1" % (head.method, target), *lines, b"", b""))
