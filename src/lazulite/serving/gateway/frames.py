"""The gateway's side of docs/guest-protocol.md: one worker process, one connection to it, kept up."""

import asyncio
import os
import signal
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Any

from lazulite import clock
from lazulite.errors import ModelFailed
from lazulite.serving import routing
from lazulite.serving.gateway.exchange import Body, Exchange
from lazulite.serving.gateway.forward import FULL, Deployment
from lazulite.serving.gateway.heads import CHUNKED
from lazulite.serving.gateway.replies import wire_status
from lazulite.serving.gateway.retry import Retry

GREETING = b"lazulite-guest\x01"
REQUEST = struct.Struct(">IQI16s")
RESPONSE = struct.Struct(">IQII")
CHUNK = struct.Struct(">I")
LENT = 2**63
"""Marks the length of a body that lies in a loan; what follows the head is the loan's name."""
KEPT = 2**62
"""Marks the length of a body that lies in a loan and is needed again: the answer is carried."""
_HEAD_LIMIT_BYTES = 64 << 10

# A quick worker is sent requests ahead, so that it need not wait for the gateway: as many as it answers in this time,
# by its last one. Not where there are several workers: what is sent ahead to one is lost to the one that is free first.
_AHEAD_US = 2000
_AHEAD_LIMIT = 16
_GREETING_GRACE_S = 5.0
# Below this a frame is put together and written at once; above, its parts are handed over one by one, uncopied.
_JOIN_LIMIT_BYTES = 64 << 10


class FramesWorker:
    """One worker process. Holds a connection to it as long as it exists, and makes a new one when it ends."""

    def __init__(self, spec: routing.Worker, deployment: Deployment) -> None:
        self.spec = spec
        self.deployment = deployment
        self.connection: FramesConnection | None = None
        self._retry = Retry()
        self._asked_at = clock.monotonic()
        self.is_closed = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._connect()

    @property
    def is_ready(self) -> bool:
        return self.connection is not None and self.connection.depth > 0

    @property
    def is_idle(self) -> bool:
        return self.connection is None or not self.connection.line

    def load(self, exchange: Exchange) -> int:
        """Returns how many requests the worker has, or FULL if it cannot take this one too."""
        connection = self.connection
        if connection is None or connection.is_closing:
            return FULL
        line = connection.line
        if not line:
            return 0 if connection.depth else FULL
        may_send_ahead = len(line) < connection.depth and len(self.deployment.workers) == 1
        return len(line) if may_send_ahead and exchange.is_whole and line[-1].is_whole else FULL

    def send(self, exchange: Exchange) -> None:
        """Sends a request down the connection; the caller has asked `load`."""
        assert self.connection
        self.connection.send(exchange)

    def sweep(self, now: float) -> None:
        """Connects again when that is due, and ends the request that runs for too long."""
        if self.connection:
            self.connection.sweep(now)
        elif not self.is_closed and self._retry.is_due(now):
            self._connect()

    def greeted(self) -> None:
        """Hears that the worker at the other end is ready."""
        self._retry.succeeded()
        self.deployment.feed()

    def ended(self, connection: "FramesConnection") -> None:
        """Hears that a connection is over. What was sent but not begun goes back in line."""
        if self.connection is not connection:
            return
        self.connection = None
        if connection.has_greeted:
            self._connect()
        else:
            self._retry.failed(clock.monotonic())
        self.deployment.feed()

    def close(self) -> None:
        self.is_closed = True
        if self.connection:
            self.connection.close()

    def wire(self) -> dict[str, Any]:
        """Returns `{state, in_flight}`; state: connecting, ready, refused (nobody listens), stuck (does not greet)."""
        return {"state": self._state(), "in_flight": len(self.connection.line) if self.connection else 0}

    def _state(self) -> str:
        if self.is_ready:
            return "ready"
        if self.connection is None and self._retry.has_failed:
            return "refused"
        return "stuck" if clock.monotonic() - self._asked_at > _GREETING_GRACE_S else "connecting"

    def _connect(self) -> None:
        if self.is_closed:
            return
        link = socket.socket(socket.AF_UNIX)
        link.setblocking(False)
        try:
            link.connect(self.spec.address.removeprefix("unix:"))
        except OSError:
            link.close()
            self._retry.failed(clock.monotonic())
            return
        self._asked_at = clock.monotonic()
        self.connection = FramesConnection(self, link)
        loop = asyncio.get_running_loop()
        connection = self.connection
        task = loop.create_task(loop.create_unix_connection(lambda: connection, sock=link))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class FramesConnection(asyncio.Protocol):
    """One connection to a worker: requests go out in line, responses come back in the same order."""

    def __init__(self, worker: FramesWorker, link: socket.socket) -> None:
        self.worker = worker
        self.deployment = worker.deployment
        self.line: deque[Exchange] = deque()
        self.depth = 0  # how many requests may be in line; none before the greeting
        self.has_greeted = False
        self._link = link
        self._transport: Any = None
        self._read: Callable[[bytes], bytes] = self._greeting
        self._partial = b""
        self._left = 0
        self._is_held = False
        self._is_full = False  # the worker does not read as fast as bodies come
        self._status = 0

    @property
    def is_closing(self) -> bool:
        """Tells whether the connection is over, or is not yet there."""
        return self._transport is None or self._transport.is_closing()

    # Requests

    def send(self, exchange: Exchange) -> None:
        exchange.link = self
        if not self.line:
            self._begins(exchange)
        self.line.append(exchange)
        head, body, loan = exchange.head.frame, exchange.body, exchange.loan
        length = exchange.body_bytes
        if loan:
            length |= LENT | KEPT if exchange.shadow else LENT
        prefix = REQUEST.pack(len(head), length, self.deployment.spec.timeout_ms, exchange.request_id)
        if loan:
            self._transport.write(b"".join((prefix, head, CHUNK.pack(len(loan.name)), loan.name)))
            return
        if exchange.body_bytes <= _JOIN_LIMIT_BYTES:
            self._transport.write(b"".join((prefix, head, *body)))
            return
        self._transport.writelines((prefix, head))
        if exchange.body_bytes != CHUNKED:
            self._transport.writelines(body)
        else:
            for piece in body:
                self.more(exchange, piece)
        if not exchange.is_whole:
            exchange.body = ()
            if not self._is_full:
                exchange.asker.release()

    def more(self, exchange: Exchange, piece: Body) -> None:
        if self.is_closing:
            return
        if exchange.body_bytes == CHUNKED:
            self._transport.writelines((CHUNK.pack(len(piece)), piece))
        else:
            self._transport.write(piece)

    def no_more(self, exchange: Exchange) -> None:
        if exchange.body_bytes == CHUNKED and not self.is_closing:
            self._transport.write(CHUNK.pack(0))
        self._begins(exchange)

    def pause_writing(self) -> None:
        self._is_full = True
        if self.line and not self.line[-1].is_whole:
            self.line[-1].asker.hold()

    def resume_writing(self) -> None:
        self._is_full = False
        if self.line and not self.line[-1].is_whole:
            self.line[-1].asker.release()

    def call_off(self, exchange: Exchange) -> None:
        if self.line and self.line[0] is exchange:
            self.line.popleft()
            self._hang_up()
        # Otherwise it was sent ahead to a worker that is quick: it is answered soon, and nobody hears it.

    def sweep(self, now: float) -> None:
        if self.line and self.line[0].is_whole and now > self.line[0].deadline:
            late = self.line.popleft()
            self._hang_up()
            self.deployment.fail(late, self.deployment.took_too_long())

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    def _begins(self, exchange: Exchange) -> None:
        timeout_ms = self.deployment.spec.timeout_ms
        exchange.deadline = clock.monotonic() + (timeout_ms / 1000 if timeout_ms else float("inf"))

    def _hang_up(self) -> None:
        """Ends the connection, first for the worker to see, then tells it to look."""
        try:
            self._link.shutdown(socket.SHUT_RDWR)
            if self.worker.spec.pid:
                os.kill(self.worker.spec.pid, signal.SIGUSR1)
        except OSError:
            pass  # it is gone already
        self.depth = 0
        self._transport.abort()
        self.deployment.give_back(self.line)
        self.line.clear()
        self.worker.ended(self)

    # Responses

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        if self.worker.is_closed:
            transport.close()

    def data_received(self, data: bytes) -> None:
        if self._partial:
            data, self._partial = self._partial + data, b""
        while data:
            data = self._read(data)

    def connection_lost(self, _: Exception | None) -> None:
        self.depth = 0
        if self.line:
            begun = self.line.popleft()
            self.deployment.give_back(self.line)
            self.line.clear()
            self.deployment.fail(begun, self._died())
        self.worker.ended(self)

    def hold(self) -> None:
        if not self.is_closing:
            self._is_held = True
            self._transport.pause_reading()

    def release(self) -> None:
        if self._is_held and not self._transport.is_closing():
            self._is_held = False
            self._transport.resume_reading()

    def _greeting(self, data: bytes) -> bytes:
        if len(data) < len(GREETING) and GREETING.startswith(data):
            return self._wait_for_more(data)
        if not data.startswith(GREETING):
            return self._broken()
        self.depth = 1
        self.has_greeted = True
        self._read = self._response
        self.worker.greeted()
        return data[len(GREETING) :]

    def _response(self, data: bytes) -> bytes:
        if len(data) < RESPONSE.size:
            return self._wait_for_more(data)
        head_bytes, body_bytes, status, run_us = RESPONSE.unpack_from(data)
        if head_bytes > _HEAD_LIMIT_BYTES or not 200 <= status < 600 or not (self.line and self.line[0].is_whole):
            return self._broken()
        body_at = RESPONSE.size + head_bytes
        if len(data) < body_at:
            return self._wait_for_more(data)
        lines, body_ends = data[RESPONSE.size : body_at], body_at + body_bytes
        self.depth = 1 + min(_AHEAD_US // (run_us + 1), _AHEAD_LIMIT)
        if body_bytes >= LENT and body_bytes != CHUNKED:
            return self._lent(status, lines, body_bytes - LENT, run_us, data[body_at:])
        if body_ends <= len(data):
            exchange = self._answered(wire_status(status))
            exchange.asker.answer(exchange, status, lines, data[body_at:body_ends], run_us)
            return data[body_ends:]
        exchange = self.line[0]
        exchange.has_begun = True
        exchange.asker.begin(exchange, status, lines, None if body_bytes == CHUNKED else body_bytes, run_us)
        self._left = 0 if body_bytes == CHUNKED else body_bytes
        self._status = wire_status(status)
        self._read = self._chunks if body_bytes == CHUNKED else self._body
        return data[body_at:]

    def _lent(self, status: int, lines: bytes, body_bytes: int, run_us: int, rest: bytes) -> bytes:
        """Passes on an answer that the worker has left where the request's body was."""
        loan = self.line[0].loan
        if not loan or body_bytes > len(loan.memory):
            return self._broken()
        exchange = self._answered(wire_status(status))
        exchange.asker.answer(exchange, status, lines, loan.memory[:body_bytes], run_us)
        return rest

    def _body(self, data: bytes) -> bytes:
        piece, rest = (data, b"") if len(data) <= self._left else (data[: self._left], data[self._left :])
        self._left -= len(piece)
        self._begins(self.line[0])
        self.line[0].asker.piece(piece)
        if not self._left:
            self._finished()
        return rest

    def _chunks(self, data: bytes) -> bytes:
        pieces, at, has_ended = [], 0, False
        while at < len(data) and not has_ended:
            if self._left:
                pieces.append(data[at : at + self._left])
                at += len(pieces[-1])
                self._left -= len(pieces[-1])
            elif len(data) - at < CHUNK.size:
                self._partial, at = data[at:], len(data)
            else:
                (self._left,) = CHUNK.unpack_from(data, at)
                at += CHUNK.size
                has_ended = not self._left
        if pieces:
            self._begins(self.line[0])
            self.line[0].asker.piece(b"".join(pieces))
        if has_ended:
            self._finished()
        return data[at:]

    def _finished(self) -> None:
        self._read = self._response
        self.release()
        exchange = self._answered(self._status)
        exchange.asker.finish()

    def _answered(self, status: int) -> Exchange:
        """Takes the first exchange out of line, starts the clock of the next, and lets the worker have another."""
        exchange = self.line.popleft()
        exchange.link = None
        if self.line:
            self._begins(self.line[0])
        self.deployment.done(exchange, status)
        self.deployment.feed()
        return exchange

    def _wait_for_more(self, data: bytes) -> bytes:
        self._partial = data
        return b""

    def _broken(self) -> bytes:
        """Ends a connection on which something came that no guest says."""
        self._transport.abort()
        return b""

    def _died(self) -> ModelFailed:
        return ModelFailed(
            f'A worker of deployment "{self.deployment.name}" of endpoint "{self.deployment.endpoint}" ended while it '
            "was working on the request: upstream connect error or disconnect.",
            hint="Its last words are in the deployment's logs: lazulite online-deployment get-logs "
            f"-n {self.deployment.name} -e {self.deployment.endpoint}.",
        )
